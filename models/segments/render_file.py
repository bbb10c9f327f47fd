"""Write synthetic programmes as real video files, their segments beside them as JSON.

    python -m models.segments.render_file LIBRARY test:17 --out programme.mkv --fps 25
    python -m models.segments.render_file LIBRARY test:0 --many 20 --out FOLDER

With `--many`, one file for each seed from the given one on; size, rate, codecs, key frames and
sample rate then differ from file to file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import numpy as np

from edge.errors import UsageError
from edge.segments.sound import RATE_HZ
from edge.types import ImageArray
from models.registration.commands import one_line_errors
from models.segments.draw import Painter
from models.segments.episodes import plan
from models.segments.library import Library
from models.segments.mix import Sound, mixed
from models.segments.sources import SPLITS
from models.segments.timeline import ProgrammeTimeline


@dataclass(frozen=True, slots=True)
class Kind:
    """How a file is encoded."""

    end: str = "mkv"
    width: int = 640
    height: int = 360
    fps: str = "25"
    codec: str = "libx264"
    gop: int = 250
    """Pictures between key frames, at most."""
    scene_cuts: bool = True
    """Key frames at cuts too, where the encoder can."""
    sound: str = "aac"
    rate_hz: int = 48_000
    layout: str = "stereo"

    @property
    def options(self) -> dict[str, str]:
        """For the encoder."""
        if self.codec == "libx264":
            return {
                "preset": "ultrafast",
                "crf": "25",
                "sc_threshold": "40" if self.scene_cuts else "0",
            }
        if self.codec == "libx265":
            cuts = "" if self.scene_cuts else ":scenecut=0"
            return {"preset": "ultrafast", "crf": "28",
                    "x265-params": f"log-level=error:pools=1{cuts}"}  # fmt: skip
        if self.codec.startswith("libvpx"):
            return {"deadline": "realtime", "cpu-used": "8", "crf": "34", "b": "600k"}
        return {"qscale": "6", "b": "1500k"}


KINDS = (
    Kind(),
    Kind(end="mp4", fps="24000/1001", gop=48, scene_cuts=False, rate_hz=44_100),
    Kind(fps="24", gop=240),
    Kind(end="mp4", fps="30", gop=60, layout="mono"),
    Kind(codec="libx265", fps="24", gop=240, sound="ac3"),
    Kind(end="mp4", width=1280, height=720, fps="25", gop=50, scene_cuts=False),
    Kind(end="webm", codec="libvpx", fps="25", gop=128, sound="libopus"),
    Kind(end="avi", codec="mpeg4", fps="25", gop=12, sound="mp2", rate_hz=44_100),
    Kind(codec="libx264", width=480, height=360, fps="25", gop=300, sound="flac", rate_hz=44_100),
    Kind(end="mp4", fps="60", gop=120, rate_hz=32_000, layout="mono"),
)


def render(library: Library, split: str, seed: int, path: Path, kind: Kind) -> dict[str, Any]:
    """Write one file and its labels; returns what the labels' file says."""
    timeline, recipe = plan(seed, split, library)
    painter = Painter(library, timeline, (kind.width, kind.height), smooth=True)
    sound = mixed(library, timeline)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    with av.open(str(part), "w") as container:
        _encode(container, painter, sound, timeline, kind)
    part.replace(path)
    row = {
        "file": path.name,
        "length_s": timeline.length_s - timeline.begin_s,
        "segments": [
            {"label": s.label.text, "start_s": s.start_s, "end_s": s.end_s}
            for s in timeline.labelled()
        ],
        "cuts_s": timeline.cuts_s(),
        "encoding": asdict(kind),
        "recipe": recipe,
        "synthetic": True,
    }
    path.with_suffix(".json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return row


def _encode(
    container: av.container.OutputContainer,
    painter: Painter,
    sound: Sound,
    timeline: ProgrammeTimeline,
    kind: Kind,
) -> None:
    fps = Fraction(kind.fps)
    video = container.add_stream(kind.codec, rate=fps, options=kind.options)
    video.width, video.height, video.pix_fmt = kind.width, kind.height, "yuv420p"
    video.codec_context.gop_size = kind.gop
    video.codec_context.thread_count = 1
    audio = container.add_stream(kind.sound, rate=kind.rate_hz, layout=kind.layout)
    blocks = _blocks(sound, audio)
    for second in range(int(timeline.length_s - timeline.begin_s)):
        first, last = (ceil(s * fps) for s in (second, second + 1))
        for number in range(first, last):
            picture = painter.picture(float(number / fps))
            container.mux(video.encode(_frame(picture, number, fps)))
        for block in next(blocks, ()):
            container.mux(audio.encode(block))
    for rest in blocks:
        for block in rest:
            container.mux(audio.encode(block))
    container.mux(video.encode())
    container.mux(audio.encode())


def _frame(picture: ImageArray, number: int, fps: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = number, 1 / fps
    return frame


def _blocks(sound: Sound, audio: Any) -> Iterator[list[Any]]:
    """The sound second by second, as the encoder takes it."""
    context = audio.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=context.sample_rate,
        frame_size=context.frame_size or 1024,
    )  # fmt: skip
    for at in range(0, len(sound), RATE_HZ):
        block = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[None, at : at + RATE_HZ]), format="flt", layout="mono"
        )
        block.sample_rate, block.pts, block.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        yield resampler.resample(block)
    yield resampler.resample(None)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    out = argparse.ArgumentParser(
        prog="python -m models.segments.render_file", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    out.add_argument("library", type=Path, help="folder that models.segments.data wrote")
    out.add_argument("episode", help="split and seed, e.g. test:17")
    out.add_argument("--out", type=Path, required=True, help="file, or folder with --many")
    out.add_argument("--many", type=int, default=0, help="so many files, of different encodings")
    out.add_argument("--fps", default="25", help="pictures a second (25)")
    out.add_argument("--size", default="640x360", help="640x360")
    arguments = out.parse_args(argv)
    with one_line_errors(out):
        split, seed = _named(arguments.episode)
        library = Library(arguments.library)
        if not arguments.many:
            width, _, height = arguments.size.partition("x")
            kind = replace(KINDS[0], fps=arguments.fps, width=int(width), height=int(height))
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            _told(render(library, split, seed, arguments.out, kind))
            return
        arguments.out.mkdir(parents=True, exist_ok=True)
        for number in range(seed, seed + arguments.many):
            kind = KINDS[(number - seed) % len(KINDS)]
            path = arguments.out / f"{split}-{number:05d}.{kind.end}"
            if not path.with_suffix(".json").exists():
                _told(render(library, split, number, path, kind))


def _named(text: str) -> tuple[str, int]:
    split, _, seed = text.partition(":")
    if split not in SPLITS or not seed.isdecimal():
        raise UsageError(f"{text!r} is no episode: write it as test:17")
    return split, int(seed)


def _told(row: dict[str, Any]) -> None:
    found = ", ".join(f"{s['label']} {s['start_s']:.1f}-{s['end_s']:.1f}" for s in row["segments"])
    print(f"{row['file']}: {row['length_s']:.0f} s, {found or 'neither recap nor intro'}")


if __name__ == "__main__":
    main()
