"""Small real films for the tests, made by PyAV and mkvtoolnix."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edge.segments.chapters import Chapter
from edge.segments.media import open_media


def make_film(
    path: Path,
    seconds: int = 8,
    *,
    fps: int = 5,
    sounds: int = 1,
    pictures: bool = True,
    chapters: Sequence[Chapter] = (),
    title: str = "A film",
) -> Path:
    """Write a film of coloured pictures and tones; `sounds` tracks of it."""
    with av.open(str(path), "w") as film:
        film.metadata["title"] = title
        film.set_chapters([
            {
                "id": n,
                "start": round(c.start_s * 1000),
                "end": round(c.end_s * 1000),
                "time_base": Fraction(1, 1000),
                "metadata": {"title": c.title} if c.title else {},
            }
            for n, c in enumerate(chapters, 1)
        ])  # fmt: skip
        video = None
        if pictures:
            video = film.add_stream("mpeg4", rate=fps)
            video.width, video.height = 160, 96
            video.pix_fmt = "yuv420p"
        tracks = [film.add_stream("aac", rate=16000) for _ in range(sounds)]
        for n, track in enumerate(tracks):
            track.metadata["language"] = ("eng", "deu", "fra")[n % 3]
        if video is not None:
            for n in range(seconds * fps):
                image = np.full((96, 160, 3), (n * 7 % 256, n * 3 % 256, 90), np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = n, Fraction(1, fps)
                film.mux(video.encode(frame))
            film.mux(video.encode(None))
        for n, track in enumerate(tracks):
            _tone(film, track, seconds, 300 + 200 * n)
    return path


def _tone(film: av.container.OutputContainer, track: av.AudioStream, seconds: int, hz: int) -> None:
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(seconds * 16000) / 16000)
    for at in range(0, len(wave), 1024):
        block = np.tile(wave[at : at + 1024].astype(np.float32), (2, 1))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 16000, at, Fraction(1, 16000)
        film.mux(track.encode(frame))
    film.mux(track.encode(None))


def with_extras(film: Path, made: Path) -> Path:
    """Add subtitles and an attached font, as rips have them."""
    words = film.with_suffix(".srt")
    words.write_text("1\n00:00:01,000 --> 00:00:02,500\nPreviously\n\n")
    font = film.with_name("Some Font.ttf")
    font.write_bytes(bytes(range(256)) * 40)
    tool = shutil.which("mkvmerge")
    assert tool is not None, "mkvtoolnix is missing: apt-get install mkvtoolnix"
    extras = ["--language", "0:ger", "--forced-track", "0:yes", str(words)]
    attach = ["--attachment-mime-type", "font/ttf", "--attach-file", str(font)]
    command = [tool, "-q", "-o", str(made), *attach, str(film), *extras]
    subprocess.run(command, check=True, capture_output=True)
    return made


def run_tool(name: str, *arguments: str) -> str:
    """Run one of mkvtoolnix's programs; what it says."""
    tool = shutil.which(name)
    assert tool is not None, "mkvtoolnix is missing: apt-get install mkvtoolnix"
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


def chapters_of(film: Path) -> list[Chapter]:
    """Read a film's chapters, on its streams' own time line.

    A film may begin some hundredths of a second before 0, with sound that is not heard.
    """
    with open_media(film) as media:
        at_s = media.start_s
        return [
            Chapter(round(c.start_s + at_s, 6), round(c.end_s + at_s, 6), c.title)
            for c in media.chapters
        ]
