"""What following costs: rendered shots of a fast camera, with and without the network's every look.

    python -m benchmarks.following [--sports soccer,hockey] [--shots 10] [--fps 60] [--json]

Each shot is registered three times: with the network on every frame; as a file is, where the box
has time; and as a live stream is on a box that has too little, which follows every frame that it
can and lets the network look behind their answers. Prints each one's IoU_whole and share of right
frames, and by how much they differ from the first, with standard errors over shots.
docs/results/performance.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

import numpy as np

from edge.bundles import find_bundle
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.types import Registration
from models.registration.commands import one_line_errors
from models.registration.held_out import SEED, View, shots
from models.registration.looks import SPORTS
from models.registration.metrics import errors

MODES = ("network", "file", "pressed")
MENDED_EVERY = 12
"""Frames of a fast stream from one refinement behind an answer to the next."""
LITTLE_MS = 1.0
"""What a frame may take on a box that has too little time."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sport's shots in one mode."""

    sport: str
    mode: str
    frames: int
    followed: float
    """Share of the frames whose answer came without the network."""
    iou_whole: float
    right: float
    iou_change: float
    """Against the network on every frame, of the same shots."""
    iou_error: float
    """Its standard error over shots."""
    right_change: float
    right_error: float


def measure(
    sport: str, made: Sequence[Sequence[View]], fps: float, *, engine: str, precision: str
) -> list[Row]:
    """Register shots of a sport in each mode."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for mode in MODES:
        registrar = FieldRegistrar(
            find_bundle(sport),
            load_field(made[0][0].field_name),
            engine=engine,
            precision=precision,
            follow=mode != "network",
        )
        with closing(registrar):
            found[mode] = [_means(registrar, shot, fps, mode) for shot in made]
    base, frames = np.array(found["network"]), sum(map(len, made))
    rows = []
    for mode, means in found.items():
        each = np.array(means)
        change = each[:, 1:] - base[:, 1:]
        error = change.std(0, ddof=1) / np.sqrt(len(made)) if len(made) > 1 else np.full(2, np.nan)
        followed, iou, right = each.mean(0).tolist()
        (iou_by, right_by), (iou_se, right_se) = change.mean(0).tolist(), error.tolist()
        rows.append(
            Row(sport, mode, frames, followed, iou, right, iou_by, iou_se, right_by, right_se)
        )
    return rows


def _means(
    registrar: FieldRegistrar, shot: Sequence[View], fps: float, mode: str
) -> tuple[float, float, float]:
    """Share of a shot's frames that were followed, their mean IoU_whole, share that is right."""
    registrar.reset()
    answer = _live if mode == "pressed" else _plain
    found = []
    for number, view in enumerate(shot):
        given = answer(registrar, view, number, fps)
        height, width = view.image.shape[:2]
        e = errors(view.field_from_image, given.field_from_image, *view.field_m, width, height)
        found.append(("infer" not in given.latency_ms, e.iou_whole, e.right))
    followed, iou, right = np.mean(found, axis=0).tolist()
    return followed, iou, right


def _plain(registrar: FieldRegistrar, view: View, number: int, fps: float) -> Registration:
    return registrar.register(view.image, pts_s=number / fps)


def _live(registrar: FieldRegistrar, view: View, number: int, fps: float) -> Registration:
    given = registrar.register(view.image, pts_s=number / fps, spare_ms=LITTLE_MS)
    registrar.mend(refine=number % MENDED_EVERY == 0)
    return given


Answer = Callable[[FieldRegistrar, View, int, float], Registration]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sports", default=",".join(SPORTS), help="separated by commas (all)")
    parser.add_argument("--shots", type=int, default=10, help="of each sport (10)")
    parser.add_argument("--frames", type=int, default=30, help="of each shot (30)")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    rows: list[Row] = []
    with one_line_errors(parser):
        for sport in args.sports.split(","):
            made = list(shots(args.shots, args.frames, args.seed, sport=sport, fps=args.fps))
            rows += measure(sport, made, args.fps, engine=args.engine, precision=args.precision)
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return 0
    for r in rows:
        print(
            f"{r.sport:18} {r.mode:8} {r.frames} frames, {r.followed:.2f} followed: "
            f"IoU_whole {r.iou_whole:.4f} ({r.iou_change:+.4f} ± {r.iou_error:.4f}), "
            f"right {r.right:.3f} ({r.right_change:+.3f} ± {r.right_error:.3f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
