"""Decode one file with PyAV and with OpenCV: milliseconds a frame, wall clock and CPU.

`python benchmarks/decode.py FILE [ROUNDS]`; without FILE a rendered match of 1280x720 is used.
The rounds alternate, since only ratios within one run mean anything on a shared machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from edge.capture import open_source, render_clip


def pyav(path: str) -> int:
    with open_source(path) as source:
        return sum(1 for _ in source)


def opencv(path: str) -> int:
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def measure(read: Callable[[str], int], path: str) -> tuple[float, float]:
    """Milliseconds a frame: wall clock, and CPU over all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = read(path)
    return (
        1e3 * (time.perf_counter() - wall) / frames,
        1e3 * (time.process_time() - cpu) / frames,
    )


def main() -> None:
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        path = sys.argv[1] if len(sys.argv) > 1 else str(Path(folder) / "match.mp4")
        if len(sys.argv) < 2:
            render_clip(path, seconds=10)
        print(f"{os.cpu_count()} cores, {path}")
        for _ in range(rounds):
            for name, read in (("PyAV", pyav), ("OpenCV", opencv)):
                wall_ms, cpu_ms = measure(read, path)
                print(f"{name:7} {wall_ms:6.2f} ms a frame, {cpu_ms:6.2f} ms of CPU")


if __name__ == "__main__":
    main()
