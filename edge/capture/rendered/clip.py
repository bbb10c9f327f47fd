"""Writing a rendered match to a video file, with the truth of each frame beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.capture.rendered.source import RenderedMatch, Truth
from edge.capture.writer import VideoWriter
from edge.part_file import write_new


def render_clip(
    path: str | Path,
    *,
    seconds: float = 20.0,
    fps: float = 30.0,
    width: int = 1280,
    height: int = 720,
    seed: int = 1,
    cutaways: bool = True,
    truth: str | Path | None = None,
    overwrite: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Render a match to an H.264 mp4 `path` -> number of frames.

    `truth`: JSON lines, one a frame, to write beside it (see `truth_line`). `progress` is called
    with the frames done and the frames in all. Neither file appears before both are complete; files
    that are there are replaced then, or refused without `overwrite`. Raises SourceError, and
    OSError where the truth cannot be written.
    """
    match = RenderedMatch(
        seconds=seconds, fps=fps, width=width, height=height, seed=seed, cutaways=cutaways
    )
    lines: list[str] = []
    total = match.info.frames or 0
    with VideoWriter(path, fps=fps, overwrite=overwrite) as writer:
        for frame in match:
            writer.write(frame.image, pts_s=frame.pts_s)
            assert match.truth is not None
            lines.append(json.dumps(truth_line(match.truth, Path(path).name, width, height)))
            if progress is not None:
                progress(len(lines), total)
        if truth is not None:
            write_new(Path(truth), ("\n".join(lines) + "\n").encode(), overwrite=overwrite)
    return len(lines)


def truth_line(truth: Truth, image: str, width: int, height: int) -> dict[str, Any]:
    """Describe one frame: its homography (9 numbers, row-major, or null) and camera."""
    camera, homography = truth.camera, truth.field_from_image
    line: dict[str, Any] = {
        "image": f"{image}/{truth.index}",
        "frame": truth.index,
        "pts_s": truth.pts_s,
        "shot": truth.shot,
        "sport": "soccer",
        "field": "soccer",
        "width": width,
        "height": height,
        "field_from_image": None if homography is None else [float(v) for v in homography.ravel()],
    }
    if camera is not None:
        line["camera"] = {
            "position_m": list(camera.position_m),
            "pan_deg": camera.pan_deg,
            "tilt_deg": camera.tilt_deg,
            "roll_deg": camera.roll_deg,
            "focal_px": camera.focal_px,
        }
    return line
