from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture import LatestSlot
from edge.types import Frame


def frame(index: int, at_ms: int = 0) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, None, 0, at_ms * 1_000_000)


def test_the_newest_frame_wins() -> None:
    slot = LatestSlot()
    for index in range(4):
        slot.put(frame(index))
    got = slot.get(0)
    assert got is not None
    assert got.index == 3
    assert slot.get(0) is None
    counts = slot.counts
    assert (counts.captured, counts.processed, counts.waiting) == (4, 1, 0)
    assert counts.dropped == {"busy": 3, "closed": 0}


@pytest.mark.parametrize(
    ("put_ms", "given", "busy"),
    [
        ([0, 17, 33], [0, 1, 2], 0),  # what waits shortly is caught up with
        ([0, 17, 33, 50], [3], 3),  # who is too late goes on with the newest
        ([0, 17, 33, 50, 67], [3, 4], 3),
        ([0, 1, 2, 3, 4, 5], [4, 5], 4),  # a burst
    ],
)
def test_a_patient_slot_gives_frames_in_order_until_they_are_late(
    put_ms: list[int], given: list[int], busy: int
) -> None:
    slot = LatestSlot(patience_s=0.045)
    for index, at_ms in enumerate(put_ms):
        slot.put(frame(index, at_ms))
    assert slot.counts.waiting == len(given)
    assert [got.index for _ in given if (got := slot.get(0))] == given
    assert slot.get(0) is None
    assert slot.counts.dropped["busy"] == busy


def test_a_finished_slot_gives_what_is_left() -> None:
    slot = LatestSlot()
    slot.put(frame(0))
    slot.finish()
    slot.put(frame(1))
    got = slot.get()
    assert got is not None
    assert got.index == 0
    assert slot.get() is None, "nobody waits at a finished slot"
    assert slot.counts.dropped == {"busy": 0, "closed": 1}


def test_close_drops_what_is_left_and_wakes_who_waits() -> None:
    slot = LatestSlot()
    got: list[Frame | None] = []
    waiter = threading.Thread(target=lambda: got.append(slot.get()))
    waiter.start()
    slot.close()
    waiter.join(90)
    assert got == [None]
    slot.put(frame(0))
    assert slot.counts.dropped == {"busy": 0, "closed": 1}


def test_a_waiting_reader_is_woken_by_a_frame() -> None:
    slot = LatestSlot()
    got: list[Frame | None] = []
    waiter = threading.Thread(target=lambda: got.append(slot.get(60)))
    waiter.start()
    slot.put(frame(7))
    waiter.join(90)
    assert [f.index for f in got if f is not None] == [7]


@given(
    st.lists(st.sampled_from(["put", "get", "finish", "close"]), max_size=40),
    st.sampled_from([0.0, 1.0]),
)
def test_every_frame_is_accounted_for(steps: list[str], patience_s: float) -> None:
    slot = LatestSlot(patience_s)
    put = taken = 0
    for step in steps:
        if step == "put":
            slot.put(frame(put))
            put += 1
        elif step == "get":
            taken += slot.get(0) is not None
        else:
            getattr(slot, step)()
        counts = slot.counts
        assert counts.captured == put
        assert counts.processed == taken
        assert put == taken + counts.waiting + sum(counts.dropped.values())


def test_threads_lose_no_count() -> None:
    slot = LatestSlot()
    many = 2000
    taken: list[int] = []

    def take() -> None:
        while (got := slot.get(10)) is not None:
            taken.append(got.index)

    reader = threading.Thread(target=take)
    reader.start()
    for index in range(many):
        slot.put(frame(index))
    slot.finish()
    reader.join(30)
    counts = slot.counts
    assert counts.captured == many
    assert counts.processed == len(taken)
    assert counts.processed + counts.dropped["busy"] == many
    assert taken == sorted(set(taken))
    assert taken[-1] == many - 1, "the last frame is never lost to a newer one"


def test_counts_cannot_be_changed() -> None:
    dropped = LatestSlot().counts.dropped
    with pytest.raises(TypeError):
        dropped["busy"] = 1  # type: ignore[index]
