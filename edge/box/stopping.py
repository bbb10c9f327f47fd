"""A clean stop on SIGINT and SIGTERM; a second signal interrupts at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from edge.health.notify import Notifier

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second raises KeyboardInterrupt.

    systemd hears with the first that the box is on its way down.

    Only the main thread may take signals; elsewhere the event is left for the caller to set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    notifier = Notifier.from_environment()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        notifier.stopping()
        stop.set()

    before: dict[signal.Signals, Any] = {s: signal.signal(s, handle) for s in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.close()


@contextmanager
def hidden_from_children() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back, for good in the processes and threads that are started inside.

    A terminal's Ctrl-C and systemd's stop reach every process of the group; a broker that obeyed
    would be gone before the box could say goodbye through it. A signal that comes meanwhile reaches
    this process afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
