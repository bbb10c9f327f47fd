"""Publication over MQTT: the contract's topics and messages, the publisher, the embedded broker.

    with open_broker(config.broker) as endpoint:
        with Publisher(endpoint, topics, info) as publisher:
            publisher.publish(frame, registration)

Subscribers use `touchline.Client`. Names are loaded when they are first used: the publisher and the
broker are not needed to listen.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.publish.messages.box_info import BoxInfo
    from edge.publish.messages.health import Health
    from edge.publish.messages.registration import (
        BundleInfo,
        Event,
        EventKind,
        Homography,
        Info,
        StateMessage,
    )
    from edge.publish.mqtt.broker import EmbeddedBroker, open_broker
    from edge.publish.mqtt.endpoint import Endpoint, endpoint_of
    from edge.publish.mqtt.topics import Topics
    from edge.publish.queue.event_detector import EventDetector, EventDraft
    from edge.publish.queue.publisher import EventCounts, PublicationCounts, Publisher
    from edge.publish.queue.slots import FrameCounts
    from edge.publish.queue.spool import spool_path

__all__ = [
    "BoxInfo",
    "BundleInfo",
    "EmbeddedBroker",
    "Endpoint",
    "Event",
    "EventCounts",
    "EventDetector",
    "EventDraft",
    "EventKind",
    "FrameCounts",
    "Health",
    "Homography",
    "Info",
    "PublicationCounts",
    "Publisher",
    "StateMessage",
    "Topics",
    "endpoint_of",
    "open_broker",
    "spool_path",
]

_MODULES = {
    "mqtt.broker": ("EmbeddedBroker", "open_broker"),
    "mqtt.endpoint": ("Endpoint", "endpoint_of"),
    "queue.event_detector": ("EventDetector", "EventDraft"),
    "messages.health": ("Health",),
    "messages.box_info": ("BoxInfo",),
    "messages.registration": (
        "BundleInfo",
        "Event",
        "EventKind",
        "Homography",
        "Info",
        "StateMessage",
    ),
    "queue.publisher": ("PublicationCounts", "EventCounts", "Publisher"),
    "queue.slots": ("FrameCounts",),
    "queue.spool": ("spool_path",),
    "mqtt.topics": ("Topics",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
