"""From what a person wrote to an open source."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from edge.capture.pictures import Pictures
from edge.capture.rendered import RenderedMatch
from edge.capture.rtsp import OPEN_TIMEOUT_S, RtspStream
from edge.capture.source import FrameSource
from edge.capture.uri import SourceSpec, parse_source
from edge.capture.v4l2 import V4l2Device
from edge.capture.video import VideoFile
from edge.errors import SourceError


def open_source(
    source: str | Path | SourceSpec,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    transport: Literal["tcp", "udp"] = "tcp",
    open_timeout_s: float = OPEN_TIMEOUT_S,
    read_timeout_s: float = 1.5,
) -> FrameSource:
    """Open a video file, a picture or a folder of them, an RTSP or V4L2 camera, a rendered match.

    `fps` gives pictures their presentation times and is asked of a V4L2 camera, as are `width` and
    `height`; `transport` and the timeouts are for RTSP. Options behind the `?` of a `rendered:` or
    `v4l2:` source win over these. Raises SourceError, one line that says what was wrong, where, and
    what to do.
    """
    spec = source if isinstance(source, SourceSpec) else parse_source(source)
    if spec.kind == "file":
        return VideoFile(spec.location)
    if spec.kind in {"folder", "picture"}:
        return Pictures(spec.location, fps=fps)
    if spec.kind == "rtsp":
        return RtspStream(
            spec.location,
            transport=transport,
            open_timeout_s=open_timeout_s,
            read_timeout_s=read_timeout_s,
        )
    if spec.kind == "v4l2":
        asked = _numbers(spec, {"width": int, "height": int, "fps": float})
        return V4l2Device(
            spec.location,
            width=int(asked["width"]) if "width" in asked else width,
            height=int(asked["height"]) if "height" in asked else height,
            fps=asked.get("fps", fps),
            read_timeout_s=read_timeout_s,
        )
    return _rendered(spec)


def _rendered(spec: SourceSpec) -> RenderedMatch:
    asked = _numbers(
        spec,
        {"seconds": float, "fps": float, "width": int, "height": int, "seed": int}
        | {"cutaways": int, "live": int},
    )
    whole = {name: int(asked[name]) for name in ("width", "height", "seed") if name in asked}
    return RenderedMatch(
        spec.location,
        seconds=asked.get("seconds", 20.0),
        fps=asked.get("fps", 30.0),
        cutaways=bool(asked.get("cutaways", 1)),
        live=bool(asked.get("live", 0)),
        **whole,
    )


def _numbers(spec: SourceSpec, known: Mapping[str, Callable[[str], float]]) -> dict[str, float]:
    """Read the options behind a source's `?`; unknown ones and wrong numbers are errors."""
    values: dict[str, float] = {}
    for name, text in spec.options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known ones are {', '.join(known)}"
            raise SourceError(f"{spec.kind}:{spec.location}: unknown option '{name}', {hint}")
        try:
            values[name] = known[name](text)
        except ValueError:
            raise SourceError(f"{spec.kind}:{spec.location}: {name}={text}: not a number") from None
    return values
