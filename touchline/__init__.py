"""Touchline registers the playing field in sports video: a homography for every frame.

>>> import touchline
>>> result = touchline.register("still.jpg", sport="soccer")
>>> if result:
...     print(result.to_field([640, 360]), "±", result.error_m([640, 360]), "m")

`register` answers one picture, `track` every frame of a video or a camera, `Registrar` keeps a
network loaded, `Client` subscribes to a box, `segments` marks the recap and the intro of an
episode. Pixels have their centres at integers, x right, y down. Field coordinates are metres from
the field's centre, x along its length, y across it.

Each name is imported when it is first used, so that `import touchline` is quick and `Client` needs
neither OpenCV nor an inference engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edge import __version__

if TYPE_CHECKING:
    from edge.errors import (
        BrokerError,
        BundleError,
        ConfigError,
        EngineError,
        SourceError,
        TouchlineError,
        UsageError,
    )
    from edge.fields import Field, load_field
    from edge.publish.client.subscriber import TouchlineClient as Client
    from edge.publish.client.subscriber import field_from_pixels, pixels_from_field
    from edge.segments.analysis import Analysis
    from edge.segments.types import Segment
    from edge.types import Frame, RegistrationState, RejectionReason
    from touchline.registration import Registrar, register, track
    from touchline.result import Result
    from touchline.segmentation import segments

__all__ = [
    "Analysis",
    "BrokerError",
    "BundleError",
    "Client",
    "ConfigError",
    "EngineError",
    "Field",
    "Frame",
    "Registrar",
    "RegistrationState",
    "RejectionReason",
    "Result",
    "Segment",
    "SourceError",
    "TouchlineError",
    "UsageError",
    "__version__",
    "field_from_pixels",
    "load_field",
    "pixels_from_field",
    "register",
    "segments",
    "track",
]

_MODULES = {
    "edge.errors": (
        "BrokerError",
        "BundleError",
        "ConfigError",
        "EngineError",
        "SourceError",
        "TouchlineError",
        "UsageError",
    ),
    "edge.fields": ("Field", "load_field"),
    "edge.publish.client.subscriber": ("field_from_pixels", "pixels_from_field"),
    "edge.segments.analysis": ("Analysis",),
    "edge.segments.types": ("Segment",),
    "edge.types": ("Frame", "RejectionReason", "RegistrationState"),
    "touchline.registration": ("Registrar", "register", "track"),
    "touchline.result": ("Result",),
    "touchline.segmentation": ("segments",),
}
_HOME = {name: (module, name) for module, names in _MODULES.items() for name in names} | {
    "Client": ("edge.publish.client.subscriber", "TouchlineClient")
}
"""Public name -> module and name where it is defined."""


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'touchline' has no attribute {name!r}")
    module, attribute = _HOME[name]
    value: object = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
