"""What a Matroska or WebM file is made of, and the chapters that players show of it (RFC 9559)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.segments import ebml
from edge.segments.chapters import Chapter
from edge.segments.ebml import EbmlError, Element, Read

EBML, SEGMENT, SEEK_HEAD, INFO = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966
CLUSTER, CUES, CHAPTERS = 0x1F43B675, 0x1C53BB6B, 0x1043A770
TRACKS, ATTACHMENTS, TAGS = 0x1654AE6B, 0x1941A469, 0x1254C367
SEEK, SEEK_ID, SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
EDITION, ATOM, DISPLAY = 0x45B9, 0xB6, 0x80
EDITION_HIDDEN, EDITION_DEFAULT, EDITION_ORDERED = 0x45BD, 0x45DB, 0x45DD
ATOM_UID, ATOM_START, ATOM_END, ATOM_HIDDEN, ATOM_ENABLED = 0x73C4, 0x91, 0x92, 0x98, 0x4598
CHAPTER_STRING = 0x85
_DOC_TYPE = 0x4282
_TOP = {SEEK_HEAD, INFO, CLUSTER, CUES, CHAPTERS, TRACKS, ATTACHMENTS, TAGS}
_ENDS_CLUSTER = _TOP | {EBML, SEGMENT}
_MOST_HEADER = 2**26
"""Bytes of a SeekHead, Cues or Chapters element: more is no film's."""
_NS = 1_000_000_000


@dataclass(slots=True)
class Layout:
    """The elements of a file's first segment."""

    segment: Element
    end: int
    """Where the segment ends in the file."""
    elements: list[Element] = field(default_factory=list)
    """Those directly in the segment, in the file's order. A cluster of unknown size has one."""
    is_whole: bool = True
    """Whether all of them were found; else the rest is damaged, or was not looked at."""
    is_cut_off: bool = False
    """Whether the file ends within an element."""

    def of(self, id_: int) -> list[Element]:
        """Return those with an ID."""
        return [e for e in self.elements if e.id == id_]

    @property
    def body(self) -> int:
        """Where the first cluster begins, or the segment's end."""
        return next((e.start for e in self.elements if e.id == CLUSTER), self.end)


@dataclass(frozen=True, slots=True)
class Atom:
    """A chapter of an edition, as the file has it."""

    raw: bytes
    """The element."""
    uid: int
    start_ns: int
    end_ns: int | None
    title: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """One list of chapters."""

    raw: bytes
    """The element."""
    is_hidden: bool
    is_default: bool
    is_ordered: bool
    atoms: tuple[Atom, ...]
    rest: bytes
    """All of its content but the chapters."""


def reader_of(number: int) -> Read:
    """Return how to read an open file by its descriptor."""

    def read(at: int, length: int) -> bytes:
        return os.pread(number, length, at)

    return read


def is_matroska(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith(ebml.id_bytes(EBML))


def layout_of(read: Read, size: int, *, header_only: bool = False) -> Layout:
    """Find the elements of a file of `size` bytes; up to the first cluster with `header_only`.

    Raises EbmlError for what is no Matroska file.
    """
    head = ebml.read_element(read, 0)
    if head.id != EBML or head.size is None or head.size > _MOST_HEADER:
        raise EbmlError("no Matroska file")
    fields = read(head.data, head.size)
    kinds = [ebml.text(ebml.content(fields, e)) for e in ebml.children(fields) if e.id == _DOC_TYPE]
    if kinds and kinds[0] not in {"matroska", "webm"}:
        raise EbmlError(f"no Matroska file but {kinds[0][:20]!r}")
    segment = ebml.read_element(read, head.end)
    while segment.id in {ebml.VOID, ebml.CRC32}:
        segment = ebml.read_element(read, segment.end)
    if segment.id != SEGMENT:
        raise EbmlError("no Matroska file: it has no segment")
    end = size if segment.size is None else segment.end
    layout = Layout(segment, end, is_cut_off=end > size)
    _walk(read, layout, min(end, size), header_only=header_only)
    return layout


def _walk(read: Read, layout: Layout, until: int, *, header_only: bool) -> None:
    at = layout.segment.data
    while at < until:
        try:
            element = ebml.read_element(read, at)
            if layout.segment.size is None and element.id in {EBML, SEGMENT}:
                layout.end = at
                return
            if element.size is None:
                element = Element(element.id, at, element.data, _live_size(read, element, until))
        except EbmlError:
            layout.is_whole = False
            return
        if element.id not in _TOP | {ebml.VOID, ebml.CRC32} and element.end > until:
            layout.is_whole = False  # no element but damage
            return
        layout.elements.append(element)
        if header_only and element.id == CLUSTER:
            layout.is_whole = False
            return
        at = element.end
    if at > until:
        layout.is_cut_off = True


def _live_size(read: Read, cluster: Element, until: int) -> int:
    """Bytes in a cluster that tells no size: it ends where another element of the segment begins.

    Raises EbmlError for other elements, and for damage.
    """
    if cluster.id != CLUSTER:
        raise EbmlError("only segments and clusters may be of unknown size")
    at = cluster.data
    while at < until:
        inner = ebml.read_element(read, at)
        if inner.id in _ENDS_CLUSTER:
            break
        at = inner.end
    return at - cluster.data


def read_whole(read: Read, element: Element) -> bytes:
    """Return an element's content; EbmlError where it is too long, or cut off."""
    if element.size is None or element.size > _MOST_HEADER:
        raise EbmlError("an element of the header is too long")
    data = read(element.data, element.size)
    if len(data) < element.size:
        raise EbmlError("the file ends within its header")
    return data


def seeks(data: bytes) -> Iterator[tuple[Element, int, int]]:
    """Give each entry of a SeekHead: where it lies, ID, position in the segment."""
    for entry in ebml.children(data):
        if entry.id == SEEK:
            inner = ebml.content(data, entry)
            found = {e.id: ebml.number(ebml.content(inner, e)) for e in ebml.children(inner)}
            if SEEK_ID in found and SEEK_POSITION in found:
                yield entry, found[SEEK_ID], found[SEEK_POSITION]


def chapter_elements(read: Read, layout: Layout) -> list[Element]:
    """Find the Chapters elements: those seen, and those that the SeekHeads name; in order."""
    found = {e.start: e for e in layout.of(CHAPTERS)}
    heads = layout.of(SEEK_HEAD)
    known = {e.start for e in heads}
    for head in heads:  # grows: a SeekHead may name another
        for _, id_, position in seeks(read_whole(read, head)):
            if id_ not in {CHAPTERS, SEEK_HEAD}:
                continue
            try:
                element = ebml.read_element(read, layout.segment.data + position)
            except EbmlError:
                continue  # the file is cut off before it
            if element.id == CHAPTERS == id_:
                found.setdefault(element.start, element)
            elif element.id == SEEK_HEAD == id_ and element.start not in known:
                known.add(element.start)
                heads.append(element)
    return [found[start] for start in sorted(found)]


def editions_of(data: bytes) -> list[Edition]:
    """Read a Chapters element's content; raises EbmlError."""
    return [_edition(data, e) for e in ebml.children(data) if e.id == EDITION]


def _edition(data: bytes, element: Element) -> Edition:
    inner = ebml.content(data, element)
    flags: dict[int, int] = {}
    atoms, rest = [], []
    for child in ebml.children(inner):
        if child.id == ATOM:
            atoms.append(_atom(ebml.whole(inner, child), ebml.content(inner, child)))
        elif child.id not in {ebml.VOID, ebml.CRC32}:
            rest.append(ebml.whole(inner, child))
            flags[child.id] = ebml.number(ebml.content(inner, child)[:8])
    return Edition(
        ebml.whole(data, element),
        is_hidden=bool(flags.get(EDITION_HIDDEN)),
        is_default=bool(flags.get(EDITION_DEFAULT)),
        is_ordered=bool(flags.get(EDITION_ORDERED)),
        atoms=tuple(atoms),
        rest=b"".join(rest),
    )


def _atom(raw: bytes, data: bytes) -> Atom:
    numbers: dict[int, int] = {}
    title = ""
    for child in ebml.children(data):
        inner = ebml.content(data, child)
        if child.id == DISPLAY and not title:
            strings = [e for e in ebml.children(inner) if e.id == CHAPTER_STRING]
            title = ebml.text(ebml.content(inner, strings[0])) if strings else ""
        elif child.id in {ATOM_UID, ATOM_START, ATOM_END, ATOM_HIDDEN, ATOM_ENABLED}:
            numbers[child.id] = ebml.number(inner[:8])
    return Atom(
        raw,
        numbers.get(ATOM_UID, 0),
        numbers.get(ATOM_START, 0),
        numbers.get(ATOM_END),
        title,
        is_shown=not numbers.get(ATOM_HIDDEN) and bool(numbers.get(ATOM_ENABLED, 1)),
    )


def shown(editions: list[Edition]) -> Edition | None:
    """Return the edition that players show: the default one, or the first; never a hidden one."""
    visible = [e for e in editions if not e.is_hidden]
    return next((e for e in visible if e.is_default), visible[0] if visible else None)


def chapters_of(edition: Edition, until_s: float) -> list[Chapter]:
    """The chapters that players show of an edition; one without an end goes to the next."""
    atoms = sorted((a for a in edition.atoms if a.is_shown), key=lambda a: a.start_ns)
    starts = [a.start_ns / _NS for a in atoms]
    ends = [*starts[1:], max([until_s, *starts])]
    return [
        Chapter(start, a.end_ns / _NS if a.end_ns and a.end_ns > a.start_ns else next_s, a.title)
        for a, start, next_s in zip(atoms, starts, ends, strict=True)
    ]


def shown_edition(path: Path) -> Edition | None:
    """Return the edition that players show of a file; None for a file without chapters.

    Raises EbmlError for a file that is no Matroska file or is damaged, OSError as `open` does.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        read = reader_of(number)
        layout = layout_of(read, os.fstat(number).st_size, header_only=True)
        elements = chapter_elements(read, layout)
        return shown([e for c in elements for e in editions_of(read_whole(read, c))])
    finally:
        os.close(number)
