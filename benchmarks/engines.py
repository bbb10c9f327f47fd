"""What each engine makes of each bundle, in FP32 and INT8: one table a sport, in one run.

    python -m benchmarks.engines [--sports soccer,tennis] [--n 300] [--bundles DIR] [--json]

Milliseconds are of the encoder, median and 95th percentile, with one thread and with two; all
engines and precisions run in turns, so that what else the machine does falls on all alike.
IoU_whole and the projection error are those of `quantize gate`: the same rendered views for every
row of a sport. The ratio is FP32's median over INT8's, of the same engine.
docs/results/performance.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.bundles import Bundle, find_bundle
from edge.bundles.graphs import reader_of
from edge.engines import EngineOptions, available_engines, load_named, read_cpu, time_in_turns
from edge.engines.timing import Timing
from models.registration.commands import one_line_errors
from models.registration.evaluate import evaluate_forms
from models.registration.looks import SPORTS

THREADS = (1, 2)
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One engine and precision of a bundle."""

    bundle: str
    engine: str
    precision: str
    megabytes: float
    """Encoder and dense head together."""
    median_ms: tuple[float, ...]
    """Of the encoder, for each of THREADS."""
    p95_ms: tuple[float, ...]
    times_faster: tuple[float, ...] | None
    """FP32's median over this one's; None for FP32."""
    iou_whole: float
    change: float
    """Of IoU_whole, against the sport's first row."""
    change_error: float
    """Its standard error over the views."""
    projection_m: float
    """Median over the views."""


def forms_of(bundle: Bundle) -> list[tuple[str, str]]:
    """Engines of this machine and precisions, as far as the bundle ships graphs for them."""
    return [
        (engine, precision)
        for engine in available_engines()
        for precision in ("fp32", "int8")
        if bundle.files("encoder", precision, reader_of(engine))
    ]


def measure(bundle: Bundle, n: int, rounds: int = ROUNDS) -> list[Row]:
    """Time and score every form of a bundle."""
    forms = forms_of(bundle)
    timings = [_timings(bundle, forms, threads, rounds) for threads in THREADS]
    found = evaluate_forms(bundle, forms=forms, n=n)
    rows: list[Row] = []
    for k, ((engine, precision), scores) in enumerate(zip(forms, found, strict=True)):
        medians = tuple(timing[k].median_ms for timing in timings)
        full = [r.median_ms for r in rows if (r.engine, r.precision) == (engine, "fp32")]
        faster = None
        if precision == "int8" and full:
            faster = tuple(whole / ms for whole, ms in zip(full[0], medians, strict=True))
        graphs = [bundle.file(g, precision, reader_of(engine)) for g in ("encoder", "dense")]
        rows.append(
            Row(
                bundle.label,
                engine,
                precision,
                sum(path.stat().st_size for path in graphs) / 1e6,
                medians,
                tuple(timing[k].p95_ms for timing in timings),
                faster,
                scores["iou_whole_mean"],
                scores["iou_whole_change"],
                scores["iou_whole_change_error"],
                scores["proj_m_median"],
            )
        )
    return rows


def _timings(
    bundle: Bundle, forms: Sequence[tuple[str, str]], threads: int, rounds: int
) -> list[Timing]:
    options = EngineOptions(threads=threads)
    loaded = [
        load_named(bundle.file("encoder", precision, reader_of(engine)), engine, options)
        for engine, precision in forms
    ]
    timings = time_in_turns(loaded, rounds)
    for engine in loaded:
        engine.close()
    return timings


def lines(rows: Sequence[Row]) -> list[str]:
    """Rows of a table in Markdown."""
    heads = ["bundle", "engine", "precision", "MB"]
    heads += [f"ms, {n} thread{'s' if n > 1 else ''}" for n in THREADS]
    heads += ["times FP32", "IoU_whole", "change", "projection m"]
    out = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for r in rows:
        times = [f"{m:.1f} ({p:.1f})" for m, p in zip(r.median_ms, r.p95_ms, strict=True)]
        faster = "" if r.times_faster is None else ", ".join(f"{t:.2f}" for t in r.times_faster)
        moved = f"{r.change:+.4f} ± {r.change_error:.4f}" if r is not rows[0] else ""
        scores = [f"{r.iou_whole:.4f}", moved, f"{r.projection_m:.4g}"]
        cells = [r.bundle, r.engine, r.precision, f"{r.megabytes:.1f}", *times, faster, *scores]
        out.append(f"| {' | '.join(cells)} |")
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sports", default=",".join(SPORTS), help="separated by commas (all)")
    parser.add_argument("--n", type=int, default=300, help="rendered views of each sport (300)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each form ({ROUNDS})")
    parser.add_argument("--bundles", type=Path, help="folder of bundles (those that ship)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    found: list[list[Row]] = []
    if not args.json:
        print(read_cpu().name)
    with one_line_errors(parser):
        for sport in args.sports.split(","):
            where = args.bundles / sport if args.bundles is not None else None
            rows = measure(find_bundle(sport, where), args.n, args.rounds)
            found.append(rows)
            if not args.json:
                print("\n".join(["", *lines(rows)]), flush=True)
    if args.json:
        print(json.dumps([asdict(row) for rows in found for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
