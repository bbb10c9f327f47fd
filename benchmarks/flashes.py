"""What photographers' flashes do to a sequence: each laid over real frames with a truth.

    python -m benchmarks.flashes TRUTH.jsonl ... [--frames 160] [--json]

One frame in twelve is lit, and the next one too in every second case. Prints, for each sport: cuts
that were seen, all of them false where the sequence is one shot; lit frames answered and right; the
others answered and right. docs/results/registration.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from edge.bundles import find_bundle
from edge.registration import FieldRegistrar
from edge.types import ImageArray
from models.registration.commands import one_line_errors
from models.registration.looks import SPORTS
from models.registration.scoring import Scored, score_view
from models.registration.sets import Pool
from models.registration.truth import Shown, pictures, read_truth

EVERY, TWICE_EVERY = 12, 24
SETTLED = 6
"""Frames at the beginning that no flash lights."""
LIFT = 25.0
"""Grey levels that a flash adds beside its gain."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one sequence."""

    cuts: int
    lit: int
    lit_answered: int
    lit_right: int
    others: int
    others_answered: int
    others_right: int


def is_lit(number: int) -> bool:
    """Whether a flash lights the frame of a sequence, from 0."""
    return number >= SETTLED and (number % EVERY == 0 or number % TWICE_EVERY == 1)


def flashed(image: ImageArray, number: int) -> ImageArray:
    """(h, w, 3) uint8 under a flash; its gain, 1.4 to 1.94, hangs on the frame's number."""
    gain = 1.4 + 0.06 * (number * 7 % 10)
    return np.clip(image.astype(np.float32) * gain + LIFT, 0, 255).astype(np.uint8)


def lit(shown: Iterable[Shown]) -> Iterator[tuple[bool, Shown]]:
    """Lay flashes over a sequence; says of each frame whether it has one."""
    for number, one in enumerate(shown):
        on = is_lit(number)
        image = flashed(one.view.image, number) if on else one.view.image
        yield on, replace(one, view=replace(one.view, image=image))


def measure(shown: Iterable[Shown], pool: Pool) -> Tally:
    """Register a sequence with flashes laid over it."""
    rows: dict[bool, list[Scored]] = {True: [], False: []}
    for on, one in lit(shown):
        registrar = pool.get(one.view.field_name, one.view.field_m)
        rows[on].append(score_view(registrar, one.view, alone=one.alone))
    cuts = sum(row.registration.cut for row in (*rows[True], *rows[False]))
    counts = [
        count
        for on in (True, False)
        for count in (
            len(rows[on]),
            sum(row.answered for row in rows[on]),
            sum(row.errors.right for row in rows[on]),
        )
    ]
    return Tally(cuts, *counts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, nargs="+", metavar="TRUTH.jsonl", help="sequences")
    parser.add_argument("--frames", type=int, default=160, help="of each sequence, at most (160)")
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    found: dict[str, Tally] = {}
    with one_line_errors(parser):
        for path in args.truth:
            file = read_truth(path)
            for sport in SPORTS:
                rows = file.of(sport)
                if not rows:
                    continue
                make = partial(
                    FieldRegistrar, find_bundle(sport), engine=args.engine, precision=args.precision
                )
                with closing(Pool(make)) as pool:
                    shown = islice(pictures(file, rows), args.frames)
                    found[f"{sport}, {file.name}"] = measure(shown, pool)
    if args.json:
        print(json.dumps({name: asdict(tally) for name, tally in found.items()}, indent=1))
        return 0
    for name, t in found.items():
        print(
            f"{name}: {t.cuts} cuts; lit {t.lit_answered} of {t.lit} answered, {t.lit_right} "
            f"right; others {t.others_answered} of {t.others} answered, {t.others_right} right"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
