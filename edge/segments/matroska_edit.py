"""New chapters for a Matroska file: which of its bytes change, and into what.

Only the Chapters element is exchanged. It goes where the old one or an empty element leaves room,
else behind the last cluster, with its place in the SeekHead; a file without a SeekHead (a live
recording) gets it before its first cluster. Every other element stays byte for byte.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Sequence

from edge.segments import ebml
from edge.segments import matroska as mkv
from edge.segments.chapters import Chapter
from edge.segments.ebml import EbmlError, Element, Read
from edge.segments.matroska import Atom, Edition, Layout
from edge.segments.replacement import Change, Refused

_NS = 1_000_000_000
_LANGUAGE, _LANGUAGE_OF_OURS = 0x437C, b"eng"
_EDITION_UID = 0x45BC
_POSITION_OF_CUE, _POSITION_OF_CLUSTER = 0xF1, 0xA7
_CUE, _CUE_TRACK = 0xBB, 0xB7
_CRC_LENGTH = 6
_POSITION_BYTES = range(4, 9)
_MOST_ROUNDS = 4
_ROOM_FOR_AN_ENTRY = 32
"""Bytes left behind a SeekHead: one more entry, and an empty element of 2 bytes at least."""


def chapters_payload(old: Sequence[bytes], chapters: Sequence[Chapter]) -> bytes:
    """Return the content of the Chapters element that replaces those of the contents `old`.

    The chapters go into the edition that players show; the other editions stay as they are, and so
    do hidden and disabled chapters. A chapter that was there keeps its UID, its names in other
    languages and whatever else it holds. Raises Refused for an ordered edition, EbmlError for
    damage.
    """
    editions = [e for data in old for e in mkv.editions_of(data)]
    shown = mkv.shown(editions)
    if shown is not None and shown.is_ordered:
        raise Refused(
            "its chapters play the film in an order of their own (an ordered edition); "
            "new ones would break that"
        )
    if shown is None:
        uid = ebml.made_number(_EDITION_UID, _new_uid())
        default = ebml.made_number(mkv.EDITION_DEFAULT, 1) if editions else b""
        shown = Edition(
            b"", is_hidden=False, is_default=False, is_ordered=False, atoms=(), rest=uid + default
        )
        editions.append(shown)
    return b"".join(_rebuilt(e, chapters) if e is shown else e.raw for e in editions)


def _rebuilt(edition: Edition, chapters: Sequence[Chapter]) -> bytes:
    """The edition with these chapters in place of those that are shown."""
    unused = [a for a in edition.atoms if a.is_shown]
    atoms = [(a.start_ns, a.raw) for a in edition.atoms if not a.is_shown]
    taken: set[int] = set()
    for chapter in chapters:
        start_ns, end_ns = round(chapter.start_s * _NS), round(chapter.end_s * _NS)
        kept = [
            a for a in unused
            if a.title == chapter.title and a.start_ns <= start_ns
            and (a.end_ns is None or a.end_ns > start_ns or a.start_ns == start_ns)
        ]  # fmt: skip
        atom = max(kept, key=lambda a: a.start_ns) if kept else None
        atoms.append((start_ns, _atom(atom, chapter.title, start_ns, end_ns, taken)))
    atoms.sort(key=lambda a: a[0])
    return ebml.made(mkv.EDITION, edition.rest + b"".join(raw for _, raw in atoms))


def _atom(atom: Atom | None, title: str, start_ns: int, end_ns: int, taken: set[int]) -> bytes:
    """A chapter, made of one that was there or new; the first piece of one keeps its UID."""
    if atom is None:
        uid, rest = _new_uid(), b""
        names = ebml.made(
            mkv.DISPLAY,
            ebml.made(mkv.CHAPTER_STRING, title.encode("utf-8", "replace"))
            + ebml.made(_LANGUAGE, _LANGUAGE_OF_OURS),
        )
    else:
        is_first = atom.uid not in taken
        if is_first and (atom.start_ns, atom.end_ns) == (start_ns, end_ns):
            taken.add(atom.uid)
            return atom.raw
        uid = atom.uid if is_first and atom.uid else _new_uid()
        taken.add(atom.uid)
        names = b""
        rest = _kept_of(atom, with_inner=is_first)
    times = ebml.made_number(mkv.ATOM_START, start_ns) + ebml.made_number(mkv.ATOM_END, end_ns)
    return ebml.made(mkv.ATOM, ebml.made_number(mkv.ATOM_UID, uid) + times + rest + names)


def _kept_of(atom: Atom, *, with_inner: bool) -> bytes:
    """What a chapter holds besides its UID and times; its own chapters in one piece of it only."""
    data = ebml.content(atom.raw, ebml.read_element(_in_memory(atom.raw), 0))
    dropped = {mkv.ATOM_UID, mkv.ATOM_START, mkv.ATOM_END, ebml.CRC32}
    if not with_inner:
        dropped |= {mkv.ATOM, 0x5654}  # nested chapters, and a UID as text
    return b"".join(ebml.whole(data, e) for e in ebml.children(data) if e.id not in dropped)


def _in_memory(data: bytes) -> Read:
    return lambda at, length: data[at : at + length]


def _new_uid() -> int:
    return secrets.randbits(63) | 1


def changes(read: Read, layout: Layout, chapters: Sequence[Chapter]) -> list[Change]:
    """Return what changes in a file, in its order; raises Refused or EbmlError."""
    old = mkv.chapter_elements(read, layout)
    payload = chapters_payload([mkv.read_whole(read, e) for e in old], chapters)
    if any(e.id == ebml.CRC32 for e in layout.elements):
        raise Refused("a checksum of the whole film would no longer hold")
    return _Plan(read, layout, old, ebml.made(mkv.CHAPTERS, payload)).made()


class _Plan:
    """Where the new element goes."""

    def __init__(self, read: Read, layout: Layout, old: list[Element], new: bytes) -> None:
        self._read = read
        self._layout = layout
        self._old = old
        self._new = new
        self._base = layout.segment.data
        self._heads = [e for e in layout.of(mkv.SEEK_HEAD) if e.end <= layout.end]

    def made(self) -> list[Change]:
        for way in (self._into_a_gap, self._at_the_end, self._before_the_clusters):
            found = way()
            if found is not None:
                return sorted(found, key=lambda c: (c.start, c.end))
        raise Refused("its index has no room for them; a copy made by mkvmerge has")

    def _into_a_gap(self) -> list[Change] | None:
        """Over the old element or an empty one."""
        for start, end, at in self._gaps():
            room = end - at - len(self._new)
            if room != 0 and room < 2:
                continue
            head = self._head_naming(at - self._base, at)
            if head is None:
                if at >= self._layout.body or self._named_head() is not None:
                    continue  # no reader would find it
                head = []
            is_head_grown = any(c.end > start and c.start < start for c in head)
            front = b"" if is_head_grown else ebml.made_void(at - start)
            whole = front + self._new + ebml.made_void(room)
            run = Change(at if is_head_grown else start, end, whole)
            return [*head, run, *self._emptied((start, end))]
        return None

    def _gaps(self) -> list[tuple[int, int, int]]:
        """Runs of old chapters and empty elements: start, end, and where chapters may begin.

        Those of the old chapters first; the one behind a SeekHead last, which may need it to grow.
        """
        old = {e.start for e in self._old}
        elements = {e.start: e for e in [*self._layout.elements, *self._old]}
        runs: list[tuple[int, int, bool]] = []
        before: Element | None = None
        for element in (elements[start] for start in sorted(elements)):
            is_free = element.start in old or element.id == ebml.VOID
            if is_free and element.end <= self._layout.end:
                if runs and runs[-1][1] == element.start:
                    runs[-1] = (runs[-1][0], element.end, runs[-1][2])
                else:
                    is_behind = before is not None and before.id == mkv.SEEK_HEAD
                    runs.append((element.start, element.end, is_behind))
            before = element
        runs.sort(key=lambda r: (not any(r[0] <= s < r[1] for s in old), r[2], r[0]))
        reserves = {False: (0,), True: (_ROOM_FOR_AN_ENTRY, 0)}
        return [
            (start, end, start + reserve)
            for start, end, is_behind in runs
            for reserve in reserves[is_behind]
            if start + reserve < end
        ]

    def _emptied(self, beside: tuple[int, int] | None = None) -> list[Change]:
        """The old elements as empty ones, but those that lie in a run that is written over."""
        return [
            Change(e.start, e.end, ebml.made_void(e.end - e.start))
            for e in self._old
            if beside is None or not beside[0] <= e.start < beside[1]
        ]

    def _at_the_end(self) -> list[Change] | None:
        """Behind the last element of the segment."""
        layout = self._layout
        if not layout.is_whole or layout.is_cut_off:
            return None
        segment = self._segment_grown(len(self._new))
        head = self._head_naming(layout.end - self._base)
        if head is not None:
            return [*segment, *head, *self._emptied(), Change(layout.end, layout.end, self._new)]
        return self._with_second_head()

    def _with_second_head(self) -> list[Change] | None:
        """As that, with a SeekHead behind it that the first one, which is full, names."""
        layout = self._layout
        first = self._heads[0] if self._heads else None
        if first is None or len(self._heads) > 1:
            return None
        position = layout.end - self._base
        entries = b"".join(raw for id_, raw in self._entries(first) if id_ != mkv.CHAPTERS)
        second = ebml.made(mkv.SEEK_HEAD, entries + _entry(mkv.CHAPTERS, position, 8))
        both = self._new + second
        link = _filled_head(
            b"", (mkv.SEEK_HEAD, position + len(self._new)), self._room_of(first) - first.start
        )
        if link is None:
            return None
        return [
            *self._segment_grown(len(both)),
            Change(first.start, self._room_of(first), link),
            *self._emptied(),
            Change(layout.end, layout.end, both),
        ]

    def _before_the_clusters(self) -> list[Change] | None:
        """In front of the first cluster; what lies behind moves, and each place that is noted."""
        layout = self._layout
        if not layout.is_whole:
            raise Refused("it is damaged, and its header has no room for them")
        at, by = layout.body, len(self._new)
        for _ in range(_MOST_ROUNDS):  # wider places in front of the clusters move them once more
            cues = [self._cues_moved(e, at, by) for e in layout.of(mkv.CUES)]
            grown = [len(c.data) - (c.end - c.start) for c in cues]
            before = sum(g for g, c in zip(grown, cues, strict=True) if c.start < at)
            if by == len(self._new) + before:
                break
            by = len(self._new) + before
        else:
            raise Refused("its index has no room for the film's new places")
        return [
            *self._segment_grown(len(self._new) + sum(grown)),
            *self._heads_moved(at, by),
            *self._emptied(),
            Change(at, at, self._new),
            *cues,
            *(c for e in layout.of(mkv.CLUSTER) for c in self._cluster_moved(e, by)),
        ]

    def _segment_grown(self, by: int) -> list[Change]:
        segment = self._layout.segment
        if segment.size is None:
            return []
        id_end = segment.start + len(ebml.id_bytes(mkv.SEGMENT))
        length = segment.data - id_end
        try:
            size = ebml.size_bytes(segment.size + by, length)
        except EbmlError:
            size = ebml.size_bytes(segment.size + by, 8)
        return [Change(id_end, segment.data, size)]

    # the SeekHead

    def _entries(self, head: Element) -> list[tuple[int, bytes]]:
        """ID and bytes of each entry of a SeekHead."""
        data = mkv.read_whole(self._read, head)
        return [(id_, ebml.whole(data, entry)) for entry, id_, _ in mkv.seeks(data)]

    def _named_head(self) -> Element | None:
        """The SeekHead that names chapters."""
        for head in self._heads:
            if any(id_ == mkv.CHAPTERS for id_, _ in self._entries(head)):
                return head
        return None

    def _room_of(self, head: Element) -> int:
        """Where the empty elements behind a SeekHead end."""
        end = head.end
        for element in self._layout.elements:
            if element.start == end and element.id == ebml.VOID:
                end = element.end
        return min(end, self._layout.end)

    def _head_naming(self, position: int, until: int | None = None) -> list[Change] | None:
        """A SeekHead with the new place of the chapters; None where it has no room.

        It may grow as far as the elements behind it are empty, but not beyond `until`.
        """
        head = self._named_head() or (self._heads[0] if self._heads else None)
        if head is None:
            return None
        entries = list(mkv.seeks(mkv.read_whole(self._read, head)))
        if [p for _, id_, p in entries if id_ == mkv.CHAPTERS] == [position]:
            return []
        end = self._room_of(head)
        if until is not None and head.end <= until < end:
            end = until
        others = b"".join(raw for id_, raw in self._entries(head) if id_ != mkv.CHAPTERS)
        data = _filled_head(others, (mkv.CHAPTERS, position), end - head.start)
        return None if data is None else [Change(head.start, end, data)]

    def _heads_moved(self, at: int, by: int) -> list[Change]:
        """Each SeekHead with the places of what lies from `at` on moved; chapters are at `at`."""
        made = []
        for head in self._heads:
            data = bytearray(mkv.read_whole(self._read, head))
            for entry, id_, position in list(mkv.seeks(bytes(data))):
                if id_ == mkv.CHAPTERS:
                    new = at - self._base
                elif self._base + position >= at:
                    new = position + by
                else:
                    continue
                inner = ebml.content(bytes(data), entry)
                place = next(e for e in ebml.children(inner) if e.id == mkv.SEEK_POSITION)
                _put(data, entry.data + place.data, place.end - place.data, new)
            made.append(Change(head.data, head.end, _summed(data)))
        return made

    def _cues_moved(self, cues: Element, at: int, by: int) -> Change:
        """The Cues with each place from `at` on moved; they grow where a place needs more bytes.

        Then what lies behind them moves too, which a SeekHead may name: Refused.
        """

        def moved(place: Element, raw: bytes, value: bytes) -> bytes:
            position = ebml.number(value)
            if place.id != _POSITION_OF_CUE or self._base + position < at:
                return raw
            try:
                return ebml.made_number(_POSITION_OF_CUE, position + by, place.size)
            except OverflowError:
                if self._heads:
                    raise Refused("its index has no room for the film's new places") from None
                return ebml.made_number(_POSITION_OF_CUE, position + by)

        def track(element: Element, raw: bytes, value: bytes) -> bytes:
            return _rebuilt_with(element, raw, value, moved) if element.id == _CUE_TRACK else raw

        def point(element: Element, raw: bytes, value: bytes) -> bytes:
            return _rebuilt_with(element, raw, value, track) if element.id == _CUE else raw

        data = mkv.read_whole(self._read, cues)
        raw = self._read(cues.start, cues.end - cues.start)
        new = bytearray(_rebuilt_with(cues, raw, data, point))
        header = len(new) - (ebml.read_element(_in_memory(bytes(new)), 0).size or 0)
        return Change(cues.start, cues.end, bytes(new[:header]) + _summed(new[header:]))

    def _cluster_moved(self, cluster: Element, by: int) -> list[Change]:
        """The position that a cluster may tell of itself, among its first elements."""
        at, is_summed = cluster.data, False
        for _ in range(4):
            if at >= min(cluster.end, self._layout.end):
                break
            inner = ebml.read_element(self._read, at)
            is_summed = is_summed or inner.id == ebml.CRC32
            if inner.id == _POSITION_OF_CLUSTER and inner.size:
                data = bytearray(self._read(inner.data, inner.size))
                position = ebml.number(bytes(data))
                if not position:
                    break  # a live recording tells none
                if is_summed:
                    raise Refused("its clusters have checksums of their places")
                _put(data, 0, inner.size, position + by)
                return [Change(inner.data, inner.end, bytes(data))]
            at = inner.end
        return []


def _entry(id_: int, position: int, length: int) -> bytes:
    id_element = ebml.made(mkv.SEEK_ID, ebml.id_bytes(id_))
    return ebml.made(mkv.SEEK, id_element + ebml.made_number(mkv.SEEK_POSITION, position, length))


def _filled_head(others: bytes, added: tuple[int, int], room: int) -> bytes | None:
    """A SeekHead of entries and one more that fills `room` bytes with an empty element behind."""
    for length in _POSITION_BYTES:
        if added[1] >= 1 << 8 * length:
            continue
        for size_length in (None, *range(1, 9)):
            try:
                head = ebml.made(mkv.SEEK_HEAD, others + _entry(*added, length), size_length)
            except EbmlError:
                continue
            left = room - len(head)
            if left == 0 or left >= 2:
                return head + ebml.made_void(left)
    return None


def _rebuilt_with(
    element: Element, raw: bytes, data: bytes, change: Callable[[Element, bytes, bytes], bytes]
) -> bytes:
    """An element with each of those in it as `change` makes it of its bytes and its content."""
    inner = list(ebml.children(data))
    new = b"".join(change(e, ebml.whole(data, e), ebml.content(data, e)) for e in inner)
    if len(new) == len(data):
        return raw[: element.data - element.start] + new
    return ebml.made(element.id, new)


def _put(data: bytearray, at: int, length: int, value: int) -> None:
    """Write a number over one of the same length; Refused where it does not fit."""
    if value >= 1 << 8 * length:
        raise Refused("its index has no room for the film's new places")
    data[at : at + length] = value.to_bytes(length, "big")


def _summed(data: bytearray) -> bytes:
    """The content with its checksum put right, if its first element is one (RFC 8794, 11.3.1)."""
    if data[:2] == bytes((ebml.CRC32, 0x84)):
        data[2:_CRC_LENGTH] = zlib.crc32(data[_CRC_LENGTH:]).to_bytes(4, "little")
    return bytes(data)
