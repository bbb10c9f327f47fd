"""Learn to verify segments: a logistic regression on pooled evidence of training programmes.

    python -m models.segments.verifier CACHE RUN

Examples do not come of a head's decoding, which makes hardly any mistake on what it learned from:
they are the true segments with their ends off by some seconds, and content of the same lengths,
what comes before an intro first of all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.segments.types import Label
from edge.segments.verify import Verifier, pooled
from models.registration.commands import one_line_errors
from models.regression import logistic
from models.segments.augment import key_frames, looked_at, suspected
from models.segments.dataset import Item, erased, fit, load, paths
from models.segments.network import evidence
from models.segments.splice import parts_of

EACH = 3
"""Examples of a segment or of an opening."""
OFF_S, WITHIN_S = 3.0, 6.0
"""An example begins and ends so far outside and inside of the true segment at most."""
LENGTHS_S = (10.0, 60.0)
OPENING_S = 90
"""Content before the first other part, up to this length, is an opening."""
PLAIN = 0.1
"""What an example of other content weighs, beside one of an opening or segment as a whole."""
VERIFIED = (Label.RECAP,)
"""Of an intro the chain itself tells better how likely it is, with its ends."""
FILE = "verifiers.npz"
"""Of the folder of heads."""
RIDGE = 3.0
"""See `logistic`."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Pooled evidence of n stretches."""

    pooled: Floats
    """(n, 3k)."""
    true: NDArray[np.bool_]
    weights: Floats


def evidence_of(item: Item, times_s: NDArray[np.float64] | None) -> Floats:
    """(s, k) evidence of a programme with pictures at these times, or each second."""
    sample = item.sample(times_s)
    rows = [torch.from_numpy(np.array(a))[None] for a in (sample.visual, sample.sound, sample.low)]
    return np.asarray(evidence(*rows)[0].numpy(), np.float64)


def examples(items: Sequence[Item], label: Label, seed: int = 0) -> Examples:
    """Stretches of programmes as the box sees them after its second look."""
    rng = np.random.default_rng(seed)
    rows, true, weights = [], [], []
    for item in items:
        count = len(item.labels)
        keys = key_frames(rng, item.cuts_s, count)
        seen = evidence_of(item, looked_at(keys, suspected(rng, item.spans, count), count))
        for first, last, is_true, weight in _stretches(rng, item, label):
            rows.append(pooled(seen, first, last))
            true.append(is_true)
            weights.append(weight)
    return Examples(np.array(rows), np.array(true), np.array(weights))


def fitted(made: Examples) -> Verifier:
    """The regression with the least penalized loss; ValueError for one kind of example only."""
    if made.true.all() or not made.true.any():
        raise ValueError("no example of one of the two kinds")
    w = logistic(made.pooled, made.true, RIDGE, made.weights)
    return Verifier(w[:-1], float(w[-1]))


def _stretches(
    rng: np.random.Generator, item: Item, label: Label
) -> Iterator[tuple[int, int, bool, float]]:
    """First and last second, whether it is such a segment, and weight."""
    parts = parts_of(item)
    for place, part in enumerate(parts):
        if part.label is label and part.seconds >= LENGTHS_S[0]:
            for _ in range(EACH):
                first = max(0, round(part.first + rng.uniform(-OFF_S, WITHIN_S)))
                last = min(len(item.labels), round(part.last + rng.uniform(-WITHIN_S, OFF_S)))
                if last - first >= LENGTHS_S[0] / 2:
                    yield first, last, True, 1 / EACH
        if part.label is Label.CONTENT and part.seconds >= LENGTHS_S[0]:
            opens = place == 0 and len(parts) > 1 and part.seconds <= OPENING_S
            for _ in range(EACH if opens else 2 * EACH):
                length = min(float(part.seconds), rng.uniform(*LENGTHS_S))
                first = part.first + int(rng.uniform(0, part.seconds - length + 1))
                last = min(part.last, first + round(length))
                yield first, last, False, 1 / EACH if opens else PLAIN


def write_verifiers(run: Path, verifiers: Mapping[Label, Verifier]) -> None:
    """Keep them beside the heads."""
    run.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{label.text} {name}": getattr(v, name)
        for label, v in verifiers.items()
        for name in ("weights", "bias")
    }
    part = run / f"{FILE}.part"
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(run / FILE)


def read_verifiers(run: Path) -> dict[Label, Verifier]:
    """Those of a folder of heads; UsageError where there are none."""
    if not (run / FILE).is_file():
        raise UsageError(f"{run}: no {FILE}; `python -m models.segments.verifier` writes it")
    with np.load(run / FILE) as kept:
        names = sorted({key.split(" ")[0] for key in kept.files})
        return {
            Label[name.upper()]: Verifier(kept[f"{name} weights"], float(kept[f"{name} bias"]))
            for name in names
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.segments.verifier", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("run", type=Path, help="folder of heads")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with one_line_errors(parser):
        files = paths(args.cache, "train")
        by = fit(files)
        items = [load(p, by) for p in files + erased(args.cache)]
        write_verifiers(args.run, {label: fitted(examples(items, label)) for label in VERIFIED})
    print(f"{args.run / FILE}: of {len(items)} programmes")


if __name__ == "__main__":
    main()
