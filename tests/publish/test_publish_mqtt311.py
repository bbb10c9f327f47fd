"""MQTT 3.1.1 to MQTT 5 and back; the packets are written out from the specifications."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ProtocolError
from edge.publish.mqtt import mqtt311

CONNECT_HEAD = b"\x00\x04MQTT"


def unpacked(packet: bytes) -> tuple[int, bytes]:
    [(first, body)] = mqtt311.PacketSplitter().feed(packet)
    return first, body


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            b"\x10\x0f" + CONNECT_HEAD + b"\x04\x02\x00\x0a\x00\x03abc",
            b"\x10\x10" + CONNECT_HEAD + b"\x05\x02\x00\x0a\x00\x00\x03abc",
            id="CONNECT, clean session",
        ),
        pytest.param(
            b"\x10\x0f" + CONNECT_HEAD + b"\x04\x00\x00\x0a\x00\x03abc",
            b"\x10\x15" + CONNECT_HEAD + b"\x05\x00\x00\x0a\x05\x11\xff\xff\xff\xff\x00\x03abc",
            id="CONNECT, session kept for ever",
        ),
        pytest.param(
            b"\x10\x19" + CONNECT_HEAD
            + b"\x04\xc6\x00\x0a\x00\x01a\x00\x01w\x00\x01x\x00\x01u\x00\x01p",
            b"\x10\x1b" + CONNECT_HEAD
            + b"\x05\xc6\x00\x0a\x00\x00\x01a\x00\x00\x01w\x00\x01x\x00\x01u\x00\x01p",
            id="CONNECT, will, user and password",
        ),
        pytest.param(b"\x30\x05\x00\x01thi", b"\x30\x06\x00\x01t\x00hi", id="PUBLISH, QoS 0"),
        pytest.param(
            b"\x33\x07\x00\x01t\x00\x07hi", b"\x33\x08\x00\x01t\x00\x07\x00hi", id="PUBLISH, QoS 1"
        ),
        pytest.param(
            b"\x82\x06\x00\x01\x00\x01#\x01", b"\x82\x07\x00\x01\x00\x00\x01#\x01", id="SUBSCRIBE"
        ),
        pytest.param(
            b"\xa2\x05\x00\x02\x00\x01#", b"\xa2\x06\x00\x02\x00\x00\x01#", id="UNSUBSCRIBE"
        ),
        pytest.param(b"\x40\x02\x00\x07", b"\x40\x02\x00\x07", id="PUBACK"),
        pytest.param(b"\xc0\x00", b"\xc0\x00", id="PINGREQ"),
        pytest.param(b"\xe0\x00", b"\xe0\x00", id="DISCONNECT"),
    ],
)  # fmt: skip
def test_from_a_311_client(old: bytes, new: bytes) -> None:
    assert mqtt311.to_5(*unpacked(old)) == new


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(b"\x20\x03\x00\x00\x00", b"\x20\x02\x00\x00", id="CONNACK"),
        pytest.param(
            b"\x20\x06\x01\x00\x03\x22\x10\x00", b"\x20\x02\x01\x00", id="CONNACK, session present"
        ),
        pytest.param(b"\x20\x03\x00\x86\x00", b"\x20\x02\x00\x04", id="CONNACK, bad password"),
        pytest.param(b"\x20\x03\x00\x80\x00", b"\x20\x02\x00\x03", id="CONNACK, another failure"),
        pytest.param(
            b"\x31\x0b\x00\x01t\x05\x02\x00\x00\x00\x01hi", b"\x31\x05\x00\x01thi", id="PUBLISH"
        ),
        pytest.param(
            b"\x32\x08\x00\x01t\x00\x09\x00hi", b"\x32\x07\x00\x01t\x00\x09hi", id="PUBLISH, QoS 1"
        ),
        pytest.param(b"\x90\x05\x00\x01\x00\x01\x87", b"\x90\x04\x00\x01\x01\x80", id="SUBACK"),
        pytest.param(b"\xb0\x04\x00\x02\x00\x11", b"\xb0\x02\x00\x02", id="UNSUBACK"),
        pytest.param(b"\x40\x04\x00\x07\x10\x00", b"\x40\x02\x00\x07", id="PUBACK"),
        pytest.param(b"\xd0\x00", b"\xd0\x00", id="PINGRESP"),
        pytest.param(b"\xe0\x02\x8e\x00", None, id="DISCONNECT by the broker"),
    ],
)
def test_to_a_311_client(new: bytes, old: bytes | None) -> None:
    assert mqtt311.to_311(*unpacked(new)) == old


@given(st.lists(st.tuples(st.integers(16, 255), st.binary(max_size=300)), max_size=8), st.data())
def test_packets_come_out_however_the_stream_is_cut(
    packets: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(mqtt311.packet(*packet) for packet in packets)
    splitter = mqtt311.PacketSplitter()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += list(splitter.feed(stream[:size]))
        stream = stream[size:]
    assert found == packets


@given(st.binary(max_size=200))
def test_any_bytes_give_packets_or_a_protocol_error(data: bytes) -> None:
    try:
        packets = list(mqtt311.PacketSplitter().feed(data))
    except ProtocolError:
        return
    for first, body in packets:
        for rewrite in (mqtt311.to_5, mqtt311.to_311):
            with suppress(ProtocolError):
                assert isinstance(rewrite(first, body), (bytes, type(None)))


@given(st.integers(16, 255), st.binary(max_size=80))
def test_any_packet_is_rewritten_or_refused(first: int, body: bytes) -> None:
    for rewrite in (mqtt311.to_5, mqtt311.to_311):
        try:
            rewritten = rewrite(first, body)
        except ProtocolError:
            continue
        assert rewritten is None or unpacked(rewritten)[0] == first


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x10\xff\xff\xff\xff\x01", "more than four bytes"),
        (b"\x30\xff\xff\xff\x7f", "at most"),
    ],
)
def test_a_length_beyond_the_limits_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        list(mqtt311.PacketSplitter().feed(data))


@pytest.mark.parametrize(
    ("body", "level"), [(CONNECT_HEAD + b"\x05", 5), (CONNECT_HEAD + b"\x04", 4)]
)
def test_the_protocol_level(body: bytes, level: int) -> None:
    assert mqtt311.protocol_level(body) == level


@pytest.mark.parametrize("body", [b"", b"\x00\x04HTTP\x05", CONNECT_HEAD])
def test_what_is_no_connect_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        mqtt311.protocol_level(body)
