"""A box's configuration on disk: the file, the last one that was good, and the one on trial.

Beside `touchline.yaml` lie `touchline.yaml.good` (the last configuration that passed its
probation), `touchline.yaml.next` (one that is tried now), `touchline.yaml.pending` (one that waits
for the next start) and `touchline.yaml.state` (what became of the last desired revision). Each is
whole at any moment.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from edge.config.key_files import key_problems
from edge.config.loader import Problem, parse_config, read_text
from edge.config.models import Config
from edge.errors import ConfigError
from edge.whole_file import rename_whole, sweep, write_whole

log = logging.getLogger(__name__)


class AttemptOutcome(str, Enum):
    """What became of the last desired configuration that was tried."""

    TRYING = "trying"
    """It is on trial; where a box finds this at its start, the trial ended with the box."""
    APPLIED = "applied"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    PENDING_RESTART = "pending_restart"


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """The last desired configuration that was tried."""

    revision: int
    id: str | None
    digest: str
    """Of what was desired, so that the same message is known again."""
    outcome: AttemptOutcome
    problems: tuple[Problem, ...] = ()
    changed: tuple[str, ...] = ()
    pending: AttemptRecord | None = None
    """One that waits for a start, while this later one was tried and not taken."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a box starts with."""

    config: Config
    text: str
    problems: tuple[Problem, ...] = ()
    """Why the file is not used and the last good one is; empty where the file is good."""


class ConfigStore:
    """The files of one configuration; one process at a time. Not thread-safe."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.good = file.with_name(f"{file.name}.good")
        self.next = file.with_name(f"{file.name}.next")
        self.pending = file.with_name(f"{file.name}.pending")
        self.state = file.with_name(f"{file.name}.state")

    def load(self) -> Loaded:
        """Read the file, or the last good one where it is broken or gone.

        Raises ConfigError, one line about the file, where there is no good one either.
        """
        for file in (self.file, self.good, self.next, self.pending, self.state):
            sweep(file)
        config, text, problems = _read(self.file)
        if config is not None:
            return Loaded(config, text)
        good = self.last_good()
        if good is None:
            more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
            raise ConfigError(f"{self.file}: {problems[0]}{more}")
        return Loaded(*good, tuple(problems))

    def last_good(self) -> tuple[Config, str] | None:
        """Return the last configuration that was found good, and its text; None without one."""
        config, text, _ = _read(self.good)
        return None if config is None else (config, text)

    def stage(self, text: str) -> None:
        """Put a configuration on the disk beside the file; raises OSError."""
        write_whole(self.next, text.encode())

    def staged(self) -> tuple[Config, str] | None:
        """Return the configuration that was put beside the file; None where there is none."""
        config, text, _ = _read(self.next)
        return None if config is None else (config, text)

    def commit(self) -> None:
        """Make the staged configuration the file; raises OSError, and the file is as it was."""
        if self.file.exists():
            self.next.chmod(self.file.stat().st_mode & 0o777)
        rename_whole(self.next, self.file)

    def wait(self) -> None:
        """Leave the staged configuration for the next start; raises OSError."""
        rename_whole(self.next, self.pending)

    def resume(self) -> None:
        """Stage the configuration that waited for this start; raises OSError."""
        rename_whole(self.pending, self.next)

    def discard(self) -> None:
        """Remove the staged configuration; one that cannot be removed is never used again."""
        _remove(self.next)

    def discard_pending(self) -> None:
        """Remove the configuration that waits."""
        _remove(self.pending)

    def keep_good(self, text: str) -> None:
        """Take note that a configuration's text was found good; failure is a warning."""
        try:
            if not self.good.exists() or self.good.read_bytes() != text.encode():
                write_whole(self.good, text.encode())
        except OSError as error:
            log.warning("%s: cannot be written: %s", self.good, error.strerror)

    def record(self) -> AttemptRecord | None:
        """Return what became of the last desired configuration; None if none was tried."""
        try:
            return _record(json.loads(self.state.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s: not used: %s", self.state, error)
            return None

    def remember(self, record: AttemptRecord) -> None:
        """Write down what became of a desired configuration; raises OSError."""
        write_whole(self.state, json.dumps(asdict(record)).encode())  # an Outcome is a string

    def forget(self) -> None:
        """Remove the record, so that the same message is tried again; failure is a warning."""
        _remove(self.state)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: cannot be removed: %s", file, error.strerror)


def _record(data: dict[str, Any]) -> AttemptRecord:
    """Read a record; raises ValueError, TypeError, KeyError or AttributeError."""
    pending = data.pop("pending", None)
    return AttemptRecord(
        outcome=AttemptOutcome(data.pop("outcome")),
        problems=tuple(Problem(**problem) for problem in data.pop("problems")),
        changed=tuple(str(path) for path in data.pop("changed")),
        pending=None if pending is None else _record(pending),
        **data,
    )


def _read(file: Path) -> tuple[Config | None, str, Sequence[Problem]]:
    try:
        text = read_text(file)
    except ConfigError as error:
        return None, "", [Problem("", None, str(error).removeprefix(f"{file}: "))]
    config, problems = parse_config(text)
    if config is not None:
        problems = key_problems(config, file)
    return (None if problems else config), text, problems
