"""MQTT 3.1.1 packets to MQTT 5 packets and back, so that one port serves both. Pure.

The embedded broker's 3.1.1 listener breaks when a message carries MQTT 5 properties, and each of
its listeners speaks one version. So it runs MQTT 5 alone, and a 3.1.1 client's packets are
rewritten on their way: properties are added empty and taken away, reason codes mapped.
Source: OASIS MQTT 3.1.1 and MQTT 5.0, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.errors import ProtocolError

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

LEVEL_311, LEVEL_5 = 4, 5
MAX_PACKET = 4 * 1024 * 1024

_ACKS = frozenset({PUBACK, PUBREC, PUBREL, PUBCOMP})
_SESSION_FOR_EVER = b"\x05\x11\xff\xff\xff\xff"
"""CONNECT properties: five bytes, Session Expiry Interval without end, as 3.1.1 sessions are."""

_CONNACK_311 = {0x84: 1, 0x85: 2, 0x86: 4, 0x87: 5, 0x8A: 5, 0x88: 3, 0x89: 3, 0x97: 3}
"""MQTT 5 reason code -> 3.1.1 return code; what is not here is `server unavailable`."""

_FAILURE_311 = 0x80


class PacketSplitter:
    """Cuts a stream of bytes into packets."""

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._buffer = bytearray()
        self._max_packet = max_packet

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes; yield (first byte, body) of each packet that is complete.

        Raises ProtocolError for a length that is malformed or beyond the limit.
        """
        self._buffer += data
        while True:
            length, start = _varint(self._buffer, 1)
            if start == 0:
                return
            if length > self._max_packet:
                raise ProtocolError(f"a packet of {length} bytes; at most {self._max_packet}")
            end = start + length
            if len(self._buffer) < end:
                return
            packet = self._buffer[0], bytes(self._buffer[start:end])
            del self._buffer[:end]
            yield packet


def packet(first: int, body: bytes) -> bytes:
    """Put a packet together."""
    return bytes([first]) + encode_varint(len(body)) + body


def encode_varint(value: int) -> bytes:
    """Encode a variable byte integer."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def protocol_level(connect_body: bytes) -> int:
    """Return the protocol level that a CONNECT asks for; raises ProtocolError if it is none."""
    name, at = _string(connect_body, 0)
    if name not in {b"MQTT", b"MQIsdp"} or at >= len(connect_body):
        raise ProtocolError("the first packet is no MQTT CONNECT")
    return connect_body[at]


def refusal(level: int) -> bytes:
    """Return the CONNACK that says `not authorized` to a client of this protocol level."""
    return packet(CONNACK << 4, b"\x00\x87\x00" if level == LEVEL_5 else b"\x00\x05")


def to_5(first: int, body: bytes) -> bytes:
    """Rewrite a client's 3.1.1 packet as MQTT 5; raises ProtocolError for a malformed one."""
    kind = first >> 4
    if kind == CONNECT:
        return packet(first, _connect_to_5(body))
    if kind == PUBLISH:
        at = _after_publish_head(first, body)
        return packet(first, body[:at] + b"\x00" + body[at:])
    if kind in {SUBSCRIBE, UNSUBSCRIBE}:
        return packet(first, _head(body, 2) + b"\x00" + body[2:])
    return packet(first, body)


def to_311(first: int, body: bytes) -> bytes | None:
    """Rewrite a broker's MQTT 5 packet as 3.1.1; None for one that 3.1.1 does not have.

    Raises ProtocolError for a malformed one.
    """
    kind = first >> 4
    rewrite = _TO_311.get(kind)
    if rewrite is not None:
        return packet(first, rewrite(first, body))
    if kind in _ACKS:
        return packet(first, _head(body, 2))
    return packet(first, body) if kind == PINGRESP else None


def _connect_to_5(body: bytes) -> bytes:
    _, at = _string(body, 0)
    head = _head(body, at + 4)  # name, level, flags, keep-alive
    flags = head[at + 1]
    properties = b"\x00" if flags & 0x02 else _SESSION_FOR_EVER
    _, payload = _string(body, at + 4)  # client id
    client_id = body[at + 4 : payload]
    will = b"\x00" if flags & 0x04 else b""
    head = head[:at] + bytes([LEVEL_5]) + head[at + 1 :]
    return head + properties + client_id + will + body[payload:]


def _connack_to_311(_first: int, body: bytes) -> bytes:
    flags, code = _head(body, 2)
    return bytes([flags, 0 if code == 0 else _CONNACK_311.get(code, 3)])


def _publish_to_311(first: int, body: bytes) -> bytes:
    at = _after_publish_head(first, body)
    return body[:at] + body[_after_properties(body, at) :]


def _suback_to_311(_first: int, body: bytes) -> bytes:
    codes = body[_after_properties(body, 2) :]
    return _head(body, 2) + bytes(min(_FAILURE_311, c) for c in codes)


def _unsuback_to_311(_first: int, body: bytes) -> bytes:
    return _head(body, 2)


_TO_311: dict[int, Callable[[int, bytes], bytes]] = {
    CONNACK: _connack_to_311,
    PUBLISH: _publish_to_311,
    SUBACK: _suback_to_311,
    UNSUBACK: _unsuback_to_311,
}


def _after_publish_head(first: int, body: bytes) -> int:
    _, at = _string(body, 0)
    return at + 2 if first & 0x06 else at


def _after_properties(body: bytes, at: int) -> int:
    length, start = _varint(body, at)
    if start == 0 or start + length > len(body):
        raise ProtocolError("properties end after the packet")
    return start + length


def _string(body: bytes, at: int) -> tuple[bytes, int]:
    """Return the length-prefixed string at `at`, and where it ends."""
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    if at + 2 > len(body) or end > len(body):
        raise ProtocolError("a string ends after the packet")
    return body[at + 2 : end], end


def _head(body: bytes, size: int) -> bytes:
    if len(body) < size:
        raise ProtocolError(f"a packet of {len(body)} bytes where {size} are needed")
    return body[:size]


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return a variable byte integer and where it ends; (0, 0) while it is incomplete."""
    value = 0
    for i in range(4):
        if at + i >= len(data):
            return 0, 0
        value |= (data[at + i] & 0x7F) << 7 * i
        if not data[at + i] & 0x80:
            return value, at + i + 1
    raise ProtocolError("a length of more than four bytes")
