"""A source that breaks and comes back: told as events, counted by cause."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

from edge.box.protocols import FrameReader, LinkStatus
from edge.capture import Outage
from edge.capture.slot import SlotCounts
from edge.publish import EventDraft, EventKind
from edge.publish.messages.compose import Stamp
from edge.types import Frame, RejectionReason

log = logging.getLogger(__name__)

_NEVER = Stamp(0, None, 0, "host", None, 0, 0)
"""Stands for the last frame of a source that has given none."""


class OutageWatch:
    """Turns what a reader says of its source into events; pure but for its log.

    `source_lost` comes once an outage, whatever its causes become, and names the last live frame;
    `source_back` names the first live frame after it. An outage that was over before anybody looked
    is told by the number of breaks.
    """

    def __init__(self) -> None:
        self.causes: Counter[str] = Counter()
        """Outages by the cause with which they began."""
        self._last = _NEVER
        self._since_s: float | None = None
        self._breaks = 0

    def look(
        self, frame: Frame | None, outage: Outage | None, breaks: int, *, now_s: float, now_ns: int
    ) -> list[EventDraft]:
        """Take what one look at the reader gave; return the events that it brings."""
        events: list[EventDraft] = []
        live = frame is not None and not frame.frozen
        # a frame that lay ready when its source went away is told first: the next look tells more
        waits = live and outage is not None and self._since_s is None
        missed = breaks > self._breaks and outage is None and self._last is not _NEVER
        if not waits:
            self._breaks = breaks
        if self._since_s is None and not waits and (outage is not None or missed):
            self._since_s = now_s
            events.append(self._lost(outage or Outage("closed", "the link broke"), now_ns))
        if frame is not None and live:
            if self._since_s is not None and outage is None:
                events.append(self._back(frame, now_s - self._since_s))
                self._since_s = None
            self._last = Stamp.of(frame)
        return events

    def _lost(self, outage: Outage, now_ns: int) -> EventDraft:
        self.causes[outage.cause] += 1
        log.warning("%s", outage.message)
        stamp = self._last
        if stamp is _NEVER:
            stamp = dataclasses.replace(stamp, capture_ns=now_ns)
        detail = {"cause": outage.cause, "message": outage.message}
        reason = RejectionReason.FROZEN if outage.cause == "frozen" else RejectionReason.NO_SOURCE
        return EventDraft(EventKind.SOURCE_LOST, stamp, reason, detail)

    @staticmethod
    def _back(frame: Frame, away_s: float) -> EventDraft:
        log.info("the source is back after %.1f s", away_s)
        detail = {"away_s": f"{away_s:.3f}"}
        return EventDraft(EventKind.SOURCE_BACK, Stamp.of(frame), detail=detail)


class WatchedReader:
    """A reader whose outages become events; `begin_anew` is called before a shot that is another.

    That is the first live frame after an outage, and the first of another size.
    """

    def __init__(
        self,
        reader: FrameReader,
        publish: Callable[[EventDraft], None],
        begin_anew: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._publish = publish
        self._begin_anew = begin_anew
        self._watch = OutageWatch()
        self._size: tuple[int, ...] | None = None

    def get(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time or none will come."""
        frame = self._reader.get(timeout_s)
        drafts = self._watch.look(
            frame,
            self._reader.outage,
            self._reader.link.failures,
            now_s=time.monotonic(),
            now_ns=time.time_ns(),
        )
        for draft in drafts:
            self._publish(draft)
        back = any(draft.kind is EventKind.SOURCE_BACK for draft in drafts)
        if frame is not None and (self._resized(frame) or back):
            self._begin_anew()
        return frame

    def _resized(self, frame: Frame) -> bool:
        before, self._size = self._size, frame.image.shape
        if before in {None, self._size}:
            return False
        height, width = self._size[:2]
        log.warning("the source changed its picture's size to %dx%d", width, height)
        return True

    @property
    def outages(self) -> Mapping[str, int]:
        """Count the outages by cause."""
        return dict(self._watch.causes)

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""
        return self._reader.ended

    @property
    def captured(self) -> int:
        """Count what the source gave so far, good and corrupt."""
        return self._reader.captured

    @property
    def dropped(self) -> Mapping[str, int]:
        """Count the captured frames that `get` never gave, by cause."""
        return self._reader.dropped

    @property
    def note(self) -> str | None:
        """Return one line about something odd that a person should know."""
        return self._reader.note

    @property
    def outage(self) -> Outage | None:
        """Return why there is no live picture now."""
        return self._reader.outage

    @property
    def account(self) -> SlotCounts:
        """Return where the frames went at one moment, corrupt ones included."""
        return self._reader.account

    @property
    def link(self) -> LinkStatus:
        """Return where the connection to the source stands."""
        return dataclasses.replace(self._reader.link, outages=self.outages)

    def close(self) -> None:
        """Stop the thread and close the source."""
        self._reader.close()
