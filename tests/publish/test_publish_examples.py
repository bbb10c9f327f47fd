"""docs/examples: the Python subscriber, what the page needs of the broker, the fields it draws."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import paho.mqtt.client as mqtt
import pytest

from edge.publish import Endpoint
from tests.publish.parts import (
    Mosquitto,
    answered,
    eventually,
    find_program,
    free_port,
    lost,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.mark.slow
def test_the_subscriber_prints_the_middle_of_each_picture(endpoint: Endpoint) -> None:
    command = [sys.executable, str(EXAMPLES / "subscribe.py"), f"mqtt://127.0.0.1:{endpoint.port}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    with (
        make_publisher(endpoint) as publisher,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program,
    ):
        assert program.stdout is not None
        os.set_blocking(program.stdout.fileno(), False)
        lines: list[str] = []

        def printed() -> bool:
            publisher.publish(make_frame(len(lines)), lost())
            publisher.publish(make_frame(len(lines)), answered())
            # a pipe that does not block may end in the middle of a line
            lines.append(program.stdout.readline())  # type: ignore[union-attr]
            assert program.poll() is None
            return "\n" in "".join(lines)

        try:
            publisher.wait_connected()
            eventually(printed, "a line of the subscriber")
        finally:
            program.kill()
    first = "".join(lines).partition("\n")[0]
    assert re.fullmatch(r"box \[[ -]?\d+\.\d+ +-?\d+\.\d+ *\] ± \d+\.\d+ m", first)


class Page(Mosquitto):
    """mosquitto with configs/mosquitto.conf and its listener for browsers switched on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.websockets_port = free_port()
        certs = folder / "certs"
        make = [str(ROOT / "configs" / "make-certificates"), str(certs), "localhost", "127.0.0.1"]
        subprocess.run(make, check=True, capture_output=True)
        user = [find_program("mosquitto_passwd"), "-c", "-b", str(folder / "touchline.passwd")]
        subprocess.run([*user, "reader", "r3ader"], check=True, capture_output=True)
        subprocess.run([user[0], *user[2:], "venue/box", "b0x"], check=True, capture_output=True)
        shutil.copy(ROOT / "configs" / "mosquitto.acl", folder / "touchline.acl")
        shutil.copytree(EXAMPLES / "browser", folder / "page")
        before, mark, after = (
            (ROOT / "configs" / "mosquitto.conf").read_text().partition("#listener 9001\n")
        )
        assert mark
        switched_on = re.sub(r"(?m)^#(?=[a-z_]+ [^ ]+$)", "", mark + after)
        text = (before + switched_on).replace("/var/lib/touchline-page", str(folder / "page"))
        for old, new in (("8883", self.port), ("9001", self.websockets_port)):
            text, count = re.subn(f"(?m)^listener {old}$", f"listener {new} 127.0.0.1", text)
            assert count == 1
        first = self._config.read_text().split("\n")[0]
        self._config.write_text(f"{first}\n{text}".replace("/etc/mosquitto", str(folder)))

    def _listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.websockets_port), timeout=1).close()
        except OSError:
            return False
        return super()._listening()

    @property
    def ca(self) -> Path:
        return self.folder / "certs" / "ca.crt"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Page]:
    broker = Page(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Browser:
    """A client over websockets with TLS, as the page's."""

    def __init__(self, broker: Page, user: str | None, password: str | None) -> None:
        self.answers: SimpleQueue[str] = SimpleQueue()
        self.payloads: SimpleQueue[bytes] = SimpleQueue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, transport="websockets", protocol=mqtt.MQTTv5
        )
        self._client.tls_set(str(broker.ca))
        self._client.username_pw_set(user, password)
        self._client.on_connect = self._connected
        self._client.on_message = lambda _c, _u, message: self.payloads.put(message.payload)
        self._client.connect("localhost", broker.websockets_port)
        self._client.loop_start()

    def _connected(self, client: mqtt.Client, _u: object, _f: object, code: object, _p: object):  # type: ignore[no-untyped-def]
        self.answers.put(str(code))
        client.subscribe("touchline/v1/+/+/state", 1)

    def publish(self, payload: bytes) -> None:
        sent = self._client.publish("touchline/v1/venue/box/state", payload, 1)
        sent.wait_for_publish(60)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_a_browser_reads_over_websockets_with_tls_and_a_password(venue: Page) -> None:
    reader = Browser(venue, "reader", "r3ader")
    try:
        assert reader.answers.get(timeout=60) == "Success"
        box = Browser(venue, "venue/box", "b0x")
        assert box.answers.get(timeout=60) == "Success"
        box.publish(b"first")
        assert reader.payloads.get(timeout=60) == b"first"
        reader.publish(b"not a reader's to say")
        box.publish(b"second")
        assert reader.payloads.get(timeout=60) == b"second"
        box.close()
    finally:
        reader.close()


@pytest.mark.parametrize(("user", "password"), [(None, None), ("reader", "wrong")])
def test_other_browsers_are_refused(venue: Page, user: str | None, password: str | None) -> None:
    stranger = Browser(venue, user, password)
    try:
        assert stranger.answers.get(timeout=60) == "Not authorized"
    finally:
        stranger.close()


def test_the_broker_serves_the_page(venue: Page) -> None:
    trusted = ssl.create_default_context(cafile=str(venue.ca))
    for file in ("index.html", "page.js"):
        url = f"https://localhost:{venue.websockets_port}/{file}"
        with urllib.request.urlopen(url, timeout=60, context=trusted) as answer:
            assert answer.read() == (EXAMPLES / "browser" / file).read_bytes()


def test_the_pages_fields_are_those_of_the_code() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "browser_fields.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    made = subprocess.run(script, check=True, capture_output=True, text=True, env=environment)
    kept = (EXAMPLES / "browser" / "fields.js").read_text(encoding="utf-8")
    assert made.stdout == kept, "run scripts/browser_fields.py > docs/examples/browser/fields.js"
    for line in kept.splitlines():
        if line.startswith('  "'):
            json.loads("{" + line.rstrip(",") + "}")


def test_the_page_loads_what_lies_beside_it_and_nothing_else() -> None:
    page = (EXAMPLES / "browser" / "index.html").read_text(encoding="utf-8")
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"fields.js", "touchline.js", "page.js", "page.css", "mqtt.min.js"} <= set(files)
    for file in set(files) - {"mqtt.min.js", "data:,"}:
        assert (EXAMPLES / "browser" / file).is_file()
    for path in (EXAMPLES / "browser").iterdir():
        if path.name != "mqtt.min.js":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://", text), path
            assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write", text), path
