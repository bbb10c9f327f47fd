"""One thread a camera.

Receives or polls, counts what is wrong, reconnects, never blocks the box.
"""

from __future__ import annotations

from firmware_bridge.config import BridgeConfig
from firmware_bridge.links.base import CameraLink


def open_link(config: BridgeConfig) -> CameraLink | None:
    """Return the link of a configuration, not yet started; None for `type: none`."""
    if config.type == "freed":
        from firmware_bridge.links.streams import FreeDLink  # noqa: PLC0415 - only what is used

        return FreeDLink(config)
    if config.type == "opentrackio":
        from firmware_bridge.links.streams import OpenTrackIOLink  # noqa: PLC0415

        return OpenTrackIOLink(config)
    if config.type == "visca":
        from firmware_bridge.links.visca import ViscaLink  # noqa: PLC0415

        return ViscaLink(config)
    if config.type == "onvif":
        from firmware_bridge.links.onvif import OnvifLink  # noqa: PLC0415

        return OnvifLink(config)
    if config.type == "recording":
        from firmware_bridge.links.recording import RecordedLink  # noqa: PLC0415

        return RecordedLink(config)
    return None


__all__ = ["CameraLink", "open_link"]
