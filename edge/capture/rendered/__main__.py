"""`python -m edge.capture.rendered OUT.mp4` writes a rendered match."""

from __future__ import annotations

import argparse
import sys

from edge.capture.rendered.clip import render_clip
from edge.errors import TouchlineError


def main(arguments: list[str] | None = None) -> int:
    """Render a clip as the command line asks; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m edge.capture.rendered", description="Render a soccer match to a video file."
    )
    parser.add_argument("out", help="the mp4 file to write")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--truth", help="JSON lines to write: each frame's homography and camera")
    parser.add_argument(
        "--no-cutaways", dest="cutaways", action="store_false", help="main camera only"
    )
    options = vars(parser.parse_args(arguments))
    try:
        render_clip(options.pop("out"), **options)
    except TouchlineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
