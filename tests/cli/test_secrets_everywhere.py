"""Secrets are planted wherever one may stand, and every output of real processes is searched."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.cli import main
from edge.config.write import to_yaml
from tests.box.conftest import Mosquitto, mosquitto
from tests.publish.parts import eventually, free_port

__all__ = ["mosquitto"]

COMMAND = [sys.executable, "-m", "edge.cli"]
BROKER, SOURCE, KEY, LINK = "br0ker/p@ss w", "c4mera#pässwd", "qu3ry:k3y", "l1nk'&<pw>"
ONVIF_USER = "operator"


def forms(secret: str) -> Iterator[str]:
    """How a secret may turn up in an output."""
    yield from (secret, quote(secret), quote(secret, safe=""), quote(secret, safe="").lower())
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1], ascii(secret)[1:-1])
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(f"{ONVIF_USER}:{secret}".encode()).decode()


def found(output: str | bytes, secrets: tuple[str, ...]) -> list[str]:
    data = output.encode() if isinstance(output, str) else output
    return [f for secret in secrets for f in forms(secret) if f.encode() in data]


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [n for child in map(int, listed) for n in (child, *children(child))]


def page(port: int, path: str) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.read()


class Heard:
    """All that a broker delivers, and a way to send."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_message = lambda _c, _d, m: self.messages.append((m.topic, m.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def of(self, end: str) -> list[bytes]:
        return [payload for topic, payload in list(self.messages) if topic.endswith(end)]


def box_file(folder: Path, broker_port: int, http_port: int, form: str) -> Path:
    """A live box with a secret in each place; its camera and its link are away."""
    (folder / "link.password").write_text(f"{LINK}\n", encoding="utf-8")
    address = f"rtsp://me:{quote(SOURCE, safe='')}@127.0.0.1:{free_port()}/live?password={KEY}"
    link = {"type": "onvif", "host": "127.0.0.1", "port": free_port(), "username": ONVIF_USER}
    file = folder / "box.yaml"
    file.write_text(
        to_yaml(
            {
                "site": "hall",
                "device": "box1",
                "log": {"level": "debug", "format": form},
                "source": {"type": "rtsp", "url": address},
                "camera": {"link": link | {"password_file": str(folder / "link.password")}},
                "broker": {
                    "type": "mqtt",
                    "url": f"mqtt://127.0.0.1:{broker_port}",
                    "username": "u",
                    "password_env": "BROKER_PW",
                },
                "health": {"http": {"port": http_port}, "interval_s": 1},
            }
        ),
        encoding="utf-8",
    )
    return file


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_box_shows_none_of_its_secrets(tmp_path: Path, mosquitto: Mosquitto, form: str) -> None:
    secrets = (BROKER, SOURCE, KEY, LINK)
    http = free_port()
    file = box_file(tmp_path, mosquitto.port, http, form)
    environ = {**os.environ, "BROKER_PW": BROKER, "XDG_STATE_HOME": str(tmp_path / "state")}
    heard = Heard(mosquitto.port)
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, "run", "--config", str(file), "--json", "--debug"],
            cwd=tmp_path,
            env=environ,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            eventually(lambda: b"refuses" in b"".join(heard.of("/health")), "a failed source")
            root = "touchline/v1/hall/box1"
            wrong = {"revision": 9, "config": {"source": f"rtsp://u:{SOURCE}@h:x"}}
            heard.client.publish(f"{root}/config/desired", json.dumps(wrong), qos=1)
            model = {"name": "m", "version": "1.0.0", "sha256": "0" * 64, "id": "1"}
            model |= {"schema": "touchline.model_desired/1", "url": f"https://u:{KEY}@127.0.0.1/m"}
            heard.client.publish(f"{root}/model/desired", json.dumps(model), qos=1)
            eventually(lambda: b"rejected" in b"".join(heard.of("config/reported")), "a refusal")
            pages = [page(http, path) for path in ("/metrics", "/healthz", "/readyz", "/other")]
            lines = [
                Path(f"/proc/{pid}/cmdline").read_bytes()
                for pid in (process.pid, *children(process.pid))
            ]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    heard.close()
    said = {t: p for t, p in heard.messages if not t.endswith("/desired")}
    assert {t.rpartition("/")[2] for t in said} >= {"health", "info", "reported", "schema"}
    assert json.loads(out.read_text())["source"].startswith("rtsp://***@127.0.0.1")
    kept = [*(tmp_path / "state").rglob("*"), *tmp_path.glob("box.yaml.state")]
    state = {f: f.read_bytes() for f in kept if f.is_file()}
    outputs = {"stdout": out.read_bytes(), "stderr": err.read_bytes(), **said}
    outputs |= {str(f): data for f, data in state.items()}
    outputs |= {f"page {n}": data for n, data in enumerate(pages)}
    outputs |= {f"arguments {n}": data for n, data in enumerate(lines)}
    assert {name: f for name, data in outputs.items() if (f := found(data, secrets))} == {}
    assert b"***" in err.read_bytes()


SECRET = "hunter2/p@ss#1"
PLAIN = "hunter2pass"


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["run", "--source", f"rtsp://admin:{SECRET}@127.0.0.1:1/live"],
        ["run", "--source", f"rtsp://admin:{PLAIN} {SECRET}@127.0.0.1:1/live", "--debug"],
        ["run", "--source", f"rtsp://127.0.0.1:1/user=a&password={PLAIN}", "--debug"],
        ["run", "--source", f"rtmp://admin:{SECRET}@h/live"],
        ["run", "--source", f"rtps://admin:{PLAIN}@h/live"],
        ["run", f"--source=admin:{PLAIN}@192.168.1.5"],
        ["run", f"rtsp://admin:{PLAIN}@h/live"],
        ["run", f"--sorce=rtsp://admin:{PLAIN}@h/live"],
        ["run", "--source", "rendered:", "--broker", f"mqtt://u:{SECRET}@h"],
        ["run", "--source", "rendered:", "--broker", f"mqtt://u:{PLAIN}@127.0.0.1:1", "--debug"],
        ["run", "--source", "rendered:", "--sport", f"mqtt://u:{PLAIN}@h"],
        ["run", "--source", "rendered:", "--threads", f"mqtt://u:{PLAIN}@h"],
        ["run", "--config", f"rtsp://admin:{PLAIN}@h/live"],
        ["register", f"rtsp://admin:{SECRET}@h/live"],
        ["register", f"rtsp:/admin:{PLAIN}@h/live"],
        ["segments", f"https://admin:{SECRET}@h/film.mkv"],
        ["listen", "--broker", f"u:{PLAIN}@192.168.1.5", "--seconds", "1"],
        ["listen", "--broker", f"mqtts://u:{PLAIN}@127.0.0.1:1", "--seconds", "1"],
        ["doctor", "--broker", f"mqtt://u:{SECRET}@h:port"],
        ["config", "validate", f"mqtt://u:{PLAIN}@h"],
        ["config", "show", "--broker", f"mqtt://u:{PLAIN}@127.0.0.1:1", "--site", "a"],
        ["camera", "probe", f"rtsp://admin:{PLAIN}@h", "--port", f"rtsp://u:{PLAIN}@h"],
        [f"rtsp://admin:{PLAIN}@h/live"],
    ],
)
def test_no_command_repeats_a_secret_of_its_arguments(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *words], cwd=tmp_path, capture_output=True, check=False, timeout=200
    )
    assert done.returncode in {1, 2}
    assert done.stderr
    assert found(done.stdout + done.stderr, (SECRET, PLAIN)) == []
    assert b"hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        f"broker: {{type: mqtt, url: mqtt://h, username: u, password: {PLAIN}, x: 1}}",
        f"broker: {{type: mqtt, url: mqtt://h, usrname: u, passwrd: {PLAIN}}}",
        f"broker: {{type: mqtt, url: mqtt://h, password: {PLAIN}: 2}}",
        f"broker: mqtt://u:{PLAIN}#1@h",
        f"site: rtsp://admin:{PLAIN}{'x' * 90}@h",
        f"sport: mqtt://u:{PLAIN}@h\ncamera: {{link: {{password: [{PLAIN}]}}}}",
        f"source: {{type: rtsp, url: 'rtsp://u:{PLAIN}@h:x'}}\nlog: {{level: '{PLAIN}'}}",
        f"camera: {{link: {{host: h, password: {PLAIN}}}}}\nlog: {{level: '{PLAIN}'}}",
        f"? mqtt://u:{PLAIN}@h\n: 1",
        f"health: {{http: {{port: 'u:{PLAIN}@127.0.0.1'}}}}",
    ],
)
def test_no_problem_of_a_file_quotes_a_secret(text: str, tmp_path: Path, capsys) -> None:
    file = tmp_path / "box.yaml"
    file.write_text(text)
    for words in (["validate"], ["validate", "--json"], ["show"], ["show", "--json"]):
        assert main(["config", words[0], str(file), *words[1:], "--debug"])
        written = capsys.readouterr()
        assert written.out + written.err
        assert "hunter2" not in written.out + written.err


@pytest.mark.process
def test_what_is_shown_of_a_good_file_has_no_secret(tmp_path: Path) -> None:
    file = box_file(tmp_path, 1883, 9108, "text")
    for words in ([], ["--json"]):
        shown = subprocess.run(
            [*COMMAND, "config", "show", str(file), *words], capture_output=True, check=True
        ).stdout
        assert found(shown, (BROKER, SOURCE, KEY, LINK)) == []
        assert b"/live?password=***" in shown


@pytest.mark.process
def test_the_list_of_processes_shows_no_password(tmp_path: Path) -> None:
    fifo = tmp_path / "film"
    os.mkfifo(fifo)
    words = ["run", "--source", str(fifo), "--broker", f"mqtt://u:{PLAIN}@127.0.0.1:1"]
    with subprocess.Popen([*COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        line = Path(f"/proc/{process.pid}/cmdline")
        try:
            eventually(lambda: b"mqtt://***" in line.read_bytes(), "stars in place of the password")
            assert PLAIN.encode() not in line.read_bytes()
            assert line.read_bytes().endswith(b"@127.0.0.1:1\0")
        finally:
            process.kill()
