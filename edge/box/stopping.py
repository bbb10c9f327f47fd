"""A clean stop on SIGINT and SIGTERM, within a time; a second signal interrupts at once."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from edge.health.notify import Notifier

log = logging.getLogger(__name__)

STOP_S = 4.5
"""A stop that takes longer is cut short: a service is to be gone 5 s after its signal."""
STOP_WITH_OUTPUTS_S = 20.0
"""Files that are being written get this long to be finished."""

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


class StopGuard:
    """Cuts a stop short that takes too long, whatever it waits for: a last resort.

    Each part of a box gives up on a peer by itself. This is for the wait that nobody foresaw:
    `leave` is called `patience_s` seconds after `stop` was set, with a line that names the place
    where the main thread waits, and is to end the process.
    """

    def __init__(
        self, stop: threading.Event, leave: Callable[[str], None], *, patience_s: float = STOP_S
    ) -> None:
        self._stop = stop
        self._leave = leave
        self._patience_s = patience_s
        self._over = threading.Event()
        self._main = threading.current_thread().ident
        self._thread = threading.Thread(target=self._run, name="stop-guard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Note that the stop is over; may be called twice."""
        self._over.set()
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self._stop.wait()
        if not self._over.wait(self._patience_s):
            self._leave(f"the stop took over {self._patience_s:g} s, {self._where()}; ended")

    def _where(self) -> str:
        frame = sys._current_frames().get(self._main or 0)  # noqa: SLF001 - the only way to ask
        if frame is None:
            return "the main thread is gone"
        code = frame.f_code
        return f"waiting in {code.co_filename}:{frame.f_lineno} ({code.co_name})"


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
