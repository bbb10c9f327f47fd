"""FreeD: the D1 position message of PTZ cameras, the D0 command, and Radamec's A2 on receive.

Source: Vinten "free-d" installation manual V1.4.4, appendices A.3 (messages) and B (units). One
message is one UDP datagram or one run of bytes on a serial line; all numbers are big-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edge.errors import ProtocolError

D0, D1, A2 = 0xD0, 0xD1, 0xA2
D1_BYTES, D0_BYTES, A2_BYTES = 29, 4, 30
ANY_CAMERA = 0xFF
"""As the camera id of a command: every camera; as the id of a filter: any camera."""
COMMANDS = {
    "stop": 0x00,
    "start": 0x01,
    "unfreeze": 0x02,
    "freeze": 0x03,
    "poll": 0xD1,
    "status": 0xD2,
}
_ANGLE_UNIT = 32768.0  # per degree
_POSITION_UNIT = 64.0  # per millimetre
_A2_ANGLE_UNIT, _A2_ZERO, _A2_HEIGHT_UNIT = 900.0, 0x080000, 82.2
Checksum: TypeAlias = Literal["strict", "off"]


@dataclass(frozen=True, slots=True)
class FreeDPosition:
    """A D1 message.

    Angles in degrees, positions in millimetres, zoom and focus in the device's units.
    """

    camera_id: int
    pan_deg: float
    tilt_deg: float
    roll_deg: float = 0.0
    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 0.0
    zoom: int = 0
    focus: int = 0
    spare: int = 0


@dataclass(frozen=True, slots=True)
class FreeDCommand:
    """A D0 message: a command or poll to a tracking device."""

    camera_id: int
    command: int


@dataclass(frozen=True, slots=True)
class RadamecPosition:
    """An A2 message: no roll; x and y stay raw because their scale is pedestal-specific."""

    camera_id: int
    pan_deg: float
    tilt_deg: float
    zoom: int
    focus: int
    height_mm: float
    x_raw: int
    y_raw: int
    spare: int = 0


FreeDMessage: TypeAlias = FreeDPosition | FreeDCommand | RadamecPosition


def checksum(body: bytes) -> int:
    """Return the checksum of all bytes before it: 0x40 minus their sum, modulo 256 (manual A.3)."""
    return (0x40 - sum(body)) & 0xFF


def decode(data: bytes, *, check: Checksum = "strict", trailing: bool = False) -> FreeDMessage:
    """Decode one datagram.

    `check="off"` is for devices that are known to send another checksum; `trailing=True` accepts
    bytes after the message (some forwarders append a 4-byte timecode). Raises ProtocolError.
    """
    if not data:
        raise ProtocolError("FreeD: empty datagram")
    sizes = {D1: D1_BYTES, D0: D0_BYTES, A2: A2_BYTES}
    size = sizes.get(data[0])
    if size is None:
        raise ProtocolError(f"FreeD: message type {data[0]:02X} is not D1, D0 or A2")
    if len(data) < size or (len(data) > size and not trailing):
        raise ProtocolError(f"FreeD: {data[0]:02X} message of {len(data)} bytes, expected {size}")
    body, given = data[: size - 1], data[size - 1]
    if check == "strict" and given != checksum(body):
        raise ProtocolError(f"FreeD: checksum {given:02X}, expected {checksum(body):02X}")
    if data[0] == D0:
        return FreeDCommand(body[1], body[2])
    return _decode_d1(body) if data[0] == D1 else _decode_a2(body)


def _decode_d1(body: bytes) -> FreeDPosition:
    pan, tilt, roll, x, y, z = (_signed(body, 2 + 3 * i, 3) for i in range(6))
    return FreeDPosition(
        camera_id=body[1],
        pan_deg=pan / _ANGLE_UNIT,
        tilt_deg=tilt / _ANGLE_UNIT,
        roll_deg=roll / _ANGLE_UNIT,
        x_mm=x / _POSITION_UNIT,
        y_mm=y / _POSITION_UNIT,
        z_mm=z / _POSITION_UNIT,
        zoom=_unsigned(body, 20, 3),
        focus=_unsigned(body, 23, 3),
        spare=_unsigned(body, 26, 2),
    )


def _decode_a2(body: bytes) -> RadamecPosition:
    return RadamecPosition(
        camera_id=body[1],
        pan_deg=(_unsigned(body, 2, 3) - _A2_ZERO) / _A2_ANGLE_UNIT,
        tilt_deg=(_unsigned(body, 5, 3) - _A2_ZERO) / _A2_ANGLE_UNIT,
        zoom=_unsigned(body, 8, 3),
        focus=_unsigned(body, 11, 3),
        height_mm=_signed(body, 14, 3) / _A2_HEIGHT_UNIT,
        # the fraction comes before the integer part
        x_raw=(_signed(body, 19, 2) << 16) | _unsigned(body, 17, 2),
        y_raw=(_signed(body, 23, 2) << 16) | _unsigned(body, 21, 2),
        spare=_unsigned(body, 27, 2),
    )


def encode_position(p: FreeDPosition) -> bytes:
    """Encode a D1 message; a value outside its field's range is a ProtocolError."""
    body = bytes([D1, _byte(p.camera_id, "camera id")])
    for name, degrees in (("pan", p.pan_deg), ("tilt", p.tilt_deg), ("roll", p.roll_deg)):
        body += _int_bytes(degrees * _ANGLE_UNIT, 3, name, signed=True)
    for name, mm in (("x", p.x_mm), ("y", p.y_mm), ("height", p.z_mm)):
        body += _int_bytes(mm * _POSITION_UNIT, 3, name, signed=True)
    body += _int_bytes(p.zoom, 3, "zoom") + _int_bytes(p.focus, 3, "focus")
    body += _int_bytes(p.spare, 2, "spare")
    return body + bytes([checksum(body)])


def encode_command(c: FreeDCommand) -> bytes:
    """Encode a D0 message."""
    body = bytes([D0, _byte(c.camera_id, "camera id"), _byte(c.command, "command")])
    return body + bytes([checksum(body)])


def _unsigned(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _signed(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big", signed=True)


def _byte(value: int, name: str) -> int:
    if not 0 <= value <= 0xFF:
        raise ProtocolError(f"FreeD: {name} {value} does not fit one byte")
    return value


def _int_bytes(value: float, size: int, name: str, *, signed: bool = False) -> bytes:
    try:
        return round(value).to_bytes(size, "big", signed=signed)
    except (OverflowError, ValueError) as error:
        raise ProtocolError(f"FreeD: {name} is out of the format's range ({value:g})") from error
