"""New chapters for an MP4 or MOV file: which of its bytes change, and into what.

Boxes: ISO/IEC 14496-12, 4.2. Chapters stand in a list (`moov/udta/chpl`, from Nero) or in a text
track that another track refers to (`tref/chap`, from QuickTime). What a film has is renewed; a
film that has neither gets the list. Everything else stays byte for byte, but where the index grows
the places of the samples in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge.segments.chapters import Chapter
from edge.segments.replacement import Change, Refused

Read = Callable[[int, int], bytes]
_FIRST = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"))
_EMPTY = frozenset((b"free", b"skip"))
_HEADER = 8
"""Bytes of a box without content."""
_MOST_INDEX, _MOST_DEPTH = 2**28, 12
_MOST_CHAPTERS, _MOST_TITLE = 255, 255
_TICKS = 10_000_000
_ENCODED = struct.pack(">I4sI", 12, b"encd", 0x100)
"""Behind a text sample: it is UTF-8 (QuickTime File Format, text media)."""
_HOLDERS = frozenset((b"trak", b"mdia", b"minf", b"stbl", b"udta", b"tref", b"edts", b"moov"))


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies. Positions in bytes."""

    kind: bytes
    start: int
    data: int
    end: int


def is_mp4(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return len(head) >= 8 and head[4:8] in _FIRST


def boxes(read: Read, start: int, end: int) -> Iterator[Box]:
    """Read the boxes from a place to another; Refused for damage."""
    at = start
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", read(at, 8))
        data = at + 8
        if size == 1:
            size = struct.unpack(">Q", read(at + 8, 8).ljust(8, b"\0"))[0]
            data = at + 16
        elif size == 0:
            size = end - at
        if size < data - at or at + size > end:
            raise Refused("the film is cut off or damaged")
        yield Box(kind, at, data, at + size)
        at += size


def made(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of a content."""
    content = b"".join(parts)
    return struct.pack(">I4s", len(content) + 8, kind) + content


class _Tree:
    """A box in memory with those in it."""

    def __init__(self, data: bytes, depth: int = 0) -> None:
        self.kind = data[4:8]
        self.raw = data
        self.inner: list[_Tree] = []
        self.tail = b""
        """What stands behind the boxes: QuickTime ends some with a zero."""
        self.is_open = self.kind in _HOLDERS and depth < _MOST_DEPTH
        if self.is_open:
            at = 8
            for box in boxes(lambda a, n: data[a : a + n], 8, len(data)):
                self.inner.append(_Tree(data[box.start : box.end], depth + 1))
                at = box.end
            self.tail = data[at:]

    def find(self, *path: bytes) -> _Tree | None:
        """The first box at the end of a path."""
        found: _Tree | None = self
        for kind in path:
            found = next((b for b in found.inner if b.kind == kind), None) if found else None
        return found

    def all(self, kind: bytes) -> list[_Tree]:
        """Boxes directly in this one."""
        return [b for b in self.inner if b.kind == kind]

    def __bytes__(self) -> bytes:
        if not self.is_open:
            return self.raw
        return made(self.kind, *(bytes(b) for b in self.inner), self.tail)


def changes(read: Read, size: int, chapters: Sequence[Chapter]) -> list[Change]:
    """Return what changes in a file of `size` bytes, in its order; raises Refused."""
    if len(chapters) > _MOST_CHAPTERS:
        raise Refused(f"MP4 holds {_MOST_CHAPTERS} chapters, and these are {len(chapters)}")
    top = list(boxes(read, 0, size))
    kinds = [b.kind for b in top]
    if b"moof" in kinds:
        raise Refused(
            "it is a fragmented MP4, made for streaming; a copy made by "
            "`ffmpeg -i FILE -map 0 -c copy COPY.mp4` takes chapters"
        )
    if kinds.count(b"moov") != 1:
        raise Refused("the film is cut off or damaged: it has no index")
    index = top[kinds.index(b"moov")]
    if index.end - index.start > _MOST_INDEX or index.data - index.start != 8:
        raise Refused("its index is too large")
    old = read(index.start, index.end - index.start)
    moov = _Tree(old)
    if bytes(moov) != old:
        raise Refused("its index has an unusual form")
    samples = _renew(moov, chapters)
    return _laid(read, top, index, moov, samples, size)


def _renew(moov: _Tree, chapters: Sequence[Chapter]) -> _Samples | None:
    """Put chapters into the index; the samples of a text track, which stand outside of it."""
    track = _text_track(moov)
    udta = moov.find(b"udta")
    old = udta.find(b"chpl") if udta is not None else None
    if track is None or old is not None:
        if udta is None:
            udta = _Tree(made(b"udta"))
            moov.inner.append(udta)
        at = udta.inner.index(old) if old is not None else 0
        udta.inner[at : at + (old is not None)] = [_Tree(_chpl(chapters))]
    return None if track is None else _Samples(moov, track, chapters)


def _chpl(chapters: Sequence[Chapter]) -> bytes:
    """Nero's list: count, and of each chapter its start in 100 ns and its name."""
    items = [struct.pack(">IIB", 0x01000000, 0, len(chapters))]
    for chapter in chapters:
        name = _cut(chapter.title, _MOST_TITLE)
        items.append(struct.pack(">QB", round(chapter.start_s * _TICKS), len(name)) + name)
    return made(b"chpl", *items)


def _cut(title: str, most: int) -> bytes:
    return title.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").encode()


def _text_track(moov: _Tree) -> _Tree | None:
    """The track of chapter names; Refused for several of them."""
    tracks = {_track_id(t): t for t in moov.all(b"trak")}
    named: list[int] = []
    for track in tracks.values():
        refers = track.find(b"tref", b"chap")
        if refers is not None:
            named += struct.unpack(f">{(len(refers.raw) - _HEADER) // 4}I", refers.raw[_HEADER:])
    texts = [tracks[i] for i in dict.fromkeys(named) if i in tracks and _is_text(tracks[i])]
    if len(texts) > 1:
        raise Refused("it has chapters in several languages, and new ones are in one")
    return texts[0] if texts else None


def _is_text(track: _Tree) -> bool:
    """Whether a track holds text."""
    handler = track.find(b"mdia", b"hdlr")
    return handler is not None and handler.raw[16:20] in {b"text", b"sbtl"}


def _track_id(track: _Tree) -> int:
    header = track.find(b"tkhd")
    if header is None or len(header.raw) < 40:
        raise Refused("the film's index is damaged")
    at = 20 if header.raw[8] == 0 else 28
    return int(struct.unpack_from(">I", header.raw, at)[0])


class _Samples:
    """The names of a text track, and the tables of the index that tell where they are."""

    def __init__(self, moov: _Tree, track: _Tree, chapters: Sequence[Chapter]) -> None:
        movie, header = moov.find(b"mvhd"), track.find(b"tkhd")
        media, table = track.find(b"mdia", b"mdhd"), track.find(b"mdia", b"minf", b"stbl")
        if movie is None or header is None or media is None or table is None:
            raise Refused("the film's index is damaged")
        self._table = table
        scale = _scale(media)
        names = [_cut(c.title, 2**15) for c in chapters]
        self._samples = [struct.pack(">H", len(n)) + n + _ENCODED for n in names]
        starts = [0, *(round(c.start_s * scale) for c in chapters[1:])]
        ends = [*starts[1:], round(chapters[-1].end_s * scale)]
        lengths = [max(1, end - start) for start, end in zip(starts, ends, strict=True)]
        media.raw = _with_duration(media.raw, sum(lengths), of_media=True)
        movie_s = sum(lengths) / scale * _scale(movie)
        header.raw = _with_duration(header.raw, round(movie_s), of_media=False)
        track.inner = [b for b in track.inner if b.kind != b"edts"]
        self._lengths = lengths

    @property
    def data(self) -> bytes:
        """The samples, one after the other."""
        return b"".join(self._samples)

    def place(self, at: int) -> None:
        """Note in the index that the samples begin at a place in the file."""
        count = len(self._samples)
        stts = b"".join(struct.pack(">II", 1, n) for n in self._lengths)
        stsz = b"".join(struct.pack(">I", len(s)) for s in self._samples)
        kept = [b for b in self._table.inner if b.kind == b"stsd"]
        tables = [
            made(b"stts", struct.pack(">II", 0, count), stts),
            made(b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1)),
            made(b"stsz", struct.pack(">III", 0, 0, count), stsz),
            made(b"co64", struct.pack(">IIQ", 0, 1, at)),
        ]
        self._table.inner = [*kept, *map(_Tree, tables)]


def _scale(header: _Tree) -> int:
    """Units a second of a mvhd or mdhd box; Refused for none."""
    at = 20 if header.raw[8] == 0 else 28
    scale = int(struct.unpack_from(">I", header.raw, at)[0]) if len(header.raw) >= at + 12 else 0
    if not scale:
        raise Refused("the film's index is damaged")
    return scale


def _with_duration(raw: bytes, duration: int, *, of_media: bool) -> bytes:
    """A mdhd (`of_media`) or tkhd box with another duration."""
    at, form = (24, ">I") if raw[8] == 0 else (32, ">Q")
    at += 0 if of_media else 4
    data = bytearray(raw)
    struct.pack_into(form, data, at, min(duration, 2 ** (8 * struct.calcsize(form)) - 2))
    return bytes(data)


def _laid(
    read: Read, top: list[Box], index: Box, moov: _Tree, samples: _Samples | None, size: int
) -> list[Change]:
    """Where the new index goes, and the samples behind all else."""
    if samples is not None:
        samples.place(0)
    growth = len(bytes(moov)) - (index.end - index.start)
    until, pad = index.end, b""
    behind = next((b for b in top if b.start == index.end), None)
    left = behind.end - behind.start - growth if behind is not None else 0
    if growth == 0 or growth <= -_HEADER:
        pad = _free(-growth)
    elif behind is not None and behind.kind in _EMPTY and (left == 0 or left >= _HEADER):
        until, pad = behind.end, _free(left)
    moved = len(bytes(moov)) + len(pad) - (until - index.start)
    if moved and any(b.kind == b"mdat" and b.start > index.start for b in top):
        _move(moov, index.end, moved)
    if samples is not None:
        if not any(read(top[-1].start, 4)):
            raise Refused("the film's last part tells no length")
        samples.place(size + moved + _HEADER)
    new = [Change(index.start, until, bytes(moov) + pad)]
    if samples is not None:
        new.append(Change(size, size, made(b"mdat", samples.data)))
    return new


def _free(length: int) -> bytes:
    return made(b"free", bytes(length - _HEADER)) if length else b""


def _move(moov: _Tree, since: int, by: int) -> None:
    """Move all places from `since` on; Refused where the index holds others than of samples."""
    for track in moov.all(b"trak"):
        table = track.find(b"mdia", b"minf", b"stbl")
        for box in table.inner if table is not None else []:
            if box.kind == b"saio":
                raise Refused("it is encrypted, and its index has no room for them")
            if box.kind in {b"stco", b"co64"}:
                box.raw = _moved_table(box.raw, since, by)
    meta = moov.find(b"meta")
    if meta is not None and b"iloc" in meta.raw:
        raise Refused("its index has no room for them")


def _moved_table(raw: bytes, since: int, by: int) -> bytes:
    form = "I" if raw[4:8] == b"stco" else "Q"
    count = struct.unpack_from(">I", raw, 12)[0]
    places = struct.unpack(f">{count}{form}", raw[16:])
    new = [p + by if p >= since else p for p in places]
    if new and max(new) >= 2 ** (8 * struct.calcsize(f">{form}")):
        raise Refused("its index has no room for them")
    return raw[:16] + struct.pack(f">{count}{form}", *new)
