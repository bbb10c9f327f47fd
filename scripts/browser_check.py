"""What scripts/browser-check does once all is installed: python browser_check.py PAGE OUT."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from chromium import Chromium

from edge.fields import FIELD_NAMES, load_field
from edge.publish.client.projection import field_from_pixels, pixels_from_field
from edge.publish.messages.examples import TOPICS
from edge.publish.messages.registration import Homography

CARD = "document.querySelector('[data-camera=\"venue/box/cam1\"]')"
LIVE = f"['verified', 'refined', 'tracked'].includes({CARD}?.dataset.view)"
EXAMPLES = [example for topic in TOPICS for example in topic.examples]
PASSWORDS = {"page": "p4ge", "venue/box": "b0x"}
ACL = "pattern readwrite touchline/v1/%u/#\nuser page\ntopic read touchline/v1/#\n"


def say(text: str) -> None:
    """Print a step."""
    print(text, flush=True)


def check(right: object, what: str) -> None:
    """Leave with one line unless something holds."""
    if not right:
        sys.exit(f"browser-check: {what}")
    say(f"  {what}")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """mosquitto with passwords, for boxes over TCP and for browsers over websockets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.websockets_port = free_port(), free_port()
        (folder / "acl").write_text(ACL)
        users = folder / "passwd"
        users.write_text("".join(f"{user}:{word}\n" for user, word in PASSWORDS.items()))
        subprocess.run([_program("mosquitto_passwd"), "-U", str(users)], check=True)
        (folder / "mosquitto.conf").write_text(
            ("user root\n" if os.geteuid() == 0 else "")
            + f"allow_anonymous false\npassword_file {users}\nacl_file {folder / 'acl'}\n"
            + f"listener {self.port} 127.0.0.1\n"
            + f"listener {self.websockets_port} 127.0.0.1\nprotocol websockets\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [_program("mosquitto"), "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for port in (self.port, self.websockets_port):
            for _ in range(600):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(0.1)
            else:
                sys.exit((self._folder / "mosquitto.log").read_text())

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or sys.exit(f"{name} is missing: apt-get install mosquitto")


def start_box(broker: Broker, folder: Path) -> subprocess.Popen[bytes]:
    """Start `touchline run` on a rendered match, live and long."""
    (folder / "password").write_text(PASSWORDS["venue/box"])
    settings = {
        "site": "venue",
        "device": "box",
        "source": {"type": "rendered", "seconds": 3600, "live": True, "fps": 10},
        "broker": {
            "type": "mqtt",
            "url": f"mqtt://127.0.0.1:{broker.port}",
            "username": "venue/box",
            "password_file": str(folder / "password"),
        },
    }
    path = folder / "touchline.yaml"
    path.write_text(json.dumps(settings))  # JSON is YAML
    log = (folder / "box.log").open("ab")
    command = [sys.executable, "-m", "edge.cli", "run", "--config", str(path)]
    return subprocess.Popen(["nice", "-n", "5", *command], stdout=log, stderr=log)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def call(browser: Chromium, function: str, *arguments: object) -> Any:
    """Call a function of touchline.js."""
    return browser.value(f"touchline.{function}({', '.join(map(json.dumps, arguments))})")


# -- the page's arithmetic against the Python client's


def check_arithmetic(browser: Chromium) -> None:
    """Compare pixels to metres, the error, and metres to pixels: random views, the examples."""
    rng = np.random.default_rng(5)
    messages = [m for m in EXAMPLES if isinstance(m, Homography) and m.matrix is not None]
    messages += [_random_view(rng, messages[0]) for _ in range(40)]
    worst, compared = 0.0, 0
    for message in messages:
        raw = message.model_dump(mode="json", by_alias=True)
        points = rng.uniform((0, 0), message.image_size, (20, 2)).round(3)
        expected = field_from_pixels(message, points)
        got = browser.value(
            f"{points.tolist()}.map(([u, v]) => touchline.fieldFromPixel({json.dumps(raw)}, u, v))"
        )
        for point, error, theirs in zip(expected.points_m, expected.error_m, got, strict=True):
            if theirs is None:
                check_silently(np.isnan(point).all(), f"a point that is none in Python: {point}")
                continue
            mine = np.array([*point, error])
            there = np.array([theirs["x"], theirs["y"], theirs["error_m"]], float)
            known = np.isfinite(mine)  # the error is not known where no field is in the picture
            check_silently((np.isfinite(there) == known).all(), f"{there} as in Python: {mine}")
            compared += int(known.sum())
            off = np.abs(there - mine)[known] / np.maximum(1, np.abs(mine[known]))
            worst = max(worst, float(off.max()))
        x, y = rng.uniform(-30, 30, 2).round(3)
        back, pixel = (
            pixels_from_field(message, [[x, y]])[0],
            call(browser, "pixelFromField", raw, x, y),
        )
        if pixel is None:
            check_silently(np.isnan(back).all(), f"a pixel that is none in Python: {back}")
        else:
            off = np.abs([pixel["u"], pixel["v"]] - back) / np.maximum(1, np.abs(back))
            worst = max(worst, float(off.max()))
    check(compared > 1000, f"{compared} numbers of {len(messages)} views compared with Python's")
    check(worst < 1e-6, f"at most {worst:.1e} off")


def check_silently(right: object, what: str) -> None:
    """Leave unless something holds; say nothing otherwise."""
    if not right:
        check(right, what)


def _random_view(rng: np.random.Generator, like: Homography) -> Homography:
    """Make the homography of a level camera beside the field, of either sign and any scale."""
    width, height = 1280, 720
    pan, tilt = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.02)
    focal = rng.uniform(700, 4000)
    right = [np.cos(pan), -np.sin(pan), 0]
    ahead = [np.sin(pan) * np.cos(tilt), np.cos(pan) * np.cos(tilt), np.sin(tilt)]
    rotation = np.array([right, np.cross(ahead, right), ahead])
    lens = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    centre = rng.uniform((-20, -90, 6), (20, -45, 25))
    image_from_field = lens @ rotation @ np.column_stack([np.eye(3)[:, :2], -centre])
    matrix = np.linalg.inv(image_from_field) * rng.choice([-2.0, 1.0, 1e-3])
    changes = {"image_size": (width, height), "field_from_image": matrix.ravel().tolist()}
    return Homography.model_validate(like.model_dump(by_alias=True) | changes)


def check_validation(browser: Chromium) -> None:
    """What is not of the contract is refused with a reason; what a newer box adds is not."""
    good = next(m for m in EXAMPLES if isinstance(m, Homography) and m.matrix is not None)
    raw = good.model_dump(mode="json", by_alias=True)
    check_silently("message" in _read(browser, raw | {"added_later": 1}), "an unknown key is taken")
    bad: list[tuple[str, object]] = [
        ("schema touchline.homography/2", raw | {"schema": "touchline.homography/2"}),
        ("lost", raw | {"state": "lost"}),
        ("lost", raw | {"field_from_image": None}),
        ("nine numbers", raw | {"field_from_image": [1, 2, 3]}),
        ("nine numbers", raw | {"field_from_image": ["1"] * 9}),
        ("no inverse", raw | {"field_from_image": [0] * 9}),
        ("image_size", raw | {"image_size": [0, 720]}),
        ("image_size", raw | {"image_size": "1280x720"}),
        ("field", raw | {"field": None}),
        ("score", raw | {"quality": {}}),
        ("state", raw | {"state": "sure"}),
        ("object", [raw]),
        ("object", None),
    ]
    for part, message in bad:
        problem = _read(browser, message).get("problem", "")
        check_silently(part in problem, f"{part!r} refused: {problem!r}")
    check_silently(
        call(browser, "readMessage", "state", "{") == {"problem": "not JSON"}, "not JSON"
    )
    check(bad, f"{len(bad) + 1} wrong messages refused, an unknown key taken")


def _read(browser: Chromium, message: object) -> dict[str, Any]:
    answer: dict[str, Any] = call(browser, "readMessage", "homography", json.dumps(message))
    return answer


def check_fields(browser: Chromium) -> None:
    """Every field has its lines, in other sizes too."""
    sizes: list[tuple[str, float | None, float | None]] = [(n, None, None) for n in FIELD_NAMES]
    for name, length, width in [*sizes, ("soccer", 98.0, 62.0), ("iihf", 58.0, 27.0)]:
        field = load_field(name, length_m=length, width_m=width)
        ref = {"name": name, "length_m": field.length_m, "width_m": field.width_m}
        lines = browser.value(f"touchline.fieldLines({json.dumps(ref)}, touchlineFields)")
        for line, marking in zip(lines, field.markings, strict=True):
            off = np.linalg.norm(np.array(line)[:, None] - marking.points_m[None], axis=2).min(
                axis=1
            )
            check_silently(off.max() < 0.02, f"{name}: {marking.name} where it belongs")
    check(sizes, f"the lines of {len(sizes) + 2} fields where they belong")


# -- the page with a broker and a box


def connect(browser: Chromium, broker: Broker, password: str) -> None:
    """Fill in the form and send it."""
    values = {
        "broker": f"ws://127.0.0.1:{broker.websockets_port}",
        "user": "page",
        "password": password,
    }
    browser.value(
        f"for (const [k, v] of Object.entries({json.dumps(values)})) "
        "document.forms.connect[k].value = v; document.forms.connect.requestSubmit()"
    )


def status(browser: Chromium) -> str:
    """Read the line about the link."""
    return str(browser.value("document.getElementById('status').textContent"))


def check_card(browser: Chromium) -> None:
    """What a camera's card shows agrees with itself."""
    words = browser.value(f"{CARD}.querySelector('.words').textContent")
    check("expected error" in words and "% of the field" in words, f"the card says: {words}")
    seen = browser.value(f"{CARD}.querySelector('.seen').points.numberOfItems")
    check(seen >= 3, f"the visible area has {seen} corners")
    drawn = browser.value(f"{CARD}.querySelector('[data-part=drawn]').getAttribute('d').length")
    check(drawn > 100, "the lines are drawn into the picture")
    browser.value(f"{CARD}.querySelector('.picture').scrollIntoView({{block: 'center'}})")
    box = browser.value(
        f"(({{x, y, width, height}}) => [x + width / 4, y + height * 3 / 4])"
        f"({CARD}.querySelector('.picture').getBoundingClientRect())"
    )
    browser.click(*box)
    at = f"['u', 'v'].map((n) => {CARD}.querySelector(`[name=${{n}}]`).valueAsNumber)"
    browser.wait(f"{at}[0] !== 640", "the click")
    u, v = browser.value(at)
    check(abs(u - 320) <= 2 and abs(v - 540) <= 2, f"a click at 320, 540 gives {u}, {v}")
    browser.value("scrollTo(0, 0)")
    metres = browser.value(f"{CARD}.querySelector('output').textContent")
    pattern = r"x -?[0-9.]+ m, y -?[0-9.]+ m, ± [0-9.]+ m"
    check(re.fullmatch(pattern, metres), f"in metres: {metres}")
    check(browser.value("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out")


def check_broker_outage(browser: Chromium, broker: Broker) -> None:
    """The broker dies: the page says so, and recovers when it is back."""
    broker.kill()
    browser.wait("document.getElementById('status').dataset.link === 'down'", "the lost link")
    check("trying again" in status(browser), f"the page says: {status(browser)}")
    browser.wait(f"{CARD}.dataset.view === 'stale'", "stale")
    check("not known" in browser.value(f"{CARD}.innerText"), "stale, and the box is not known")
    took = browser.wait(f"{CARD}.dataset.view === 'gone'", "gone")
    seen = browser.value(f"{CARD}.querySelector('.seen').points.numberOfItems")
    check(seen == 0, f"an old homography is not shown any more ({took:.0f} s later)")
    broker.start()
    took = browser.wait("document.getElementById('status').dataset.link === 'up'", "the link")
    took += browser.wait(LIVE, "a fresh homography")
    check(took, f"live again {took:.1f} s after the broker's return")


def check_what_boxes_say(browser: Chromium, broker: Broker) -> None:
    """Lost frames, events once, newer schemas, hostile texts: from a box that says what we like."""
    box = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    box.username_pw_set("venue/box", PASSWORDS["venue/box"])
    box.connect("127.0.0.1", broker.port)
    box.loop_start()
    cam = "touchline/v1/venue/box/cam/other"
    other = "document.querySelector('[data-camera=\"venue/box/other\"]')"

    def publish(topic: str, message: dict[str, Any]) -> None:
        box.publish(topic, json.dumps(message), 1).wait_for_publish(20)

    homographies = [m for m in EXAMPLES if isinstance(m, Homography)]
    lost = next(m for m in homographies if m.matrix is None).model_dump(mode="json", by_alias=True)
    publish(f"{cam}/homography", lost | {"camera": "other"})
    browser.wait(f"{other}?.dataset.view === 'lost'", "a lost frame")
    check("no_field" in browser.value(f"{other}.innerText"), "a lost frame says why")
    event = {"schema": "touchline.event/1", "session": "s", "seq": 1, "id": "s-1", "kind": "cut"}
    event |= {"camera": "other", "time_ns": 1785000000040000000, "frame_id": 1}
    event |= {"reason": "none", "detail": {"note": "<img src=x onerror=alert(1)>"}}
    publish(f"{cam}/event", event)
    publish(f"{cam}/event", event)
    publish(f"{cam}/event", event | {"id": "s-2", "seq": 2})
    browser.wait(f"{other}.querySelectorAll('[role=log] li').length >= 2", "the events")
    text = browser.value(f"{other}.querySelector('[role=log]').innerText")
    check(text.count("cut") == 2, "an event sent twice is shown once")
    check("<img" in text and browser.value("!document.querySelector('img')"), "text stays text")
    publish(f"{cam}/homography", lost | {"schema": "touchline.homography/2"})
    browser.wait("document.getElementById('notices').children.length === 1", "the notice")
    check(
        "this page reads touchline.homography/1"
        in browser.value("document.getElementById('notices').innerText"),
        "a schema of another version is named",
    )
    box.loop_stop()
    box.disconnect()


def screenshots(browser: Chromium, out: Path) -> None:
    """Light, dark and narrow."""
    for name, width, scheme in (
        ("light", 1280, "light"),
        ("dark", 1280, "dark"),
        ("narrow", 380, "light"),
    ):
        browser.shape(width, 900, scheme)
        browser.wait(f"{LIVE} && {CARD}.dataset.frame > 40", "a live homography")
        browser.picture(out / f"page.{name}.png")
        check(
            browser.value("document.documentElement.scrollWidth <= innerWidth"),
            f"{out / f'page.{name}.png'}: nothing sticks out",
        )
    browser.shape(1280, 900, "light")


def main(page: Path, out: Path) -> None:
    """Do it all."""
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = stack.enter_context(served(page))
        broker = Broker(folder)
        stack.callback(broker.kill)
        broker.start()
        browser = Chromium(folder / "profile")
        stack.callback(browser.close)
        browser.open(f"{url}/index.html")
        say("the page's arithmetic")
        check_arithmetic(browser)
        check_validation(browser)
        check_fields(browser)
        say("a wrong password")
        connect(browser, broker, "wrong")
        browser.wait("document.getElementById('status').textContent.includes('refuses')", "refusal")
        check("user and password" in status(browser), f"the page says: {status(browser)}")
        say("a box")
        connect(browser, broker, PASSWORDS["page"])
        browser.wait("document.getElementById('status').dataset.link === 'up'", "the link")
        box = start_box(broker, folder)
        stack.callback(box.wait)
        stack.callback(box.kill)
        browser.wait(LIVE, "a homography (its log: " + str(folder / "box.log") + ")")
        check_card(browser)
        screenshots(browser, out)
        say("the broker dies")
        check_broker_outage(browser, broker)
        say("what boxes say")
        check_what_boxes_say(browser, broker)
        browser.picture(out / "page.two.png")
        say("the box stops")
        box.send_signal(signal.SIGTERM)
        browser.wait(f"{CARD}.innerText.includes('box offline')", "offline")
        check(browser.wait(f"{CARD}.dataset.view === 'stale'", "stale") >= 0, "offline, and stale")
        refused = [p for p in browser.problems if "WebSocket connection to" not in p]
        check(not refused, f"no error on the page's console {refused or ''}")
    say("browser-check: done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
