"""Threads that end by an unexpected exception are logged and noted: none dies in silence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)

_MOST_FAILURES = 16


@dataclass(frozen=True, slots=True)
class ThreadFailure:
    """One thread that ended by an exception."""

    thread: str
    error: str
    """The exception in one line."""


class ThreadWatch:
    """Collects the threads of this process that ended by an exception. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: list[ThreadFailure] = []
        self._count = 0

    def note(self, thread: str, error: BaseException) -> None:
        """Add one thread that ended; only the first 16 are kept."""
        text = " ".join(str(error).split())[:300]
        failure = ThreadFailure(thread, f"{type(error).__name__}: {text}".rstrip(": "))
        with self._lock:
            self._count += 1
            if len(self._failures) < _MOST_FAILURES:
                self._failures.append(failure)

    @property
    def failures(self) -> tuple[ThreadFailure, ...]:
        """Return the threads that ended, oldest first."""
        with self._lock:
            return tuple(self._failures)

    @property
    def count(self) -> int:
        """Count the threads that ended by an exception."""
        with self._lock:
            return self._count

    @property
    def problem(self) -> str | None:
        """Return one line about the first thread that ended; None while all run."""
        failures = self.failures
        if not failures:
            return None
        first = failures[0]
        return f"thread {first.thread} ended by {first.error}; restart the box"


class _Hook:
    """Tells a hook of this module from another's."""

    def __init__(self, call: Callable[[threading.ExceptHookArgs], None]) -> None:
        self._call = call

    def __call__(self, args: threading.ExceptHookArgs, /) -> None:
        """Take one thread's end."""
        self._call(args)


@contextmanager
def watch_threads() -> Iterator[ThreadWatch]:
    """Log and note every thread of this process that ends by an exception while the block lasts.

    It covers each thread that Python runs, those of libraries too, whoever starts it. Blocks nest:
    the outer one notes what the inner one notes. A thread that handles its exceptions itself, or
    ends by SystemExit, is not noted.
    """
    watch = ThreadWatch()
    before = threading.excepthook

    def noted(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        name = args.thread.name if args.thread is not None else "unknown"
        error = args.exc_value if args.exc_value is not None else args.exc_type()
        watch.note(name, error)
        if isinstance(before, _Hook):
            before(args)
        else:
            log.critical("thread %s ended by an unexpected error", name, exc_info=error)

    threading.excepthook = hook = _Hook(noted)
    try:
        yield watch
    finally:
        if threading.excepthook is hook:
            threading.excepthook = before
