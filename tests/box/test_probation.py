from __future__ import annotations

import pytest

from edge.box.remote_config.probation import Probation, Vitals


def vitals(frames: int = 10, age_s: float | None = 0.1, *, connected: bool = True, ended=False):
    return Vitals(frames, age_s, connected, ended)


STRICT = Probation(20.0, needs_frames=True, needs_broker=True)
LENIENT = Probation(20.0, needs_frames=False, needs_broker=False)


@pytest.mark.parametrize(
    ("probation", "seen", "elapsed_s", "passed", "failure"),
    [
        (STRICT, vitals(), 19.9, False, None),
        (STRICT, vitals(), 20.0, True, None),
        (STRICT, vitals(0, None), 20.0, False, None),  # it may still come
        (STRICT, vitals(0, None), 30.0, False, "no frame was processed"),
        (STRICT, vitals(5, 12.0), 29.9, False, None),
        (STRICT, vitals(5, 12.0), 30.0, False, "no frame was processed any more after 5"),
        (STRICT, vitals(connected=False), 25.0, False, None),
        (STRICT, vitals(connected=False), 30.0, False, "the broker was not reached"),
        (STRICT, vitals(3, 100.0, ended=True), 1.0, True, None),
        (STRICT, vitals(0, None, ended=True), 1.0, False, "no frame was processed"),
        (LENIENT, vitals(0, None, connected=False), 19.0, False, None),
        (LENIENT, vitals(0, None, connected=False), 20.0, True, None),
    ],
)  # fmt: skip
def test_a_trial_is_passed_failed_or_neither(
    probation: Probation, seen: Vitals, elapsed_s: float, passed: bool, failure: str | None
):
    assert probation.passed(seen, elapsed_s) == passed
    assert probation.failure(seen, elapsed_s) == failure
