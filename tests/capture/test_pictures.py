from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture import list_pictures, open_source, read_picture
from edge.capture.picture_header import is_cut_off, size_of
from edge.capture.pictures import natural_key, to_bgr8
from edge.errors import SourceError
from tests.capture.media import number_of, numbered, write_picture


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "ppm", "PNG"])
def test_a_picture_is_a_source_of_one_frame(tmp_path: Path, suffix: str) -> None:
    path = write_picture(tmp_path / f"p.{suffix}", numbered(37))
    with open_source(path) as source:
        info = source.info
        frames = list(source)
    assert (info.kind, info.width, info.height, info.frames) == ("picture", 128, 72, 1)
    assert [number_of(f.image) for f in frames] == [37]
    assert (frames[0].index, frames[0].pts_s) == (0, None)
    assert source.read() is None


@pytest.mark.parametrize(
    ("picture", "pixel"),
    [
        (np.full((4, 6), 100, np.uint8), (100, 100, 100)),
        (np.full((4, 6, 3), (10, 20, 30), np.uint8), (10, 20, 30)),
        (np.full((4, 6, 4), (10, 20, 30, 255), np.uint8), (10, 20, 30)),
        (np.full((4, 6, 4), (10, 20, 30, 0), np.uint8), (10, 20, 30)),
        (np.full((4, 6), 25700, np.uint16), (100, 100, 100)),
        (np.full((4, 6, 3), (65535, 257, 0), np.uint16), (255, 1, 0)),
        (np.full((4, 6, 4), (65535, 257, 0, 9), np.uint16), (255, 1, 0)),
    ],
)
def test_every_depth_and_channel_count_becomes_bgr(
    tmp_path: Path, picture: np.ndarray[Any, Any], pixel: tuple[int, int, int]
) -> None:
    image = read_picture(write_picture(tmp_path / "p.png", picture))
    assert image.dtype == np.uint8
    assert image.shape == (4, 6, 3)
    assert tuple(image[2, 3].tolist()) == pixel
    np.testing.assert_array_equal(to_bgr8(picture), image)


def test_floats_are_scaled_and_clipped() -> None:
    values = np.array([[0.0, 0.5, 1.0, 7.0, -1.0, np.nan]], np.float32)
    assert to_bgr8(values)[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (90, 160), (8192, 4320)])
def test_unusual_sizes(tmp_path: Path, width: int, height: int) -> None:
    path = write_picture(tmp_path / "p.png", np.zeros((height, width), np.uint8))
    assert read_picture(path).shape == (height, width, 3)


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "p.jpg", numbered(5))
    data = path.read_bytes()
    # orientation 6: the camera was turned, show the picture 90 degrees clockwise
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + exif + data[2:])
    image = read_picture(path)
    assert image.shape == (128, 72, 3)
    assert number_of(cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)) == 5


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.png", b"", "the file is empty"),
        ("a.png", b"this is no picture", "not a picture that OpenCV reads, or damaged"),
        ("a.jpg", b"\xff\xd8\xff\xe0 cut", "the JPEG is cut off"),
        ("a.tif", b"II*\0\xff\xff\xff\xff", "damaged"),
    ],
)
def test_what_is_no_picture_gives_one_clear_line(
    tmp_path: Path, name: str, data: bytes, error: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=error) as caught:
        open_source(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_jpeg_cut_off_is_not_filled_with_grey(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    path = write_picture(tmp_path / "p.jpg", noise)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(SourceError, match="the JPEG is cut off"):
        read_picture(path)


def noise(width: int = 200, height: int = 200) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def jpeg(picture: np.ndarray[Any, Any], *, progressive: bool = False) -> bytes:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def with_thumbnail(data: bytes) -> bytes:
    """A JPEG with another whole JPEG in its EXIF segment, as cameras write it."""
    content = b"Exif\0\0" + jpeg(noise(32, 32))
    return data[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + data[2:]


BEHIND = {
    "nothing": b"",
    "a motion photo": b"MotionPhoto_Data\0\0\0\x18ftypmp42" + bytes(9000),
    "zeros": bytes(70_000),
    "a second picture": jpeg(noise(64, 64)),
    "noise": np.random.default_rng(1).bytes(9000),
    "markers": b"\xff\xd9\xff\xd8\xff\xe0" * 3000,
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("thumbnail", [False, True])
def test_bytes_behind_a_jpeg_do_not_matter_and_its_own_end_does(
    tmp_path: Path, behind: str, *, progressive: bool, thumbnail: bool
) -> None:
    whole = jpeg(noise(), progressive=progressive)
    whole = with_thumbnail(whole) if thumbnail else whole
    path = tmp_path / "p.jpg"
    path.write_bytes(whole + BEHIND[behind])
    assert read_picture(path).shape == (200, 200, 3)
    if behind in {"nothing", "zeros", "a motion photo", "a second picture"}:
        path.write_bytes(whole[: len(whole) * 2 // 3] + BEHIND[behind])
        with pytest.raises(SourceError, match="the JPEG is cut off"):
            read_picture(path)


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "ppm"])
def test_a_picture_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_picture(tmp_path / f"p.{suffix}", noise())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(SourceError, match=r"cut off|damaged"):
        read_picture(path)


def png(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header promises any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def tiff(order: str, width: int, height: int) -> bytes:
    entries = struct.pack(f"{order}HHIIHHII", 256, 4, 1, width, 257, 4, 1, height)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IH", 8, 2) + entries + bytes(4)


HUGE = {
    "png": png(60_000, 60_000),
    "jpg": b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 60_000, 60_000) + b"\3" + bytes(9)
    + b"\xff\xd9",
    "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 60_000, -60_000) + bytes(99),
    "webp": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0)
    + (59_999).to_bytes(3, "little") * 2,
    "tif": tiff("<", 60_000, 60_000),
    "tiff": tiff(">", 60_000, 60_000),
    "ppm": b"P6\n# large\n60000 60000\n255\n" + bytes(99),
    "avif": b"\0\0\0\x18ftypavif" + bytes(12) + b"ispe" + bytes(4)
    + struct.pack(">II", 60_000, 60_000),
}  # fmt: skip


@pytest.mark.parametrize("suffix", HUGE)
@pytest.mark.parametrize("name", ["p.{}", "p.png"])
def test_a_huge_picture_is_refused_from_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, name: str
) -> None:
    path = tmp_path / name.format(suffix)
    path.write_bytes(HUGE[suffix])
    monkeypatch.delattr("edge.capture.pictures.cv2.imdecode")  # nothing is decoded
    with pytest.raises(SourceError, match="60000x60000 pixels, and a picture may have 64 million"):
        read_picture(path)


@given(st.sampled_from(sorted(HUGE)), st.integers(0, 60), st.binary(max_size=80))
def test_any_header_gives_a_size_or_none(kind: str, at: int, other: bytes) -> None:
    data = HUGE[kind]
    size = size_of(data[:at] + other + data[at + len(other) :])
    assert size is None or len(size) == 2
    assert is_cut_off(data[:at]) in {True, False}


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.png")
    with pytest.raises(SourceError, match="not a file"):
        read_picture(tmp_path / "p.png")


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 2, 100):
        write_picture(tmp_path / f"frame{number}.png", numbered(number))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "sub.png").mkdir()
    with open_source(tmp_path) as source:
        frames = list(source)
        assert source.info.frames == 5
    assert [number_of(f.image) for f in frames] == [1, 2, 9, 10, 100]
    assert [f.pts_s for f in frames] == [None] * 5
    assert [p.name for p in list_pictures(tmp_path)] == [
        f"frame{n}.png" for n in (1, 2, 9, 10, 100)
    ]


def test_a_rate_gives_pictures_their_times(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", numbered(number))
    with open_source(tmp_path, fps=50) as source:
        frames = list(source)
    assert [f.pts_s for f in frames] == [0.0, 0.02, 0.04]
    assert frames[2].capture_ns - frames[0].capture_ns == 40_000_000


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_unreadable_picture_is_counted_and_skipped(tmp_path: Path, bad: int) -> None:
    for number in range(3):
        path = write_picture(tmp_path / f"{number}.png", numbered(number))
        if number == bad:
            path.write_bytes(b"broken")
    with open_source(tmp_path) as source:
        frames = list(source)
    good = [n for n in range(3) if n != bad]
    assert [number_of(f.image) for f in frames] == good
    assert [f.index for f in frames] == good
    assert source.corrupt == 1
    assert source.note is not None
    assert f"{bad}.png" in source.note


def test_a_folder_without_a_readable_picture(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures in this folder"):
        open_source(tmp_path)
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(b"broken")
    with pytest.raises(
        SourceError, match=r"none of its 2 pictures can be read; the last: .*1\.png"
    ):
        open_source(tmp_path)


def test_close_forgets_the_rest(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", numbered(number))
    source = open_source(tmp_path)
    assert source.read() is not None
    source.close()
    source.close()
    assert source.read() is None


@given(st.lists(st.text(max_size=12), max_size=8))
def test_natural_keys_can_always_be_compared(names: list[str]) -> None:
    assert len(sorted(names, key=natural_key)) == len(names)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_a_clear_error(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    path.write_bytes(data)
    said = ""
    try:
        shape = read_picture(path).shape
    except SourceError as error:
        said, shape = str(error), (1, 1, 3)
    assert len(shape) == 3
    assert said == "" or said.startswith(str(path))
