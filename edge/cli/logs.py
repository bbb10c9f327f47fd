"""The program's warnings as lines for a person on stderr."""

from __future__ import annotations

import logging
import sys


class _Lines(logging.Handler):
    """Writes records to what stderr is at the moment: a progress bar may stand in for it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"touchline: {' '.join(record.getMessage().split())}", file=sys.stderr, flush=True)


_NOWHERE = logging.NullHandler()  # without a handler Python itself would print warnings
_LINES = _Lines(logging.WARNING)


def mute() -> None:
    """Show no warnings: what keeps a command from starting is told once, by its error."""
    root = logging.getLogger()
    root.removeHandler(_LINES)
    root.addHandler(_NOWHERE)


def show_warnings() -> None:
    """Show warnings from now on."""
    logging.getLogger().addHandler(_LINES)
