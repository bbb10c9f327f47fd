"""OpenTrackIO on the wire: reference packets, both numbering styles, any bytes at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ProtocolError, UsageError
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio import DatagramSegment, PayloadEncoding, Reassembler

PACKETS = Path(__file__).parent / "data" / "opentrackio" / "packets"
INDEX = json.loads((PACKETS / "index.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", INDEX, ids=[row["file"] for row in INDEX])
def test_reference_packets(row: dict[str, object]) -> None:
    data = (PACKETS / str(row["file"])).read_bytes()
    segment = otio.decode_segment(data)
    assert segment.encoding.name == row["encoding"]
    assert segment.sequence == row["sequence"]
    assert segment.offset == row["segment_offset"]
    assert segment.last == bool(row["last"])
    assert len(segment.payload) == row["payload_length"]
    assert data[:16] == bytes.fromhex(str(row["header_hex"]))
    assert f"{otio.fletcher16(data[:14] + data[16:]):04x}" == row["checksum"]
    assert otio.encode_segment(segment) == data
    assert otio.parse_payload(segment.encoding, segment.payload)


def test_json_and_cbor_of_the_reference_say_the_same() -> None:
    samples = []
    for encoding in ("json", "cbor"):
        segment = otio.decode_segment(
            (PACKETS / f"recommended_static.{encoding}.seg0of1.bin").read_bytes()
        )
        sample = otio.parse_payload(segment.encoding, segment.payload)
        # each packet was made with identifiers of its own
        samples.append(
            {key: value for key, value in sample.items() if key not in {"sampleId", "sourceId"}}
        )
    assert samples[0] == samples[1]
    assert samples[0]["lens"]["pinholeFocalLength"] == 24.305


def test_multicast_groups() -> None:
    assert otio.multicast_group(1) == "239.135.1.1"
    assert otio.multicast_group(200) == "239.135.1.200"
    for number in (0, 201, 255):
        with pytest.raises(ProtocolError):
            otio.multicast_group(number)


def test_fletcher_by_its_definition() -> None:
    data = bytes(range(256)) * 3
    first = second = 0
    for byte in data:
        first = (first + byte) % 256
        second = (second + first) % 256
    assert otio.fletcher16(data) == second << 8 | first


GOOD = (PACKETS / "minimal.json.seg0of1.bin").read_bytes()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "header"),
        (GOOD[:15], "header"),
        (b"OTrx" + GOOD[4:], "header"),
        (GOOD[:5] + b"\x03" + GOOD[6:], "encoding 03"),
        (GOOD[:5] + b"\x80" + GOOD[6:], "encoding 80"),
        (GOOD[:-1], "header says 7 bytes, 6"),
        (GOOD[:16], "header says 7 bytes, 0"),
        (GOOD[:-1] + b"]", "checksum"),
        (GOOD[:7] + b"\x08" + GOOD[8:], "checksum"),
    ],
)
def test_damaged_packets_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        otio.decode_segment(data)


def segments(
    payload: bytes, sequence: int, *, per_packet: bool, mtu: int = 10
) -> list[DatagramSegment]:
    """A sample in segments: one number for all, as a device sends, or one more for each."""
    whole = otio.split(payload, PayloadEncoding.JSON, sequence, mtu=mtu)
    return [
        DatagramSegment(
            s.encoding, (sequence + i * per_packet) & 0xFFFF, s.offset, s.last, s.payload
        )
        for i, s in enumerate(whole)
    ]


PAYLOAD = bytes(range(65, 90))


@pytest.mark.parametrize("per_packet", [False, True])
@pytest.mark.parametrize("sequence", [0, 65534, 65535])
def test_segments_join_in_both_numbering_styles(per_packet: bool, sequence: int) -> None:
    joiner = Reassembler()
    results = [joiner.feed(s, "a") for s in segments(PAYLOAD, sequence, per_packet=per_packet)]
    assert results == [None, None, (PayloadEncoding.JSON, PAYLOAD)]
    assert joiner.dropped == 0


def test_two_senders_do_not_mix() -> None:
    joiner = Reassembler()
    first, second = (segments(p, 5, per_packet=False) for p in (PAYLOAD, PAYLOAD[::-1]))
    results = []
    for a, b in zip(first, second, strict=True):
        results += [joiner.feed(a, ("10.0.0.1", 5)), joiner.feed(b, ("10.0.0.2", 5))]
    assert [r for r in results if r] == [
        (PayloadEncoding.JSON, PAYLOAD),
        (PayloadEncoding.JSON, PAYLOAD[::-1]),
    ]


@pytest.mark.parametrize(
    ("order", "complete"),
    [
        ((0, 1, 1, 2), True),  # a duplicate is processed once
        ((0, 0, 1, 2), True),  # the sample starts again
        ((0, 2), False),  # a lost segment loses the sample
        ((1, 2), False),
        ((0, 2, 1), False),
    ],
)
def test_lost_repeated_and_misplaced_segments(order: tuple[int, ...], complete: bool) -> None:
    joiner, parts = Reassembler(), segments(PAYLOAD, 7, per_packet=False)
    results = [joiner.feed(parts[i], "a") for i in order]
    assert [r for r in results if r] == ([(PayloadEncoding.JSON, PAYLOAD)] if complete else [])


def test_a_stream_recovers_after_a_loss() -> None:
    joiner = Reassembler()
    broken, whole = segments(PAYLOAD, 1, per_packet=True), segments(PAYLOAD, 4, per_packet=True)
    results = [joiner.feed(s, "a") for s in (broken[0], broken[2], *whole)]
    assert results[-1] == (PayloadEncoding.JSON, PAYLOAD)
    assert joiner.dropped == 1


def test_memory_stays_bounded() -> None:
    joiner = Reassembler(senders=4)
    for sender in range(100):
        joiner.feed(DatagramSegment(PayloadEncoding.JSON, 0, 0, False, b"x" * 1000), sender)
    assert joiner.dropped == 96
    offset, given_up = 1000, joiner.dropped
    for _ in range(200):
        joiner.feed(DatagramSegment(PayloadEncoding.JSON, 0, offset, False, b"y" * 1000), 99)
        offset += 1000
    assert joiner.dropped == given_up + 1
    assert sys.getsizeof(joiner) < 1000


@pytest.mark.parametrize(
    ("encoding", "payload"),
    [
        (PayloadEncoding.JSON, b"[]"),
        (PayloadEncoding.JSON, b"{"),
        (PayloadEncoding.JSON, b'{"a":NaN}'),
        (PayloadEncoding.JSON, b"\xff\xfe"),
        (PayloadEncoding.JSON, b"[" * 100_000),
        (PayloadEncoding.JSON, b'{"a":' + b"9" * 5000 + b"}"),
        (PayloadEncoding.CBOR, b"\x80"),
        (PayloadEncoding.CBOR, b"\x81" * 5000),
        (PayloadEncoding.CBOR, b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (PayloadEncoding.CBOR, b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (PayloadEncoding.CBOR, b"\xa1\x61a"),
        (PayloadEncoding.CBOR, b"\xd8\x23\x61("),
    ],
)
def test_payloads_that_are_no_samples_are_refused(
    encoding: PayloadEncoding, payload: bytes
) -> None:
    with pytest.raises(ProtocolError):
        otio.parse_payload(encoding, payload)


def test_cbor_without_its_extra_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cbor2", None)
    with pytest.raises(UsageError, match=r"touchline\[camera\]"):
        otio.parse_payload(PayloadEncoding.CBOR, b"\xa0")
    assert otio.parse_payload(PayloadEncoding.JSON, b"{}") == {}


@given(
    st.sampled_from(PayloadEncoding),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.booleans(),
    st.binary(min_size=1, max_size=64),
)
def test_segment_round_trip(
    encoding: PayloadEncoding, sequence: int, offset: int, last: bool, payload: bytes
) -> None:
    segment = DatagramSegment(encoding, sequence, offset, last, payload)
    assert otio.decode_segment(otio.encode_segment(segment)) == segment


@given(st.binary(max_size=64), st.sampled_from([b"", b"OTrk\0\x01", b"OTrk\0\x02"]))
def test_any_bytes_give_a_segment_or_a_protocol_error(tail: bytes, head: bytes) -> None:
    try:
        segment = otio.decode_segment(head + tail)
    except ProtocolError:
        return
    assert segment.payload


@given(st.sampled_from(PayloadEncoding), st.binary(max_size=64))
def test_any_payload_gives_a_sample_or_a_protocol_error(
    encoding: PayloadEncoding, payload: bytes
) -> None:
    try:
        sample = otio.parse_payload(encoding, payload)
    except ProtocolError:
        return
    assert isinstance(sample, dict)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 40), st.booleans(), st.binary(min_size=1, max_size=8)
        )
    )
)
def test_any_order_of_segments_is_survived(rows: list[tuple[int, int, bool, bytes]]) -> None:
    joiner = Reassembler(senders=2)
    for sequence, offset, last, payload in rows:
        done = joiner.feed(
            DatagramSegment(PayloadEncoding.JSON, sequence, offset, last, payload), sequence % 2
        )
        assert done is None or len(done[1]) <= 8 * len(rows)
