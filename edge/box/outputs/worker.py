"""One thread that writes the output files, so that encoding a video never holds up inference."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edge.box.protocols import Sink
from edge.types import Frame, Registration

_Item = tuple[Frame, Registration]


@dataclass(frozen=True, slots=True)
class SinkFailure:
    """An output that could not be written; its file is gone, or holds what was whole."""

    path: str
    message: str


class SinkThread:
    """Feeds the sinks through a bounded queue.

    A file's frames all arrive (`put` waits when the queue is full); a live source never waits:
    what does not fit is counted in `dropped`. A sink that fails is aborted, the others go on.
    """

    def __init__(self, sinks: Sequence[Sink], *, wait: bool, depth: int = 8) -> None:
        self._sinks = list(sinks)
        self._wait = wait
        self._queue: queue.Queue[_Item | None] = queue.Queue(depth)
        self._failures: list[SinkFailure] = []
        self._written: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="outputs", daemon=True)
        self.dropped = 0
        self._thread.start()

    @property
    def failures(self) -> list[SinkFailure]:
        """Return the outputs that failed so far."""
        return list(self._failures)

    @property
    def waiting(self) -> int:
        """Count the frames that wait to be written."""
        return self._queue.qsize()

    @property
    def written(self) -> list[str]:
        """Return the outputs that are whole: after `close`, those that did not fail."""
        return list(self._written)

    def put(self, frame: Frame, registration: Registration) -> None:
        """Hand one frame to the sinks."""
        if not self._wait:
            try:
                self._queue.put_nowait((frame, registration))
            except queue.Full:
                self.dropped += 1
        else:
            self._queue.put((frame, registration))

    def close(self) -> None:
        """Let the sinks finish what was handed over, and close them."""
        self._join()
        while self._sinks:
            self._try_close(self._sinks[0])

    def abort(self, *, keep_whole: bool = False) -> None:
        """Stop at once; no file remains, or with `keep_whole` what is whole does.

        After `close` it does nothing.
        """
        self._stopped.set()
        self._join()
        while self._sinks:
            sink = self._sinks.pop(0)
            if keep_whole:
                sink.interrupt()
            else:
                sink.abort()

    def _join(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            for sink in list(self._sinks):
                if not self._stopped.is_set():
                    self._try_write(sink, *item)

    def _try_write(self, sink: Sink, frame: Frame, registration: Registration) -> None:
        try:
            sink.write(frame, registration)
        except Exception as error:  # noqa: BLE001 - a fault in one output must not stall the pipeline
            self._fail(sink, error)

    def _try_close(self, sink: Sink) -> None:
        try:
            sink.close()
            if sink.path.exists():  # a run without frames writes no video
                self._written.append(str(sink.path))
            self._sinks.remove(sink)
        except Exception as error:  # noqa: BLE001 - the other outputs are still to be closed
            self._fail(sink, error)

    def _fail(self, sink: Sink, error: Exception) -> None:
        message = (isinstance(error, OSError) and error.strerror) or str(error)
        message = message.removeprefix(f"{sink.path}: ")
        self._failures.append(SinkFailure(str(sink.path), message))
        if sink in self._sinks:
            self._sinks.remove(sink)
        sink.abort()
