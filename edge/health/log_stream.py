"""A stderr that never holds up its writers: lines wait in a bounded queue, a thread writes them."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO, cast

MOST_BYTES = 1 << 20
"""What may wait: some ten thousand lines."""
_PIECE_BYTES = 4096
"""PIPE_BUF: so much a pipe takes without blocking once it is writable (pipe(7))."""
_LOOK_S = 0.1


class LogStream(io.TextIOBase):
    """Takes text at once, and writes it to a descriptor on a thread of its own.

    A reader that stands still stops nobody: beyond `most_bytes` the oldest texts are dropped and
    counted, and `tell_dropped` makes the line that says so once the reader reads again. The
    descriptor keeps its flags, because other processes share it.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        most_bytes: int = MOST_BYTES,
        tell_dropped: Callable[[int], str] = lambda count: f"{count} messages were dropped\n",
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._tell_dropped = tell_dropped
        self._changed = threading.Condition()  # reentrant: a signal may come while it is held
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._in_hand = False
        self._untold = 0
        self._ending = False
        self.dropped = 0
        """Texts that were dropped so far."""
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a text; returns at once."""
        data = text.encode("utf-8", "backslashreplace")[: self._most_bytes]
        if data:
            with self._changed:
                self._waiting.append(data)
                self._bytes += len(data)
                while self._bytes > self._most_bytes:
                    self._bytes -= len(self._waiting.popleft())
                    self.dropped += 1
                    self._untold += 1
                self._changed.notify_all()
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor; what is written to it directly may block."""
        return self._descriptor

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is written, or the time is over; whether all is."""
        with self._changed:
            return self._changed.wait_for(self._is_empty, timeout_s)

    def end(self, timeout_s: float) -> bool:
        """Write what waits, for so long, and end the thread; whether all was written."""
        whole = self.drain(timeout_s)
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(2 * _LOOK_S)
        return whole and not self._thread.is_alive()

    # -- the thread

    def _is_empty(self) -> bool:
        return not self._waiting and not self._in_hand

    def _run(self) -> None:
        while (data := self._next()) is not None:
            self._put(data)
            with self._changed:
                self._in_hand = False
                self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self._ending or not self._waiting:
                return None
            self._in_hand = True
            if self._untold:
                told, self._untold = self._tell_dropped(self._untold), 0
                return told.encode("utf-8", "backslashreplace")
            data = self._waiting.popleft()
            self._bytes -= len(data)
            return data

    def _put(self, data: bytes) -> None:
        """Write one text; a reader that is gone loses it."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        with contextlib.suppress(OSError):
            while data:
                if poll.poll(_LOOK_S * 1000):
                    data = data[os.write(self._descriptor, data[:_PIECE_BYTES]) :]
                elif self._ending:
                    return


class BackgroundStderr:
    """Puts a `LogStream` in place of this process's stderr, and takes it away again."""

    def __init__(self) -> None:
        self._stream: LogStream | None = None
        self._before: TextIO | None = None
        self._own = -1

    @property
    def dropped(self) -> int:
        """Count the texts that were dropped because nobody read them."""
        return 0 if self._stream is None else self._stream.dropped

    def begin(self, tell_dropped: Callable[[int], str]) -> None:
        """Write stderr in the background from now on.

        Does nothing where it is done already, and where stderr is no descriptor of this process.
        """
        before: TextIO | None = sys.stderr
        if self._stream is not None or before is not sys.__stderr__ or before is None:
            return
        with contextlib.suppress(OSError, ValueError):
            before.flush()
            # a descriptor of its own: number 2 is held back while native libraries work
            self._own = os.dup(before.fileno())
            self._stream = LogStream(self._own, tell_dropped=tell_dropped)
            self._before, sys.stderr = before, cast("TextIO", self._stream)

    def end(self, timeout_s: float) -> None:
        """Write what waits, for so long; a reader that stands still keeps its stream."""
        if self._stream is None or not self._stream.end(timeout_s):
            return
        if self._before is not None:
            sys.stderr = self._before
        self._stream = None
        os.close(self._own)


STDERR = BackgroundStderr()
"""This process's stderr: there is one."""
