"""A camera that goes on sending one and the same picture: pure, time comes in as an argument."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge.types import Image

_REQUANTIZED = 12
"""Levels by which an encoder may change a held picture from one key frame to the next."""
_MOVED = 0.01
"""Share of the pixels that may change by more."""
_RECENT_S = 1.0
"""Repetitions are counted over so long."""
_REPEATS = 0.65
"""Share of exact repetitions that no live picture has (24 pictures a second as 60: 0.6)."""
_REPEATS_ALL = 0.5
"""The same over all of the time after which a picture is frozen: at first it is refined."""
_REPEATS_LEFT = 0.4
"""Share below which a frozen picture is live again."""
_LIVELY = 0.2
"""Share of repetitions up to which a live stream shows its sensor's noise."""
_KNOWN_S = 60.0
"""What the stream did so long ago tells what is usual for it."""
_KNOWN_LEAST_S = 1.5
"""Less tells nothing: an encoder refines the first picture for a second."""
_LONGER = 1.5
"""How many times its longest usual pause without a new picture a stream must repeat old ones."""


class FreezeDetector:
    """Notices a camera that goes on sending one and the same picture.

    Even a still scene has sensor noise, so pixels that stay equal mean a hung sensor or encoder. A
    picture that is held before the encoder still changes by a few levels at each key frame, and is
    refined for a second or so. So a picture is held while hardly a pixel departs by more than that,
    and frozen when most of its frames are exact repetitions too, in a stream that otherwise has
    none. A stream whose encoder swallows the noise of a still scene repeats itself while it is
    live, but for its key frames: that one is frozen when nothing new came for longer than it ever
    paused. A sparse sample of the picture is compared, not all of it.
    """

    def __init__(self, frozen_after_s: float) -> None:
        self._frozen_after_s = frozen_after_s
        self._held: NDArray[np.int16] | None = None
        self._last = np.zeros(0, np.int16)
        self._since_s = 0.0
        self._is_frozen = False
        self._recent: deque[tuple[float, bool]] = deque()
        self._usual = _Usual(frozen_after_s + _RECENT_S)
        self._news = _News()

    def frozen(self, image: Image, now_s: float) -> bool:
        """Whether `image` (h, w, 3) and all before it for `frozen_after_s` seconds were equal."""
        sample = image[::16, ::16].astype(np.int16)
        repeated = np.array_equal(sample, self._last)
        self._last = sample
        if not self._holds(sample):
            self._held, self._since_s = sample, now_s
            self._recent.clear()
            self._news.of(image, now_s, learns=not self._is_frozen)
            self._usual.add(now_s, repeated=repeated)
            self._is_frozen = False
            return False
        new = self._news.of(image, now_s, learns=True)
        self._recent.append((now_s, repeated))
        while self._recent[0][0] < now_s - max(self._frozen_after_s, _RECENT_S):
            self._recent.popleft()
        was, self._is_frozen = self._is_frozen, self._judged(now_s)
        if self._is_frozen and not was:
            self._usual.hold_back()
        elif was and not self._is_frozen and new:  # the same scene, and live after all
            self._usual.let_in()
        if not self._is_frozen:
            self._usual.add(now_s, repeated=repeated)
        return self._is_frozen

    def _judged(self, now_s: float) -> bool:
        if now_s - self._since_s < self._frozen_after_s:
            return False
        if self._news.age_s(now_s) >= max(self._frozen_after_s, _LONGER * self._news.longest_s):
            return True
        if not self._usual.is_lively:
            return False
        recent = _share([r for at_s, r in self._recent if at_s >= now_s - _RECENT_S])
        if self._is_frozen:
            return recent >= _REPEATS_LEFT
        return recent >= _REPEATS and _share([r for _, r in self._recent]) >= _REPEATS_ALL

    def _holds(self, sample: NDArray[np.int16]) -> bool:
        held = self._held
        if held is None or held.shape != sample.shape:
            return False
        return float(np.mean(np.abs(sample - held) > _REQUANTIZED)) <= _MOVED


def _share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


class _News:
    """When a picture came last that is none of those before it."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._last_s: float | None = None
        self._olds = 0
        self.longest_s = 0.0
        """The longest pause between two, filled with old ones, that the stream made while live."""

    def of(self, image: Image, now_s: float, *, learns: bool) -> bool:
        """Take a picture; whether it is new. `learns`: a pause before it was a live stream's."""
        key = hash(image[::4, ::4].tobytes())  # closer: faint noise is in few of the pixels
        new = key not in self._seen
        self._seen.pop(key, None)
        self._seen[key] = now_s  # the dictionary is in the order of the last time
        while now_s - next(iter(self._seen.values())) > _KNOWN_S:
            del self._seen[next(iter(self._seen))]
        self._olds += not new
        if new:
            if learns and self._olds and self._last_s is not None:
                pause_s = min(now_s - self._last_s, _KNOWN_S / 2)
                self.longest_s = max(self.longest_s, pause_s)
            self._last_s, self._olds = now_s, 0
        return new

    def age_s(self, now_s: float) -> float:
        """Seconds since the last new one."""
        return 0.0 if self._last_s is None else now_s - self._last_s


class _Usual:
    """How often the stream repeats a picture while it is live: what came a while ago tells."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._waiting: deque[tuple[float, bool]] = deque()
        self._held_back: list[tuple[float, bool]] = []
        self._known: deque[tuple[float, bool]] = deque()
        self._repeats = 0

    @property
    def is_lively(self) -> bool:
        """Whether pictures came, and hardly one of them was a repetition."""
        if not self._known or self._known[-1][0] - self._known[0][0] < _KNOWN_LEAST_S:
            return False
        return self._repeats <= _LIVELY * len(self._known)

    def add(self, now_s: float, *, repeated: bool) -> None:
        """Take what a picture that is not frozen was."""
        self._waiting.append((now_s, repeated))
        while self._waiting and self._waiting[0][0] < now_s - self._delay_s:
            self._know(self._waiting.popleft())
        while self._known and self._known[0][0] < now_s - _KNOWN_S:
            self._repeats -= self._known.popleft()[1]

    def hold_back(self) -> None:
        """The stream froze: what came just before tells nothing of what is usual."""
        self._held_back = [*self._waiting]
        self._waiting.clear()

    def let_in(self) -> None:
        """It had not frozen: what was held back is usual."""
        for item in self._held_back:
            self._know(item)
        self._held_back = []

    def _know(self, item: tuple[float, bool]) -> None:
        self._known.append(item)
        self._repeats += item[1]
