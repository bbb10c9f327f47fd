"""Standard streams that take every text and whose absence ends no command."""

from __future__ import annotations

import contextlib
import io
import os
import sys

_NUMBERS = (0, 1, 2)


def prepare() -> None:
    """Make the standard streams safe to write to; call it before anything is opened.

    A stream that is closed leads nowhere: else the next file that is opened takes its number, and
    gets what libraries print. A character that the terminal's encoding lacks is escaped.
    """
    for number in _NUMBERS:
        if not _is_open(number):
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what stdout still holds; raises OSError where that cannot be."""
    sys.stdout.flush()


def discard_output() -> None:
    """Point stdout at nothing: the interpreter's last flush would complain of the closed pipe."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open for the process
