"""A million random and mutated packets per codec: only values and protocol errors may come out.

    python benchmarks/fuzz_codecs.py [--packets 1000000] [--seed 1] [--codec NAME]

Half of the packets are valid ones with bytes flipped, cut, doubled or inserted and, in every second
of them, the checksum mended, so that the parsers behind it are reached; the rest is random.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import ProtocolError
from firmware_bridge.codecs import freed, onvif, visca
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import TrackSample, build_sample, read_sample


@dataclass(frozen=True)
class Codec:
    """What is fuzzed: valid packets to start from, the decoder, and how to mend a checksum."""

    seeds: list[bytes]
    decode: Callable[[bytes], object]
    mend: Callable[[bytes], bytes]


def _mend_freed(data: bytes) -> bytes:
    return data[:-1] + bytes([freed.checksum(data[:-1])]) if data else data


def _mend_visca(data: bytes) -> bytes:
    size = max(0, len(data) - visca.HEADER_BYTES)
    return data[:2] + size.to_bytes(2, "big") + data[4:] if len(data) > 4 else data


def _mend_otio(data: bytes) -> bytes:
    if len(data) <= otio.HEADER_BYTES:
        return data
    last = data[12] & 0x80
    size = (len(data) - otio.HEADER_BYTES) & 0x7FFF
    head = data[:12] + bytes([last | size >> 8, size & 0xFF])
    payload = data[otio.HEADER_BYTES :]
    return head + otio.fletcher16(head + payload).to_bytes(2, "big") + payload


def _decode_visca(data: bytes) -> object:
    packet = visca.decode_packet(data)
    reply = visca.decode_reply(packet.payload)
    parsers = {8: visca.decode_pan_tilt, 9: visca.decode_pan_tilt, 13: visca.decode_lens_block}
    return parsers.get(len(reply.data), visca.decode_position)(reply.data)


_JOINER = otio.Reassembler()


def _decode_otio(data: bytes) -> object:
    segment = otio.decode_segment(data)
    whole = _JOINER.feed(segment, segment.sequence & 3)
    return read_sample(otio.parse_payload(*(whole or (segment.encoding, segment.payload))))


def _decode_onvif(data: bytes) -> object:
    root = onvif.parse(data)
    readers: tuple[Callable[[object], object], ...] = (
        onvif.parse_status,
        onvif.parse_spaces,
        onvif.parse_profiles,
        onvif.parse_services,
        onvif.parse_time,
        onvif.parse_presets,
        onvif.parse_device,
    )
    return [read(root) for read in readers]


def _codecs() -> dict[str, Codec]:
    position = freed.FreeDPosition(1, 12.5, -7.25, 0.5, -5000, 60000, 12000, 4000, 1000, 0xA118)
    d1, d0 = freed.encode_position(position), freed.encode_command(freed.FreeDCommand(1, 0xD1))
    a2 = _mend_freed(bytes([freed.A2]) + bytes(29))
    bodies = ["9041ff", "9051ff", "906141ff", "905000000000000000ff", "90500f0f060700000501ff"]
    bodies += [
        "9050010203040000050607080001 05ff".replace(" ", ""),
        "9050000105110200 02ff".replace(" ", ""),
    ]
    replies = [visca.Packet(visca.PayloadType.REPLY, 7, bytes.fromhex(body)) for body in bodies]
    sample = TrackSample(
        position_m=(1.0, 2.0, 3.0),
        pan_deg=1.0,
        tilt_deg=2.0,
        roll_deg=3.0,
        focal_mm=24.0,
        zoom=0.5,
        radial=(0.1,),
        distortion_model="Brown-Conrady U-D",
        sample_s=1,
        sample_ns=2,
        rate=(50, 1),
        sequence=9,
        source_number=1,
        sensor_mm=(36.0, 24.0),
    )
    samples = []
    for encoding in otio.PayloadEncoding:
        payload = otio.build_payload(encoding, build_sample(sample))
        for mtu in (1456, 100):
            samples += [otio.encode_segment(s) for s in otio.split(payload, encoding, 3, mtu=mtu)]
    status = (
        f'<tptz:PTZStatus><tt:Position><tt:PanTilt x="1" y="-2" space="{onvif.DEGREES}"/>'
        '<tt:Zoom x="0.5"/></tt:Position>'
        "<tt:MoveStatus><tt:PanTilt>IDLE</tt:PanTilt></tt:MoveStatus>"
        "<tt:UtcTime>2026-01-02T03:04:05Z</tt:UtcTime></tptz:PTZStatus>"
    )
    space = (
        f"<tt:AbsolutePanTiltPositionSpace><tt:URI>{onvif.DEGREES}</tt:URI>"
        "<tt:XRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:XRange></tt:AbsolutePanTiltPositionSpace>"
    )
    ptz = '<tt:PTZConfiguration token="b"/>'
    profile = f'<trt:Profiles token="a"><tt:Name>n</tt:Name>{ptz}</trt:Profiles>'
    return {
        "freed": Codec([d1, d0, a2], freed.decode, _mend_freed),
        "visca": Codec(
            [visca.encode_packet(reply) for reply in replies], _decode_visca, _mend_visca
        ),
        "opentrackio": Codec(samples, _decode_otio, _mend_otio),
        "onvif": Codec(
            [onvif.envelope(x) for x in (status, space, profile)], _decode_onvif, lambda d: d
        ),
    }


def _mutated(seed: bytes, dice: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(dice.choice((1, 1, 2, 4, 8))):
        at = dice.randrange(len(data) + 1)
        action = dice.randrange(5)
        if action == 0 and data:
            data[at % len(data)] ^= 1 << dice.randrange(8)
        elif action == 1 and data:
            data[at % len(data)] = dice.randrange(256)
        elif action == 2:
            del data[at : at + dice.choice((1, 2, 8))]
        elif action == 3:
            data[at:at] = dice.randbytes(dice.choice((1, 2, 8)))
        else:
            data[at:at] = data[at : at + dice.choice((2, 16))]
    return bytes(data)


def fuzz(codec: Codec, packets: int, seed: int) -> Counter[str]:
    """Feed the packets; counts of values, protocol errors and anything else by its name."""
    dice = random.Random(seed)  # noqa: S311 - test data
    counts: Counter[str] = Counter()
    for index in range(packets):
        if index % 2:
            data = _mutated(dice.choice(codec.seeds), dice)
            data = codec.mend(data) if index % 4 == 1 else data
        else:
            data = dice.randbytes(dice.randrange(64))
        try:
            codec.decode(data)
            counts["values"] += 1
        except ProtocolError:
            counts["protocol errors"] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            counts[f"{type(error).__name__}: {error}"[:120]] += 1
            print(f"{data.hex()}: {error!r}", file=sys.stderr)
    return counts


def main() -> int:
    """Run and print one JSON object a codec; exit code 1 if anything else came out."""
    codecs = _codecs()
    parser = argparse.ArgumentParser(description="fuzz the camera codecs")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codec", choices=sorted(codecs))
    options = parser.parse_args()
    failed = False
    for name in [options.codec] if options.codec else sorted(codecs):
        began = time.monotonic()
        counts = fuzz(codecs[name], options.packets, options.seed)
        others = {key: n for key, n in counts.items() if key not in {"values", "protocol errors"}}
        failed = failed or bool(others)
        row = {"codec": name, "packets": options.packets, "seed": options.seed, **counts}
        row["seconds"] = round(time.monotonic() - began, 1)
        print(json.dumps(row), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
