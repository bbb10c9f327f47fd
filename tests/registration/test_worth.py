"""Refinements of good answers are put off while they gain nothing."""

import pytest

from edge.registration.worth import GAIN, LONGEST, Worth


def tries(worth, gains):
    """The frames that are tried, where each try gains what its frame says."""
    found = []
    for frame, gain in enumerate(gains):
        if worth.asks():
            found.append(frame)
            worth.told(gain)
    return found


def test_what_gains_nothing_is_tried_ever_more_seldom():
    assert tries(Worth(), [0.0] * 60) == [0, 2, 6, 14, 30, 46]
    assert LONGEST == 15


def test_what_gains_is_tried_each_time():
    assert tries(Worth(), [GAIN] * 6) == [0, 1, 2, 3, 4, 5]
    assert tries(Worth(), [-0.5, 1.0, 1.0, 1.0]) == [0, 2, 3]


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_another_shot_is_tried_at_once(gain):
    worth = Worth()
    tries(worth, [gain] * 9)
    worth.forget()
    assert worth.asks()
