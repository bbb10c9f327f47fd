"""Whether a film's file ends before its own structure does.

Sources: ISO/IEC 14496-12, 4.2 (MP4 boxes), RFC 8794 and RFC 9559 (Matroska's elements).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 100_000
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def is_mp4_without_index(path: Path) -> bool:
    """Whether a file begins as MP4 but lacks its index."""
    with path.open("rb") as file:
        kinds = [kind for kind, _ in _boxes(file)]
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def is_cut_off(path: Path) -> bool:
    """Whether an MP4 or Matroska file is shorter than its structure says; others do not say."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp":
            return any(missing > 0 for _, missing in _boxes(file))
        return head.startswith(_EBML) and _is_matroska_cut_off(file)


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the kind of each outer box, and how many bytes of it are missing."""
    end, at = file.seek(0, 2), 0
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:  # a 64-bit size follows
            size = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0]
        yield kind, max(at + size - end, 0)
        if size < 8:  # 0: to the end of the file; anything else is damage
            return
        at += size


def _is_matroska_cut_off(file: BinaryIO) -> bool:
    end = file.seek(0, 2)
    header, at = _element(file, 0)
    if header is None:
        return False
    file.seek(at + header)
    if file.read(4) != _SEGMENT:
        return False
    size, at = _element(file, at + header)
    return size is not None and at + size > end


def _element(file: BinaryIO, at: int) -> tuple[int | None, int]:
    """Return the size of an element with a four-byte name, None if unknown; and where it begins."""
    file.seek(at + 4)
    first = file.read(1)
    if not first or not first[0]:
        return None, at
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    value = int.from_bytes(bytes([first[0] & (1 << 8 - length) - 1]) + rest, "big")
    unknown = value == (1 << 7 * length) - 1
    return None if unknown else value, at + 4 + length
