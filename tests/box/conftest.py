"""A real mosquitto on a free port, and a subscriber that keeps what it received."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.box.loaded_model import Network
from edge.config import Config
from edge.fields import load_field
from tests.box.parts import ScriptedRegistrar
from tests.publish.parts import Mosquitto, eventually, free_port

__all__ = ["Mosquitto", "Subscriber", "free_port", "wait_for"]


class Subscriber:
    """Everything that a broker delivers, by the last level of its topic."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("touchline/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(90), "the broker did not answer"

    def of(self, name: str) -> list[dict[str, Any]]:
        return [item for topic, item in list(self.messages) if topic.endswith(f"/{name}")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # its callback makes it a cycle, in which `__del__` comes too late for the wake-up sockets
        self._client._reset_sockets()

    def _keep(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        if not message.topic.endswith("/desired"):  # to the box, and maybe no JSON
            self.messages.append((message.topic, json.loads(message.payload)))


def wait_for(condition: Callable[[], object], most_s: float = 90.0) -> None:
    """Wait until a condition holds; the limit only ends a test that hangs."""
    eventually(condition, "what this test waits for", most_s)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def subscriber(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    client = Subscriber(mosquitto.port)
    yield client
    client.close()


class NetworkMaker:
    """Makes a network around a registrar that gives scripted answers."""

    def __init__(self, registrar: ScriptedRegistrar) -> None:
        self.registrar = registrar

    def __call__(self, config: Config) -> Network:
        return Network(self.registrar, load_field("soccer"), None, "scripted", "fp32")
