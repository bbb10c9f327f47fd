"""Decoded frames made into pictures: the same pixels as PyAV's own, and nobody else's memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from edge.capture.decode import Converter


def written(path: Path, codec: str, pixels: str, width: int, height: int) -> Path:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for _ in range(4):
            coarse = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
            image = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
            out.mux(stream.encode(frame.reformat(format=pixels)))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "width", "height"),
    [
        ("a.mp4", "libx264", "yuv420p", 640, 360),
        ("a.mkv", "libx264", "yuv420p", 854, 480),  # rows are padded
        ("a.mkv", "libx264", "yuv444p", 322, 242),
        ("a.mkv", "libx264", "yuv420p10le", 320, 240),
        ("a.mkv", "mjpeg", "yuvj420p", 320, 240),  # full range
        ("a.mov", "qtrle", "rgb24", 320, 240),
        ("a.mkv", "ffv1", "bgr0", 33, 21),
        ("a.avi", "rawvideo", "bgr24", 322, 241),
        ("a.nut", "rawvideo", "bgr24", 322, 241),
    ],
)
def test_pictures_are_pyavs_own(
    tmp_path: Path, name: str, codec: str, pixels: str, width: int, height: int
) -> None:
    path, converter = written(tmp_path / name, codec, pixels, width, height), Converter()
    pairs = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            wanted = frame.to_ndarray(format="bgr24").copy()
            picture = converter.picture(frame)
            assert picture.shape == (height, width, 3)
            assert picture.flags.c_contiguous
            pairs.append((wanted, picture))
    assert len(pairs) == 4
    for wanted, picture in pairs:  # later ones have not been written over earlier ones
        assert np.array_equal(wanted, picture)


@pytest.mark.parametrize(("name", "codec"), [("a.mov", "qtrle"), ("a.nut", "rawvideo")])
def test_drawing_on_a_picture_does_not_reach_the_next(
    tmp_path: Path, name: str, codec: str
) -> None:
    pixels = "rgb24" if codec == "qtrle" else "bgr24"
    path, converter = written(tmp_path / name, codec, pixels, 320, 240), Converter()
    with av.open(str(path)) as untouched, av.open(str(path)) as drawn_on:
        clean, drawn = untouched.decode(video=0), drawn_on.decode(video=0)
        for one, other in zip(clean, drawn, strict=True):
            picture = converter.picture(other)
            assert np.array_equal(one.to_ndarray(format="bgr24"), picture)
            picture[:] = 0


@pytest.mark.process
def test_a_picture_stored_from_its_last_row_up_comes_upright(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (241, 322, 3), np.uint8)
    path = str(tmp_path / "a.avi")
    with av.open(path, "w", options={"flipped_raw_rgb": "1"}) as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 322, 241, "bgr24"
        # the option only sets the header: the rows are turned by hand, as FFmpeg's manual says
        upended = np.ascontiguousarray(image[::-1])
        out.mux(stream.encode(av.VideoFrame.from_ndarray(upended, "bgr24")))
        out.mux(stream.encode())
    with av.open(path) as container:
        frame = next(container.decode(video=0))
        assert frame.planes[0].line_size < 0
        picture = Converter().picture(frame)
    assert picture.flags.c_contiguous
    assert np.array_equal(picture, image)
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    assert shown == picture.tobytes(), "as FFmpeg's own program shows it"
