"""How fast the rendered match is: milliseconds of one core a frame, by kind of shot.

`python benchmarks/rendered.py [SECONDS] [SEED]`. OpenCV is held to one thread and the CPU's time is
counted, not the clock's, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import sys
import time
from itertools import chain

import cv2
import numpy as np

from edge.capture import RenderedMatch


def main() -> None:
    cv2.setNumThreads(1)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    started = time.thread_time()
    match = RenderedMatch(seconds=seconds, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"ready after {time.thread_time() - started:.2f} s of one core")
    spent: dict[str, list[float]] = {}
    while True:
        before = time.thread_time()
        if match.read() is None:
            break
        assert match.truth is not None
        spent.setdefault(match.truth.shot, []).append(1e3 * (time.thread_time() - before))
    for shot, each in [*spent.items(), ("all", list(chain(*spent.values())))]:
        median, late = np.percentile(each, [50, 95])
        mean = float(np.mean(each))
        print(
            f"{shot:9} {len(each):5} frames  median {median:5.1f}  p95 {late:5.1f}"
            f"  mean {mean:5.1f} ms = {1e3 / mean:.0f} fps"
        )


if __name__ == "__main__":
    main()
