"""Threads that read beside the work: the newest win for a live source, a short queue for a file."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from edge.capture.link import FreezeDetector, Outage, SourceBackoff, SourceLink, SourceLinkState
from edge.capture.slot import LatestSlot, SlotCounts
from edge.capture.source import FrameSource, SourceInfo, interrupt
from edge.errors import SourceCause, SourceError
from edge.types import Frame

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

PATIENCE_S = 0.045
"""How long live frames may wait for one that takes long, before the newest alone counts."""
_JOIN_S = 2.0
"""How long `close` waits for a thread that may be opening a camera; it ends by itself later."""
_FROZEN_RETRY = 5
"""A camera whose picture stays frozen is connected to again after so many times the limit."""


class _ReaderClosing:
    """`with` for what has a `close`."""

    def close(self) -> None:
        """Stop the thread and release the source."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class LiveReader(_ReaderClosing):
    """Reads a live source in a thread, keeps the newest frames, reconnects when it breaks.

    `open_` makes a new connection and raises SourceError when it cannot; `first` is one that is
    open already, for a caller who wants a wrong address to fail at once. A source that ends (None)
    ends the reader; one that raises SourceError, or stays frozen for `frozen_after_s`, is closed
    and opened again after a pause. Frames that go on showing the frozen picture say so
    (`Frame.frozen`), over connections too.
    """

    def __init__(
        self,
        open_: Callable[[], FrameSource],
        *,
        first: FrameSource | None = None,
        backoff: SourceBackoff | None = None,
        stall_s: float = 1.5,
        frozen_after_s: float | None = None,
    ) -> None:
        self._open = open_
        self._first = first
        self._info = first.info if first is not None else None
        self._corrupt_before = 0
        self._source: FrameSource | None = None
        self._link = SourceLink(backoff, stall_s=stall_s)
        self._freeze = FreezeDetector(frozen_after_s) if frozen_after_s is not None else None
        self._frozen_retry_s = _FROZEN_RETRY * (frozen_after_s or 0.0)
        self._frozen: Outage | None = None
        self._frozen_tried_s = 0.0
        self._slot = LatestSlot(PATIENCE_S)
        self._stop = threading.Event()
        self._indices = 0
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo | None:
        """The facts about the source; None until it was open once."""
        return self._info

    @property
    def counts(self) -> SlotCounts:
        """Where the captured frames went."""
        return self._slot.counts

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded, over all connections."""
        source = self._source
        return self._corrupt_before + (source.corrupt if source is not None else 0)

    @property
    def note(self) -> str | None:
        """One line about something odd in the source; None while there is no connection."""
        source = self._source
        return source.note if source is not None else None

    @property
    def state(self) -> SourceLinkState:
        """Where the connection stands; a silent one is waiting even while its read blocks."""
        if self._link.stalled(time.monotonic()):
            return SourceLinkState.WAITING
        return self._link.state

    @property
    def failures(self) -> int:
        """How often the connection broke or could not be made."""
        return self._link.failures

    @property
    def last_error(self) -> str | None:
        """Why the connection broke last; None while it works."""
        return self._link.last_error

    @property
    def outage(self) -> Outage | None:
        """Why there is no live picture now; None while there is, and before the first attempt."""
        return self._frozen or self._link.outage(time.monotonic())

    @property
    def causes(self) -> Mapping[SourceCause, int]:
        """How often the connection broke or could not be made, by cause."""
        return self._link.causes

    @property
    def ended(self) -> bool:
        """Whether nothing more can be got: the source came to its end, or the reader was closed."""
        counts = self._slot.counts
        return self._slot.closed and not counts.waiting

    def get(self, timeout_s: float | None = None) -> Frame | None:
        """Take the next of the newest frames, waiting up to `timeout_s` (None: without limit).

        None when no frame came in that time or none ever will; `ended` tells which.
        """
        return self._slot.get(timeout_s)

    def close(self) -> None:
        """Stop reading; may be called twice. An attempt to connect is left to its own timeout."""
        self._stop.set()
        interrupt(self._source)
        self._slot.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._link.connecting(time.monotonic())
                try:
                    source, self._first = self._first or self._open(), None
                    if self._pump(source):
                        return
                except SourceError as error:
                    if self._stop.is_set():  # `close` hung up: no failure of the camera's
                        return
                    pause_s = self._link.failed(time.monotonic(), str(error), error.cause)
                    self._stop.wait(pause_s)
        finally:
            self._link.ended()
            self._slot.finish()

    def _pump(self, source: FrameSource) -> bool:
        """Carry frames from one connection to the slot; True when nothing more is to come."""
        self._source, self._info = source, source.info
        try:
            while not self._stop.is_set():
                frame = source.read()
                if frame is None:
                    return True
                now_s = time.monotonic()
                self._link.frame(now_s)
                frozen = self._freeze is not None and self._freeze.frozen(frame.image, now_s)
                # numbers go on over a reconnection, so that an index never comes twice
                index = self._next_index(frame.index)
                self._slot.put(dataclasses.replace(frame, index=index, frozen=frozen))
                self._note_frozen(source, now_s, frozen=frozen)
            return True
        finally:
            self._corrupt_before += source.corrupt
            self._source = None
            self._index_base = self._indices
            source.close()

    def _note_frozen(self, source: FrameSource, now_s: float, *, frozen: bool) -> None:
        """Break the connection of a source that froze, and now and then of one that still is."""
        if not frozen:
            self._frozen = None
            return
        if self._frozen is None or now_s - self._frozen_tried_s >= self._frozen_retry_s:
            self._frozen_tried_s = now_s
            why = f"{source.info.uri}: the picture is frozen; restart the camera"
            self._frozen = Outage("frozen", why)
            raise SourceError(why, "frozen")

    _index_base = 0

    def _next_index(self, index: int) -> int:
        self._indices = max(self._indices, self._index_base + index + 1)
        return self._index_base + index


class ReadAhead(_ReaderClosing):
    """Decodes up to `depth` frames ahead in a thread, so that decoding and work overlap.

    Drops nothing. Iterate it once, or `get` the frames until `ended`. An error of the source is
    raised where its frame would come.
    """

    def __init__(self, source: FrameSource, *, depth: int = 4) -> None:
        self._source = source
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(max(1, depth))
        self._stop = threading.Event()
        self._captured = 0
        self._processed = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        return self._source.info

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded."""
        return self._source.corrupt

    @property
    def note(self) -> str | None:
        """One line about something odd in the source."""
        return self._source.note

    @property
    def counts(self) -> SlotCounts:
        """Where the decoded frames went; those ahead are `waiting`, or `closed` at the end."""
        processed = (
            self._processed
        )  # read first: it only grows, so that `waiting` is never negative
        left = self._captured - processed
        closed = self._stop.is_set()
        return SlotCounts(
            self._captured, processed, 0 if closed else left, {"closed": left if closed else 0}
        )

    @property
    def ended(self) -> bool:
        """Whether the last frame was given."""
        return self._ended

    def get(self, timeout_s: float | None = None) -> Frame | None:
        """Return the next frame; None when none came within `timeout_s`, and at the end.

        None as `timeout_s` sets no limit.
        """
        if self._ended:
            return None
        try:
            item = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if item is None:
            self._ended = True
            return None
        if isinstance(item, BaseException):
            self._ended = True
            raise item
        self._processed += 1
        # latency counts from here: a file's picture is not late because it lay in the queue
        return dataclasses.replace(item, monotonic_ns=time.monotonic_ns())

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.get()) is not None:
            yield frame

    def close(self) -> None:
        """Stop decoding and close the source; may be called twice."""
        self._stop.set()
        interrupt(self._source)
        while self._thread.is_alive():
            self._empty()  # the thread may wait for room
            self._thread.join(0.01)
        self._empty()
        self._queue.put(None)
        self._source.close()

    def _empty(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and (frame := self._source.read()) is not None:
                self._captured += 1
                self._queue.put(frame)
        except Exception as error:  # noqa: BLE001 - raised again where the frames are taken
            self._queue.put(error)
        else:
            self._queue.put(None)
