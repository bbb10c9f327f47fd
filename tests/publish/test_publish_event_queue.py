"""Which event is sent when, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.publish.queue.event_queue import IN_FLIGHT, PAUSE_S, REPEATED_FOR_S, EventQueue
from edge.publish.queue.spool import Spool


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def spool() -> Iterator[Spool]:
    spool = Spool(None)
    yield spool
    spool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(spool: Spool, clock: Clock) -> EventQueue:
    queue = EventQueue(spool, clock)
    queue.connected(forgot=True)
    return queue


def add(queue: EventQueue, count: int) -> None:
    for _ in range(count):
        queue.append("t", lambda number: str(number).encode(), 0)


def send(queue: EventQueue, room: int = 99) -> list[int]:
    """Send what is due; a message's id is 100 more than its event's number."""
    events = queue.due(room)
    for event in events:
        queue.sent(100 + event.number, event)
    return [event.number for event in events]


def acknowledge(queue: EventQueue, *numbers: int, refused: bool = False) -> None:
    for number in numbers:
        assert queue.settle(100 + number, refused=refused)


def test_events_go_in_order_and_only_so_many_at_once(queue: EventQueue) -> None:
    add(queue, IN_FLIGHT + 3)
    assert send(queue, room=2) == [1, 2]
    assert send(queue) == list(range(3, IN_FLIGHT + 1))
    assert send(queue) == []
    acknowledge(queue, 1, 2)
    assert send(queue) == [IN_FLIGHT + 1, IN_FLIGHT + 2]
    assert (queue.delivered, len(queue), queue.in_flight) == (2, IN_FLIGHT + 1, IN_FLIGHT)


def test_what_was_not_acknowledged_is_sent_again_on_the_next_connection(queue: EventQueue) -> None:
    add(queue, 2)
    assert send(queue) == [1, 2]
    queue.connected(forgot=False)
    assert queue.in_flight == 0
    assert send(queue) == [1, 2]


def test_what_was_acknowledged_in_the_last_minute_is_repeated_once_before_the_rest(
    queue: EventQueue, clock: Clock
) -> None:
    add(queue, 1)
    send(queue)
    acknowledge(queue, 1)
    clock.now_s += REPEATED_FOR_S - 1
    add(queue, 2)
    send(queue)
    acknowledge(queue, 2)
    clock.now_s += 2
    queue.connected(forgot=False)
    assert len(queue) == 2, "2 is repeated, 3 was never acknowledged, 1 is too old"
    assert send(queue) == [2]
    assert send(queue) == [3]
    acknowledge(queue, 2, 3)
    assert (queue.delivered, len(queue)) == (3, 0)


def test_a_broker_that_forgot_its_sessions_is_given_a_moment(
    queue: EventQueue, clock: Clock
) -> None:
    add(queue, 1)
    assert send(queue) == [1], "not on the first connection"
    queue.connected(forgot=True)
    assert (send(queue), queue.pause_s()) == ([], PAUSE_S)
    clock.now_s += PAUSE_S
    assert (send(queue), queue.pause_s()) == ([1], 0)


def test_a_refused_event_is_dropped_and_counted(queue: EventQueue, spool: Spool) -> None:
    add(queue, 2)
    send(queue)
    acknowledge(queue, 1, refused=True)
    acknowledge(queue, 2)
    assert (queue.delivered, len(queue), spool.dropped) == (1, 0, {"refused": 1})


def test_other_messages_are_not_its_own(queue: EventQueue) -> None:
    assert not queue.settle(7, refused=False)
