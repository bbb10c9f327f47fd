"""What counts as a sign of life."""

from __future__ import annotations

from edge.health.beat import FRESH_S, STALLED_AFTER_S, Beat


def test_frames_are_life_and_silence_is_not() -> None:
    beat = Beat(0.0)
    assert beat.live(10.0)
    assert not beat.fresh(10.0), "no frame yet"
    beat.frame(10.0)
    assert beat.fresh(10.0 + FRESH_S / 2)
    assert not beat.fresh(10.0 + FRESH_S)
    assert beat.live(10.0 + STALLED_AFTER_S - 1)
    assert not beat.live(10.0 + STALLED_AFTER_S)


def test_another_attempt_at_the_source_is_life_and_a_hanging_one_is_not() -> None:
    beat = Beat(0.0)
    beat.frame(1.0)
    for second in range(2, 200):  # a camera that is away, an attempt every 20 s
        assert beat.waiting(float(second), attempts=second // 20) == (second % 20 == 0)
        assert beat.live(second)
        assert beat.fresh(second) == (second - 1.0 < FRESH_S)
    stalled = [second for second in range(200, 300) if not beat.live(second)]
    for second in range(200, 300):  # the same attempt, never ending
        assert not beat.waiting(float(second), attempts=9)
    assert stalled[0] == 180 + STALLED_AFTER_S
    assert not beat.live(299.0)
