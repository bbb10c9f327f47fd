"""From the stream of registrations to events, with hysteresis. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.publish.messages.compose import Stamp
from edge.publish.messages.registration import EventKind
from edge.types import Registration, RegistrationState, RejectionReason


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event before it has a number."""

    kind: EventKind
    stamp: Stamp
    """The frame at which it began."""
    reason: RejectionReason = RejectionReason.NONE
    detail: dict[str, str] = field(default_factory=dict)


class EventDetector:
    """Says when a camera is locked, lost or cut.

    `locked` comes after so many answered frames in a row and names the first of them; `lost` after
    so many refused ones, with the reason that most of them gave. A flicker shorter than that is no
    event. A camera that never sees a field says `lost` once.
    """

    def __init__(self, locked_after_frames: int = 3, lost_after_frames: int = 10) -> None:
        self._needed = {True: locked_after_frames, False: lost_after_frames}
        self._locked: bool | None = None
        self._run_answered: bool | None = None
        self._run_length = 0
        self._run_start: Stamp | None = None
        self._reasons: Counter[RejectionReason] = Counter()

    def change(self, locked_after_frames: int, lost_after_frames: int) -> None:
        """Take other numbers from the next frame on; the runs go on."""
        self._needed = {True: locked_after_frames, False: lost_after_frames}

    def feed(self, stamp: Stamp, registration: Registration) -> list[EventDraft]:
        """Take the next frame's answer; return the events that it brings, mostly none."""
        events = [EventDraft(EventKind.CUT, stamp)] if registration.cut else []
        answered = registration.state is not RegistrationState.LOST
        start = self._extend_run(answered, stamp, registration)
        if answered != self._locked and self._run_length >= self._needed[answered]:
            self._locked = answered
            events.append(self._change(answered, start))
        return events

    def _extend_run(self, answered: bool, stamp: Stamp, registration: Registration) -> Stamp:  # noqa: FBT001
        if answered != self._run_answered or self._run_start is None:
            self._run_answered, self._run_length, self._run_start = answered, 0, stamp
            self._reasons.clear()
        self._run_length += 1
        self._reasons[registration.reason] += 1
        return self._run_start

    def _change(self, answered: bool, start: Stamp) -> EventDraft:  # noqa: FBT001
        if answered:
            return EventDraft(EventKind.LOCKED, start)
        return EventDraft(EventKind.LOST, start, self._reasons.most_common(1)[0][0])
