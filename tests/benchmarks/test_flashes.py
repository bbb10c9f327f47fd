"""Flashes laid over a sequence, and what is counted of it."""

import dataclasses
from contextlib import closing

import numpy as np

from benchmarks.flashes import SETTLED, Tally, flashed, is_lit, lit, measure
from edge.types import Registration, RegistrationState
from models.registration.sets import Pool
from models.registration.truth import Shown


def test_flashes_are_rare_and_only_brighten(shown):
    on = [number for number in range(60) if is_lit(number)]
    assert on == [12, 24, 25, 36, 48, 49]
    assert min(on) >= SETTLED
    image = shown[0].image
    for number in on:
        assert (flashed(image, number) >= image).all()
        assert flashed(image, number).mean() > image.mean() + 25


def test_the_other_frames_are_left_as_they_are(shown):
    frames = [Shown("", shown[0], alone=False)] * 14
    made = list(lit(frames))
    assert [on for on, _ in made] == [number == 12 for number in range(14)]
    for on, one in made:
        assert np.array_equal(one.view.image, shown[0].image) is not on


class Dazzled:
    """Answers with the truth, but for bright pictures: those are a cut and lost."""

    def __init__(self, view):
        self.view = view

    def reset(self):
        """Nothing is remembered."""

    def register(self, image):
        """Tell by the brightness alone."""
        if image.mean() > self.view.image.mean() + 20:
            return Registration(RegistrationState.LOST, cut=True)
        return Registration(RegistrationState.VERIFIED, field_from_image=self.view.field_from_image)


def test_cuts_and_refusals_are_counted_apart(shown):
    view = dataclasses.replace(shown[0], field_name="soccer")
    frames = [Shown("", view, alone=number == 0) for number in range(26)]
    with closing(Pool(lambda _: Dazzled(view))) as pool:
        assert measure(frames, pool) == Tally(3, 3, 0, 0, 23, 23, 23)
