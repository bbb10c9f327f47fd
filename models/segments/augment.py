"""What training does to cached features: key frames, speed, crops, loudness, dropped features.

Pure functions of arrays and a generator. The cache has a picture for each second; a box in its
default mode sees key frames only, each held until the next, and a picture a second of what it
suspects. `key_frames` draws where an encoder would have put them, `suspected` what would be looked
at again, and the low-level features of pictures are computed anew from what is held, by
the box's own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.segments import second_pass
from edge.segments.features import LOW_PICTURE
from edge.segments.types import Label, Segment

Floats = NDArray[np.float32]
SOUND_LEVELS = (*range(LOW_PICTURE, LOW_PICTURE + 16), -2, -1)
"""Columns of the low-level features that shift with loudness: band means, frame energy."""
SCALE = 8.0
"""Natural logarithms of power are divided by it in those columns (`edge.segments.features`)."""
QUIET = 1 - 9.0 / SCALE
"""Level under which a band is near the floor and does not shift."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One programme as the head sees it, s seconds."""

    visual: Floats
    """(s, narrow)."""
    sound: Floats
    """(s, narrow), or (s, 64, 100) log-mel for a CNN of its own."""
    low: Floats
    """(s, 43)."""
    labels: NDArray[np.int8]
    """(s,)."""


def key_frames(
    rng: np.random.Generator, cuts_s: NDArray[np.float64], seconds: int
) -> NDArray[np.float64]:
    """Draw the times of key frames, in seconds from 0, ascending and below `seconds`.

    One in five programmes has a picture for each second (as `--exact` has), two in five fixed
    intervals (streaming), the others a longest interval and most of the scene cuts (x264, x265).
    """
    kind = rng.random()
    if kind < 0.2:
        return np.asarray(np.arange(seconds) + 0.5, np.float64)
    if kind < 0.6:
        gop = float(rng.choice([1, 2, 2, 3, 4, 4, 5, 6, 8, 10]))
        return np.arange(0.0, seconds, gop)
    longest = float(rng.uniform(2.0, 12.0))
    kept = cuts_s[rng.random(len(cuts_s)) < rng.uniform(0.6, 1.0)]
    anchors = np.unique(np.concatenate([[0.0], kept[(kept > 0) & (kept < seconds)]]))
    ends = np.append(anchors[1:], seconds)
    runs = [np.arange(a, b, longest) for a, b in zip(anchors, ends, strict=True)]
    return np.concatenate(runs)


def suspected(rng: np.random.Generator, spans: Sequence[Segment], seconds: int) -> list[Segment]:
    """What a first look at a programme may suspect: most of what is there, and something else."""
    made = [
        Segment(s.label, s.start_s + rng.uniform(-8, 8), s.end_s + rng.uniform(-8, 8))
        for s in spans
        if rng.random() < 0.9
    ]
    for _ in range(int(rng.integers(0, 3))):
        start, length = rng.uniform(0, seconds), rng.uniform(8, 60)
        made.append(Segment(Label.RECAP, start, start + length))
    return [s for s in made if s.end_s > s.start_s]


def looked_at(
    times_s: NDArray[np.float64], candidates: Sequence[Segment], seconds: int
) -> NDArray[np.float64]:
    """Key frames' times, and the middle of each second that the box would look at again."""
    middles = [
        np.arange(int(first), int(last)) + 0.5
        for first, last in second_pass.spans(candidates, float(seconds))
    ]
    return np.unique(np.concatenate([times_s, *middles]))


def shown_at(
    times_s: NDArray[np.float64], cuts_s: NDArray[np.float64], seconds: int
) -> NDArray[np.intp]:
    """Index of the cached picture that stands for the one at each time.

    The nearest one of the same shot. Cached are a picture in the middle of each second, rows 0 to
    `seconds` - 1, and the first one of each shot, the rows after these.
    """
    taken_s = np.concatenate([np.arange(seconds) + 0.5, cuts_s])
    order = np.argsort(taken_s, kind="stable")
    taken_s, shot = taken_s[order], np.searchsorted(cuts_s, taken_s[order], "right")
    wanted = np.searchsorted(cuts_s, times_s, "right")
    after = np.searchsorted(taken_s, times_s, "right").clip(0, len(order) - 1)
    before = (after - 1).clip(0)
    later = taken_s[after] - times_s < times_s - taken_s[before]
    chosen = np.where(later & (shot[after] == wanted), after, before)
    chosen = np.where(shot[before] == wanted, chosen, after)
    return np.asarray(order[chosen], np.intp)


def held(times_s: NDArray[np.float64], seconds: int) -> NDArray[np.intp]:
    """Index of the key frame that each second holds: the last at or before its middle."""
    rows: NDArray[np.intp] = np.searchsorted(times_s, np.arange(seconds) + 0.5, "right") - 1
    return rows.clip(0, len(times_s) - 1)


def warped(rng: np.random.Generator, sample: Sample, shortest: int, longest: int) -> Sample:
    """Play a random part of a programme at a random speed, 0.9 to 1.1.

    The part has `shortest` seconds at least (where the programme has them), `longest` at most.
    """
    count = len(sample.labels)
    speed = rng.uniform(0.9, 1.1)
    most = max(1, min(longest, int(count / speed)))
    whole = rng.random() < 0.5
    length = most if whole else int(rng.integers(min(shortest, most), most + 1))
    start = rng.uniform(0, max(count - length * speed, 0.0))
    rows = (start + np.arange(length) * speed).astype(np.intp).clip(0, count - 1)
    return Sample(sample.visual[rows], sample.sound[rows], sample.low[rows], sample.labels[rows])


def louder(rng: np.random.Generator, sample: Sample) -> Sample:
    """Shift the levels of sound by up to 8 dB down or 6 dB up, where there is any."""
    low = sample.low.copy()
    shift = np.float32(rng.uniform(-8, 6) * np.log(10) / 10 / SCALE)
    levels = list(SOUND_LEVELS)
    low[:, levels] += np.where(low[:, levels] > QUIET, shift, np.float32(0))
    return replace(sample, low=low)


def look_and_tone(rng: np.random.Generator, sample: Sample, much: float = 0.25) -> Sample:
    """Add one random vector to a programme's picture features, one to its sound features.

    Another grade, another mix: what a head would else know a series by.
    """
    visual = sample.visual + _vector(rng, sample.visual.shape[1], much)
    if sample.sound.ndim > 2:
        return replace(sample, visual=visual)
    sound = sample.sound + _vector(rng, sample.sound.shape[1], much)
    return replace(sample, visual=visual, sound=sound)


def noisy(rng: np.random.Generator, visual: Floats, rows: NDArray[np.intp], much: float) -> Floats:
    """Take rows of (k, narrow) picture features with noise of its own on each picture.

    A file's decoder, scaler and codec move features by about as much as one picture to the next.
    """
    noise = rng.standard_normal(visual.shape, np.float32) * np.float32(rng.uniform(0, much))
    return np.asarray((visual + noise)[rows], np.float32)


def without(
    rng: np.random.Generator, sample: Sample, nothing: tuple[Floats, Floats], silence: Floats
) -> Sample:
    """Take the pictures of one programme in 25, the sound of another.

    `nothing`: what zeros of picture and sound features are, reduced; `silence`: the 34 low-level
    features of no sound.
    """
    draw = rng.random()
    if draw < 0.04:
        low = sample.low.copy()
        low[:, :LOW_PICTURE] = 0
        return replace(sample, visual=np.broadcast_to(nothing[0], sample.visual.shape), low=low)
    if draw < 0.08:
        low = sample.low.copy()
        low[:, LOW_PICTURE:] = silence
        sound = np.broadcast_to(nothing[1], sample.sound.shape)
        return replace(sample, sound=sound, low=low)
    return sample


def _vector(rng: np.random.Generator, size: int, much: float) -> Floats:
    return (rng.standard_normal(size) * rng.uniform(0, 2 * much)).astype(np.float32)
