"""Ctrl-C while the command line is still loading: the process leaves without a traceback.

Python raises KeyboardInterrupt wherever an import stands. The command line imports this module
first. `edge.box.signals` takes over once it is loaded.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def end_quietly() -> None:
    """Leave with 130 at Ctrl-C from now on, unless it is ignored or handled already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # nothing is open yet


if sys.argv[:1] == ["-m"]:  # python -m edge.cli: its package is imported before its __main__
    end_quietly()
