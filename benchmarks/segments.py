"""Recaps and intros of one file: seconds by stage, processor time an hour of film, peak memory.

`python benchmarks/segments.py FILE [--exact] [--bundle FOLDER] [--window SECONDS]` analyses the
file as `touchline segments` does, chapters left aside, in a process of its own. Reading runs
beside the rest, so the stages add up to more than the total. `--crf` times the chain alone on an
hour of noise.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.segments.analyse import analyse
from edge.segments.crf import (
    Crf,
    DurationLimits,
    constrained,
    marginals,
    segment_posterior,
    viterbi,
)
from edge.segments.manifest import load_segments_bundle

HOUR_S = 3600


def measure_file(file: Path, bundle: Path | None, *, exact: bool, window_s: float | None) -> None:
    found = analyse(
        file, load_segments_bundle(bundle), exact=exact, window_s=window_s, use_chapters=False
    )
    looked_s = min(window_s or found.duration_s, found.duration_s)
    for stage, spent_s in found.seconds.items():
        print(f"{stage:>8} {spent_s:8.2f} s")
    cpu_s, wall_s = found.seconds["cpu"], found.seconds["total"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{found.mode}, {looked_s:.0f} s of film: {looked_s / wall_s:.0f} x real time here;")
    print(f"an hour takes {cpu_s * HOUR_S / looked_s:.1f} CPU-s; peak memory {peak_mb:.0f} MiB")
    for segment in found.segments:
        told = f"{segment.start_s:.2f}..{segment.end_s:.2f} s, p {segment.probability:.2f}"
        print(f"  {segment.label.text} {told}")
    for warning in found.warnings:
        print(f"  {warning}")


def measure_crf() -> None:
    emissions = np.random.default_rng(0).normal(0, 1, (HOUR_S, 3))
    crf = Crf.of([[0, -4, -4], [-4, 0, -4], [-4, -4, 0]], [0, -1, -1], [0, -1, -1])
    limits = (DurationLimits(), DurationLimits(1, 4, 180), DurationLimits(1, 8, 300))
    work: dict[str, Callable[[], object]] = {
        "viterbi": lambda: viterbi(emissions, crf),
        "forward and backward": lambda: marginals(emissions, crf),
        "constrained": lambda: constrained(emissions, crf, limits),
        "segment posterior": lambda: segment_posterior(emissions, crf, 1, 40, 100, 3),
    }
    for name, run in work.items():
        taken = []
        for _ in range(5):
            start = time.process_time()
            run()
            taken.append(time.process_time() - start)
        print(f"{name:>20} {1e3 * min(taken):7.1f} ms of CPU for {HOUR_S} steps")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the recap and intro system on a file.")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--window", type=float)
    parser.add_argument("--crf", action="store_true")
    args = parser.parse_args()
    if args.crf:
        measure_crf()
    if args.file is not None:
        measure_file(args.file, args.bundle, exact=args.exact, window_s=args.window)


if __name__ == "__main__":
    main()
