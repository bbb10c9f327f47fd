"""Storms of events: cut down to a rate, nothing left unsaid, the last state told."""

from __future__ import annotations

import random

import pytest

from edge.publish import EventDraft, EventKind
from edge.publish.messages.compose import Stamp
from edge.publish.queue.event_limiter import BURST, EVERY_S, EventLimiter

STATES = {
    "field": (EventKind.LOCKED, EventKind.LOST),
    "source": (EventKind.SOURCE_LOST, EventKind.SOURCE_BACK),
}


def draft(kind: EventKind, number: int) -> EventDraft:
    stamp = Stamp(number, None, number, "host", None, 64, 36)
    return EventDraft(kind, stamp, detail={"number": str(number)})


def storm(limiter: EventLimiter, kinds: list[EventKind], per_s: float, lasts_s: float):
    """Offer the kinds in turn; return what is sent in the meantime, with its time."""
    sent = []
    for number in range(round(per_s * lasts_s)):
        now_s = 100 + number / per_s
        sent += [
            (now_s, e) for e in limiter.offer(draft(kinds[number % len(kinds)], number), now_s)
        ]
    return sent


def suppressed(events: list[EventDraft]) -> int:
    return sum(int(e.detail.get("suppressed", 0)) for e in events)


@pytest.mark.parametrize("kind", EventKind)
def test_a_storm_of_one_kind_is_limited_and_every_event_is_accounted_for(kind: EventKind):
    limiter = EventLimiter()
    sent = [e for _, e in storm(limiter, [kind], per_s=6, lasts_s=20)]
    assert BURST + 8 <= len(sent) <= BURST + 20 / EVERY_S + 1
    sent += limiter.flush()
    assert len(sent) + suppressed(sent) == 120
    assert limiter.suppressed == suppressed(sent)
    numbers = [int(e.detail["number"]) for e in sent]
    assert numbers == sorted(numbers), "in their order"
    assert numbers[-1] == 119, "the newest is told"
    assert limiter.flush() == []


@pytest.mark.parametrize("group", STATES)
def test_flapping_ends_with_the_true_state_without_another_event(group: str):
    limiter = EventLimiter()
    kinds = list(STATES[group])
    sent = [e for _, e in storm(limiter, kinds, per_s=4, lasts_s=30.25)]
    assert len(sent) <= BURST + 31 / EVERY_S
    late = limiter.due(130.25 + EVERY_S)
    assert (sent + late)[-1].kind == kinds[(121 - 1) % 2]
    assert (sent + late)[-1].stamp.frame_id == 120
    assert limiter.due(1e6) == []


def test_what_comes_seldom_passes_untouched_and_kinds_do_not_starve_each_other():
    limiter = EventLimiter()
    for number in range(100):
        event = draft(EventKind.CUT, number)
        assert limiter.offer(event, number * EVERY_S) == [event]
    storm(limiter, [EventKind.CUT], per_s=50, lasts_s=10)
    event = draft(EventKind.LOST, 0)
    assert limiter.offer(event, 110.0) == [event]
    assert limiter.offer(draft(EventKind.LOST, 1), 110.0)[0].detail == {"number": "1"}


def test_a_clock_that_stands_or_a_storm_of_a_million_takes_no_memory():
    limiter, random_ = EventLimiter(), random.Random(3)
    sent = 0
    for number in range(100_000):
        sent += len(limiter.offer(draft(random_.choice(list(EventKind)), number), 5.0))
    assert sent == BURST * 5
    assert len(limiter._buckets) == 5
    assert sent + limiter.suppressed + len(limiter.flush()) == 100_000
