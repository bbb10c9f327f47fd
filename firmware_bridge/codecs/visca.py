"""VISCA over IP: Sony's UDP framing, message bodies, and the two ways of packing positions.

Sources: Sony SRG-300H manual p. 31 (framing), BRC-X400 command list (bodies), EVI-D100 p. 23
(errors). A body is `81 ... FF` from the controller and `90 ... FF` from the camera. Raw UDP and raw
TCP carry bodies without the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from edge.errors import ProtocolError

HEADER_BYTES, MAX_BODY_BYTES = 8, 16
TERMINATOR = 0xFF


class PayloadType(IntEnum):
    """First two bytes of Sony's header."""

    COMMAND = 0x0100
    INQUIRY = 0x0110
    REPLY = 0x0111
    DEVICE_SETTING = 0x0120
    CONTROL = 0x0200
    CONTROL_REPLY = 0x0201


@dataclass(frozen=True, slots=True)
class Packet:
    """One datagram of Sony's framing."""

    type: PayloadType
    sequence: int
    payload: bytes


def encode_packet(packet: Packet) -> bytes:
    """Put Sony's 8-byte header before a payload of 1 to 16 bytes."""
    size = len(packet.payload)
    if not 1 <= size <= MAX_BODY_BYTES:
        raise ProtocolError(f"VISCA: payload of {size} bytes, 1 to {MAX_BODY_BYTES} fit")
    head = packet.type.to_bytes(2, "big") + size.to_bytes(2, "big")
    return head + (packet.sequence & 0xFFFFFFFF).to_bytes(4, "big") + packet.payload


def decode_packet(data: bytes) -> Packet:
    """Take Sony's header off; raises ProtocolError."""
    if len(data) < HEADER_BYTES + 1:
        raise ProtocolError(f"VISCA: datagram of {len(data)} bytes is too short")
    try:
        kind = PayloadType(int.from_bytes(data[:2], "big"))
    except ValueError as error:
        raise ProtocolError(f"VISCA: unknown payload type {data[:2].hex()}") from error
    size = int.from_bytes(data[2:4], "big")
    if size != len(data) - HEADER_BYTES or size > MAX_BODY_BYTES:
        raise ProtocolError(f"VISCA: header says {size} bytes, {len(data) - HEADER_BYTES} follow")
    return Packet(kind, int.from_bytes(data[4:8], "big"), data[8:])


RESET = b"\x01"
"""Payload of the control command that sets the sequence number back."""
SEQUENCE_ABNORMAL, TYPE_ABNORMAL = b"\x0f\x01", b"\x0f\x02"


class ReplyKind(Enum):
    """What a camera's message means."""

    ACK = "ack"
    COMPLETION = "completion"
    ANSWER = "answer"
    ERROR = "error"


BUFFER_FULL, CANCELLED = 0x03, 0x04
ERRORS = {
    0x01: "message length",
    0x02: "syntax",
    BUFFER_FULL: "command buffer full",
    CANCELLED: "cancelled",
    0x05: "no socket",
    0x41: "not executable",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the camera."""

    kind: ReplyKind
    socket: int
    data: bytes = b""
    """Bytes between the second byte and the terminator: an inquiry's answer."""
    error: int = 0

    @property
    def error_name(self) -> str:
        """The error in words."""
        return ERRORS.get(self.error, f"error {self.error:02X}")


def decode_reply(body: bytes) -> Reply:
    """Decode `90 ... FF`; raises ProtocolError."""
    if len(body) < 3 or len(body) > MAX_BODY_BYTES or body[-1] != TERMINATOR:
        raise ProtocolError(
            f"VISCA: reply {body[:MAX_BODY_BYTES].hex()} is not of the form 90 .. FF"
        )
    if not body[0] & 0x80 or TERMINATOR in body[:-1]:
        raise ProtocolError(f"VISCA: reply {body.hex()} has no address byte or a terminator inside")
    kind, socket = body[1] >> 4, body[1] & 0x0F
    if kind == 4 and len(body) == 3:
        return Reply(ReplyKind.ACK, socket)
    if kind == 5:
        return (
            Reply(ReplyKind.COMPLETION, socket)
            if len(body) == 3
            else Reply(ReplyKind.ANSWER, socket, body[2:-1])
        )
    if kind == 6 and len(body) == 4:
        return Reply(ReplyKind.ERROR, socket, error=body[2])
    raise ProtocolError(f"VISCA: reply {body.hex()} is no ACK, completion, answer or error")


def encode_reply(reply: Reply) -> bytes:
    """Encode a camera's message (the simulator's side)."""
    codes = {
        ReplyKind.ACK: 0x40,
        ReplyKind.COMPLETION: 0x50,
        ReplyKind.ANSWER: 0x50,
        ReplyKind.ERROR: 0x60,
    }
    tail = bytes([reply.error]) if reply.kind is ReplyKind.ERROR else reply.data
    return bytes([0x90, codes[reply.kind] | reply.socket]) + tail + bytes([TERMINATOR])


class ViscaSplitter:
    """Cut a TCP byte stream into bodies.

    More than 16 bytes without a terminator are counted and dropped.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Append received bytes; returns the bodies that are now whole."""
        bodies = []
        for byte in data:
            self._buffer.append(byte)
            if byte == TERMINATOR:
                bodies.append(bytes(self._buffer))
                self._buffer.clear()
            elif len(self._buffer) >= MAX_BODY_BYTES:
                self._buffer.clear()
                self.dropped += 1
        return bodies


# Bodies of the inquiries and commands that a PTZ camera needs.
PAN_TILT_INQUIRY = bytes.fromhex("81090612ff")
ZOOM_INQUIRY = bytes.fromhex("81090447ff")
FOCUS_INQUIRY = bytes.fromhex("81090448ff")
LENS_BLOCK_INQUIRY = bytes.fromhex("81097e7e00ff")
PAN_TILT_STATUS_INQUIRY = bytes.fromhex("81090610ff")
VERSION_INQUIRY = bytes.fromhex("81090002ff")
INTERFACE_CLEAR = bytes.fromhex("81010001ff")
PAN_TILT_STOP = bytes.fromhex("8101060108080303ff")
ZOOM_STOP = bytes.fromhex("8101040700ff")
HOME = bytes.fromhex("81010604ff")


def is_inquiry(body: bytes) -> bool:
    """Whether a controller's body asks (09) rather than commands (01)."""
    return len(body) > 1 and body[1] == 0x09


def absolute_pan_tilt(
    pan: int, tilt: int, *, speed: int = 0x14, pan_nibbles: int = 4, one_speed: bool = True
) -> bytes:
    """`81 01 06 02 vv (00|ww) pan tilt FF`: go to a position in the camera's units.

    SRG-X400 and BRC-X400 take one speed and a zero; older models take a pan and a tilt speed, with
    the pan in `pan_nibbles` nibbles.
    """
    speeds = bytes([_ranged(speed, 1, 0x18, "speed"), 0 if one_speed else min(speed, 0x14)])
    positions = to_nibbles(pan, pan_nibbles, signed=True) + to_nibbles(tilt, 4, signed=True)
    return bytes.fromhex("81010602") + speeds + positions + b"\xff"


def absolute_zoom(zoom: int) -> bytes:
    """`81 01 04 47 0p 0q 0r 0s FF`: zoom to a position in the camera's units."""
    return bytes.fromhex("81010447") + to_nibbles(zoom, 4) + b"\xff"


def preset(action: str, number: int) -> bytes:
    """`81 01 04 3F 0(0|1|2) nn FF`: `reset`, `set` or `recall` a preset, 0 to 254."""
    actions = {"reset": 0, "set": 1, "recall": 2}
    if action not in actions:
        raise ProtocolError(f"VISCA: preset action {action!r} is not reset, set or recall")
    return (
        bytes.fromhex("8101043f")
        + bytes([actions[action], _ranged(number, 0, 0xFE, "preset")])
        + b"\xff"
    )


def to_nibbles(value: int, count: int, *, signed: bool = False) -> bytes:
    """`0p 0q ...`: a number in `count` bytes of four bits each.

    Raises ProtocolError when it does not fit.
    """
    bits = 4 * count
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    number = _ranged(value, low, high, "position") & ((1 << bits) - 1)
    return bytes(number >> 4 * i & 0xF for i in reversed(range(count)))


def from_nibbles(data: bytes, *, signed: bool = False) -> int:
    """Return the number in bytes of four bits each.

    Raises ProtocolError when a high nibble is set.
    """
    value = 0
    for byte in data:
        if byte > 0xF:
            raise ProtocolError(f"VISCA: {data.hex()} is not a row of nibbles")
        value = value << 4 | byte
    if signed and data and value >= 1 << (4 * len(data) - 1):
        value -= 1 << 4 * len(data)
    return value


def decode_pan_tilt(data: bytes) -> tuple[int, int]:
    """Pan and tilt of an answer's data.

    4+4 nibbles on most cameras, 5+4 on BRC-300 and BRC-H700.
    """
    if len(data) not in {8, 9}:
        raise ProtocolError(f"VISCA: pan/tilt answer of {len(data)} bytes, 8 or 9 are known")
    return from_nibbles(data[:-4], signed=True), from_nibbles(data[-4:], signed=True)


def decode_position(data: bytes) -> int:
    """Zoom or focus of an answer's data (four nibbles)."""
    if len(data) != 4:
        raise ProtocolError(f"VISCA: position answer of {len(data)} bytes, 4 expected")
    return from_nibbles(data)


@dataclass(frozen=True, slots=True)
class LensBlock:
    """Answer to the lens block inquiry: zoom, focus and what moves, in one exchange."""

    zoom: int
    focus: int
    autofocus: bool
    zoom_moving: bool
    focus_moving: bool
    recalling: bool


def decode_lens_block(data: bytes) -> LensBlock:
    """Decode the 13 bytes between `90 50` and `FF` (Marshall CV620 p. 11, Sony BRC-H900 p. 17)."""
    if len(data) != 13:
        raise ProtocolError(f"VISCA: lens block of {len(data)} bytes, 13 expected")
    flags = data[12]
    return LensBlock(
        zoom=from_nibbles(data[0:4]),
        focus=from_nibbles(data[6:10]),
        autofocus=bool(data[11] & 1),
        zoom_moving=bool(flags & 1),
        focus_moving=bool(flags & 2),
        recalling=bool(flags & 4),
    )


def encode_lens_block(block: LensBlock) -> bytes:
    """Return the data of a lens block answer (the simulator's side)."""
    flags = block.zoom_moving | block.focus_moving << 1 | block.recalling << 2
    zoom, focus = to_nibbles(block.zoom, 4), to_nibbles(block.focus, 4)
    return zoom + b"\0\0" + focus + b"\0" + bytes([block.autofocus, flags])


@dataclass(frozen=True, slots=True)
class Version:
    """Answer to the version inquiry: serves to tell models apart."""

    vendor: int
    model: int
    rom: int
    sockets: int


def decode_version(data: bytes) -> Version:
    """Decode the 7 bytes between `90 50` and `FF`.

    Vendor, model, ROM revision, number of sockets.
    """
    if len(data) != 7:
        raise ProtocolError(f"VISCA: version answer of {len(data)} bytes, 7 expected")
    pairs = [int.from_bytes(data[i : i + 2], "big") for i in (0, 2, 4)]
    return Version(pairs[0], pairs[1], pairs[2], data[6])


def _ranged(value: int, low: int, high: int, name: str) -> int:
    if not low <= value <= high:
        raise ProtocolError(f"VISCA: {name} {value} is outside {low}..{high}")
    return value
