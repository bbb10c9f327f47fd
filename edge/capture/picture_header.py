"""A picture file's size and whether it is whole, told from its bytes without decoding it.

A few kilobytes can hold a picture of gigabytes, so the size is checked before anything is decoded.
Sources: ITU-T T.81 Annex B (JPEG), the PNG specification, RFC 9649 (WebP), TIFF 6.0, the Netpbm
manual pages, ISO/IEC 14496-12 (AVIF), ISO/IEC 15444-1 (JPEG 2000).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import TypeAlias

Size: TypeAlias = "tuple[int, int]"
"""Width and height, pixels."""

_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""The next marker of coded JPEG data; restart markers and stuffed bytes are part of the data."""
_JPEG_END, _JPEG_SCAN, _JPEG_BEGIN = 0xD9, 0xDA, 0xD8
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_ENTRIES = 4096


def size_of(data: bytes) -> Size | None:
    """Return the width and height that a picture's header tells; None for what is no picture."""
    for begins, measure in _FORMATS:
        if begins.match(data):
            try:
                return measure(data)
            except (struct.error, ValueError, IndexError):  # the header itself is cut off
                return None
    return None


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG, PNG or WebP ends before its picture does; what follows a picture is passed.

    A phone appends a short film to a picture, a camera a second picture: both are whole.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return not any(marker == _JPEG_END for marker, _ in _jpeg_markers(data))
    if data.startswith(_PNG_BEGIN):
        return not any(kind == b"IEND" for kind in _png_chunks(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) < 8 + int(struct.unpack_from("<I", data, 4)[0])
    return False


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker and where its content begins, up to the end or to damage."""
    at = 2
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _JPEG_BEGIN:  # another picture begins: this one has no end
            return
        yield marker, at
        if marker == _JPEG_END or at + 2 > len(data):
            return
        if marker != 0x01:
            at += int(struct.unpack_from(">H", data, at)[0])
        if marker == _JPEG_SCAN:
            behind = _JPEG_MARKER.search(data, at)
            if behind is None:
                return
            at = behind.start()


def _jpeg(data: bytes) -> Size | None:
    for marker, at in _jpeg_markers(data):
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return None


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """Yield the kind of each chunk that is there as a whole."""
    at = len(_PNG_BEGIN)
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + size
        if at <= len(data):
            yield kind


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> Size:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: bytes) -> Size | None:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    at = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)[0]
    count = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, at)[0]
    at += 8 if big else 2
    found: dict[int, int] = {}
    for number in range(min(count, _MOST_ENTRIES)):
        entry = at + number * (20 if big else 12)
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in {256, 257} and kind in _TIFF_TYPES:
            where = entry + (12 if big else 8)
            found[tag] = struct.unpack_from(f"{order}{_TIFF_TYPES[kind]}", data, where)[0]
    return (found[256], found[257]) if len(found) == 2 else None


def _netpbm(data: bytes) -> Size | None:
    head = re.sub(rb"#[^\n]*", b" ", data[:4096])
    if head.startswith(b"P7"):
        named = dict(re.findall(rb"(WIDTH|HEIGHT)\s+(\d{1,9})", head))
        return (int(named[b"WIDTH"]), int(named[b"HEIGHT"])) if len(named) == 2 else None
    found = re.match(rb"P[1-6Ff]\s+(\d{1,9})\s+(\d{1,9})\s", head)
    return None if found is None else (int(found[1]), int(found[2]))


def _avif(data: bytes) -> Size | None:
    """Return the largest size that the file's properties name: tiles and covers are smaller."""
    sizes: list[Size] = []
    at = data.find(b"ispe")
    while at >= 0 and len(sizes) < _MOST_ENTRIES:
        width, height = struct.unpack_from(">II", data, at + 8)
        sizes.append((width, height))
        at = data.find(b"ispe", at + 4, 1 << 20)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _jpeg_2000(data: bytes) -> Size | None:
    at = data.find(b"\xff\x4f\xff\x51", 0, 1 << 20)
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    return right - left, bottom - top


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Size | None]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(re.escape(_PNG_BEGIN)), _png),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), _tiff),
    (re.compile(rb"P[1-7Ff]\s"), _netpbm),
    (re.compile(rb"....ftyp(avif|avis|mif1|miaf)", re.DOTALL), _avif),
    (re.compile(rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  "), _jpeg_2000),
)
