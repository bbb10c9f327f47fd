"""What the program says on stderr: lines for a person, or JSON lines for a collector of logs.

No secret is written: the user and password of an address, and the passwords that the configuration
names, are replaced by `***`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from edge.health.log_stream import STDERR

if TYPE_CHECKING:
    from edge.config import Config

_OURS = ("edge", "firmware_bridge")
"""Loggers to which the configured level applies; of others only warnings are shown."""
_NOTES = "edge.paths"
"""What it warns of is shown in any command: files of this box lie elsewhere than is usual."""
_HIDDEN = "***"
_USERINFO = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/]*@")
_FLUSH_S = 0.5
"""How long the end of a command waits for a reader of stderr."""
_LEAST_SECRET = 4
"""A shorter password would blacken ordinary words, and protects nothing."""


class _Lines(logging.Handler):
    """Writes records to what stderr is at the moment: a progress bar may stand in for it."""

    def __init__(self) -> None:
        super().__init__()
        self.as_json = False
        self.secrets: tuple[str, ...] = ()

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:  # a program may be started with it closed
            return
        with contextlib.suppress(OSError, ValueError):  # whoever read it is gone: work goes on
            sys.stderr.write(self.line(record) + "\n")  # at once: lines of threads do not mix
            sys.stderr.flush()

    def line(self, record: logging.LogRecord) -> str:
        """Return what is written for a record, without the end of the line."""
        text = self.hidden(record.getMessage())
        trace = self._trace(record)
        if self.as_json:
            return _json_line(record, text, trace)
        return f"touchline: {' '.join(text.split())}" + (f"\n{trace}" if trace else "")

    def hidden(self, text: str) -> str:
        """Return a text without the secrets in it."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return _USERINFO.sub(rf"\1{_HIDDEN}@", text)

    def _trace(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return ""
        return self.hidden("".join(traceback.format_exception(record.exc_info[1])).rstrip())


_NOWHERE = logging.NullHandler()  # without a handler Python itself would print warnings
_LINES = _Lines()


def mute() -> None:
    """Show no warnings: what keeps a command from starting is told once, by its error.

    Forgets what an earlier command of this process configured.
    """
    root = logging.getLogger()
    root.removeHandler(_LINES)
    root.addHandler(_NOWHERE)
    notes = logging.getLogger(_NOTES)
    notes.addHandler(_LINES)  # once; adding it again does nothing
    notes.propagate = False
    _LINES.as_json, _LINES.secrets = False, ()
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def configure(config: Config) -> None:
    """Write as the configuration's `log` says, and keep its secrets out."""
    from edge.config import passwords  # noqa: PLC0415 - the command line loads without it

    _LINES.as_json = config.log.format == "json"
    secrets = {p for p in passwords(config) if len(p) >= _LEAST_SECRET}
    _LINES.secrets = tuple(sorted(secrets, key=len, reverse=True))
    for name in _OURS:
        logging.getLogger(name).setLevel(config.log.level.upper())


def show_warnings() -> None:
    """Show warnings, and what else `log.level` asks for, from now on."""
    logging.getLogger().addHandler(_LINES)


def write_in_background() -> None:
    """Let no reader of stderr hold this process up from now on, until `finish`."""
    STDERR.begin(_dropped_line)


def finish(timeout_s: float = _FLUSH_S) -> None:
    """Write what waits in the background, for at most so long."""
    STDERR.end(timeout_s)


def _dropped_line(count: int) -> str:
    text = f"{count} messages are missing here: nobody read stderr"
    record = logging.LogRecord("touchline", logging.WARNING, "", 0, text, None, None)
    return _LINES.line(record) + "\n"


def hidden(text: str) -> str:
    """Return a text without the secrets in it."""
    return _LINES.hidden(text)


def say(line: str, level: int = logging.INFO) -> None:
    """Write one line for whoever started the command, whatever `log.level` is."""
    _LINES.emit(logging.LogRecord("touchline", level, "", 0, " ".join(line.split()), None, None))


def _json_line(record: logging.LogRecord, text: str, trace: str) -> str:
    item: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": text,
    }
    if trace:
        item["exception"] = trace
    return json.dumps(item, ensure_ascii=False)
