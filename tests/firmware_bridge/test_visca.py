"""VISCA: messages from manuals and traces, nibble layouts, round trips, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ProtocolError
from firmware_bridge.codecs import visca
from firmware_bridge.codecs.visca import Packet, PayloadType, Reply, ReplyKind


# Sony SRG-300H manual p. 31; the drive command is from a controller's log
@pytest.mark.parametrize(
    ("digits", "packet"),
    [
        ("0200 0001 00000000 01", Packet(PayloadType.CONTROL, 0, visca.RESET)),
        ("0201 0001 00000007 01", Packet(PayloadType.CONTROL_REPLY, 7, b"\x01")),
        ("0200 0002 00000009 0F01", Packet(PayloadType.CONTROL, 9, visca.SEQUENCE_ABNORMAL)),
        ("0200 0002 00000009 0F02", Packet(PayloadType.CONTROL, 9, visca.TYPE_ABNORMAL)),
        (
            "0100 0006 00000001 8101040002FF",
            Packet(PayloadType.COMMAND, 1, bytes.fromhex("8101040002FF")),
        ),
        ("0110 0005 00000002 81090612FF", Packet(PayloadType.INQUIRY, 2, visca.PAN_TILT_INQUIRY)),
        (
            "0100 0009 00000053 8101060100010302FF",
            Packet(PayloadType.COMMAND, 0x53, bytes.fromhex("8101060100010302FF")),
        ),
    ],
)
def test_framing(digits: str, packet: Packet) -> None:
    assert visca.decode_packet(bytes.fromhex(digits)) == packet
    assert visca.encode_packet(packet) == bytes.fromhex(digits)


# EVI-D100 p. 23, BRC-X400 command list p. 7
@pytest.mark.parametrize(
    ("digits", "reply"),
    [
        ("90 41 FF", Reply(ReplyKind.ACK, 1)),
        ("90 42 FF", Reply(ReplyKind.ACK, 2)),
        ("90 51 FF", Reply(ReplyKind.COMPLETION, 1)),
        ("90 60 01 FF", Reply(ReplyKind.ERROR, 0, error=0x01)),
        ("90 60 02 FF", Reply(ReplyKind.ERROR, 0, error=0x02)),
        ("90 60 03 FF", Reply(ReplyKind.ERROR, 0, error=0x03)),
        ("90 61 04 FF", Reply(ReplyKind.ERROR, 1, error=0x04)),
        ("90 61 05 FF", Reply(ReplyKind.ERROR, 1, error=0x05)),
        ("90 61 41 FF", Reply(ReplyKind.ERROR, 1, error=0x41)),
        ("90 50 02 FF", Reply(ReplyKind.ANSWER, 0, b"\x02")),
    ],
)
def test_replies(digits: str, reply: Reply) -> None:
    assert visca.decode_reply(bytes.fromhex(digits)) == reply
    assert visca.encode_reply(reply) == bytes.fromhex(digits)


def test_errors_are_named() -> None:
    names = {Reply(ReplyKind.ERROR, 0, error=code).error_name for code in (0x02, 0x41, 0x77)}
    assert names == {"syntax", "not executable", "error 77"}


@pytest.mark.parametrize(
    "digits",
    ["", "90 FF", "90 41", "10 41 FF", "90 FF 41 FF", "90 70 FF", "90 60 FF", "90 41 00 FF"],
)
def test_malformed_replies_are_refused(digits: str) -> None:
    with pytest.raises(ProtocolError):
        visca.decode_reply(bytes.fromhex(digits))


# Telycam TLC-700 p. 18, EVI-D80 p. 42, EVI-D70 p. 46 (4+4 nibbles); BRC-H700 p. 12 (5+4)
@pytest.mark.parametrize(
    ("pan_hex", "tilt_hex", "pan", "tilt"),
    [
        ("F670", "FE50", -2448, -432),
        ("0990", "0510", 2448, 1296),
        ("E1E5", "FC75", -7707, -907),
        ("08DB", "04B0", 2267, 1200),
        ("08A58", "493D", 35416, 18749),
        ("F75A8", "E796", -35416, -6250),
        ("0000", "0000", 0, 0),
    ],
)
def test_pan_tilt_layouts(pan_hex: str, tilt_hex: str, pan: int, tilt: int) -> None:
    data = bytes(int(digit, 16) for digit in pan_hex + tilt_hex)
    assert visca.decode_pan_tilt(data) == (pan, tilt)
    assert visca.to_nibbles(pan, len(pan_hex), signed=True) == data[: len(pan_hex)]
    assert visca.to_nibbles(tilt, 4, signed=True) == data[len(pan_hex) :]


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 10, b"\x10" + b"\0" * 7])
def test_other_pan_tilt_answers_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        visca.decode_pan_tilt(data)


def test_lens_block_of_a_trace() -> None:
    # 90 50 | zoom 0p0q0r0s | near limit | focus 0p0q0r0s | - AF moving | FF
    block = visca.decode_lens_block(bytes.fromhex("01020304 0000 0a0b0c0d 00 01 05"))
    assert block == visca.LensBlock(0x1234, 0xABCD, True, True, False, True)
    assert visca.decode_lens_block(visca.encode_lens_block(block)) == block
    with pytest.raises(ProtocolError):
        visca.decode_lens_block(bytes(12))


def test_version_and_position() -> None:
    assert visca.decode_version(bytes.fromhex("00010511020002")) == visca.Version(
        1, 0x0511, 0x0200, 2
    )
    assert visca.decode_position(bytes.fromhex("04000000")) == 0x4000
    for data in (b"", b"\0" * 5):
        with pytest.raises(ProtocolError):
            visca.decode_position(data)
    with pytest.raises(ProtocolError):
        visca.decode_version(b"\0" * 6)


def test_commands() -> None:
    # SRG-X400: 81 01 06 02 vv 00 0p*4 0t*4 FF; EVI-D: 81 01 06 02 vv ww ...
    new = visca.absolute_pan_tilt(-2448, 1296, speed=0x18)
    assert new == bytes.fromhex("81010602 1800 0f060700 00050100 ff")
    old = visca.absolute_pan_tilt(35416, -6250, speed=0x18, pan_nibbles=5, one_speed=False)
    assert old == bytes.fromhex("81010602 1814 00080a0508 0e070906 ff")
    assert visca.absolute_zoom(0x4000) == bytes.fromhex("81010447 04000000 ff")
    assert visca.preset("recall", 5) == bytes.fromhex("8101043f0205ff")
    assert visca.is_inquiry(visca.LENS_BLOCK_INQUIRY)
    assert not visca.is_inquiry(visca.HOME)


@pytest.mark.parametrize(
    "call",
    [
        lambda: visca.absolute_pan_tilt(0x8000, 0),
        lambda: visca.absolute_pan_tilt(0, 0, speed=0),
        lambda: visca.absolute_zoom(-1),
        lambda: visca.preset("set", 255),
        lambda: visca.preset("forget", 1),
        lambda: visca.encode_packet(Packet(PayloadType.COMMAND, 0, b"")),
        lambda: visca.encode_packet(Packet(PayloadType.COMMAND, 0, bytes(17))),
    ],
)
def test_what_does_not_fit_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(ProtocolError):
        call()


def test_splitter_finds_bodies_across_reads_and_drops_endless_ones() -> None:
    splitter = visca.ViscaSplitter()
    assert splitter.feed(b"\x90\x41") == []
    assert splitter.feed(b"\xff\x90\x51\xff\x90") == [b"\x90\x41\xff", b"\x90\x51\xff"]
    assert splitter.feed(b"\x01" * 15 + b"\x41\xff") == [b"\x41\xff"]
    assert splitter.dropped == 1


@given(st.sampled_from(PayloadType), st.integers(0, 0xFFFFFFFF), st.binary(min_size=1, max_size=16))
def test_packet_round_trip(kind: PayloadType, sequence: int, payload: bytes) -> None:
    packet = Packet(kind, sequence, payload)
    assert visca.decode_packet(visca.encode_packet(packet)) == packet


@given(st.integers(1, 5), st.data())
def test_nibble_round_trip(count: int, data: st.DataObject) -> None:
    half = 1 << (4 * count - 1)
    signed = data.draw(st.integers(-half, half - 1))
    assert visca.from_nibbles(visca.to_nibbles(signed, count, signed=True), signed=True) == signed
    assert visca.from_nibbles(visca.to_nibbles(signed + half, count)) == signed + half


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_a_protocol_error(data: bytes) -> None:
    for decode in (
        visca.decode_packet,
        visca.decode_reply,
        visca.decode_pan_tilt,
        visca.decode_lens_block,
        visca.decode_version,
        visca.decode_position,
    ):
        try:
            value = decode(data)
        except ProtocolError:
            continue
        assert value is not None
    splitter = visca.ViscaSplitter()
    joined = b"".join(splitter.feed(data))
    assert len(joined) <= len(data)
