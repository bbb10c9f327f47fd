"""Cached programmes in memory, reduced to principal components, and batches of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.errors import UsageError
from edge.segments.features import FEATURES, LOW, LOW_PICTURE, lay_out, measure_sound
from edge.segments.sound import COLUMNS, MELS, SILENCE
from edge.segments.types import Segment
from models.segments.augment import (
    Sample,
    held,
    key_frames,
    look_and_tone,
    looked_at,
    louder,
    noisy,
    shown_at,
    suspected,
    warped,
    without,
)
from models.segments.backbone import KNOWN
from models.segments.cache import from_bytes
from models.segments.crf_loss import permitted_sets
from models.segments.network import LABELS, Reduction
from models.segments.rendered_cache import spans_of
from models.segments.scoring import seconds_of

Floats = NDArray[np.float32]
NARROW = (88, 29)
"""Components of picture and sound features."""
APART = "apart.npz"
"""Of the folder of cached programmes: directions that `models.segments.discriminant` found."""
NOISE = 0.5
"""Of picture features, at most; the largest components vary by 1."""
LOOKED_AT = 0.6
"""So many programmes are seen as after a second look."""
LAID_ANEW = 0.7
"""So many programmes are laid out anew, see `splice`."""
Anew = Callable[[np.random.Generator, "Item"], "Item"]
ROWS = 60_000
"""Seconds from which the components are computed."""


def _rows(visual: Floats, rows: NDArray[np.intp]) -> Floats:
    return np.asarray(visual[rows], np.float32)


@dataclass(slots=True)
class Item:
    """One cached programme, s seconds."""

    name: str
    series: str
    visual: Floats
    """(s + c, narrow), reduced: a picture in each second's middle, then one at each of c cuts."""
    sound: Floats
    """(s, narrow)."""
    low: Floats
    """(s, 43), of the pictures in the middles."""
    measures: Floats
    """(s + c, 3)."""
    thumbs: NDArray[np.uint8]
    """(s + c, 18, 32)."""
    cuts_s: NDArray[np.float64]
    spans: tuple[Segment, ...]
    labels: NDArray[np.int8]
    recipe: dict[str, Any]
    mel: NDArray[np.uint8] | None = None
    """(s, 64, 100) bytes, where asked for."""

    def with_keys(self, times_s: NDArray[np.float64]) -> tuple[NDArray[np.intp], Floats]:
        """What a box sees that takes pictures at these times.

        Returns the row that each second holds, and its (s, 43) low-level features.
        """
        count = len(self.labels)
        taken = shown_at(times_s, self.cuts_s, count)
        low = self.low.copy()
        low[:, :LOW_PICTURE] = picture_lows(
            self.measures[taken], self.thumbs[taken], times_s, count
        )
        return taken[held(times_s, count)], low

    def sample(
        self,
        times_s: NDArray[np.float64] | None = None,
        take: Callable[[Floats, NDArray[np.intp]], Floats] = _rows,
    ) -> Sample:
        """The programme with a picture for each second, or with pictures at these times.

        `take` gives the rows of picture features.
        """
        sound = self.sound if self.mel is None else from_bytes(self.mel)
        if times_s is None:
            rows, low = np.arange(len(self.labels)), self.low
        else:
            rows, low = self.with_keys(times_s)
        return Sample(take(self.visual, rows), sound, low, self.labels)


def picture_lows(
    measures: Floats, thumbs: NDArray[np.uint8], times_s: NDArray[np.float64], seconds: int
) -> Floats:
    """The low-level features of pictures alone, (s, 9), by the box's own code."""
    nothing = np.zeros((seconds, FEATURES), np.float32)
    visual = np.zeros((len(times_s), FEATURES), np.float32)
    heard = np.zeros((seconds, LOW - LOW_PICTURE), np.float32)
    track = lay_out(visual, measures, thumbs, times_s, nothing, heard)
    return track.low[:, :LOW_PICTURE]


def silent_low() -> Floats:
    """(34,): the low-level features of sound where there is none."""
    return measure_sound(np.full((1, MELS, COLUMNS), SILENCE, np.float32))[0]


@dataclass(slots=True)
class Reductions:
    """How both kinds of features become few, and what the low-level ones are standardized by."""

    visual: Reduction
    sound: Reduction
    low_mean: Tensor
    low_scale: Tensor

    def nothing(self) -> tuple[Floats, Floats]:
        """What features of zeros become."""
        zeros = torch.zeros(FEATURES)
        return self.visual(zeros).numpy(), self.sound(zeros).numpy()


def paths(cache: Path, split: str) -> list[Path]:
    """The cached programmes of a split; UsageError where there is none."""
    found = sorted(cache.glob(f"{split}-*.npz"))
    if not found:
        raise UsageError(f"{cache}: no programme of {split!r}; `models.segments.cache` makes them")
    return found


def erased(cache: Path) -> list[Path]:
    """Cached training programmes of which all text was erased, where there are any."""
    return sorted((cache / "erased").glob("train-*.npz"))


def fit(files: Sequence[Path], narrow: tuple[int, int] = NARROW) -> Reductions:
    """Components of picture and sound features, and scales of the low ones, of these programmes.

    Where the CNN was taught to name texts and sounds, the directions that name them come first;
    where `models.segments.discriminant` was run, those that tell set-ups and music apart come next.
    """
    keep = max(1, ROWS // len(files))
    parts: dict[str, list[Floats]] = {"visual": [], "sound": [], "low": []}
    rng = np.random.default_rng(0)
    known, apart = (_directions(files[0].parent / name) for name in (KNOWN, APART))
    for path in files:
        with np.load(path) as kept:
            rows = rng.permutation(len(kept["low"]))[:keep]
            for key, chosen in parts.items():
                chosen.append(kept[key][rows].astype(np.float32))
    made = {}
    for key, count in zip(("visual", "sound"), narrow, strict=True):
        made[key] = Reduction(FEATURES, count)
        rows_of = torch.from_numpy(np.concatenate(parts[key]))
        made[key].fit(rows_of, known.get(key), apart.get(key))
    visual, sound = made["visual"], made["sound"]
    low = torch.from_numpy(np.concatenate(parts["low"]))
    return Reductions(visual, sound, low.mean(0), 1 / low.std(0).clamp_min(1e-3))


def _directions(file: Path) -> dict[str, Tensor]:
    """(k, wide) directions of picture and sound features by name; none without the file."""
    if not file.exists():
        return {}
    with np.load(file) as kept:
        return {key: torch.from_numpy(kept[key]) for key in kept.files}


def load(path: Path, by: Reductions, *, mel: bool = False, in_float: bool = False) -> Item:
    """Read one cached programme; `in_float`: with the features of the FP32 CNN."""
    end = "_fp32" if in_float else ""
    with np.load(path) as kept:
        spans = spans_of(kept["spans"])
        visual = np.concatenate([kept["visual" + end], kept["cut_visual" + end]])
        return Item(
            name=path.stem,
            series=str(kept["series"]),
            visual=by.visual(torch.from_numpy(visual).float()).numpy(),
            sound=by.sound(torch.from_numpy(kept["sound" + end]).float()).numpy(),
            low=kept["low"],
            measures=np.concatenate([kept["measures"], kept["cut_measures"]]),
            thumbs=np.concatenate([kept["thumbs"], kept["cut_thumbs"]]),
            cuts_s=kept["cuts_s"],
            spans=spans,
            labels=seconds_of(spans, len(kept["low"])),
            recipe=json.loads(str(kept["recipe"])),
            mel=kept["mel"] if mel else None,
        )


@dataclass(slots=True)
class ProgrammeBatch:
    """Programmes of different lengths side by side."""

    visual: Tensor
    sound: Tensor
    low: Tensor
    labels: Tensor
    """(b, t, 3) bool, the one of each second."""
    permitted: Tensor
    """(b, t, 3) bool, near a boundary those of both sides."""
    mask: Tensor
    """(b, t) bool, true where a programme has a second."""


def collate(samples: Sequence[Sample], margin: int) -> ProgrammeBatch:
    """Pad samples to the longest; `margin`: seconds around a boundary where both labels pass."""
    longest = max(len(s.labels) for s in samples)
    return ProgrammeBatch(
        visual=_padded([s.visual for s in samples], longest),
        sound=_padded([s.sound for s in samples], longest),
        low=_padded([s.low for s in samples], longest),
        labels=_sets(samples, 0, longest),
        permitted=_sets(samples, margin, longest),
        mask=_padded([np.ones(len(s.labels), bool) for s in samples], longest),
    )


def _sets(samples: Sequence[Sample], margin: int, longest: int) -> Tensor:
    sets = [permitted_sets(torch.from_numpy(s.labels), LABELS, margin).numpy() for s in samples]
    return _padded(sets, longest)


def _padded(rows: Sequence[NDArray[Any]], longest: int) -> Tensor:
    out = torch.zeros(
        len(rows), longest, *rows[0].shape[1:], dtype=torch.from_numpy(rows[0][:0].copy()).dtype
    )
    for i, r in enumerate(rows):
        out[i, : len(r)] = torch.from_numpy(np.array(r))
    return out


class Augmenter:
    """Draws training batches."""

    def __init__(
        self,
        items: Sequence[Item],
        by: Reductions,
        *,
        shortest: int,
        longest: int,
        anew: Anew | None = None,
    ) -> None:
        """Crops have between `shortest` and `longest` seconds; `anew` lays a programme out anew."""
        self._items, self._anew = items, anew
        self._nothing, self._silence = by.nothing(), silent_low()
        self._shortest, self._longest = shortest, longest

    def sample(self, rng: np.random.Generator, item: Item) -> Sample:
        """One programme as an encoder, a player and a mixer might have left it."""
        if self._anew is not None and rng.random() < LAID_ANEW:
            item = self._anew(rng, item)
        count = len(item.labels)
        keys = key_frames(rng, item.cuts_s, count)
        if rng.random() < LOOKED_AT:
            keys = looked_at(keys, suspected(rng, item.spans, count), count)
        out = item.sample(keys, lambda visual, rows: noisy(rng, visual, rows, NOISE))
        out = louder(rng, warped(rng, out, self._shortest, self._longest))
        out = look_and_tone(rng, out)
        if out.sound.ndim > 2:
            return out
        return without(rng, out, self._nothing, self._silence)

    def epoch(self, rng: np.random.Generator, size: int, margin: int) -> Iterator[ProgrammeBatch]:
        """Each programme once, in batches of `size`."""
        order = rng.permutation(len(self._items))
        for at in range(0, len(order), size):
            yield collate([self.sample(rng, self._items[i]) for i in order[at : at + size]], margin)
