"""`touchline demo-clip`: render a clip of a soccer match to try things with."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.box.outputs.output_check import check_outputs
from edge.capture.rendered.clip import render_clip
from edge.cli.arguments import positive_float, positive_int
from edge.cli.output import note, progress
from edge.cli.parser import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo-clip", help="render a clip of a soccer match to try things with"
    )
    parser.add_argument("out", type=Path, metavar="OUT.mp4")
    parser.add_argument("--seconds", type=positive_float, default=20.0, help="default: 20")
    parser.add_argument("--fps", type=positive_float, default=30.0, help="default: 30")
    parser.add_argument("--width", type=positive_int, default=1280, help="pixels; default: 1280")
    parser.add_argument("--height", type=positive_int, default=720, help="pixels; default: 720")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same match")
    parser.add_argument("--no-cutaways", action="store_true", help="the main camera alone")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE.jsonl", help="write each frame's true homography"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Render the clip."""
    files = [file for file in (options.out, options.truth) if file is not None]
    check_outputs(files, overwrite=options.overwrite)
    with progress() as bar:
        task = bar.add_task("rendering", total=None, detail="")
        frames = render_clip(
            options.out,
            seconds=options.seconds,
            fps=options.fps,
            width=options.width,
            height=options.height,
            seed=options.seed,
            cutaways=not options.no_cutaways,
            truth=options.truth,
            overwrite=options.overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    note(f"{options.out}: {frames} frames")
    return 0
