"""One row a second: what the head is given of a programme.

Second s is the interval [s, s + 1); its picture is the one shown in its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.segments.pictures import MEASURES
from edge.segments.sound import COLUMNS, MELS

Floats = NDArray[np.float32]
FEATURES = 1280
"""Channels of the network's last layer."""
BANDS = 16
LOW_PICTURE = MEASURES + 6
"""So many directly measured features tell of pictures, the first ones; the others of sound."""
LOW = LOW_PICTURE + 2 * BANDS + 2
"""Directly measured features (43): see `assemble`."""
RATE_S = 10
"""Seconds over which pictures are counted."""
RETURN_S = 20.0
"""A dialogue goes back to a view that it had so many seconds ago; a recap goes on."""
_MOST_BACK = 40
"""Pictures looked through for that, at most."""


@dataclass(frozen=True, slots=True)
class Track:
    """Features of s seconds."""

    visual: Floats
    """(s, 1280)."""
    sound: Floats
    """(s, 1280)."""
    low: Floats
    """(s, 43)."""


def assemble(
    picture_features: Floats,
    measures: Floats,
    thumbs: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    sound_features: Floats,
    patches: Floats,
) -> Track:
    """Lay pictures and sound out along the seconds.

    k pictures: (k, 1280) features, (k, 3) measures, (k, 18, 32) thumbnails, (k,) times in
    ascending order; s seconds of sound: (s, 1280) features, (s, 64, 100) log-mel patches. A picture
    holds until the next one (the first one from the beginning on). `low` has the measures (3), the
    thumbnail's mean change (1), log1p of the picture's age (1), whether it is new (1), pictures in
    the last 10 s (1), the thumbnail's least change against any picture of the 20 s before and of
    the 20 s after (2), mean and deviation of 16 bands (32), mean and least energy (2).
    """
    heard = measure_sound(patches)
    return lay_out(picture_features, measures, thumbs, times_s, sound_features, heard)


def lay_out(
    picture_features: Floats | NDArray[np.float16],
    measures: Floats,
    thumbs: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    sound_features: Floats | NDArray[np.float16],
    heard: Floats,
) -> Track:
    """As `assemble`, from what is measured of the sound already: (s, 34)."""
    seconds = len(heard)
    middle = np.arange(seconds) + 0.5
    visual = np.zeros((seconds, FEATURES), np.float32)
    low = np.zeros((seconds, LOW), np.float32)
    if len(times_s) and seconds:
        held = np.clip(np.searchsorted(times_s, middle, side="right") - 1, 0, None)
        visual[:] = picture_features[held]
        low[:, :MEASURES] = measures[held]
        low[:, MEASURES] = _changes(thumbs)[held]
        low[:, MEASURES + 1] = np.log1p(np.maximum(0.0, middle - times_s[held]))
        low[:, MEASURES + 2] = np.diff(held, prepend=-1) > 0
        before = np.searchsorted(times_s, middle - RATE_S, side="right")
        low[:, MEASURES + 3] = (np.searchsorted(times_s, middle, side="right") - before) / RATE_S
        low[:, MEASURES + 4 : LOW_PICTURE] = _returns(thumbs, times_s)[held]
    low[:, LOW_PICTURE:] = heard
    return Track(visual, np.asarray(sound_features, np.float32), low)


def _changes(thumbs: NDArray[np.uint8]) -> Floats:
    """(k,) mean absolute difference to the thumbnail before, 0..1; 0 for the first."""
    made = np.zeros(len(thumbs), np.float32)
    difference = np.abs(np.diff(thumbs.astype(np.int16), axis=0))
    made[1:] = difference.mean(axis=(1, 2)) / 255
    return made


def _returns(thumbs: NDArray[np.uint8], times_s: NDArray[np.float64]) -> Floats:
    """(k, 2) least mean difference, 0..1, to a picture of the `RETURN_S` before, and after.

    1 where there is none.
    """
    made = np.ones((len(thumbs), 2), np.float32)
    rows = thumbs.reshape(len(thumbs), -1).astype(np.int16)
    for back in range(1, min(len(rows), _MOST_BACK + 1)):
        near = times_s[back:] - times_s[:-back] <= RETURN_S
        if not near.any():
            break
        far = np.abs(rows[back:] - rows[:-back]).mean(1, dtype=np.float32) / 255
        far = np.where(near, far, np.float32(1))
        np.minimum(made[back:, 0], far, out=made[back:, 0])
        np.minimum(made[:-back, 1], far, out=made[:-back, 1])
    return made


def measure_sound(patches: Floats) -> Floats:
    """(s, 64, 100) log-mel patches -> (s, 34) of what they show, scaled to about -1..1."""
    low = np.empty((len(patches), 2 * BANDS + 2), np.float32)
    bands = patches.reshape(len(patches), BANDS, MELS // BANDS, COLUMNS).mean(2)
    low[:, :BANDS] = bands.mean(2) / 8 + 1
    low[:, BANDS : 2 * BANDS] = bands.std(2) / 2
    energy = patches.mean(1)
    low[:, -2] = energy.mean(1) / 8 + 1
    low[:, -1] = energy.min(1) / 8 + 1
    return low
