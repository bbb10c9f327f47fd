"""Pauses between attempts, and the clock of acknowledgements: tables for pure code."""

from __future__ import annotations

import pytest

from edge.publish.mqtt.ack_clock import AckClock
from edge.publish.mqtt.backoff import Backoff, Ending, Pauses
from edge.publish.mqtt.own_topics import OwnTopics
from edge.publish.mqtt.rivals import Rivals
from edge.publish.mqtt.send_queue import QueueReading, SendQueue
from edge.publish.queue.suspects import Suspects

LONGEST = Backoff(0.25, 1.5, fault_first_s=1.0, fault_most_s=60.0, stable_s=90.0)


def pauses() -> Pauses:
    """Return pauses that are always drawn at their longest."""
    return Pauses(LONGEST, uniform=lambda _least, most: most)


@pytest.mark.parametrize(
    ("endings", "expected"),
    [
        ([(Ending.AWAY, None)] * 5, [0.25, 0.5, 1.0, 1.5, 1.5]),
        ([(Ending.FAULT, None)] * 8, [1, 2, 4, 8, 16, 32, 60, 60]),
        ([(Ending.FAULT, 5.0), (Ending.FAULT, 89.0), (Ending.FAULT, 90.0)], [1, 2, 1]),
        ([(Ending.LOST, 1.0)] * 9, [0.25, 0.5, 1.0, 1.5, 1.5, 1.5, 1, 2, 4]),
        ([(Ending.LOST, 60.0)] * 9, [0.25, 0.5, 1.0] + [1.5] * 6),
        ([(Ending.LOST, 1.0), (Ending.AWAY, None)] * 5, [0.25, 0.5, 1.0] + [1.5] * 7),
    ],
    ids=["away", "fault", "stable", "pushed off", "lost", "a broker that restarts"],
)
def test_pauses_grow(endings: list[tuple[Ending, float | None]], expected: list[float]) -> None:
    drawn = pauses()
    assert [drawn.after(*ending) for ending in endings] == expected


def test_pauses_are_spread() -> None:
    drawn = Pauses(LONGEST)
    first = [Pauses(LONGEST).after(Ending.AWAY, None) for _ in range(200)]
    assert all(0.0625 <= pause <= 0.25 for pause in first)
    assert len({round(pause, 4) for pause in first}) > 50
    assert drawn.after(Ending.FAULT, None) <= 1.0


def test_time_for_an_acknowledgement_runs_from_when_the_kernel_has_the_message() -> None:
    clock = AckClock()
    clock.sent(1, 1, 100)
    assert clock.oldest_s(50.0) == 0.0
    clock.sent(2, 0, 50)
    clock.through(2, 60.0)  # what was sent before a written frame is written
    assert (clock.oldest_s(70.0), clock.in_flight, clock.unwritten_bytes) == (10.0, 1, 0)
    clock.through(1, 71.0)
    assert (clock.oldest_s(99.0), clock.in_flight, clock.ever) == (0.0, 0, True)


def test_a_frame_is_handed_over_where_the_queue_drains_in_time() -> None:
    queue = SendQueue()
    assert queue.takes(QueueReading(0, 0, 0.0), 1000, 0.5, 10.0), "nothing lies before it"
    assert not queue.takes(QueueReading(1000, 0, 0.0), 1000, 0.5, 10.1), "no rate is known"
    assert not queue.takes(QueueReading(3000, 1000, 0.0), 1000, 0.5, 10.5), "two thousand a second"
    assert queue.takes(QueueReading(3000, 40_000, 0.0), 1000, 0.5, 11.0), "forty thousand"
    assert not queue.takes(QueueReading(3000, 40_000, 0.0), 1000, 0.5, 13.0), "it stalled"
    assert queue.takes(QueueReading(0, 40_000, 0.0), 1000, 0.5, 99.0)


def test_an_own_topic_is_watched_once_the_broker_has_the_message() -> None:
    own = OwnTopics()
    assert own.hear("t", b"old", 0.0) is None
    own.sent("t", b"mine")
    assert own.hear("t", b"old", 1.0) is None, "retained from before"
    own.taken("t")
    assert own.hear("t", b"mine", 2.0) is None, "an echo"
    waits = [own.hear("t", b"theirs", 3.0 + n) for n in range(8)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert own.hear("t", b"theirs", 100.0) == 0.2
    assert own.overwritten == 9
    own.lost()
    assert own.hear("t", b"theirs", 101.0) is None


def test_one_message_is_found_guilty_and_no_other() -> None:
    suspects = Suspects()
    assert suspects.closed([]) is None
    assert suspects.closed(["a", "b"]) is None
    assert not suspects.careful
    assert suspects.closed(["a", "b"]) is None
    assert suspects.careful
    suspects.went("a")
    assert suspects.closed(["b"]) is None
    assert suspects.closed(["b"]) == "b"
    suspects.calm()
    assert not suspects.careful


def test_a_rival_is_told_from_an_earlier_run() -> None:
    def state(session: str, status: str = "online") -> bytes:
        text = f'{{"schema":"touchline.state/1","session":"{session}","seq":1,"status":"{status}",'
        return (text + '"time_ns":1,"clean":true}').encode()

    mine, earlier, other = "a" * 16, "b" * 16, "c" * 16
    rivals = Rivals(mine)
    rivals.connected()
    rivals.hear(state(earlier), newer=False, now_s=0.0)
    rivals.hear(state(mine), newer=True, now_s=0.0)
    rivals.hear(state(other, "offline"), newer=True, now_s=0.0)
    rivals.hear(b"\xff{", newer=True, now_s=0.0)
    rivals.connected()
    rivals.hear(state(earlier), newer=False, now_s=1.0)
    assert rivals.present(1.0) is None
    rivals.hear(state(other), newer=False, now_s=2.0)
    assert rivals.present(100.0) == other
    assert rivals.present(123.0) is None
