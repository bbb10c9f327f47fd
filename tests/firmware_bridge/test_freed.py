"""FreeD: the manual's figures, third parties' packets, round trips, and any bytes at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ProtocolError
from firmware_bridge.codecs import freed
from firmware_bridge.codecs.freed import FreeDCommand, FreeDPosition, RadamecPosition

_24 = st.integers(0, 0xFFFFFF)
_S24 = st.integers(-0x800000, 0x7FFFFF)
_POSITIONS = st.builds(
    FreeDPosition,
    camera_id=st.integers(0, 255),
    pan_deg=_S24.map(lambda n: n / 32768),
    tilt_deg=_S24.map(lambda n: n / 32768),
    roll_deg=_S24.map(lambda n: n / 32768),
    x_mm=_S24.map(lambda n: n / 64),
    y_mm=_S24.map(lambda n: n / 64),
    z_mm=_S24.map(lambda n: n / 64),
    zoom=_24,
    focus=_24,
    spare=st.integers(0, 0xFFFF),
)


def packet(fields: str, kind: str = "D1 01") -> bytes:
    """A message from its fields' hex digits, with a checksum computed here."""
    body = bytes.fromhex(kind + fields)
    return body + bytes([(0x40 - sum(body)) % 256])


# Vinten free-d manual V1.4.4, appendix B, pages 40-41: (field's offset, digits, field, value)
MANUAL = [
    (0, "5A0000", "pan_deg", 180.0),
    (0, "A60000", "pan_deg", -180.0),
    (3, "A60000", "tilt_deg", -180.0),
    (3, "000001", "tilt_deg", 1 / 32768),
    (6, "FFFFFF", "roll_deg", -1 / 32768),
    (9, "800000", "x_mm", -131072.0),
    (12, "7FFFFF", "y_mm", 131071.984375),
    (15, "000040", "z_mm", 1.0),
    (18, "FFFFFF", "zoom", 0xFFFFFF),
    (21, "000FFF", "focus", 0xFFF),
    (24, "A118", "spare", 0xA118),
]


@pytest.mark.parametrize(("offset", "digits", "field", "value"), MANUAL)
def test_each_field_stands_where_the_manual_has_it(
    offset: int, digits: str, field: str, value: float
) -> None:
    fields = bytearray(26)
    fields[offset : offset + len(digits) // 2] = bytes.fromhex(digits)
    data = packet(fields.hex())
    expected = replace(FreeDPosition(1, 0.0, 0.0), **{field: value})
    assert freed.decode(data) == expected
    assert freed.encode_position(expected) == data


@pytest.mark.parametrize(
    ("digits", "field", "value"),
    [
        ("080000", "pan_deg", 0.0),
        ("058730", "pan_deg", -180.0),
        ("0A78D0", "pan_deg", 180.0),
        ("06C398", "tilt_deg", -90.0),
        ("093C68", "tilt_deg", 90.0),
    ],
)
def test_radamec_angles_as_in_the_manual(digits: str, field: str, value: float) -> None:
    zero = "080000"
    pan, tilt = (digits, zero) if field == "pan_deg" else (zero, digits)
    data = packet(
        pan + tilt + "000001" + "000002" + "000336" + "0001 0002 0003 FFFF 0000 BEEF", "A2 07"
    )
    message = freed.decode(data)
    assert isinstance(message, RadamecPosition)
    assert getattr(message, field) == value
    assert (message.camera_id, message.zoom, message.focus, message.spare) == (7, 1, 2, 0xBEEF)
    assert message.height_mm == pytest.approx(10.0)
    assert (message.x_raw, message.y_raw) == (0x00020001, -0xFFFD)


def test_real_pan_angles_of_captured_packets() -> None:
    """Two captured cameras turned to -65.05731 and +67.19409 degrees."""
    for pan, zoom in ((-65.05731, 16384), (67.19409, 10438)):
        message = freed.decode(freed.encode_position(FreeDPosition(1, pan, 0.0, zoom=zoom)))
        assert isinstance(message, FreeDPosition)
        assert message.pan_deg == pytest.approx(pan, abs=0.5 / 32768)
        assert message.zoom == zoom


@pytest.mark.parametrize(("name", "code"), sorted(freed.COMMANDS.items()))
def test_commands(name: str, code: int) -> None:
    data = packet(f"{code:02X}", "D0 FF")
    assert len(data) == 4
    assert freed.decode(data) == FreeDCommand(freed.ANY_CAMERA, code)
    assert freed.encode_command(FreeDCommand(freed.ANY_CAMERA, code)) == data


GOOD = packet("00" * 26)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b"\xd1", "1 bytes, expected 29"),
        (GOOD[:-1], "28 bytes"),
        (GOOD + b"\0\0\0\0", "33 bytes"),
        (b"\xd3" + GOOD[1:], "type D3"),
        (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "checksum"),
        (GOOD[:5] + b"\x01" + GOOD[6:], "checksum"),
    ],
)
def test_what_is_not_a_message_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        freed.decode(data)


def test_options_for_devices_that_depart_from_the_standard() -> None:
    wrong = GOOD[:-1] + bytes([GOOD[-1] ^ 1])
    assert freed.decode(wrong, check="off") == FreeDPosition(1, 0.0, 0.0)
    assert freed.decode(GOOD + b"time", trailing=True) == FreeDPosition(1, 0.0, 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"pan_deg": 256.0},
        {"tilt_deg": float("nan")},
        {"x_mm": 131072.0},
        {"y_mm": float("inf")},
        {"zoom": -1},
        {"focus": 1 << 24},
        {"spare": 1 << 16},
        {"camera_id": 256},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ProtocolError):
        freed.encode_position(replace(FreeDPosition(1, 0.0, 0.0), **changes))


@given(_POSITIONS)
def test_round_trip(position: FreeDPosition) -> None:
    assert freed.decode(freed.encode_position(position)) == position


@given(st.binary(max_size=40), st.booleans(), st.booleans())
def test_any_bytes_give_a_message_or_a_protocol_error(
    data: bytes, off: bool, trailing: bool
) -> None:
    try:
        message = freed.decode(data, check="off" if off else "strict", trailing=trailing)
    except ProtocolError:
        return
    assert message.camera_id == data[1]


@given(_POSITIONS, st.integers(0, 28), st.integers(1, 255))
def test_one_damaged_byte_never_passes(position: FreeDPosition, at: int, change: int) -> None:
    data = bytearray(freed.encode_position(position))
    data[at] ^= change
    with pytest.raises(ProtocolError):
        freed.decode(bytes(data))
