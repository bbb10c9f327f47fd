"""Publication over MQTT: the contract's topics and messages, the publisher, the embedded broker.

    with open_broker(config.broker) as endpoint:
        with Publisher(endpoint, topics, info) as publisher:
            publisher.publish(frame, registration)

What subscribers need is in `edge.publish.client`. Names are loaded when they are first used: the
broker's process and a subscriber need a part of this package only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.publish.broker import EmbeddedBroker, open_broker
    from edge.publish.endpoint import Endpoint, endpoint_of
    from edge.publish.events import EventDetector, EventDraft
    from edge.publish.health_message import Health
    from edge.publish.info import BoxInfo
    from edge.publish.messages import BundleInfo, Event, EventKind, Homography, Info, StateMessage
    from edge.publish.paths import spool_path
    from edge.publish.publisher import Counts, EventCounts, Publisher
    from edge.publish.slots import FrameCounts
    from edge.publish.topics import Topics

__all__ = [
    "BoxInfo",
    "BundleInfo",
    "Counts",
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
    "Publisher",
    "StateMessage",
    "Topics",
    "endpoint_of",
    "open_broker",
    "spool_path",
]

_MODULES = {
    "broker": ("EmbeddedBroker", "open_broker"),
    "endpoint": ("Endpoint", "endpoint_of"),
    "events": ("EventDetector", "EventDraft"),
    "health_message": ("Health",),
    "info": ("BoxInfo",),
    "messages": ("BundleInfo", "Event", "EventKind", "Homography", "Info", "StateMessage"),
    "paths": ("spool_path",),
    "publisher": ("Counts", "EventCounts", "Publisher"),
    "slots": ("FrameCounts",),
    "topics": ("Topics",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
