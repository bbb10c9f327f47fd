"""An independent subscriber: plain paho, nothing of the package under test."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Heard:
    topic: str
    data: dict[str, Any]
    retained: bool
    properties: dict[str, Any]


class Listener:
    """Collects every message under a filter, until the block ends."""

    def __init__(
        self, port: int, topic: str = "touchline/#", *, version: int = paho.MQTTv5
    ) -> None:
        self.heard: list[Heard] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.on_connect = lambda c, *_: c.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(90), "no subscription"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, end: str) -> list[Heard]:
        """Messages whose topic ends so."""
        return [h for h in list(self.heard) if h.topic.endswith(end)]

    def _take(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        properties = {} if message.properties is None else message.properties.json()
        self.heard.append(
            Heard(message.topic, json.loads(message.payload), message.retain, properties)
        )
