"""OpenTrackIO 1.0.1 on the wire: the 16-byte header, segments and their reassembly, JSON and CBOR.

Source: SMPTE RIS-OSVP camdkit, OpenTrackIO specification text and its reference packets. What is
sent keeps to the specification and to one packet a sample; what is received may number its segments
either way (one number for all of them, or one more for each) and may start at any sequence.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from typing import Any

from edge.errors import ProtocolError, UsageError

MAGIC = b"OTrk"
HEADER_BYTES = 16
PORT = 55555
MAX_PAYLOAD_BYTES = 1456
"""Payload that fits one Ethernet frame with the header, UDP and IP.

Larger ones become IP fragments.
"""
MAX_SAMPLE_BYTES = 65536
_LAST = 0x8000


class PayloadEncoding(IntEnum):
    """Byte 5 of the header; 0x80 and above belong to vendors."""

    JSON = 1
    CBOR = 2


@dataclass(frozen=True, slots=True)
class DatagramSegment:
    """One datagram, checked."""

    encoding: PayloadEncoding
    sequence: int
    offset: int
    last: bool
    payload: bytes


def multicast_group(source_number: int) -> str:
    """Return the IPv4 group of a source, 1 to 200 (1.0.1: 239.135.1.N)."""
    if not 1 <= source_number <= 200:
        raise ProtocolError(f"OpenTrackIO: source number {source_number} is outside 1..200")
    return f"239.135.1.{source_number}"


def fletcher16(data: bytes) -> int:
    """Fletcher-16 with modulus 256 (1.0.1; 1.0.0 used 255), second sum in the high byte."""
    return (sum(accumulate(data)) & 0xFF) << 8 | sum(data) & 0xFF


def encode_segment(segment: DatagramSegment) -> bytes:
    """Put the header before a payload."""
    size = len(segment.payload)
    if not 0 < size < _LAST:
        raise ProtocolError(f"OpenTrackIO: payload of {size} bytes does not fit a segment")
    head = MAGIC + bytes([0, segment.encoding]) + (segment.sequence & 0xFFFF).to_bytes(2, "big")
    head += segment.offset.to_bytes(4, "big") + (size | (_LAST if segment.last else 0)).to_bytes(
        2, "big"
    )
    return head + fletcher16(head + segment.payload).to_bytes(2, "big") + segment.payload


def decode_segment(data: bytes) -> DatagramSegment:
    """Check one datagram and take its header off; raises ProtocolError."""
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise ProtocolError("OpenTrackIO: datagram does not start with a whole OTrk header")
    if data[5] not in set(PayloadEncoding):
        raise ProtocolError(
            f"OpenTrackIO: encoding {data[5]:02X} is neither JSON (01) nor CBOR (02)"
        )
    length = int.from_bytes(data[12:14], "big")
    payload = data[HEADER_BYTES:]
    if length & ~_LAST != len(payload) or not payload:
        raise ProtocolError(
            f"OpenTrackIO: header says {length & ~_LAST} bytes, {len(payload)} follow"
        )
    given, real = int.from_bytes(data[14:16], "big"), fletcher16(data[:14] + payload)
    if given != real:
        raise ProtocolError(f"OpenTrackIO: checksum {given:04X}, expected {real:04X}")
    return DatagramSegment(
        encoding=PayloadEncoding(data[5]),
        sequence=int.from_bytes(data[6:8], "big"),
        offset=int.from_bytes(data[8:12], "big"),
        last=bool(length & _LAST),
        payload=payload,
    )


def split(
    payload: bytes, encoding: PayloadEncoding, sequence: int, *, mtu: int = MAX_PAYLOAD_BYTES
) -> list[DatagramSegment]:
    """Cut a sample into segments of one sequence number; a sample under the limit gives one."""
    starts = range(0, len(payload), mtu)
    last = starts[-1] if starts else 0
    return [
        DatagramSegment(encoding, sequence, at, at == last, payload[at : at + mtu]) for at in starts
    ]


@dataclass(slots=True)
class _Partial:
    """A sample whose segments have not all come."""

    encoding: PayloadEncoding
    sequences: tuple[int, ...]
    payload: bytearray = field(default_factory=bytearray)


class Reassembler:
    """Join segments of each sender; a gap, an overlap or another order drops the whole sample.

    Memory is bounded: one unfinished sample a sender, of at most 64 KiB, and at most `senders` of
    them.
    """

    def __init__(self, senders: int = 8) -> None:
        self._senders = senders
        self._partial: OrderedDict[Hashable, _Partial] = OrderedDict()
        self.dropped = 0
        """Samples given up because a segment was missing, out of order or too much."""

    def feed(
        self, segment: DatagramSegment, sender: Hashable
    ) -> tuple[PayloadEncoding, bytes] | None:
        """Take a segment; returns the sample's encoding and bytes once it is whole."""
        if segment.offset == 0:
            self._start(segment, sender)
        elif not self._extend(segment, sender):
            return None
        if not segment.last:
            return None
        done = self._partial.pop(sender)
        return done.encoding, bytes(done.payload)

    def _start(self, segment: DatagramSegment, sender: Hashable) -> None:
        if sender in self._partial:
            del self._partial[sender]
            self.dropped += 1
        while len(self._partial) >= self._senders:
            self._partial.popitem(last=False)
            self.dropped += 1
        self._partial[sender] = _Partial(
            segment.encoding, (segment.sequence,), bytearray(segment.payload)
        )

    def _extend(self, segment: DatagramSegment, sender: Hashable) -> bool:
        partial = self._partial.get(sender)
        if partial is None:
            return False
        size, previous = len(partial.payload), partial.sequences[-1]
        known = segment.sequence in {previous, (previous + 1) & 0xFFFF}
        if known and segment.offset + len(segment.payload) <= size:
            return False  # a duplicate: processed once
        fits = size + len(segment.payload) <= MAX_SAMPLE_BYTES
        if not known or segment.offset != size or not fits or segment.encoding != partial.encoding:
            del self._partial[sender]
            self.dropped += 1
            return False
        partial.payload += segment.payload
        partial.sequences = (segment.sequence,)
        return True


def parse_payload(encoding: PayloadEncoding, payload: bytes) -> dict[str, Any]:
    """Return a sample's JSON or CBOR as a dict.

    Raises ProtocolError, or UsageError without the `camera` extra.
    """
    value = _parse_json(payload) if encoding is PayloadEncoding.JSON else _parse_cbor(payload)
    if not isinstance(value, dict):
        raise ProtocolError("OpenTrackIO: the sample is not an object")
    return {str(key): item for key, item in value.items()}


def build_payload(encoding: PayloadEncoding, sample: dict[str, Any]) -> bytes:
    """Compact JSON or CBOR of a sample."""
    if encoding is PayloadEncoding.CBOR:
        cbor: bytes = _cbor2().dumps(sample)
        return cbor
    return json.dumps(sample, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def _parse_json(payload: bytes) -> object:
    try:
        return json.loads(payload.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"OpenTrackIO: not JSON ({error})") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _parse_cbor(payload: bytes) -> object:
    cbor2 = _cbor2()
    # tags call constructors (dates, fractions, patterns), so that any exception may come out of a
    # decoder
    try:
        return cbor2.loads(payload)
    except Exception as error:
        raise ProtocolError(f"OpenTrackIO: not CBOR ({type(error).__name__}: {error})") from error


def _cbor2() -> Any:
    try:
        import cbor2  # noqa: PLC0415 - only samples in CBOR need it
    except ImportError as error:
        raise UsageError(
            "OpenTrackIO in CBOR needs the camera extra: pip install 'touchline[camera]'"
        ) from error
    return cbor2
