"""Directions of the CNN's features in which set-ups, and pieces of music, lie apart.

    python -m models.segments.discriminant CACHE --library LIBRARY

Writes `apart.npz` beside the cached training programmes. A dialogue goes back to its views and a
recap goes on; a part's music ends with it. Principal components see that less well than
directions that were chosen for it: Fisher's (1936) linear discriminants, with Rao's (1948) for many
classes. Classes are a programme's own, so that no grade and no mix is learnt. Which set-up is seen
and which music is heard is known, for the programmes were laid so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.segments.features import FEATURES
from models.registration.commands import one_line_errors
from models.segments.dataset import APART, paths
from models.segments.episodes import FIRST_S, plan
from models.segments.library import Library
from models.segments.rendered_cache import write
from models.segments.timeline import ProgrammeTimeline

KEPT = {"visual": 80, "sound": 24}
"""Directions of picture and sound features."""
WITHIN = {"visual": 320, "sound": 200}
"""Principal components in which they are looked for."""
VARIANCE = {"visual": 0.37, "sound": 1.0}
"""Their mean variance: the noise that training adds to picture features is as large as a set-up's
own variation then."""
SHRINK = 0.03
"""Of the mean variance within classes, added to each."""
FAINT_DB = -16.0
"""Music below is not what a second is known by."""
Floats = NDArray[np.float64]


class Scatter:
    """Sums over programmes, from which discriminants are computed."""

    def __init__(self, wide: int) -> None:
        """Of features of so many values."""
        self._within, self._between, self._all = (np.zeros((wide, wide)) for _ in range(3))
        self._sum, self._rows, self._free, self._classes = np.zeros(wide), 0, 0, 0

    def add(self, rows: NDArray[np.floating], classes: NDArray[np.integer]) -> None:
        """(n, wide) features of one programme and their (n,) classes, -1 for none of any."""
        rows = np.asarray(rows, np.float32)
        self._all += rows.T @ rows
        self._sum += rows.sum(0)
        self._rows += len(rows)
        numbers, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
        kept = (numbers >= 0) & (counts > 1)
        if not kept.any():
            return
        centres = np.zeros((len(numbers), rows.shape[1]), np.float32)
        np.add.at(centres, inverse, rows)
        centres /= counts[:, None]
        mine = kept[inverse]
        off = (rows - centres[inverse])[mine]
        from_mean = centres[kept] - rows[classes >= 0].mean(0)
        self._within += off.T @ off
        self._between += from_mean.T @ from_mean
        self._free += len(off) - int(kept.sum())
        self._classes += int(kept.sum())

    def directions(self, count: int, among: int, variance: float) -> Floats:
        """(count, wide): the best first, each weighed by what it tells; ValueError for no classes.

        They are looked for `among` so many principal components.
        """
        if self._free < 1 or self._classes < 2:
            raise ValueError("no two classes of two rows to tell apart")
        mean = self._sum / self._rows
        total = self._all / self._rows - np.outer(mean, mean)
        components = np.linalg.eigh(total)[1][:, ::-1][:, :among]
        within = components.T @ (self._within / self._free) @ components
        between = components.T @ (self._between / self._classes) @ components
        within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
        inverse = np.linalg.inv(np.linalg.cholesky(within))
        ratios, turned = np.linalg.eigh(inverse @ between @ inverse.T)
        ratios, turned = ratios[::-1][:count].clip(0), turned[:, ::-1][:, :count]
        made = components @ inverse.T @ turned * np.sqrt(ratios / (1 + ratios))
        told = np.einsum("ik,ij,jk->k", made, total, made).mean()
        return np.asarray((made * np.sqrt(variance / told)).T)


def setups(timeline: ProgrammeTimeline, times_s: Sequence[float] | Floats) -> NDArray[np.intp]:
    """(n,): which of a programme's set-ups is seen at these times of the file; -1: none alone."""
    shots = [s for s in timeline.shots if s.whole]
    starts = [s.start_s for s in shots]
    numbers: dict[tuple[object, ...], int] = {}
    out = np.full(len(times_s), -1, np.intp)
    for row, at_s in enumerate(times_s):
        now = at_s + timeline.begin_s
        place = int(np.searchsorted(starts, now, "right")) - 1
        if place < 0:
            continue
        shot = shots[place]
        if shot.source >= 0 and now < shot.end_s and now - shot.start_s >= shot.dissolve_s:
            key = (shot.source, shot.first, shot.last, shot.mirror)
            out[row] = numbers.setdefault(key, len(numbers))
    return out


def music(library: Library, timeline: ProgrammeTimeline, seconds: int) -> NDArray[np.intp]:
    """(s,): the loudest music that is there throughout each second of the file; 0 for no music."""
    out, loudest = np.zeros(seconds, np.intp), np.full(seconds, FAINT_DB)
    for piece in timeline.sounds:
        if piece.source < 0 or library.sources[piece.source].kind != "music":
            continue
        start = piece.start_s - timeline.begin_s
        first, last = max(0, int(np.ceil(start))), int(start + piece.length_s)
        inside = np.arange(first, min(last, seconds))
        inside = inside[loudest[inside] < piece.gain_db]
        out[inside], loudest[inside] = 1 + piece.source, piece.gain_db
    return out


def of_cache(cache: Path, library: Library) -> dict[str, Floats]:
    """Directions of both kinds of features; UsageError without training programmes."""
    sums = {key: Scatter(FEATURES) for key in KEPT}
    for path in paths(cache, "train"):
        timeline, _ = plan(int(path.stem.partition("-")[2]), "train", library)
        with np.load(path) as kept:
            seconds = len(kept["low"])
            times_s = np.concatenate([np.arange(seconds) + 0.5, kept["cuts_s"] + FIRST_S])
            rows = {
                "visual": np.concatenate([kept["visual"], kept["cut_visual"]]),
                "sound": kept["sound"],
            }
        told = {"visual": setups(timeline, times_s), "sound": music(library, timeline, seconds)}
        for key, features in rows.items():
            sums[key].add(features, told[key])
    return {k: s.directions(KEPT[k], WITHIN[k], VARIANCE[k]) for k, s in sums.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.segments.discriminant", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("--library", type=Path, required=True, help="what the programmes are of")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        made = of_cache(args.cache, Library(args.library))
        write(args.cache / APART, {k: v.astype(np.float32) for k, v in made.items()})
    print(f"{args.cache / APART}: " + ", ".join(f"{len(v)} of {k}" for k, v in made.items()))


if __name__ == "__main__":
    main()
