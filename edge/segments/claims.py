"""Films that this process has in work, so that two runs over one folder share them.

A claim is a locked file (flock(2)) in this box's state folder. The kernel releases the lock when
the process ends, however it ends, so a claim of a dead process is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.segments.records import record_name

_POLL_S = 0.2
_MODE = 0o666


class Claims:
    """Claims on films, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def taken(self, film: Path, *, wait: bool = False) -> Iterator[bool]:
        """Hold a film's claim; False where another process holds it, unless it is waited for.

        Where there is no place for claims nobody else can have one: the film is taken.
        """
        file = self._folder / f"{record_name(film)}.claim"
        try:
            number = self._locked(file, wait=wait)
        except OSError:
            yield True
            return
        if number is None:
            yield False
            return
        try:
            yield True
        finally:
            with contextlib.suppress(OSError):
                file.unlink()
            os.close(number)

    def _locked(self, file: Path, *, wait: bool) -> int | None:
        """Open and lock a file; None where another process has it. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(number, file):  # else its holder removed it meanwhile
                    return number
            except BlockingIOError:
                if not wait:
                    os.close(number)
                    return None
                time.sleep(_POLL_S)
            except BaseException:
                os.close(number)
                raise
            os.close(number)


def _is_at(number: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), file.stat())
    except OSError:
        return False
