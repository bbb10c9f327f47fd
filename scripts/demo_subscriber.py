"""An independent subscriber: paho-mqtt alone, nothing of Touchline; prints what it received.

    demo_subscriber.py PORT TOPIC

It connects as soon as something listens, and ends when the box says that it is offline.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

LONGEST_S = 900.0


class Count:
    """What came."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.connected = False
        self.homographies = 0
        self.answered = 0
        self.last_seq = 0
        self.out_of_order = 0
        self.events: Counter[str] = Counter()
        self.status: list[str] = []

    def on_connect(self, client: mqtt.Client, *_: Any) -> None:
        """Subscribe to everything of the box."""
        self.connected = True
        client.subscribe(self.topic, qos=1)

    def on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """Count one message; the box's goodbye ends the listening."""
        item = json.loads(message.payload)
        name = message.topic.rsplit("/", 1)[-1]
        if name == "homography":
            self.homographies += 1
            self.answered += item["field_from_image"] is not None
            self.out_of_order += item["seq"] <= self.last_seq
            self.last_seq = item["seq"]
        elif name == "event":
            self.events[item["kind"]] += 1
        elif name == "state":
            self.status.append(item["status"])
            if item["status"] == "offline":
                client.disconnect()


def main() -> int:
    """Listen until the box says goodbye, and print the counts."""
    port, topic = int(sys.argv[1]), sys.argv[2]
    count = Count(topic)
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.on_connect, client.on_message = count.on_connect, count.on_message
    deadline = time.monotonic() + LONGEST_S
    while not count.connected and time.monotonic() < deadline:
        with suppress(OSError):  # the box is still starting
            client.connect("127.0.0.1", port)
            client.loop_forever()
        time.sleep(0.02)
    print(
        json.dumps(
            {
                "homographies": count.homographies,
                "answered": count.answered,
                "out_of_order": count.out_of_order,
                "events": dict(count.events),
                "status": count.status,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
