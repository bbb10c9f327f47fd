"""Registration of every sport, on rendered held-out views and on real frames with a truth file.

    python -m benchmarks.registration [--sports soccer,tennis] [--views 500]
        [--real stills.jsonl match.sequence.jsonl] [--bundles DIR] [--out DIR] [--json]

The box's own registrar answers views of both priors, pictures without a field, and the frames of
truth files (stills one by one, sequences in order).
docs/results/registration.md says what the tables mean.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from edge.bundles import Bundle, find_bundle, list_bundles
from edge.errors import BundleError, UsageError
from edge.fields import SPORTS, Field
from edge.registration import FieldRegistrar
from models.registration import sets
from models.registration.commands import one_line_errors
from models.registration.evaluate import PRIORS
from models.registration.held_out import SEED, SIZE, views
from models.registration.truth import Shown, TruthFile, pictures, read_truth


def common_parser(description: str) -> argparse.ArgumentParser:
    """Options that the benchmark and the ablation share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sports", type=_sports, help="separated by commas (every sport that has a bundle)"
    )
    parser.add_argument("--views", type=int, default=500, help="rendered, of each prior (500)")
    parser.add_argument("--real", type=Path, nargs="+", default=[], metavar="TRUTH.jsonl")
    parser.add_argument("--bundles", type=Path, help="folder of bundles by sport (those installed)")
    parser.add_argument("--engine", default="onnxruntime", help="auto, onnxruntime, openvino, ...")
    parser.add_argument("--precision", default="auto", help="auto, int8 or fp32")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--size", type=_size, default=SIZE, help="WxH of the rendered pictures (640x360)"
    )
    parser.add_argument("--out", type=Path, help="folder for what is measured, as files")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _sports(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SPORTS:
            raise argparse.ArgumentTypeError(f"unknown sport {name!r}: {', '.join(SPORTS)}")
    return names


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 96):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 640x360, from 96x96 on")
    return int(width), int(height)


def bundles_of(args: argparse.Namespace) -> dict[str, Bundle]:
    """The bundles to measure, by sport; BundleError when one that was asked for is missing."""
    if args.views < 0:
        raise UsageError("--views begins at 0")
    there = list_bundles()
    if args.bundles is not None:
        there = {s: args.bundles / s for s in SPORTS if (args.bundles / s).is_dir()}
    wanted = args.sports or [s for s in SPORTS if s in there]
    if not wanted:
        raise BundleError(f"{args.bundles or 'this box'}: no bundle of any sport")
    where = args.bundles or None
    return {s: find_bundle(s, there.get(s, where and where / s)) for s in wanted}


def rendered(sport: str, args: argparse.Namespace) -> Iterator[tuple[str, Iterator[Shown]]]:
    """The rendered sets of a sport by name: both priors, and pictures without a field."""
    if args.views == 0:
        return
    for prior in PRIORS:
        found = views(args.views, args.seed, sport=sport, prior=prior, size=args.size)
        yield f"rendered {prior}", (Shown("", view, alone=True) for view in found)


def negatives(sport: str, args: argparse.Namespace) -> Iterator[Shown]:
    """A quarter as many pictures without a field to register."""
    count = -(-args.views // 4)
    for view in views(count, args.seed, sport=sport, negatives=1.0, size=args.size):
        yield Shown("", view, alone=True)


def real(sport: str, files: Sequence[TruthFile]) -> Iterator[tuple[str, Iterator[Shown]]]:
    """The sets of real frames of a sport by name."""
    for file in files:
        rows = file.of(sport)
        if rows:
            yield file.name, pictures(file, rows)


def measure(
    sport: str, bundle: Bundle, files: Sequence[TruthFile], args: argparse.Namespace
) -> list[sets.SetResult]:
    """Register all sets of a sport."""

    def make(field: Field) -> FieldRegistrar:
        return FieldRegistrar(bundle, field, engine=args.engine, precision=args.precision)

    with closing(sets.Pool(make)) as pool:
        results = [sets.run(name, shown, pool) for name, shown in rendered(sport, args)]
        if args.views:
            results.append(sets.run("rendered negatives", negatives(sport, args), pool))
        found = [sets.run(name, shown, pool) for name, shown in real(sport, files)]
    if len(found) > 1:
        found.append(sets.pooled("real, all", found))
    return results + found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = common_parser(__doc__)
    args = parser.parse_args(arguments)
    made: dict[str, Any] = {}
    with one_line_errors(parser):
        files = [read_truth(path) for path in args.real]
        for sport, bundle in bundles_of(args).items():
            results = measure(sport, bundle, files, args)
            if not results:
                print(f"{sport}: nothing to register", file=sys.stderr)
                continue
            made[sport] = {
                "bundle": bundle.label,
                "seed": args.seed,
                "sets": [sets.record(r) for r in results],
            }
            if not args.json:
                print(sets.text(sport, results), flush=True)
            if args.out is not None:
                for path in sets.write(args.out, sport, results):
                    print(path, file=sys.stderr)
        if args.out is not None:
            sets.write_json(args.out / "registration.json", made)
    if args.json:
        print(json.dumps(made, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
