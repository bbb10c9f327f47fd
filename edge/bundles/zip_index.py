"""The index of a zip archive, bounded before the library builds anything from it.

`zipfile` makes an object of each entry of the central directory, as many as there are. Here the
directory is measured first: a few entries, of short names, stored or deflated, without ZIP64.
"""

from __future__ import annotations

import struct
from typing import IO

from edge.errors import BundleError

MOST_MEMBERS = 200
_MOST_INDEX = 256 * 1024
"""Bytes of the central directory: `MOST_MEMBERS` entries with long names and extra fields."""
_MOST_NAME = 200
_END = struct.Struct("<4s4H2LH")
"""End of central directory record (APPNOTE.TXT 4.3.16)."""
_ENTRY = struct.Struct("<4s6H3L5H2L")
"""Central directory file header (APPNOTE.TXT 4.3.12)."""
_STORED, _DEFLATED = 0, 8
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_SIZE = 20


def check_index(archive: IO[bytes], shown: str) -> None:
    """Refuse an archive whose index is not a small plain one; raises BundleError.

    The archive ends with its index: no comment, nothing appended, nothing in between.
    """
    size = archive.seek(0, 2)
    if size < _END.size:
        raise _damaged(shown, "too short")
    archive.seek(-_END.size, 2)
    mark, disk, first_disk, here, count, length, start, comment = _END.unpack(
        archive.read(_END.size)
    )
    if mark != b"PK\x05\x06" or comment:
        raise _damaged(shown, "no index at its end")
    if count > MOST_MEMBERS or here != count:
        raise BundleError(f"{shown}: {count} files in it; a bundle has a few")
    if disk or first_disk or start + length + _END.size != size:
        raise _damaged(shown, "its index is not where it says")
    if length > _MOST_INDEX:
        raise BundleError(f"{shown}: its index has {length} bytes; a bundle's is short")
    _check_no_zip64(archive, size, shown)
    archive.seek(start)
    _check_entries(archive.read(length), count, shown)


def _check_no_zip64(archive: IO[bytes], size: int, shown: str) -> None:
    """Refuse the record that makes `zipfile` take another index than the one measured."""
    place = size - _END.size - _ZIP64_LOCATOR_SIZE
    if place >= 0:
        archive.seek(place)
        if archive.read(4) == _ZIP64_LOCATOR:
            raise _damaged(shown, "a ZIP64 index, which a bundle does not need")


def _check_entries(index: bytes, count: int, shown: str) -> None:
    at = 0
    for _ in range(count):
        if at + _ENTRY.size > len(index):
            raise _damaged(shown, "its index is shorter than it says")
        fields = _ENTRY.unpack_from(index, at)
        mark, method = fields[0], fields[4]
        name, extra, comment = fields[10:13]
        if mark != b"PK\x01\x02":
            raise _damaged(shown, "its index is not one")
        if method not in {_STORED, _DEFLATED}:
            raise BundleError(f"{shown}: packed by method {method}; a bundle is deflated")
        if name > _MOST_NAME:
            raise BundleError(f"{shown}: a file name of {name} bytes; a bundle's are short")
        at += _ENTRY.size + name + extra + comment
    if at != len(index):
        raise _damaged(shown, "its index is longer than it says")


def _damaged(shown: str, why: str) -> BundleError:
    return BundleError(f"{shown}: damaged or cut off ({why}); fetch it again")
