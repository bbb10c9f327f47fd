"""What the program says on stderr: lines for a person, or JSON lines for a collector of logs.

No secret is written: `edge.redaction` hides them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from edge.box.signals import deliver_again
from edge.health.log_stream import STDERR
from edge.redaction import redact

if TYPE_CHECKING:
    from edge.config import Config

_OURS = ("edge", "firmware_bridge")
"""Loggers to which the configured level applies; of others only warnings are shown."""
_NOTES = "edge.paths"
"""What it warns of is shown in any command: files of this box lie elsewhere than is usual."""
_FLUSH_S = 0.5
"""How long the end of a command waits for a reader of stderr."""


class _Lines(logging.Handler):
    """Writes records to what stderr is at the moment: a progress bar may stand in for it."""

    def __init__(self) -> None:
        super().__init__()
        self.as_json = False

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:  # a program may be started with it closed
            return
        with contextlib.suppress(OSError, ValueError):  # whoever read it is gone: work goes on
            sys.stderr.write(self.line(record) + "\n")  # at once: lines of threads do not mix
            sys.stderr.flush()

    def line(self, record: logging.LogRecord) -> str:
        """Return what is written for a record, without the end of the line."""
        text = redact(record.getMessage())
        trace = _trace(record)
        if self.as_json:
            return _json_line(record, text, trace)
        return f"touchline: {' '.join(text.split())}" + (f"\n{trace}" if trace else "")


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
    _LINES.as_json = False
    redact.forget()
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def configure(config: Config) -> None:
    """Write as the configuration's `log` says, and keep its secrets out."""
    from edge.config import learn_secrets  # noqa: PLC0415 - the command line loads without it

    learn_secrets(config)
    _LINES.as_json = config.log.format == "json"
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


def show_traceback(error: BaseException) -> None:
    """Write where a failure happened."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(redact("".join(traceback.format_exception(error))))


def say(line: str, level: int = logging.INFO) -> None:
    """Write one line for whoever started the command, whatever `log.level` is."""
    _LINES.emit(logging.LogRecord("touchline", level, "", 0, " ".join(line.split()), None, None))


def guard_hooks() -> None:
    """Keep secrets out of what Python itself writes of failures that nobody catches."""
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_ended


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    if deliver_again(args.exc_value):
        return
    if args.exc_value is not None and sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(redact(f"{args.err_msg or 'Exception ignored in'}: {args.object!r}\n"))
        show_traceback(args.exc_value)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit and sys.stderr is not None:
        show_traceback(args.exc_value)


def _trace(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return redact("".join(traceback.format_exception(record.exc_info[1])).rstrip())


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
