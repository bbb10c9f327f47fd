"""Stamps that jump, restart, wrap, repeat or are missing become times that run on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.timeline import Timeline

WRAP_S = 2**33 / 90000
STEADY = [i / 25 for i in range(40)]


def placed(stamps: list[float | None], step_s: float | None = 0.04) -> list[float | None]:
    timeline = Timeline(step_s)
    return [timeline.place(stamp) for stamp in stamps]


@pytest.mark.parametrize(
    "stamps",
    [
        STEADY,
        [t - 3 for t in STEADY],
        [t + 100 if i < 20 else t + 5000 for i, t in enumerate(STEADY)],
        [t if i < 20 else t - 20 / 25 for i, t in enumerate(STEADY)],
        [t + 7000 if i < 20 else t - 9000 for i, t in enumerate(STEADY)],
        [(WRAP_S - 0.2 + t) % WRAP_S for t in STEADY],
        [t + 37_921 if i == 7 else t for i, t in enumerate(STEADY)],
        [t - 9800 if i in {4, 9} else t for i, t in enumerate(STEADY)],
        [None if i in {5, 6} else t for i, t in enumerate(STEADY)],
        [None if i < 3 else t for i, t in enumerate(STEADY)],
        [None] * 40,
        [t + 1e9 * (i % 2) for i, t in enumerate(STEADY)],
    ],
    ids=[
        "steady", "negative", "joined", "restart", "joined backwards", "wrap of 33 bits",
        "one ahead", "two behind", "missing", "missing first", "no stamps", "every other is wild",
    ],
)  # fmt: skip
def test_a_film_lasts_as_many_steps_as_it_has_frames(stamps: list[float | None]) -> None:
    assert placed(stamps) == pytest.approx(STEADY, abs=1e-6)


def test_true_pauses_stay() -> None:
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 1.0, 1.5, 8.0]
    assert placed([*times]) == pytest.approx(times)


def test_a_film_with_a_frame_a_minute_keeps_its_pauses() -> None:
    times = [60.0 * i for i in range(9)] + [60.0 * 12]
    assert placed([*times], 60.0) == pytest.approx(times)


def test_pairs_that_share_a_stamp_keep_the_films_length() -> None:
    times = placed([2 * (i // 2) / 25 for i in range(200)])
    assert times == sorted(set(times))
    assert times[-2] == pytest.approx(198 / 25)


def test_a_stamp_that_never_changes_does_not_stop_the_time() -> None:
    times = placed([7.0] * 100)
    assert times == sorted(set(times))
    assert times[-1] is not None
    assert times[-1] > 2


def test_swapped_stamps_are_put_in_order() -> None:
    times = placed([0.0, 0.04, 0.12, 0.08, 0.16, 0.2])
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(0.2)


def test_stamps_in_the_order_of_decoding_do_not_add_up() -> None:
    order = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    times = placed([(13 * turn + n) / 25 for turn in range(30) for n in order])
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(30 * 13 / 25, abs=0.2)


def test_without_a_stamp_and_a_rate_there_is_no_time() -> None:
    assert placed([None, None], None) == [None, None]


@pytest.mark.parametrize(
    ("origin_s", "first"), [(None, 0.0), (99.5, 0.5), (5.0, 0.0), (200.0, 0.0)]
)
def test_the_films_beginning_counts_where_it_is_close(origin_s: float | None, first: float) -> None:
    assert Timeline(0.04, origin_s).place(100.0) == pytest.approx(first)


def test_live_frames_are_bridged_by_their_arrival() -> None:
    timeline = Timeline(0.04)
    stamps = [0.0, 0.04, 500.0, 500.04, 40.0, 40.04]
    gaps = [0.0, 0.04, 0.3, 0.04, 1.5, 0.04]
    times = [timeline.place(*pair) for pair in zip(stamps, gaps, strict=True)]
    assert times == pytest.approx([0.0, 0.04, 0.34, 0.38, 1.88, 1.92])


def test_a_slow_camera_keeps_its_own_times() -> None:
    timeline = Timeline(None)
    times = [timeline.place(10.0 * i, 10.0 + 0.1 * (i % 3)) for i in range(8)]
    assert times == pytest.approx([10.0 * i for i in range(8)])


@given(
    st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.sampled_from([None, 1 / 60, 0.04, 10.0]),
)
def test_times_only_grow(stamps: list[float | None], step_s: float | None) -> None:
    times = [time for time in placed(stamps, step_s) if time is not None]
    assert times == sorted(set(times))
    assert all(time >= 0 for time in times)
