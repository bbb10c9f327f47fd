"""How long a box takes to end at SIGTERM beside each of two dozen hostile peers.

    python -m benchmarks.stop_times [--model] [WORD…]

WORDs choose cases by their names; `--model` loads the shipped model too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.stop_cases import CASES, stop


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--model"]
    worst_s = 0.0
    print(f"{'peer':58} {'ends after':>10}  exit")
    for name, case in CASES.items():
        if words and not any(word in name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            ended = stop(case, Path(folder) / "box", model="--model" in sys.argv)
        code = "killed" if ended.code is None else str(ended.code)
        print(f"{name:58} {ended.took_s:8.2f} s  {code}", flush=True)
        if ended.code != ended.expected:
            print(ended.said[-600:])
        worst_s = max(worst_s, ended.took_s)
    print(f"worst: {worst_s:.2f} s")


if __name__ == "__main__":
    main()
