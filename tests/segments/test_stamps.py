"""Real films whose stamps restart, leap, wrap, miss or lie: pictures and sound keep together.

A part is 12 s of blue with a tone; from 5 s to 7 s of it the picture is white and all is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge.segments.analyse import analyse
from edge.segments.cues import levels_db, silences
from edge.segments.demux import DecodedPicture, Reader
from edge.segments.manifest import load_segments_bundle
from edge.segments.media import open_media
from tests.segments.containers import ffmpeg
from tests.segments.parts import write_bundle

pytestmark = pytest.mark.process

LENGTH_S, MARK_S = 12.0, 5.0
WRAP_S = 2**33 / 90_000
TO_MPG = ("-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob")
TO_AVI = ("-c:v", "mpeg4", "-bf", "0", "-c:a", "mp3")


def part(path: Path, start_s: float = 0.0, *to: str) -> Path:
    """Write a part whose stamps begin at `start_s`."""
    white = f"drawbox=t=fill:color=white:enable='between(t,{MARK_S},{MARK_S + 1.95})'"
    mute = f"volume=enable='between(t,{MARK_S},{MARK_S + 2})':volume=0"
    ffmpeg(
        "-f", "lavfi", "-i", f"color=0x404060:size=64x48:rate=20:duration={LENGTH_S},{white}",
        "-f", "lavfi", "-i", f"sine=frequency=500:duration={LENGTH_S},{mute}",
        "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac", "-g", "20", *to,
        "-output_ts_offset", start_s, path,
    )  # fmt: skip
    return path


def glued(*parts: Path) -> Path:
    made = parts[0].with_name(f"joined{parts[0].suffix}")
    made.write_bytes(b"".join(p.read_bytes() for p in parts))
    return made


def joined(*starts_s: float, to: Sequence[str] = (), suffix: str = ".ts") -> Callable[[Path], Path]:
    """Write one part for each start, and join them byte by byte."""

    def write(folder: Path) -> Path:
        return glued(*(part(folder / f"{n}{suffix}", s, *to) for n, s in enumerate(starts_s)))

    return write


def copied(
    suffix: str, *before: str, after: Sequence[str] = (), starts_s: Sequence[float] = (0.0,)
) -> Callable[[Path], Path]:
    """Join parts, and bring the packets into another container with their stamps."""

    def write(folder: Path) -> Path:
        made = folder / f"copied{suffix}"
        ffmpeg(*before, "-i", joined(*starts_s)(folder), "-c", "copy", *after, made)
        return made

    return write


def of_two(suffix: str, pictures: Sequence[str], sound: Sequence[str]) -> Callable[[Path], Path]:
    """Pictures and sound of one part, each with input options of its own."""

    def write(folder: Path) -> Path:
        one, made = part(folder / "one.mp4"), folder / f"made{suffix}"
        both = [*pictures, "-i", one, *sound, "-i", one]
        ffmpeg(*both, "-map", "0:v", "-map", "1:a", "-c", "copy", made)
        return made

    return write


def with_loss(folder: Path) -> Path:
    """A recording that lost what came from 12 s to 20 s."""
    return glued(part(folder / "1.ts", 0.0), part(folder / "2.ts", 20.0))


def cut_anywhere(folder: Path) -> Path:
    first = part(folder / "1.ts")
    data = first.read_bytes()
    first.write_bytes(data[: len(data) * 4 // 5])
    return glued(first, part(folder / "2.ts", 5000.0))


def with_few_pictures(folder: Path) -> Path:
    """Pictures at times of their own."""
    made = folder / "vfr.mp4"
    few = "select='lt(mod(n,20),3+mod(n/40,10))'"
    ffmpeg(
        "-i",
        part(folder / "one.mp4"),
        "-vf",
        few,
        "-fps_mode",
        "vfr",
        "-g",
        "3",
        "-c:a",
        "copy",
        made,
    )
    return made


KEPT = ("-copyts",)
ALL_LEAPS = ("-dts_delta_threshold", "1000000", "-dts_error_threshold", "1000000")
JOINED = {
    "a leap of an hour and more": joined(0, 5000),
    "a restart": joined(0, 0),
    "the late part first": joined(5000, 0),
    "a leap of two minutes": joined(0, 120),
    "five parts": joined(0, 5000, 0, 300, 40_000),
    "a wrap in the first part": joined(WRAP_S - 6, 0),
    "blu-ray packets": joined(0, 700, to=("-f", "mpegts", "-mpegts_m2ts_mode", "1")),
    "a program stream, a leap": joined(0, 3000, to=TO_MPG, suffix=".mpg"),
    "a program stream, the late part first": joined(3000, 0, to=TO_MPG, suffix=".mpg"),
    "matroska behind matroska": joined(0, 0, suffix=".mkv"),
    "a leap that was copied to matroska": copied(
        ".mkv", *ALL_LEAPS, after=KEPT, starts_s=(0, 5000)
    ),
    "a leap that was copied to mp4": copied(".mp4", *ALL_LEAPS, after=KEPT, starts_s=(0, 5000)),
}
PARTS = {"five parts": 5}
STRAIGHT = {
    "a wrap in the middle": (joined(WRAP_S - 6), 12, [5], [5]),
    "some seconds lost": (with_loss, 32, [5, 25], [5, 12, 25]),
    "some seconds lost, in matroska": (
        copied(".mkv", *ALL_LEAPS, after=KEPT, starts_s=(0, 20)), 32, [5, 25], [5, 12, 25],
    ),
    "some seconds lost, in mp4": (
        copied(".mp4", *ALL_LEAPS, after=KEPT, starts_s=(0, 20)), 32, [5, 25], [5, 12, 25],
    ),
    "a start far from 0": (copied(".mkv", after=KEPT, starts_s=(500,)), 12, [5], [5]),
    "sound two seconds late": (of_two(".mp4", (), ("-itsoffset", "2")), 14, [5], [0, 7]),
    "sound a quarter of a minute late": (of_two(".ts", (), ("-itsoffset", "15")), 27, [5], [0, 20]),
    "pictures two seconds late": (of_two(".mkv", ("-itsoffset", "2"), ()), 14, [7], [5, 12]),
    "sound that ends early": (of_two(".mp4", (), ("-t", "4")), 12, [5], [4]),
    "a beginning that an edit list cuts off": (
        copied(".mp4", "-ss", "2.3"), 9.7, [2.7], [2.7],
    ),
    "few pictures": (with_few_pictures, 12, [5], [5]),
    "no stamps": (joined(0, to=TO_AVI, suffix=".avi"), 12, [5], [5]),
}  # fmt: skip


def read(film: Path, *, exact: bool) -> tuple[float, list[float], list[float], list[str]]:
    """End, first white pictures, begins of silence, warnings."""
    white, level = [], []
    with open_media(film) as media:
        reader = Reader(media, exact=exact)
        for piece in reader.pieces():
            if not isinstance(piece, DecodedPicture):
                level.append(levels_db(piece.samples, piece.seconds))
            elif piece.image.mean() > 200:
                white.append(piece.time_s)
        begun = [t for n, t in enumerate(white) if n == 0 or t > white[n - 1] + 3]
        silent = silences(np.concatenate(level))[:, 0].tolist()
        return reader.end_s, begun, silent, media.warnings


def check_marks(film: Path, end_s: float, white: Sequence[float], silent: Sequence[float]) -> str:
    """Whether the marks are where they should be, in both modes; returns the warnings."""
    for exact in (False, True):
        end, found, quiet, warnings = read(film, exact=exact)
        assert end == pytest.approx(end_s, abs=0.5)
        # the picture of a second is that of its middle, a key frame comes once a second
        assert found == pytest.approx([t + 0.5 for t in white], abs=0.6)
        assert quiet[: len(silent)] == pytest.approx(silent, abs=0.3)
        assert all(t > end_s - 2.5 for t in quiet[len(silent) :])
    return " ".join(warnings)


@pytest.mark.parametrize("name", JOINED)
def test_joined_recordings_are_as_long_as_they_play(tmp_path: Path, name: str) -> None:
    count = PARTS.get(name, 2)
    marks = [n * LENGTH_S + MARK_S for n in range(count)]
    warnings = check_marks(JOINED[name](tmp_path), count * LENGTH_S, marks, marks)
    assert "time stamps leap at" in warnings
    assert "cut off" not in warnings
    assert "no sound" not in warnings


@pytest.mark.parametrize("name", STRAIGHT)
def test_films_keep_the_times_that_players_show(tmp_path: Path, name: str) -> None:
    write, end_s, white, silent = STRAIGHT[name]
    warnings = check_marks(write(tmp_path), end_s, white, silent)
    assert warnings == ""


def test_a_part_that_was_cut_anywhere_keeps_pictures_and_sound_together(tmp_path: Path) -> None:
    film = cut_anywhere(tmp_path)
    end_s, white, silent, warnings = read(film, exact=False)
    assert "leap" in " ".join(warnings)
    assert white[1] == pytest.approx(end_s - LENGTH_S + MARK_S, abs=0.5)
    second = min(silent, key=lambda t: abs(t - white[1]))
    assert second == pytest.approx(white[1], abs=0.3)
    assert 8 < end_s - LENGTH_S < 11


def test_joined_recordings_are_analysed_without_the_hours_between_their_stamps(
    tmp_path: Path,
) -> None:
    bundle = load_segments_bundle(write_bundle(tmp_path / "tiny"))
    found = analyse(joined(0, 5000)(tmp_path), bundle)
    assert found.duration_s == pytest.approx(2 * LENGTH_S, abs=0.3)
    assert found.marginals is not None
    assert len(found.marginals) == 2 * LENGTH_S
    assert len(found.warnings) == 1
