"""What signals do: a clean stop, then an end at once, and in no case a part of a file left over.

SIGHUP (a terminal that is closed) counts as SIGTERM, unless it was ignored from the start (nohup).
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from edge.health.notify import Notifier
from edge.part_file import discard_open_parts

STOP_S = 4.5
"""A stop that takes longer is cut short: a service is to be gone 5 s after its signal."""
STOP_WITH_OUTPUTS_S = 20.0
"""Files that are being written get this long to be finished."""
_LOOK_S = 0.1
_AGAIN_S = 0.02
"""After which a signal that was lost in a finalizer is sent again: the finalizer has ended."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a command that Ctrl-C ended."""
_UNWIND_S = 3.0
"""Time for what is open to be closed after the signal that interrupts; then the process leaves."""
_SHOW_CURSOR = b"\x1b[?25h\n"


class Interrupted(KeyboardInterrupt):
    """A signal ends the command."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.lost = threading.Event()
        """Set where Python swallowed it; then the next signal raises one more."""


def deliver_again(error: BaseException | None) -> bool:
    """Send a signal again whose exception Python could not raise; whether it was one.

    It is lost where the signal comes while a finalizer or a callback of a weak reference runs.
    """
    if not isinstance(error, Interrupted):
        return False
    error.lost.set()
    threading.Timer(_AGAIN_S, _thread.interrupt_main, (error.number,)).start()
    return True


class StopRequest(threading.Event):
    """Is set when the run is to end; `number` is the signal that asked for it."""

    number: int | None = None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Give an event that the first signal sets; the second raises Interrupted (KeyboardInterrupt).

    systemd hears with the first that the box is on its way down. Whatever still runs some seconds
    after the second is left, as at the third.

    Only the main thread may take signals; elsewhere the event is left for the caller to set.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    notifier = Notifier.from_environment()

    def begin(number: int) -> None:
        stop.number = number
        notifier.stopping()
        stop.set()

    try:
        with _handled(begin):
            yield stop
    finally:
        notifier.close()


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Raise Interrupted (KeyboardInterrupt) at the first signal, so that what is open is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(None):
        yield


def die_of(number: int) -> NoReturn:
    """End this process as the signal alone would have, for whoever waits for it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where it is blocked


@contextmanager
def _handled(begin: Callable[[int], None] | None) -> Iterator[None]:
    """Handle signals: the first is told to `begin`, if there is one, the next raises."""
    timers: list[threading.Timer] = []
    lost: threading.Event | None = None
    begun = begin is None

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal begun, lost
        if not begun and begin is not None:
            begun = True
            begin(number)
            return
        if lost is not None and not lost.is_set():
            _leave(number)
        interrupted = Interrupted(number)
        lost = interrupted.lost
        timer = threading.Timer(_UNWIND_S, _leave, (number,))
        timer.daemon = True
        timers.append(timer)
        timer.start()
        raise interrupted

    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [s for s in _SIGNALS if s is not signal.SIGHUP or not ignored]
    before: dict[signal.Signals, Any] = {s: signal.signal(s, handle) for s in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()


def _leave(number: int) -> NoReturn:
    """End the process without waiting for anything; no part of a file stays."""
    discard_open_parts()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stderr.isatty():  # a progress bar hid it
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    os._exit(128 + number)


class StopGuard:
    """Cuts a stop short that takes too long, whatever it waits for: a last resort.

    Each part of a box gives up on a peer by itself. This is for the wait that nobody foresaw:
    `leave` is called `patience_s` seconds after a signal came or `stop` was set, with a line that
    names the place where the main thread waits, and is to end the process. It hears of a signal
    even while the main thread is in native code, where Python's own handlers have to wait. Where
    that code keeps Python's lock, the process ends half a second later without a word.
    """

    def __init__(
        self, stop: threading.Event, leave: Callable[[str], None], *, patience_s: float = STOP_S
    ) -> None:
        self._stop = stop
        self._leave = leave
        self._patience_s = patience_s
        self._over = threading.Event()
        self._main = threading.current_thread().ident
        self._hears, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        self._before: int | None = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="stop-guard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Note that the stop is over; may be called twice."""
        self._over.set()
        self._thread.join()
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
            self._before = None
        self._hears.close()
        self._tells.close()

    def _run(self) -> None:
        if not self._told():
            return
        with Path(os.devnull).open("w") as nothing:
            faulthandler.dump_traceback_later(self._patience_s + 0.5, exit=True, file=nothing)
            over = self._over.wait(self._patience_s)
            if not over:
                self._leave(f"the stop took over {self._patience_s:g} s, {self._where()}; ended")
            faulthandler.cancel_dump_traceback_later()

    def _told(self) -> bool:
        """Wait until the process is to stop; False when it ends without being told."""
        while not self._over.is_set():
            readable, _, _ = select.select([self._hears], [], [], _LOOK_S)
            numbers = self._hears.recv(64) if readable else b""
            if self._stop.is_set() or any(number in _SIGNALS for number in numbers):
                return True
        return False

    def _where(self) -> str:
        frame = sys._current_frames().get(self._main or 0)  # noqa: SLF001 - the only way to ask
        places = []
        while frame is not None:
            code = frame.f_code
            places.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        return "waiting in " + " < ".join(places[:6])


@contextmanager
def hidden_from_children() -> Iterator[None]:
    """Hold SIGINT, SIGTERM and SIGHUP back, for good in processes and threads started inside.

    A terminal's Ctrl-C and systemd's stop reach every process of the group; a broker that obeyed
    would be gone before the box could say goodbye through it. A signal that comes meanwhile reaches
    this process afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
