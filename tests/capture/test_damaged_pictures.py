"""Pictures that decoders complain of: no foreign line on stderr, and damage in our own words."""

from __future__ import annotations

import contextlib
import logging
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture import open_source, read_picture
from edge.errors import SourceError

SCENE = cv2.resize(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8), (300, 200))
SAID = "the picture is damaged in part; its answer may be wrong; copy it again"
_BEGIN = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes, check: int | None = None) -> bytes:
    check = zlib.crc32(kind + content) if check is None else check
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def header(interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 200, 8, 2, 0, 0, interlaced))


def rows(height: int, width: int) -> bytes:
    return (b"\0" + bytes(range(100, 103)) * width) * height


def png(*ancillary: bytes, body: bytes | None = None) -> bytes:
    coded = zlib.compress(rows(200, 300) if body is None else body)
    return b"".join(
        (
            _BEGIN,
            header(),
            *ancillary,
            chunk(b"IDAT", coded),
            chunk(b"IEND", b""),
        )
    )


def interlaced() -> bytes:
    """Adam7 (PNG specification, 8.2): seven passes, each a small picture."""
    passes = (
        (0, 8, 0, 8),
        (4, 8, 0, 8),
        (0, 4, 4, 8),
        (2, 4, 0, 4),
        (0, 2, 2, 4),
        (1, 2, 0, 2),
        (0, 1, 1, 2),
    )
    body = b"".join(
        rows(len(range(top, 200, down)), len(range(left, 300, across)))
        for left, across, top, down in passes
    )
    return _BEGIN + header(1) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def profile(data: bytes) -> bytes:
    return chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(data))


WHOLE_PNG = {
    "plain": png(),
    "interlaced": interlaced(),
    "a profile that is none": png(profile(bytes(200))),
    "a profile that is too short": png(profile(b"")),
    "a profile that is cut off": png(chunk(b"iCCP", b"sRGB\0\0abc")),
    "two profiles": png(profile(bytes(200)), chunk(b"sRGB", b"\0")),
    "wrong light": png(chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32)), chunk(b"sRGB", rb"\9")),
    "a text with a wrong checksum": png(chunk(b"tEXt", b"a\0b", 1)),
    "a text that is none": png(chunk(b"zTXt", b"a\0\0abc"), chunk(b"iTXt", b"abc")),
    "an EXIF that is none": png(chunk(b"eXIf", b"abc")),
    "an unknown chunk": png(chunk(b"abCd", b"abc"), chunk(b"abCd", b"abc", 1)),
    "wrong transparency": png(chunk(b"tRNS", b"abc")),
    "a wrong time": png(chunk(b"tIME", bytes(7)), chunk(b"tIME", bytes(9))),
    "wrong scales": png(chunk(b"pHYs", b"a"), chunk(b"sBIT", bytes(9)), chunk(b"bKGD", b"a")),
    "too many pixels": png(body=rows(500, 300)),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE_PNG)
def test_a_png_with_odd_chunks_is_read_without_a_foreign_line(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(WHOLE_PNG[case])
    assert read_picture(path)[3, 4].tolist() == [102, 101, 100]
    assert capfd.readouterr().err == ""
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


BROKEN_PNG = {
    "half of its pixels": png(body=rows(100, 300)),
    "a wrong filter": png(body=b"\x09" + rows(200, 300)[1:]),
    "no compressed data": _BEGIN + header() + chunk(b"IDAT", b"abc") + chunk(b"IEND", b""),
    "a wrong checksum": _BEGIN + header() + chunk(b"IDAT", zlib.compress(rows(200, 300)), 1)
    + chunk(b"IEND", b""),
    "two headers": png(header()),
    "a chunk that it must know": png(chunk(b"ABCD", b"abc")),
    "a wrong header": _BEGIN + chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 200, 9, 7, 0, 0, 0))
    + chunk(b"IEND", b""),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_PNG)
def test_a_broken_png_is_refused_in_our_words_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], case: str
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(BROKEN_PNG[case])
    with pytest.raises(SourceError, match="damaged"):
        read_picture(path)
    assert capfd.readouterr().err == ""


KINDS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "with restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 8],
    "grey": [],
}


def jpeg(kind: str) -> bytes:
    picture = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY) if kind == "grey" else SCENE
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 97, *KINDS[kind]])[1].tobytes()


def damaged(data: bytes, how: str) -> bytes:
    at = len(data) * 6 // 10
    between = {
        "zeros": bytes(200),
        "noise": np.random.default_rng(2).bytes(200).replace(b"\xff", b"\xfe"),
        "missing": b"",
        "a sector of another file": b"The quick brown fox jumps over the lazy dog. " * 5,
    }[how]
    return data[:at] + between + data[at + 200 :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["zeros", "noise", "missing", "a sector of another file"])
def test_damage_in_the_middle_of_a_jpeg_is_said_once(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    kind: str,
    how: str,
) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(jpeg(kind))
    read_picture(path)
    assert not caplog.records
    path.write_bytes(damaged(jpeg(kind), how))
    assert read_picture(path).shape == (200, 300, 3)
    assert caplog.messages == [f"{path}: {SAID}"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", ["tif", "webp", "bmp", "ppm", "avif"])
def test_damage_in_other_formats_brings_no_foreign_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"p.{suffix}"
    data = cv2.imencode(f".{suffix}", SCENE)[1].tobytes()
    for at in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:at] + bytes(40) + data[at + 40 :])
        with contextlib.suppress(SourceError):
            read_picture(path)
    assert capfd.readouterr().err == ""


def test_damage_of_a_tiff_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = cv2.imencode(".tif", SCENE)[1].tobytes()
    path = tmp_path / "p.tif"
    path.write_bytes(data[:4000] + b"\x77" * 2000 + data[6000:])
    assert read_picture(path).shape == (200, 300, 3)
    assert caplog.messages == [f"{path}: {SAID}"]


def test_a_folder_counts_its_damaged_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        data = jpeg("baseline")
        (tmp_path / f"{number}.jpg").write_bytes(damaged(data, "zeros") if number % 2 else data)
    with open_source(tmp_path) as source:
        assert len(list(source)) == 4
        assert (source.corrupt, source.note) == (0, f"{tmp_path}/3.jpg: {SAID} (2 such pictures)")
    assert caplog.messages == [f"{tmp_path}/1.jpg: {SAID}"]
