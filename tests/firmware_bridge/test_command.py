"""`touchline camera`: what it prints, its exit codes, one line for what is wrong."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from edge.cli import main
from firmware_bridge.codecs import freed
from firmware_bridge.probe import probe
from firmware_bridge.sim import SimSettings, Simulator
from tests.publish.parts import free_port

HOST = "127.0.0.1"


@pytest.fixture
def camera() -> Iterator[Simulator]:
    """A camera that waits for commands and logs in with a password."""
    settings = SimSettings(speed_deg_s=2000, zoom_speed_s=50)
    with Simulator(settings, wander=False, username="user", password="secret") as simulator:
        yield simulator


def free_udp_port() -> int:
    return free_port(socket.SOCK_DGRAM)


def test_probe_finds_every_dialect(
    camera: Simulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    framed, raw, tcp = camera.visca.ports
    freed_port, otio_port = free_udp_port(), free_udp_port()
    secret = tmp_path / "secret"
    secret.write_text("secret\n", encoding="utf-8")
    ports = {
        "visca": framed,
        "visca raw-udp": raw,
        "visca tcp": tcp,
        "onvif": camera.onvif.port,
        "freed": freed_port,
        "opentrackio": otio_port,
    }
    streams = Simulator(freed_to=(HOST, freed_port), opentrackio_to=(HOST, otio_port))
    words = [word for name, port in ports.items() for word in ("--port", f"{name}={port}")]
    login = ["--username", "user", "--password-file", str(secret)]
    with streams:
        assert main(["camera", "probe", HOST, "--json", "--listen", "1.5", *login, *words]) == 0
    answers = {a["dialect"]: a for a in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(answers) == {
        "VISCA udp",
        "VISCA raw-udp",
        "VISCA tcp",
        "ONVIF",
        "freed",
        "opentrackio",
    }
    assert "pan 0 tilt" in answers["VISCA udp"]["says"]
    assert "4+4 nibbles" in answers["VISCA tcp"]["says"]
    assert "Touchline simulated PTZ" in answers["ONVIF"]["says"]
    assert "camera 1: pan" in answers["freed"]["says"]
    assert "packets/s" in answers["opentrackio"]["says"]
    assert answers["freed"]["config"] == {"type": "freed", "host": HOST, "port": freed_port}


def test_probe_says_that_a_port_is_taken_here(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        port = int(sock.getsockname()[1])
        assert probe(HOST, ports={"freed": (port,)}, listen_s=0.1) == []
    assert f"freed: cannot listen on port {port} of this machine" in caplog.text


def test_probe_of_a_camera_that_wants_a_password_says_so(camera: Simulator) -> None:
    (answer,) = probe(HOST, ports={"onvif": (camera.onvif.port,)})
    assert "check username and password" in answer.says


def test_probe_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["camera", "probe", HOST, "--listen", "0.1", "--port", f"visca={free_udp_port()}"])
    out = capsys.readouterr()
    assert code == 1
    assert len(out.err.strip().splitlines()) == 1
    assert "switched on" in out.err


def test_watch_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_udp_port()
    stop = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not stop.is_set():
                sock.sendto(freed.encode_position(freed.FreeDPosition(1, 12.5, -3.0)), (HOST, port))
                time.sleep(0.02)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        words = ["camera", "watch", "freed", "--port", str(port), "--bind", HOST]
        assert main([*words, "--seconds", "1.5", "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert main([*words, "--seconds", "1"]) == 0
    finally:
        stop.set()
        thread.join()
    assert lines[-1]["latest"]["pan_deg"] == 12.5
    assert lines[-1]["received"] > 5
    assert "12.500" in capsys.readouterr().out


def test_watch_of_silence_fails() -> None:
    words = [
        "camera",
        "watch",
        "freed",
        "--port",
        str(free_udp_port()),
        "--seconds",
        "0.3",
        "--json",
    ]
    assert main(words) == 1


def test_control(camera: Simulator, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    visca = ["camera", "control", "visca"]
    where = ["--host", HOST, "--port", str(camera.visca.ports[0])]
    assert main([*visca, "move", *where, "--pan", "20", "--zoom", "0.5"]) == 0
    assert main([*visca, "stop", *where]) == 0
    assert main([*visca, "set-preset", "3", *where]) == 0
    assert main([*visca, "goto-preset", "3", *where]) == 0
    assert main([*visca, "position", *where]) == 0
    position = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(position) == {"pan_deg", "tilt_deg", "zoom"}
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    onvif = ["--host", HOST, "--port", str(camera.onvif.port), "--username", "user"]
    onvif += ["--password-file", str(secret)]
    assert main(["camera", "control", "onvif", "move", *onvif, "--pan", "-5", "--tilt", "-9"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["control", "visca", "move", "--host", HOST, "--port", "9", "--pan", "1"],
            1,
            "no reply|refused",
        ),
        (["control", "visca", "position"], 2, "needs the camera's address"),
        (["control", "visca", "stop", "--host", HOST, "--profile", "sonny"], 2, "sony"),
        (["watch", "visca", "--host", "no.such.host.invalid", "--seconds", "0.2"], 1, ""),
        (["probe", HOST, "--port", "visca"], 2, "DIALECT=PORT"),
        (["probe", HOST, "--port", "viska=1"], 2, "known: visca"),
        (["simulate", "--size", "big"], 2, "WxH"),
        (["simulate", "--size", "321x180"], 2, "even"),
        (["simulate", "--fps", "0"], 2, "above 0"),
        (["watch", "freed", "--password-file", "/nowhere/x"], 2, "password cannot be read"),
    ],
)
def test_mistakes(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", *words]) == code
    out = capsys.readouterr()
    if message:
        assert any(part in out.err for part in message.split("|"))
        assert len(out.err.strip().splitlines()) == 1


def test_limits_are_kept_before_anything_is_sent(
    camera: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--host", HOST, "--port", str(camera.visca.ports[0])]
    assert main(["camera", "control", "visca", "move", *where, "--pan", "300"]) == 2
    assert "outside the camera's -175..175 deg" in capsys.readouterr().err
    assert main(["camera", "control", "visca", "move", *where, "--pan", "nan"]) == 2
    assert camera.camera.state(time.monotonic()).pan_deg == 0.0


def test_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "profiles"]) == 0
    assert "sony-evi-d80" in capsys.readouterr().out


def test_simulate_serves(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--visca-port", "0", "--onvif-port", "0", "--no-video", "--seconds", "0.2"]
    assert main(["camera", "simulate", *words, "--freed", f"{HOST}:{free_udp_port()}"]) == 0
    out = capsys.readouterr().out
    assert f"VISCA udp {HOST}:" in out
    assert f"ONVIF http://{HOST}:" in out


def test_simulate_writes_a_clip_with_its_truth_and_telemetry(tmp_path: Path) -> None:
    clip = tmp_path / "sim.mp4"
    words = [
        "--clip",
        str(clip),
        "--seconds",
        "0.2",
        "--fps",
        "10",
        "--size",
        "128x72",
        "--lag",
        "0.05",
    ]
    assert main(["camera", "simulate", *words, "--pan-sign", "-1"]) == 0
    with av.open(str(clip)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 2
    truth = [
        json.loads(line) for line in (tmp_path / "sim.truth.jsonl").read_text("utf-8").splitlines()
    ]
    assert [row["frame"] for row in truth] == [0, 1]
    assert np.array(truth[0]["field_from_image"]).shape == (9,)
    packets = [
        json.loads(line) for line in (tmp_path / "sim.freed.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(packets) == 10
    first = freed.decode(bytes.fromhex(packets[0]["packet"]))
    assert isinstance(first, freed.FreeDPosition)
    assert first.pan_deg == pytest.approx(-truth[0]["pose"]["pan_deg"], abs=5)
