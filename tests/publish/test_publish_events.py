"""From answers to events: `v` verified, `l` lost, `C` a cut on an answered frame."""

from __future__ import annotations

import pytest

from edge.publish.messages.compose import Stamp
from edge.publish.queue.event_detector import EventDetector
from edge.types import RejectionReason
from tests.publish.parts import answered, lost, make_frame

_ANSWERS = {
    "v": answered(),
    "C": answered(cut=True),
    "l": lost(RejectionReason.NO_FIELD),
    "n": lost(RejectionReason.NO_LINES),
}


@pytest.mark.parametrize(
    ("answers", "events"),
    [
        ("", []),
        ("vv", []),
        ("vvv", ["locked@0"]),
        ("vvvvvvvv", ["locked@0"]),
        ("vvlvvv", ["locked@3"]),
        ("lll", []),
        ("llll", ["lost@0"]),
        ("llllllvvv", ["lost@0", "locked@6"]),
        ("vvvlllvvvlll", ["locked@0"]),
        ("vvvllllvlllvvv", ["locked@0", "lost@3", "locked@11"]),
        ("vvCvvC", ["cut@2", "locked@0", "cut@5"]),
        ("vvvnlnnl", ["locked@0", "lost@3 no_lines"]),
    ],
)
def test_events(answers: str, events: list[str]) -> None:
    detector = EventDetector(locked_after_frames=3, lost_after_frames=4)
    found = []
    for index, answer in enumerate(answers):
        for draft in detector.feed(Stamp.of(make_frame(index)), _ANSWERS[answer]):
            reason = f" {draft.reason.value}" if draft.reason is RejectionReason.NO_LINES else ""
            found.append(f"{draft.kind.value}@{draft.stamp.frame_id}{reason}")
    assert found == events
