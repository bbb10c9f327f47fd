"""A managed box in a thread, with a scripted network and a small rendered source."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.box.box import Options
from edge.box.loaded_model import Network
from edge.box.monitoring.run_summary import Summary
from edge.box.remote_config.supervisor import run_managed
from edge.config import Config, parse_config
from edge.config.store import ConfigStore
from edge.config.write import to_yaml
from edge.fields import load_field
from edge.publish import Endpoint
from edge.publish.client.config_push import ConfigClient
from tests.box.parts import ScriptedRegistrar
from tests.publish.parts import FAST

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = "touchline/v1/hall/box1"
PROBATION_S = 0.3


def settings(broker: str, **changes: Any) -> dict[str, Any]:
    """Return a box's configuration: an endless live source of 160x96 at 50 Hz."""
    source = {"type": "rendered", "seconds": None, "live": True, "fps": 50}
    return {
        "site": "hall",
        "device": "box1",
        "broker": broker,
        "source": source | {"width": 160, "height": 96},
        "remote": {"probation_s": PROBATION_S, "allow": ["remote.probation_s", "device", "broker"]},
    } | changes


class Networks:
    """Makes scripted networks: with `engine.threads` 13 one breaks on the second picture, with 15
    on the first, and with 14 it cannot be made."""

    def __init__(self) -> None:
        self.made: list[ScriptedRegistrar] = []
        self.refines: list[str] = []

    def __call__(self, config: Config) -> Network:
        if config.engine.threads == 14:
            raise RuntimeError("14 threads are too many")

        def register(number: int) -> None:
            if (
                config.engine.threads in {13, 15}
                and number >= {13: 1, 15: 0}[config.engine.threads]
            ):
                raise RuntimeError(f"thread {config.engine.threads} is missing")

        self.made.append(ScriptedRegistrar(hook=register))
        field = load_field(config.field_name, length_m=config.field.length_m)
        return Network(
            self.made[-1],
            field,
            None,
            "scripted",
            "fp32",
            lambda changed: self.refines.append(changed.registration.refine),
        )


class ManagedBox:
    """Runs until the block ends; the file is there already."""

    def __init__(self, file: Path, networks: Networks | None = None, **changes: Any) -> None:
        self.store = ConfigStore(file)
        self.networks = networks or Networks()
        self.summary: Summary | None = None
        self.error: BaseException | None = None
        self._changes = changes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the box does not end"

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.summary = run_managed(
                self.store,
                self._changes,
                Options(),
                stop=self._stop,
                make_network=self.networks,
            )
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


def write_config(folder: Path, data: dict[str, Any]) -> Path:
    file = folder / "touchline.yaml"
    file.write_text(to_yaml(data))
    assert parse_config(file.read_text())[1] == []
    return file


def client_of(endpoint: Endpoint, device: str = "box1") -> ConfigClient:
    return ConfigClient(endpoint, site="hall", device=device, backoff=FAST)


class Probe:
    """Plain paho: hears everything of the box, and sends any bytes as desired."""

    def __init__(self, port: int) -> None:
        self._heard: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{ROOT}/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _d, m: self._heard.append((m.topic, m.payload))
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._ready.wait(90), "the broker did not answer"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, end: str) -> list[dict[str, Any]]:
        return [json.loads(data) for topic, data in list(self._heard) if topic == f"{ROOT}/{end}"]

    def desire(self, payload: bytes) -> None:
        """Send, and wait until the broker has it: who comes next hears this and no older one."""
        sent = self._client.publish(f"{ROOT}/config/desired", payload, qos=1, retain=True)
        sent.wait_for_publish(90)
        assert sent.is_published()

    def wait(self, end: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message on a topic that is as wished."""
        from tests.publish.parts import eventually

        found: list[dict[str, Any]] = []

        def look() -> bool:
            found.extend(m for m in self.of(end) if good(m))
            return bool(found)

        eventually(look, f"{end} as wished; heard {self.of(end)[-2:]}")
        return found[0]
