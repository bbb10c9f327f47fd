from __future__ import annotations

import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge.capture import open_source
from edge.errors import SourceError
from tests.capture.media import (
    HEIGHT,
    WIDTH,
    damage,
    make_video,
    number_of,
    numbered,
    overwrite,
    packets,
    rotated,
    write_picture,
)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.mov", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.webm", "libvpx-vp9"),
    ],
)
def test_every_frame_comes_once_and_in_order(tmp_path: Path, name: str, codec: str) -> None:
    before_ns = time.time_ns()
    with open_source(make_video(tmp_path / name, 30, codec=codec)) as source:
        info = source.info
        frames = list(source)
    assert (info.kind, info.width, info.height, info.live) == ("file", WIDTH, HEIGHT, False)
    assert info.fps == pytest.approx(25, abs=0.1)
    assert info.frames == pytest.approx(30, abs=1)
    assert [number_of(f.image) for f in frames] == list(range(30))
    assert [f.index for f in frames] == list(range(30))
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(30)], abs=2e-3)
    assert all(f.image.shape == (HEIGHT, WIDTH, 3) for f in frames)
    assert all(f.image.dtype == np.uint8 for f in frames)
    assert (source.corrupt, source.note) == (0, None)
    assert frames[0].capture_ns >= before_ns
    assert frames[-1].capture_ns - frames[0].capture_ns == pytest.approx(29 / 25 * 1e9, abs=3e6)
    assert {f.clock_source for f in frames} == {"file"}
    monotonic = [f.monotonic_ns for f in frames]
    assert monotonic == sorted(monotonic)


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 1.0, 1.5]
    with open_source(make_video(tmp_path / "v.mp4", 7, times_s=times)) as source:
        assert [f.pts_s for f in source] == pytest.approx(times, abs=1e-3)


def test_times_count_from_the_streams_start(tmp_path: Path) -> None:
    times = [100 + i / 25 for i in range(5)]
    with open_source(make_video(tmp_path / "late.mkv", 5, times_s=times)) as source:
        assert [f.pts_s for f in source] == pytest.approx([i / 25 for i in range(5)], abs=2e-3)


@pytest.mark.parametrize(
    ("degrees", "turn"),
    [
        (90, cv2.ROTATE_90_CLOCKWISE),
        (180, cv2.ROTATE_180),
        (270, cv2.ROTATE_90_COUNTERCLOCKWISE),
    ],
)
def test_a_phones_rotation_is_undone(tmp_path: Path, degrees: int, turn: int) -> None:
    plain = make_video(tmp_path / "plain.mp4", 3)
    with open_source(plain) as source:
        upright = [cv2.rotate(f.image, turn) for f in source]
    with open_source(rotated(plain, tmp_path / "turned.mp4", degrees)) as source:
        frames = [f.image for f in source]
        size = (source.info.width, source.info.height)
    assert size == (upright[0].shape[1], upright[0].shape[0])
    for got, expected in zip(frames, upright, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_size_that_changes_in_mid_stream(tmp_path: Path) -> None:
    small = make_video(tmp_path / "s.h264", 6, options={"g": "3"})
    large = make_video(tmp_path / "l.h264", 6, size=(256, 144), options={"g": "3"})
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with open_source(both) as source:
        frames = list(source)
    assert [f.image.shape[:2] for f in frames] == [(72, 128)] * 6 + [(144, 256)] * 6
    assert [number_of(f.image) for f in frames] == [*range(6), *range(6)]


@pytest.mark.parametrize(("width", "height"), [(16, 16), (642, 358), (1080, 1920)])
def test_unusual_sizes(tmp_path: Path, width: int, height: int) -> None:
    with open_source(make_video(tmp_path / "a.mp4", 2, size=(width, height))) as source:
        assert [f.image.shape for f in source] == [(height, width, 3)] * 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_corrupt_frames_are_counted_and_skipped(tmp_path: Path, name: str) -> None:
    video = damage(make_video(tmp_path / name, 60), range(25, 28))
    with open_source(video) as source:
        frames = list(source)
    assert source.corrupt == 3
    assert [f.index for f in frames] == [*range(25), *range(28, 60)]
    assert [number_of(f.image) for f in frames if not 25 <= f.index < 30] == [
        *range(25),
        *range(30, 60),
    ]
    assert source.note is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_damage_to_the_container_is_read_past(tmp_path: Path, name: str) -> None:
    times = [i / 5 for i in range(90)]  # long enough for several clusters in Matroska
    video = overwrite(make_video(tmp_path / name, 90, times_s=times), 0.48, 0.52)
    with open_source(video) as source:
        numbers = [number_of(f.image) for f in source]
    assert 40 < len(numbers) < 90
    assert numbers[:20] == list(range(20)), "the frames before the damage are whole"
    assert numbers[-10:] == list(range(80, 90)), "and so are those behind the next key frame"


def test_a_file_cut_in_the_middle_gives_what_is_there(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "w.mp4", 60, container={"movflags": "+faststart"})
    offset, size = packets(whole)[40]
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: offset + size // 2])
    with open_source(cut) as source:
        frames = list(source)
    assert [number_of(f.image) for f in frames[:40]] == list(range(40))
    assert len(frames) + source.corrupt == 41
    assert source.note is not None
    assert "of 60 frames were there; the file is cut off or damaged" in source.note


def joined(tmp_path: Path, suffix: str, *starts_s: float) -> Path:
    """Recordings of 24 frames, one behind the other, that begin at these stamps."""
    parts = [
        make_video(
            tmp_path / f"{n}{suffix}", 24, times_s=[start + i / 12 for i in range(24)], fps=12
        )
        for n, start in enumerate(starts_s)
    ]
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize(
    "starts_s", [(100, 5000), (5000, 100), (10, 10), (95_442, 0), (0, 95_000, 3), (7, 10)]
)
def test_joined_recordings_run_on(tmp_path: Path, starts_s: tuple[float, ...]) -> None:
    with open_source(joined(tmp_path, ".ts", *starts_s)) as source:
        times = [frame.pts_s for frame in source]
    assert len(times) == 24 * len(starts_s)
    assert None not in times
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(2 * len(starts_s), abs=2)
    assert source.note is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv"])
def test_a_gap_of_an_hour_is_bridged(tmp_path: Path, name: str) -> None:
    times = [i / 25 + (3600 if i >= 10 else 0) for i in range(20)]
    with open_source(make_video(tmp_path / name, 20, times_s=times)) as source:
        seen = [frame.pts_s for frame in source]
    assert len(seen) == 20
    assert seen[-1] == pytest.approx(19 / 25, abs=0.05)
    assert source.note is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_film_whose_sound_goes_on_is_whole(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / "v.mkv", 5, audio=True, fps=100)
    target = tmp_path / name
    remux(path, target)
    with open_source(target) as source:
        assert len(list(source)) == 5
    assert source.note is None


@pytest.mark.process
def test_a_film_that_an_edit_list_shortens_is_whole(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "w.mp4", 60)
    cut = tmp_path / "cut.mp4"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-ss", "1.7", "-i", whole, "-c", "copy", cut],
        check=True,
    )
    with open_source(cut) as source:
        assert 0 < len(list(source)) < 30
    assert source.note is None


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_a_file_that_ends_too_soon_says_so(tmp_path: Path, name: str, codec: str) -> None:
    whole = make_video(tmp_path / name, 60, codec=codec)
    cut = tmp_path / f"cut-{name}"
    offset, size = packets(whole)[30]
    cut.write_bytes(whole.read_bytes()[: offset + size // 2])
    with open_source(cut) as source:
        list(source)
    assert source.note is not None
    assert source.note.endswith("the file is cut off or damaged")


def remux(source: Path, target: Path) -> None:
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)


def tracks(tmp_path: Path, *options: str, name: str = "t.mkv") -> Path:
    """A film with a small track first and the numbered one behind it."""
    film = make_video(tmp_path / "film.mkv", 5)
    path = tmp_path / name
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
         "color=gray:size=64x36:rate=25:duration=0.2", "-i", film, "-map", "0", "-map", "1:v",
         "-c:v:0", "libx264", "-c:v:1", "copy", *options, path],
        check=True,
    )  # fmt: skip
    return path


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "options", "width"),
    [
        ("t.mkv", ["-disposition:v:0", "0", "-disposition:v:1", "default"], 128),
        ("t.mkv", ["-disposition:v:0", "0", "-disposition:v:1", "0"], 128),
        ("t.mkv", ["-disposition:v:0", "default", "-disposition:v:1", "default"], 128),
        ("t.mkv", ["-disposition:v:0", "default", "-disposition:v:1", "0"], 64),
        ("t.mp4", ["-disposition:v:0", "0", "-disposition:v:1", "default"], 128),
        ("t.ts", [], 128),
    ],
)
def test_the_default_track_is_read_else_the_largest_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, options: list[str], width: int
) -> None:
    with open_source(tracks(tmp_path, *options, name=name)) as source:
        assert source.info.width == width
    assert "2 video tracks: track" in caplog.text
    assert f"{width}x" in caplog.text


@pytest.mark.process
def test_a_preview_is_no_track_even_by_default(tmp_path: Path) -> None:
    options = ["-s:v:0", "16x16", "-disposition:v:0", "default", "-disposition:v:1", "0"]
    with open_source(tracks(tmp_path, *options)) as source:
        assert source.info.width == WIDTH


@pytest.mark.process
@pytest.mark.parametrize("name", ["c.mkv", "c.mp4"])
def test_a_cover_is_no_track(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    cover = write_picture(tmp_path / "cover.png", np.zeros((1000, 1000, 3), np.uint8))
    film = make_video(tmp_path / "film.mkv", 5)
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", cover, "-i", film, "-map", "0", "-map", "1",
         "-c", "copy", "-disposition:v:0", "attached_pic", tmp_path / name],
        check=True,
    )  # fmt: skip
    with open_source(tmp_path / name) as source:
        assert len(list(source)) == 5
    assert "tracks" not in caplog.text


def test_a_film_in_8k_is_refused_from_its_header(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="7680x4320 pixels, and a film may have 20 million"):
        open_source(jpegs(tmp_path / "large.mkv", (7680, 4320)))


def jpegs(path: Path, size: tuple[int, int]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
        frame = av.VideoFrame(*size, "yuvj420p")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_a_stream_that_grows_beyond_the_limit_is_not_decoded(tmp_path: Path) -> None:
    small = jpegs(tmp_path / "small.mjpeg", (WIDTH, HEIGHT)).read_bytes()
    large = jpegs(tmp_path / "large.mjpeg", (7680, 4320)).read_bytes()
    path = tmp_path / "both.mjpeg"
    path.write_bytes(small * 3 + large)
    with open_source(path) as source:
        shapes = {frame.image.shape for frame in source}
    assert shapes == {(HEIGHT, WIDTH, 3)}
    assert source.corrupt == 1


def _broken(tmp_path: Path, what: str) -> Path:
    path = tmp_path / f"{what}.mp4"
    if what == "moov lost":
        data = make_video(tmp_path / "w.mp4").read_bytes()
        path.write_bytes(data[: data.index(b"moov") - 4])
    elif what == "zip":
        make_video(tmp_path / "w.mp4")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "w.mp4")
    elif what == "sound only":
        make_video(path, audio=True, video=False)
    elif what == "no frames":
        make_video(path, 1, container={"movflags": "+faststart"})
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"mdat") + 4])
    elif what == "all frames broken":
        make_video(tmp_path / "w.mp4", 20, container={"movflags": "+faststart"})
        data = (tmp_path / "w.mp4").read_bytes()
        path.write_bytes(data)
        overwrite(path, (data.index(b"mdat") + 4) / len(data), 1.0)
    elif what == "picture":
        write_picture(tmp_path / "p.png", numbered(1))
        shutil.copy(tmp_path / "p.png", path)
    else:
        path.write_bytes(
            {"empty": b"", "text": b"hello, world\n" * 99, "noise": b"\xa7" * 5000}[what]
        )
    return path


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("empty", "the file is empty; copy or record it again"),
        ("text", "not a video file, or damaged from its beginning"),
        ("noise", "not a video file, or damaged from its beginning"),
        ("zip", "not a video file, or damaged from its beginning"),
        ("moov lost", "the recording was cut off: its index (moov) at the end is missing"),
        ("sound only", "the file holds only sound"),
        ("no frames", "no frame of the video can be decoded"),
        ("all frames broken", "no frame of the video can be decoded"),
    ],
)
def test_what_is_no_video_gives_one_clear_line(tmp_path: Path, what: str, error: str) -> None:
    path = _broken(tmp_path, what)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert str(caught.value).startswith(f"{path}: {error}")
    assert "\n" not in str(caught.value)


def test_a_text_file_is_no_video_of_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"  # FFmpeg opens such as ANSI art
    path.write_text("hello\n" * 99)
    with pytest.raises(SourceError, match="not a video file"):
        open_source(path)


def test_a_picture_with_a_videos_name_is_read(tmp_path: Path) -> None:
    with open_source(_broken(tmp_path, "picture")) as source:
        assert [number_of(f.image) for f in source] == [1]


def test_a_file_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    with pytest.raises(SourceError, match="no pictures in this folder"):
        open_source(folder)


def test_close_ends_the_reading(tmp_path: Path) -> None:
    source = open_source(make_video(tmp_path / "a.mp4", 10))
    assert source.read() is not None
    source.close()
    source.close()
    assert source.read() is None
