"""The network runs over the next frame while the one before is finished: two cores' worth."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from edge.box.protocols import FrameReader, LinkStatus
from edge.capture import Outage
from edge.capture.slot import SlotCounts
from edge.types import CameraPrior, Frame, ImageArray, Registration

_POLL_S = 0.2
"""How soon the thread notices that the reader was closed while no frame comes."""


class PendingFrame(Protocol):
    """A frame that the network has run over."""

    @property
    def took_ms(self) -> float:
        """Work that was spent on it so far, milliseconds."""


@runtime_checkable
class InfersAhead(Protocol):
    """A registrar whose network may run over one frame while another is finished."""

    def sense(self, image_bgr: ImageArray, *, pts_s: float | None = None) -> Any:
        """Run the network over a picture; returns the `PendingFrame` that `finish` takes."""

    def finish(
        self, flight: Any, *, prior: CameraPrior | None = None, spare_ms: float | None = None
    ) -> Registration:
        """Answer for a picture that was sensed, in the order of sensing."""


class PrefetchedFrames:
    """A reader that runs the network over each frame in a thread of its own.

    `sense` gives None for a frame that it cannot run over. Up to `ahead` frames lie ready; until
    one is taken, the reader behind drops or queues as it does. An error of that reader is raised
    where its frame would come.
    """

    def __init__(
        self, reader: FrameReader, sense: Callable[[Frame], PendingFrame | None], *, ahead: int = 2
    ) -> None:
        self._reader, self._sense, self._ahead = reader, sense, ahead
        self._changed = threading.Condition()
        self._ready: deque[tuple[Frame, PendingFrame | None]] = deque()
        self._last: tuple[Frame, PendingFrame | None] | None = None
        self._error: BaseException | None = None
        self._over = self._closed = False
        self._in_hand = self._left = 0
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def get(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time or none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._over, timeout_s)
            if not self._ready:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return None
            self._last = self._ready.popleft()
            self._in_hand -= 1
            self._changed.notify_all()
        return self._last[0]

    def flight(self, frame: Frame) -> PendingFrame | None:
        """What the network saw in the frame that `get` gave last; None for any other."""
        last = self._last
        return last[1] if last is not None and last[0] is frame else None

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""
        with self._changed:
            return self._over and not self._ready and self._error is None

    @property
    def captured(self) -> int:
        """Count what the source gave so far, good and corrupt."""
        return self._reader.captured

    @property
    def dropped(self) -> Mapping[str, int]:
        """Count the captured frames that `get` never gave, by cause."""
        dropped = dict(self._reader.dropped)
        dropped["closed"] = dropped.get("closed", 0) + self._left
        return dropped

    @property
    def account(self) -> SlotCounts:
        """Return where the frames went at one moment, corrupt ones included; it adds up."""
        with self._changed:
            counts, held, left = self._reader.account, self._in_hand, self._left
        dropped = {**counts.dropped, "closed": counts.dropped.get("closed", 0) + left}
        processed = counts.processed - held - left
        return SlotCounts(counts.captured, processed, counts.waiting + held, dropped)

    @property
    def link(self) -> LinkStatus:
        """Return where the connection to the source stands."""
        return self._reader.link

    @property
    def note(self) -> str | None:
        """Return one line about something odd that a person should know."""
        return self._reader.note

    @property
    def outage(self) -> Outage | None:
        """Return why there is no live picture now; None while there is, and for a file."""
        return self._reader.outage

    def close(self) -> None:
        """Stop the threads and close the source; frames that nobody took count as `closed`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._reader.close()
        self._thread.join()
        with self._changed:
            self._left, self._in_hand = self._left + self._in_hand, 0
            self._ready.clear()

    def _run(self) -> None:
        try:
            while self._wait_for_room():
                frame = self._reader.get(_POLL_S)
                if frame is not None:
                    with self._changed:
                        self._in_hand += 1
                    flight = None if frame.frozen else self._sense(frame)
                    with self._changed:
                        self._ready.append((frame, flight))
                        self._changed.notify_all()
                elif self._reader.ended:
                    break
        except BaseException as error:  # noqa: BLE001 - raised again where the frames are taken
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        """Wait until another frame may be sensed; False when the reader was closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._ready) < self._ahead or self._closed)
            return not self._closed
