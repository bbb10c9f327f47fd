"""Real files of small programmes: coloured shots with a key frame each second, tones, chapters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

GREY, RED, BLUE, BLACK = (90, 130, 90), (230, 20, 20), (20, 20, 230), (0, 0, 0)
"""Content, intro and recap for the test bundle, and black."""
FPS, WIDTH, HEIGHT, RATE = 10, 64, 48, 16_000


def write_programme(
    path: Path,
    shots: Sequence[tuple[tuple[int, int, int], float]],
    *,
    tones: Sequence[tuple[float, float]] | None = None,
    tracks: int = 1,
    video: bool = True,
    fps: int = FPS,
    gop: int = FPS,
    start_s: float = 0.0,
    frame_times_s: Sequence[float] | None = None,
    chapters: Sequence[tuple[float, float, str]] = (),
    rate: int = RATE,
    bframes: int = 0,
) -> Path:
    """Write shots of (colour, seconds); tones of (level, seconds), with `tracks` sound tracks.

    The first of several tracks is mute.
    """
    length_s = sum(s for _, s in shots)
    with av.open(str(path), "w") as out:
        picture = _video_stream(out, fps, gop, bframes) if video else None
        sounds = [out.add_stream("aac", rate=rate) for _ in range(tracks)]
        for sound in sounds:
            sound.layout = "mono"
        if chapters:
            out.set_chapters(
                [
                    {
                        "id": i,
                        "start": int(a * 1000),
                        "end": int(b * 1000),
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": title},
                    }
                    for i, (a, b, title) in enumerate(chapters)
                ]
            )
        if picture is not None:
            times = frame_times_s or [i / fps for i in range(round(length_s * fps))]
            _write_pictures(out, picture, shots, times, start_s)
        for number, sound in enumerate(sounds):
            mute = tracks > 1 and number == 0
            levels = [(0.0, length_s)] if mute else tones or [(0.1, length_s)]
            _write_sound(out, sound, levels, rate, start_s)
    return path


def _video_stream(out, fps, gop, bframes):
    picture = out.add_stream("libx264", rate=fps)
    picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    picture.codec_context.time_base = Fraction(1, 1000)
    picture.options = {
        "g": str(gop), "sc_threshold": "0", "preset": "ultrafast", "bf": str(bframes),
    }  # fmt: skip
    return picture


def _write_pictures(out, picture, shots, times, start_s):
    ends = np.cumsum([s for _, s in shots])
    for time_s in times:
        number = min(int(np.searchsorted(ends, time_s + 1e-6, side="right")), len(shots) - 1)
        image = np.full((HEIGHT, WIDTH, 3), shots[number][0], np.uint8)
        if max(shots[number][0]):
            image[:8, : 8 + 8 * (number % 5)] += 20  # shots of one colour differ a little
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = round((time_s + start_s) * 1000), Fraction(1, 1000)
        out.mux(picture.encode(frame))
    out.mux(picture.encode(None))


def _write_sound(out, sound, levels, rate, start_s):
    parts = [
        level * np.sin(2 * np.pi * 440 * np.arange(round(s * rate)) / rate) for level, s in levels
    ]
    samples = np.concatenate(parts).astype(np.float32)
    for first in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[None, first : first + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = first + round(start_s * rate)
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))
