"""A box at 30 frames a second for as long as told: memory, threads, descriptors.

    python -m benchmarks.soak --minutes 60 [--clip FILE]

The whole box in this process: a film of 1280x720 played over and over at its pace, the network that
ships, the embedded broker (a process of its own), publication with events. Memory is compared from
the end of the warm-up (five minutes, or a quarter of a short run) to the end.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from edge.box.box import Options, run_box
from edge.capture import render_clip
from edge.config import Config, with_changes
from edge.health.system import read_process
from edge.types import Frame, Registration
from tests.publish.parts import free_port


class Counting:
    """Counts the frames of the run."""

    def __init__(self) -> None:
        self.frames = 0

    def started(self, started: object) -> None:
        """Ignore the start."""

    def frame(self, frame: Frame, registration: Registration) -> None:  # noqa: ARG002 - a count
        """Count a frame."""
        self.frames += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        clip = args.clip or Path(folder) / "clip.mp4"
        if args.clip is None:  # in a process of its own: what rendering takes is not the box's
            render = multiprocessing.get_context("spawn").Process(
                target=render_clip, args=(clip,), kwargs={"seconds": 20, "fps": args.fps}
            )
            render.start()
            render.join()
            if render.exitcode:
                return 1
        soak(clip, args.minutes * 60, args.every)
    return 0


def soak(clip: Path, seconds: float, every_s: float) -> None:
    """Run the box and print a sample now and then, and what grew at the end."""
    config = with_changes(
        Config(),
        {
            "source": {"type": "file", "path": clip, "loop": True},
            "broker": f"embedded:{free_port()}",
        },
    )
    stop, counting = threading.Event(), Counting()
    box = threading.Thread(
        target=run_box,
        args=(config, Options(realtime=True)),
        kwargs={"stop": stop, "observer": counting},
    )
    box.start()
    samples: list[tuple[float, float, int, int]] = []
    begun_s = time.monotonic()
    print("minute  frames  resident MB  threads  descriptors", flush=True)
    while (elapsed_s := time.monotonic() - begun_s) < seconds and box.is_alive():
        time.sleep(every_s)
        now = read_process()
        sample = (elapsed_s, now.resident_mb or 0.0, now.threads or 0, now.descriptors or 0)
        samples.append(sample)
        print(
            f"{elapsed_s / 60:6.2f} {counting.frames:7d} {sample[1]:12.1f} {sample[2]:8d} "
            f"{sample[3]:12d}",
            flush=True,
        )
    stop.set()
    box.join()
    warm_s = min(300.0, seconds / 4)
    after = [s for s in samples if s[0] >= warm_s]
    tenth = max(1, len(after) // 10)
    first, last = (median(s[1] for s in part) for part in (after[:tenth], after[-tenth:]))
    print(
        f"{counting.frames} frames in {seconds / 60:g} min; resident {first:.1f} -> {last:.1f} MB "
        f"({100 * (last / first - 1):+.2f} %) after {warm_s / 60:.1f} min; threads "
        f"{sorted({s[2] for s in after})}, descriptors {sorted({s[3] for s in after})}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
