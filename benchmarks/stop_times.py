"""How long a box takes to end at SIGTERM beside each of two dozen hostile peers, and its memory.

    python -m benchmarks.stop_times [--model] [--settle SECONDS] [WORD…]

WORDs choose cases by their names; `--model` loads the shipped model too; `--settle` says how long
the peers may do what they do before the signal.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.stop_cases import CASES, stop


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--settle", type=float, default=1.5)
    options = parser.parse_args()
    worst_s = worst_mb = 0.0
    print(f"{'peer':58} {'ends after':>10} {'peak memory':>12}  exit")
    for name, case in CASES.items():
        if options.words and not any(word in name for word in options.words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            box = Path(folder) / "box"
            ended = stop(case, box, settle_s=options.settle, model=options.model)
        code = "killed" if ended.code is None else str(ended.code)
        print(f"{name:58} {ended.took_s:8.2f} s {ended.peak_mb:9.0f} MB  {code}", flush=True)
        if ended.code != ended.expected:
            print(ended.said[-600:])
        worst_s, worst_mb = max(worst_s, ended.took_s), max(worst_mb, ended.peak_mb)
    print(f"worst: {worst_s:.2f} s, {worst_mb:.0f} MB")


if __name__ == "__main__":
    main()
