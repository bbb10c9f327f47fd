"""EBML elements, read and written (RFC 8794). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""Takes a position and a length; gives so many bytes, fewer at the file's end."""
VOID, CRC32 = 0xEC, 0xBF
_LONGEST_HEADER = 12
"""Bytes: an ID of 4 and a size of 8."""


class EbmlError(ValueError):
    """Bytes that are no EBML element."""


@dataclass(frozen=True, slots=True)
class Element:
    """Where an element lies in a file. Positions in bytes."""

    id: int
    """With its length marker, as the specifications list it."""
    start: int
    data: int
    """Where its content begins."""
    size: int | None
    """Of its content; None where the element tells none (a live recording)."""

    @property
    def end(self) -> int:
        """Where it ends; EbmlError for one without a size."""
        if self.size is None:
            raise EbmlError("an element of unknown size has no end")
        return self.data + self.size


def read_element(read: Read, at: int) -> Element:
    """Read the header of the element at a position; raises EbmlError."""
    head = read(at, _LONGEST_HEADER)
    id_length = _length(head, 0, 4)
    size_length = _length(head, id_length, 8)
    if len(head) < id_length + size_length:
        raise EbmlError(f"the file ends within an element at {at}")
    number = int.from_bytes(head[:id_length], "big")
    size = int.from_bytes(head[id_length : id_length + size_length], "big")
    size &= (1 << 7 * size_length) - 1
    unknown = size == (1 << 7 * size_length) - 1
    return Element(number, at, at + id_length + size_length, None if unknown else size)


def _length(head: bytes, at: int, most: int) -> int:
    """Bytes of a variable-length number, by its first byte."""
    length = 9 - head[at].bit_length() if at < len(head) else 9
    if length > most:
        raise EbmlError("no EBML element")
    return length


def children(data: bytes) -> Iterator[Element]:
    """Read the elements one after the other in a content that is in memory; raises EbmlError."""

    def read(at: int, length: int) -> bytes:
        return data[at : at + length]

    at = 0
    while at < len(data):
        element = read_element(read, at)
        if element.size is None or element.end > len(data):
            raise EbmlError("an element is longer than the one that holds it")
        yield element
        at = element.end


def content(data: bytes, element: Element) -> bytes:
    """Return the content of an element that `children` found in these bytes."""
    return data[element.data : element.end]


def whole(data: bytes, element: Element) -> bytes:
    """Return an element with its header."""
    return data[element.start : element.end]


def number(data: bytes) -> int:
    """Read an unsigned integer's content."""
    return int.from_bytes(data, "big")


def text(data: bytes) -> str:
    """Read a string's content: it may be filled up with zeros."""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")


def made(id_: int, data: bytes, size_length: int | None = None) -> bytes:
    """Return an element; its size takes as few bytes as it can, or `size_length`."""
    return id_bytes(id_) + size_bytes(len(data), size_length) + data


def made_number(id_: int, value: int, length: int | None = None) -> bytes:
    """Return an element that holds an unsigned integer."""
    return made(id_, value.to_bytes(length or max(1, (value.bit_length() + 7) // 8), "big"))


def made_void(total: int) -> bytes:
    """Return an element of `total` bytes, 2 at least, that says nothing; nothing for 0."""
    if not total:
        return b""
    size_length = 1 if total <= 128 else 8
    return made(VOID, bytes(total - 1 - size_length), size_length)


def id_bytes(id_: int) -> bytes:
    """Return an ID as it stands in a file."""
    return id_.to_bytes((id_.bit_length() + 7) // 8, "big")


def size_bytes(size: int, length: int | None = None) -> bytes:
    """Return a size as it stands in a file; EbmlError where it does not fit into `length` bytes."""
    if length is None:
        length = next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    if size >= (1 << 7 * length) - 1:
        raise EbmlError(f"a size of {size} does not fit into {length} bytes")
    return (size | 1 << 7 * length).to_bytes(length, "big")
