"""Pictures and sound as they come are judged, one row a second, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.segments import pictures, sound
from edge.segments.cues import levels_db
from edge.segments.demux import DecodedPicture, Sound
from edge.segments.features import FEATURES, RATE_S, Track, lay_out, measure_sound
from edge.segments.inference import BATCH, SegmentsNetwork
from edge.segments.malloc_trim import give_back
from edge.segments.types import Emissions
from edge.types import FloatArray, ImageArray

AT_ONCE_S = 3600
"""Seconds that the head judges at a time; longer programmes are judged in parts."""
CONTEXT_S = 120
"""Seconds that it is shown before and after a part."""
_Number = TypeVar("_Number", np.float16, np.float32)
STRIP = (64, 36)
"""(width, height) of the pictures kept for a person."""


class Rows:
    """Collects what is read of a programme and judges it."""

    def __init__(
        self,
        network: SegmentsNetwork,
        *,
        has_sound: bool,
        strip_every_s: float,
        at_once_s: int = AT_ONCE_S,
        context_s: int = CONTEXT_S,
    ) -> None:
        self._network = network
        self._has_sound = has_sound
        self._at_once_s, self._context_s = at_once_s, context_s
        self._waiting: list[DecodedPicture] = []
        self._seen = _SeenRows()
        self._heard_from_s = 0
        self._heard: list[NDArray[np.float16]] = []
        self._measured: list[NDArray[np.float32]] = []
        self._levels: list[NDArray[np.int8]] = []
        self._seconds_heard = 0
        self._made: list[Emissions] = []
        self._judged_s = self._open_from_s = self._seconds = 0
        self._strip_every_s = strip_every_s
        self._strip: list[tuple[float, ImageArray]] = []

    def see(self, picture: DecodedPicture) -> None:
        """Take the next picture; they come in the order of their times."""
        self._waiting.append(picture)
        if not self._strip or picture.time_s >= self._strip[-1][0] + self._strip_every_s:
            self._strip.append((picture.time_s, pictures.shrunk(picture.image, STRIP)))
        if len(self._waiting) == BATCH:
            self._look()

    def hear(self, piece: Sound) -> None:
        """Take the next seconds of sound."""
        patches = sound.log_mel(piece.samples, piece.seconds)
        self._heard.append(self._network.hear(patches).astype(np.float16))
        self._measured.append(measure_sound(patches))
        self._levels.append(levels_db(piece.samples, piece.seconds))
        self._seconds_heard = piece.first_s + piece.seconds
        self._judge_what_is_there()

    def finish(self, seconds: int) -> Emissions:
        """All was read: so many seconds, judged."""
        self._look()
        if not self._has_sound:
            self._be_deaf(seconds)
        self._seconds = seconds
        while self._judged_s < seconds:
            self._judge(min(self._judged_s + self._at_once_s, seconds), seconds)
        return Emissions.joined(self._made)[:seconds]

    def look_again(self, more: Iterable[DecodedPicture]) -> Emissions:
        """All was judged: with these pictures too, from `open_from_s` on; returns as `finish`."""
        for picture in more:
            self._waiting.append(picture)
            if len(self._waiting) == BATCH:
                self._look()
        self._look()
        self._seen.sort()
        seconds, self._judged_s = self._judged_s, self._open_from_s
        if self._judged_s < seconds:
            self._made.pop()
            self._judge(seconds, seconds)
        return Emissions.joined(self._made)[: self._seconds]

    @property
    def open_from_s(self) -> int:
        """What lies before was judged for good: a long programme is judged in parts."""
        return self._open_from_s

    @property
    def levels(self) -> NDArray[np.int8]:
        """(100 * s,) loudness, dB of full scale; nothing where there is no sound."""
        return np.concatenate([np.empty(0, np.int8), *self._levels])

    @property
    def strip(self) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Times and (n, 36, 64, 3) RGB pictures for a person to look at."""
        shown = np.array([image for _, image in self._strip], np.uint8)
        times = np.array([time_s for time_s, _ in self._strip], np.float64)
        return times, shown.reshape(-1, STRIP[1], STRIP[0], 3)

    def _look(self) -> None:
        if self._waiting:
            shown = np.stack([picture.image for picture in self._waiting])
            times = [picture.time_s for picture in self._waiting]
            self._seen.add(times, shown, self._network.see(shown))
            self._waiting.clear()

    def _be_deaf(self, seconds: int) -> None:
        """No sound track at all: features of nothing, as the head was shown in training."""
        silent = np.full((1, sound.MELS, sound.COLUMNS), sound.SILENCE, np.float32)
        self._heard = [np.zeros((seconds, FEATURES), np.float16)]
        self._measured = [measure_sound(silent).repeat(seconds, axis=0)]
        self._seconds_heard = seconds

    def _judge_what_is_there(self) -> None:
        """Judge a part when the pictures and the sound of its context are there as well."""
        until = self._judged_s + self._at_once_s
        there = min(self._seconds_heard, self._seen.last_s)
        if there >= until + self._context_s:
            self._judge(until, until + self._context_s)

    def _judge(self, until: int, seconds: int) -> None:
        begun = self._judged_s
        first = max(0, begun - self._context_s)
        last = min(seconds, until + self._context_s)
        track = self._track(first, last)
        give_back()  # what laying it out needed is not needed beside the head
        judged = self._network.judge(track)
        self._made.append(judged[begun - first : until - first])
        self._judged_s, self._open_from_s = until, until
        if until == seconds:  # the last part: all that it needed is kept, for a second look
            self._open_from_s = begun
            return
        keep = max(self._heard_from_s, until - self._context_s)
        self._heard = [_joined(self._heard)[keep - self._heard_from_s :].copy()]
        self._measured = [_joined(self._measured)[keep - self._heard_from_s :].copy()]
        self._heard_from_s = keep
        self._seen.forget(keep)

    def _track(self, first: int, last: int) -> Track:
        rows = slice(first - self._heard_from_s, last - self._heard_from_s)
        seen = self._seen.between(first, last)
        return lay_out(
            seen.features,
            seen.measures,
            seen.thumbs,
            seen.times_s - first,
            _joined(self._heard)[rows],
            _joined(self._measured)[rows],
        )


def _joined(parts: list[NDArray[_Number]]) -> NDArray[_Number]:
    """Make one array of the parts, and of the list as well: it is not kept twice."""
    parts[:] = [np.concatenate(parts)]
    return parts[0]


class _SeenRows:
    """What is known of the pictures that are still needed."""

    def __init__(self) -> None:
        self.times_s = np.empty(0)
        self.features = np.empty((0, FEATURES), np.float16)
        self.measures = np.empty((0, pictures.MEASURES), np.float32)
        self.thumbs = np.empty((0, *pictures.THUMB[::-1]), np.uint8)
        self._new: list[tuple[list[float], NDArray[np.float16], FloatArray, NDArray[np.uint8]]] = []
        self.last_s = 0.0

    def add(self, times_s: list[float], shown: NDArray[np.uint8], features: FloatArray) -> None:
        small = pictures.thumbs(shown)
        self._new.append((times_s, features.astype(np.float16), pictures.measures(shown), small))
        self.last_s = times_s[-1]

    def sort(self) -> None:
        """Put what came late into its place."""
        self._join()
        order = np.argsort(self.times_s, kind="stable")
        self.times_s, self.features = self.times_s[order], self.features[order]
        self.measures, self.thumbs = self.measures[order], self.thumbs[order]

    def between(self, first_s: float, last_s: float) -> _SeenRows:
        """The pictures that matter to these seconds: those held or counted there, and one more."""
        self._join()
        a = int(np.searchsorted(self.times_s, first_s - RATE_S)) - 2
        b = int(np.searchsorted(self.times_s, last_s, side="right"))
        return self._part(slice(max(0, a), b))

    def forget(self, before_s: float) -> None:
        """Let go of what no later second needs."""
        kept = self.between(before_s, float("inf"))
        self.times_s, self.features = kept.times_s, kept.features
        self.measures, self.thumbs = kept.measures, kept.thumbs

    def _part(self, at: slice) -> _SeenRows:
        part = _SeenRows()
        part.times_s, part.features = self.times_s[at].copy(), self.features[at].copy()
        part.measures, part.thumbs = self.measures[at].copy(), self.thumbs[at].copy()
        return part

    def _join(self) -> None:
        if self._new:
            times, features, measures, thumbs = zip(*self._new, strict=True)
            self.times_s = np.concatenate([self.times_s, *map(np.asarray, times)])
            self.features = np.concatenate([self.features, *features])
            self.measures = np.concatenate([self.measures, *measures])
            self.thumbs = np.concatenate([self.thumbs, *thumbs])
            self._new.clear()
