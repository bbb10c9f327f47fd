"""Broken times become one time line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.segments.timeline import Joints, StreamTimeline

PICTURES, SOUND = 0, 1


def placed(packets, start=0.0, end=None, lasts=0.5, may_restart=False):
    """Place (stream, stamp) in the order of a file; times by stream, and the map."""
    joints = Joints(start, end, may_restart=may_restart)
    made = []
    for stream, raw in packets:
        made += joints.push(stream, raw, lasts, (stream, raw))
    made += joints.finish()
    assert [p.item for p in made] == list(packets)
    return made, joints


def times(raw, start=0.0, end=None, lasts=0.5):
    made, joints = placed([(PICTURES, r) for r in raw], start, end, lasts)
    return [p.time_s for p in made], joints.jumps


@pytest.mark.parametrize(
    ("raw", "expected", "jumps"),
    [
        ([0, 0.5, 1.0], [0, 0.5, 1.0], 0),
        ([None, None, None], [0, 0.5, 1.0], 0),
        ([0, 0.5, None, 1.5], [0, 0.5, 1.0, 1.5], 0),
        ([0, 0.6, 0.5, 1.0], [0, 0.6, 0.6, 1.0], 0),  # not quite in order
        ([0, 5, 5.5, 0, 0.5], [0, 5, 5.5, 6.0, 6.5], 1),  # joined files
        ([0, 20, 40], [0, 20, 40], 0),  # a still picture for a long time
        ([0, 0.5, 90000.0, 90000.5], [0, 0.5, 1.0, 1.5], 1),
        ([-0.02, 0.5], [0, 0.5], 0),
        ([-5.0, -4.5, 0, 0.5], [0, 0, 0, 0.5], 0),  # what an edit list cuts off
        ([0, 0.5, 90000.0, 1.5, 2.0], [0, 0.5, 1.0, 1.5, 2.0], 0),  # one wrong stamp
        ([0, 0.5, -800.0, 1.5, 2.0], [0, 0.5, 1.0, 1.5, 2.0], 0),
        ([0] * 12, [0] * 9 + [0.5, 1.0, 1.5], 0),  # a stamp that never changes says nothing
    ],
)
def test_times_go_on(raw, expected, jumps):
    assert times(raw) == (pytest.approx(expected), jumps)


def test_a_late_start_is_none_of_the_programme():
    assert times([1.4, 1.9], start=1.4) == (pytest.approx([0, 0.5]), 0)


def test_a_long_still_within_the_file_is_no_leap():
    assert times([0, 300.0, 600.0], end=600.0) == ([0, 300.0, 600.0], 0)


@given(st.lists(st.none() | st.floats(-1e7, 1e7)), st.none() | st.floats(0, 1e5))
def test_time_never_goes_back(raw, end):
    made, _ = times(raw, end=end)
    assert made == sorted(made)
    assert all(t >= 0 for t in made)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.none() | st.floats(-1e9, 1e9)), max_size=400),
    st.none() | st.floats(0, 1e12),
    st.booleans(),
)
def test_time_is_bounded_by_what_the_file_holds(packets, end, may_restart):
    made, _ = placed(packets, end=end, may_restart=may_restart)
    last = max((p.time_s for p in made), default=0.0)
    assert last <= 5 * 3600 + 11 * len(packets)


def test_stamps_that_are_right_stay_as_they_are():
    made, joints = placed([(n % 2, 7 + n / 4) for n in range(40)], start=7.0)
    assert all(p.stamp_s is None for p in made)
    assert (joints.jumps, joints.wrong) == (0, 0)


def part(start, seconds, sound_late=0.0, sound_seconds=None):
    """Packets of half a second; sound comes in the file behind the pictures of its time."""
    sound_seconds = seconds if sound_seconds is None else sound_seconds
    made = [(start + n / 2, PICTURES) for n in range(seconds * 2)]
    made += [(start + sound_late + n / 2, SOUND) for n in range(sound_seconds * 2)]
    return [(stream, raw) for raw, stream in sorted(made)]


@pytest.mark.parametrize("second", [0.0, 100.0, 5000.0, 95_000.0])
@pytest.mark.parametrize("mixed", [0, 3])
def test_pictures_and_sound_are_moved_together(second, mixed):
    """Also where the last packets of the first part lie behind the first ones of the second."""
    a, b = part(0.0, 10, 0.1), part(second, 10, 0.1)
    late = [p for p in a if p[0] == SOUND][-mixed:] if mixed else []
    film = [p for p in a if p not in late] + b[: 2 * mixed : 2] + late
    film += [p for p in b if p not in b[: 2 * mixed : 2]]
    made, joints = placed(film, end=5010.0, may_restart=True)
    assert joints.jumps == 1
    for stream, at in ((PICTURES, second + 5), (SOUND, second + 5.1)):
        (marked,) = [p for p in made[len(a) :] if p.item == (stream, at)]
        assert marked.stamp_s == pytest.approx(marked.time_s)
        assert marked.time_s == pytest.approx(10 + at - second, abs=0.2)
    apart = [p.time_s - (p.item[1] - second) for p in made if p.item in b][-10:]
    assert max(apart) - min(apart) < 1e-6


def test_a_part_begins_behind_the_longest_stream_of_the_part_before():
    made, _ = placed([*part(0.0, 20, 0.0, 5), *part(300.0, 5)], may_restart=True)
    assert made[-1].time_s == pytest.approx(24.5)
    made, _ = placed([*part(0.0, 5, 0.0, 20), *part(300.0, 5)], may_restart=True)
    assert made[-1].time_s == pytest.approx(24.5)


def test_sound_that_only_a_later_part_has_is_placed_with_its_pictures():
    made, _ = placed([*part(0.0, 20, 0.0, 0), *part(0.0, 20)], may_restart=True)
    first = next(p for p in made if p.item[0] == SOUND)
    assert first.time_s == pytest.approx(20, abs=0.5)


def test_a_loss_of_some_seconds_keeps_the_time():
    film = [*part(0.0, 10), *part(25.0, 10)]
    made, joints = placed(film, may_restart=True)
    assert [p.time_s for p in made] == pytest.approx([raw for _, raw in film])
    assert joints.jumps == 0


def test_sound_alone_that_restarts_goes_on_beside_the_pictures():
    film = sorted(
        [(n / 2, PICTURES, n / 2) for n in range(300)]
        + [(n / 2, SOUND, n / 2 if n < 100 else n / 2 - 50) for n in range(300)]
    )
    made, joints = placed([(s, raw) for _, s, raw in film], may_restart=True)
    assert joints.jumps == 1
    assert [p.time_s for p in made] == pytest.approx([at for at, _, _ in film])


def test_pieces_without_a_time_follow_each_other():
    line = StreamTimeline(2.0)
    assert [line.at(t, 0.5) for t in (2.0, None, None, 3.4, 2.9)] == pytest.approx(
        [0, 0.5, 1.0, 1.4, 1.4]
    )
