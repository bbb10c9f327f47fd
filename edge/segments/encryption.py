"""Whether a film's pictures and sound are encrypted, as its container tells it.

Sources: ISO/IEC 14496-12, 8.12 and 23001-7 (MP4), RFC 9559, 5.1.4.1.31 (Matroska), ISO/IEC 13818-1,
2.4.3 (MPEG-2 systems), the Advanced Systems Format specification, 3.14 and 3.15.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge.segments import ebml, matroska, mp4_edit
from edge.segments.ebml import EbmlError, Read
from edge.segments.replacement import Refused

_HEAD_BYTES = 2**20
_PROTECTED = frozenset((b"encv", b"enca", b"encs", b"drmi", b"drms", b"p608"))
"""Kinds of MP4's sample entries."""
_TRACK, _ENCODINGS, _ENCODING, _ENCRYPTION = 0xAE, 0x6D80, 0x6240, 0x5035
_TS_PACKETS = ((188, 0), (192, 4))
"""Length of a packet of a transport stream, and where in it its first byte is."""
_SECTOR = 2048
_PES = frozenset((0xBD, *range(0xC0, 0xF0)))
"""Streams of sound, pictures and subtitles."""
_ASF = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)


def encryption_of(path: Path) -> str | None:
    """Name what a film is encrypted with; None where its container tells of nothing."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        read = matroska.reader_of(number)
        return _found(read, os.fstat(number).st_size)
    except (OSError, Refused, EbmlError):  # the reader names damage
        return None
    finally:
        os.close(number)


def _found(read: Read, size: int) -> str | None:
    head = read(0, _HEAD_BYTES)
    if matroska.is_matroska(head):
        return "Matroska encryption" if _is_matroska_encrypted(read, size) else None
    if mp4_edit.is_mp4(head):
        kinds = set(_sample_entries(read, size)) & _PROTECTED
        if kinds & {b"drmi", b"drms", b"p608"}:
            return "FairPlay"
        return "Common Encryption" if kinds else None
    if any(guid in head for guid in _ASF) and head.startswith(b"\x30\x26\xb2\x75"):
        return "Windows Media DRM"
    if _is_transport_scrambled(head):
        return "a scrambled broadcast"
    return "CSS, as DVDs have it" if _is_dvd_scrambled(head) else None


def _is_matroska_encrypted(read: Read, size: int) -> bool:
    layout = matroska.layout_of(read, size, header_only=True)
    for element in layout.of(matroska.TRACKS):
        tracks = matroska.read_whole(read, element)
        for track in _inner(tracks, _TRACK):
            for encodings in _inner(track, _ENCODINGS):
                if any(list(_inner(e, _ENCRYPTION)) for e in _inner(encodings, _ENCODING)):
                    return True
    return False


def _inner(data: bytes, id_: int) -> Iterator[bytes]:
    return (ebml.content(data, e) for e in ebml.children(data) if e.id == id_)


def _sample_entries(read: Read, size: int) -> Iterator[bytes]:
    """Kinds of the sample entries of all tracks."""
    for table in _at(read, 0, size, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        if table.end - table.data >= 8:
            yield from (b.kind for b in mp4_edit.boxes(read, table.data + 8, table.end))


def _at(read: Read, start: int, end: int, *kinds: bytes) -> Iterator[mp4_edit.Box]:
    for box in mp4_edit.boxes(read, start, end):
        if box.kind == kinds[0]:
            if len(kinds) == 1:
                yield box
            else:
                yield from _at(read, box.data, box.end, *kinds[1:])


def _is_transport_scrambled(head: bytes) -> bool:
    """Whether most packets with a content are scrambled."""
    for length, first in _TS_PACKETS:
        packets = [head[at + first : at + first + 4] for at in range(0, len(head) - 4, length)]
        if len(packets) < 8 or any(p[:1] != b"\x47" for p in packets[:8]):
            continue
        filled = [p for p in packets if len(p) == 4 and p[3] & 0x10 and p[1:3] != b"\x1f\xff"]
        return sum(bool(p[3] & 0xC0) for p in filled) * 2 > len(filled)
    return False


def _is_dvd_scrambled(head: bytes) -> bool:
    """Whether a sector of a program stream is scrambled: two bits of its first PES packet."""
    sectors = (head[at : at + 32] for at in range(0, len(head) - 32, _SECTOR))
    return any(
        s.startswith(b"\x00\x00\x01\xba") and s[14:17] == b"\x00\x00\x01" and s[17] in _PES
        and s[20] & 0xC0 == 0x80 and s[20] & 0x30
        for s in sectors
    )  # fmt: skip
