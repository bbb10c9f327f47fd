"""`touchline camera simulate` and `touchline run` on what it wrote, with the network that ships.

The simulated camera's telemetry is turned, shifted, noisy, and 120 ms ahead of its pictures. The
run has to find that out, send the camera's poses on, bridge a gap in the picture, and say so when
the head loses its zero.
"""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.capture import open_source
from edge.capture.writer import VideoWriter
from edge.cli import main
from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import read_sample
from models.registration.metrics import errors
from tests.box.conftest import Mosquitto, Subscriber, wait_for

pytestmark = [pytest.mark.process, pytest.mark.slow]

FPS, FRAMES, SIZE = 10, 275, (640, 360)
BLANK = range(190, 198)
KNOCKED_S, KNOCK_DEG = 20.5, 5.0


class Receiver:
    """A graphics engine's end: a socket of its own that keeps what comes."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def packets(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def engines():
    made = {"freed": Receiver(), "opentrackio": Receiver()}
    yield made
    for receiver in made.values():
        receiver.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def simulate(folder: Path) -> Path:
    """Write a clip with its telemetry and truth; then spoil some pictures and the last packets."""
    clip, spoilt = folder / "camera.mp4", folder / "spoilt.mp4"
    rig = ["--pan-sign", "-1", "--pan-offset", "12", "--tilt-offset", "-1.5", "--lag", "0.12"]
    rig += ["--noise", "0.02", "--loss", "0.05", "--seed", "4"]
    shape = ["--fps", str(FPS), "--seconds", str(FRAMES / FPS), "--size", f"{SIZE[0]}x{SIZE[1]}"]
    assert main(["camera", "simulate", "--clip", str(clip), *shape, *rig]) == 0
    with closing(open_source(str(clip))) as source, VideoWriter(spoilt, fps=FPS) as writer:
        while (frame := source.read()) is not None:
            black = np.zeros_like(frame.image)
            writer.write(black if frame.index in BLANK else frame.image, pts_s=frame.index / FPS)
    rows = read_lines(clip.with_suffix(".freed.jsonl"))
    for row in rows:
        if row["t_s"] >= KNOCKED_S:
            packet = freed.decode(bytes.fromhex(row["packet"]))
            assert isinstance(packet, freed.FreeDPosition)
            turned = freed.FreeDPosition(
                1, packet.pan_deg + KNOCK_DEG, packet.tilt_deg, zoom=packet.zoom
            )
            row["packet"] = freed.encode_position(turned).hex()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    spoilt.with_suffix(".freed.jsonl").write_text(lines, encoding="utf-8")
    spoilt.with_suffix(".truth.jsonl").write_bytes(clip.with_suffix(".truth.jsonl").read_bytes())
    return spoilt


@pytest.mark.slow
def test_telemetry_is_aligned_used_and_watched(
    tmp_path: Path,
    mosquitto: Mosquitto,
    subscriber: Subscriber,
    engines: dict[str, Receiver],
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip = simulate(tmp_path)
    link = {"type": "recording", "file": str(clip.with_suffix(".freed.jsonl")), "hold_s": 2}
    link |= {"tracking": {name: [engine.address] for name, engine in engines.items()}}
    config = tmp_path / "touchline.yaml"  # JSON is YAML
    engine = {"name": "onnxruntime", "threads": 1}
    settings = {"broker": mosquitto.url, "camera": {"link": link}, "engine": engine}
    config.write_text(json.dumps(settings))
    out = tmp_path / "answers.jsonl"
    capsys.readouterr()
    words = ["--source", str(clip), "--config", str(config), "--out", str(out), "--json"]
    assert main(["run", *words]) == 0
    summary = json.loads(capsys.readouterr().out)
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
    told = [m["detail"] for m in subscriber.of("event") if (m.get("detail") or {}).get("what")]

    # 1. sign, offsets and lag are found
    assert [detail["what"] for detail in told] == ["aligned", "camera_moved"]
    aligned = {
        key: float(value) for key, value in told[0].items() if key not in {"what", "message"}
    }
    assert (aligned["pan_sign"], aligned["tilt_sign"]) == (-1, 1)
    assert aligned["pan_offset_deg"] == pytest.approx(12.0, abs=0.15)
    assert aligned["tilt_offset_deg"] == pytest.approx(-1.5, abs=0.15)
    assert aligned["lag_s"] == pytest.approx(0.12, abs=0.02)

    # 2. the gap in the picture is bridged, by the right homography, with an honest score
    answers, truths = read_lines(out), read_lines(clip.with_suffix(".truth.jsonl"))
    for index in BLANK:
        assert answers[index]["state"] == "held", index
        assert 0.5 < answers[index]["score"] < 1
        h, truth = (
            np.array(row["field_from_image"]).reshape(3, 3)
            for row in (answers[index], truths[index])
        )
        assert errors(truth, h, 105.0, 68.0, *SIZE).reprojection < 0.02
    assert summary["states"]["held"] == len(BLANK)

    # 3. the head that lost its zero is noticed; its pan counts to the left
    assert float(told[1]["pan_deg"]) == pytest.approx(KNOCK_DEG, abs=0.4)
    check_tracking(engines, truths)


def check_tracking(engines: dict[str, Receiver], truths: list[dict[str, Any]]) -> None:
    """What the graphics engine got: a pose a frame, by both protocols alike, and the right one."""
    positions = [freed.decode(packet) for packet in engines["freed"].packets()]
    segments = [otio.decode_segment(packet) for packet in engines["opentrackio"].packets()]
    samples = [read_sample(otio.parse_payload(s.encoding, s.payload)) for s in segments]
    assert len(positions) == len(samples) >= 0.9 * FRAMES
    off = []
    for position, sample in zip(positions, samples, strict=True):
        assert isinstance(position, freed.FreeDPosition)
        assert not sample.violations
        assert sample.pan_deg == pytest.approx(position.pan_deg, abs=1e-3)
        off.append(min(abs(truth["pose"]["pan_deg"] - position.pan_deg) for truth in truths))
    assert np.median(off) < 0.1
    place = np.array([positions[-1].x_mm, positions[-1].y_mm, positions[-1].z_mm]) / 1e3
    stands = truths[0]["pose"]
    assert np.linalg.norm(place - [stands["x_m"], stands["y_m"], stands["z_m"]]) < 1.5
