"""Numerals tell which yard line is which, for every rule book and from both sides."""

import cv2
import numpy as np
import pytest

from edge.fields import load_field
from edge.registration.candidates import moved_along
from edge.registration.numerals import (
    FARTHEST,
    NONE,
    PER_PERIOD,
    REACH,
    Numerals,
    class_of,
    classifier,
)
from tests.registration.scenes import camera, draw

SIZE = {"width": 640, "height": 360}
NAMES = ("nfl", "ncaa_football", "high_school_football")


def picture(name, at=(0.0, -70.0, 28.0), to=(-12.0, 0.0), focal=1.3):
    """(360, 640) grey picture of a field with its numerals, and its homography."""
    field = load_field(name)
    h = camera(at, to, focal, **SIZE)
    return field, cv2.cvtColor(draw(h, field=field, **SIZE), cv2.COLOR_BGR2GRAY), h


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [-1, 1])
def test_a_homography_off_by_whole_periods_is_told(name, side):
    field, grey, h = picture(name, at=(3.0, side * 70.0, 28.0))
    numerals = Numerals.of(field)
    for off in range(-3, 4):
        wrong = moved_along(h, -off * field.period_m)
        reading = numerals.read(grey, wrong)
        assert reading.off == off
        assert (reading.margin > 0) == (off == 0)
    assert numerals.read(grey, h).present > 5


def test_grass_tells_nothing():
    field, grey, h = picture("nfl")
    noise = np.random.default_rng(0).normal(90, 1, grey.shape).astype(np.uint8)
    reading = Numerals.of(field).read(noise, h)
    assert abs(reading.margin) < 1
    assert abs(reading.present) < 1


def test_numerals_out_of_the_picture_or_too_small_do_not_count():
    field, _, _ = picture("nfl")
    numerals = Numerals.of(field)
    noise = np.random.default_rng(0).integers(0, 255, (360, 640), dtype=np.uint8)
    beside = camera((0.0, -70.0, 28.0), (300.0, 0.0), 3.0, **SIZE)
    far = camera((0.0, -400.0, 150.0), (0.0, 0.0), 0.6, **SIZE)
    for h in (beside, far):
        reading = numerals.read(noise, h)
        assert not reading.likelihood.any()
        assert (reading.margin, reading.present) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["soccer", "nba", "nhl", "itf"])
def test_other_fields_have_none(name):
    assert Numerals.of(load_field(name)) is None


def test_every_tenth_yard_has_a_class_of_its_own():
    classes = class_of(np.arange(-REACH, REACH + 1))
    assert list(classes[REACH - 8 : REACH + 9 : 2]) == list(range(NONE))
    assert (classes == NONE).sum() == 2 * REACH + 1 - NONE


def test_shapes_are_as_told():
    field, grey, h = picture("nfl")
    numerals = Numerals.of(field)
    patches = numerals.patches(grey, h)
    assert patches.grey.shape[:2] == patches.legible.shape == (2, 2 * REACH + 1)
    assert 0.5 < patches.legible.max() <= 1
    assert classifier()(patches.grey).shape == (2, 2 * REACH + 1, NONE + 1)
    assert numerals.along == 2 * REACH * PER_PERIOD + 29
    assert len(numerals.read(grey, h).likelihood) == 2 * FARTHEST + 1
