"""Move a camera.

Absolute pan, tilt and zoom, stop, and presets, within limits, over VISCA or ONVIF.
"""

from __future__ import annotations

from typing import Protocol

from edge.errors import UsageError
from firmware_bridge.codecs import onvif, visca
from firmware_bridge.config import BridgeConfig, resolve
from firmware_bridge.links.onvif import stretch
from firmware_bridge.links.onvif import to_degrees as onvif_degrees
from firmware_bridge.links.onvif_client import OnvifClient
from firmware_bridge.links.visca import to_degrees, to_units
from firmware_bridge.links.visca_client import ViscaClient
from firmware_bridge.profiles import AxisLimits, profile

Position = tuple[float, float, float]
"""Pan and tilt in the device's degrees, zoom as a share of its range, 0 wide to 1 telephoto."""


class CameraControl(Protocol):
    """What can be asked of a PTZ camera."""

    def position(self) -> Position:
        """Where it stands."""

    def move(self, pan_deg: float, tilt_deg: float, zoom: float | None = None) -> None:
        """Start towards a position; UsageError when it is outside the camera's limits."""

    def stop(self) -> None:
        """Stop all movement."""

    def set_preset(self, preset: str) -> str:
        """Store the present position; returns what to recall it by."""

    def goto_preset(self, preset: str) -> None:
        """Go to a stored position."""

    def close(self) -> None:
        """Free the connection."""


def open_control(config: BridgeConfig) -> CameraControl:
    """Connect to the configured camera; UsageError for a type that only streams."""
    if config.type == "visca":
        return ViscaControl(config)
    if config.type == "onvif":
        return OnvifControl(config)
    raise UsageError(f"a {config.type} link cannot move the camera: use type visca or onvif")


def check_limits(limits: AxisLimits, pan_deg: float, tilt_deg: float, zoom: float | None) -> None:
    """Refuse a position outside the profile's limits.

    Written so that nan fails.
    """
    for name, value, (low, high) in (("pan", pan_deg, limits.pan), ("tilt", tilt_deg, limits.tilt)):
        if not low <= value <= high:
            raise UsageError(f"{name} {value:g} deg is outside the camera's {low:g}..{high:g} deg")
    if zoom is not None and not 0 <= zoom <= 1:
        raise UsageError(f"zoom {zoom:g} is outside 0 (wide) .. 1 (telephoto)")


class ViscaControl:
    """Control over VISCA."""

    def __init__(self, config: BridgeConfig) -> None:
        chosen = profile(config.profile)
        self._visca, self._limits = chosen.visca, chosen.limits_deg
        self._client = ViscaClient(
            resolve(config.host), config.port_in_force, config.transport_in_force
        )
        try:
            self._client.reset()
        except OSError:
            self._client.close()
            raise

    def position(self) -> Position:
        """Where it stands."""
        pan, tilt = visca.decode_pan_tilt(self._client.inquire(visca.PAN_TILT_INQUIRY))
        zoom = visca.decode_position(self._client.inquire(visca.ZOOM_INQUIRY))
        low, high = self._visca.zoom_range
        return (*to_degrees(pan, tilt, self._visca), (zoom - low) / (high - low))

    def move(self, pan_deg: float, tilt_deg: float, zoom: float | None = None) -> None:
        """Start towards a position."""
        check_limits(self._limits, pan_deg, tilt_deg, zoom)
        pan, tilt = to_units(pan_deg, tilt_deg, self._visca)
        p = self._visca
        self._client.command(
            visca.absolute_pan_tilt(
                pan, tilt, pan_nibbles=p.pan_nibbles, one_speed=not p.two_speeds
            )
        )
        if zoom is not None:
            low, high = p.zoom_range
            self._client.command(visca.absolute_zoom(round(low + zoom * (high - low))))

    def stop(self) -> None:
        """Stop all movement."""
        self._client.command(visca.PAN_TILT_STOP)
        self._client.command(visca.ZOOM_STOP)

    def set_preset(self, preset: str) -> str:
        """Store the present position under a number."""
        self._client.command(visca.preset("set", _number(preset)))
        return preset

    def goto_preset(self, preset: str) -> None:
        """Go to a stored position."""
        self._client.command(visca.preset("recall", _number(preset)))

    def close(self) -> None:
        """Free the connection."""
        self._client.close()


class OnvifControl:
    """Control over ONVIF."""

    def __init__(self, config: BridgeConfig) -> None:
        self._limits = profile(config.profile).limits_deg
        self._client = OnvifClient(
            config.host, config.port_in_force, username=config.username, password=config.password
        )
        try:
            self._client.connect()
        except BaseException:
            self._client.close()
            raise

    def position(self) -> Position:
        """Where it stands; what the camera does not say counts as 0."""
        status = self._client.status()
        pan, tilt = onvif_degrees(status, self._client, self._limits)
        return pan or 0.0, tilt or 0.0, status.zoom or 0.0

    def move(self, pan_deg: float, tilt_deg: float, zoom: float | None = None) -> None:
        """Start towards a position, in degrees where the camera takes them."""
        degrees = self._client.space(onvif.DEGREES)
        if degrees is not None and degrees.y is not None:
            check_limits(AxisLimits(degrees.x, degrees.y), pan_deg, tilt_deg, zoom)
            spaces, pan, tilt = onvif.DEGREES, pan_deg, tilt_deg
        else:
            check_limits(self._limits, pan_deg, tilt_deg, zoom)
            generic = self._client.space(onvif.GENERIC_PAN_TILT)
            x = generic.x if generic else (-1.0, 1.0)
            y = (generic.y if generic else None) or (-1.0, 1.0)
            spaces = onvif.GENERIC_PAN_TILT
            pan, tilt = (
                stretch(pan_deg, self._limits.pan, x),
                stretch(tilt_deg, self._limits.tilt, y),
            )
        self._client.absolute_move(pan, tilt, zoom, (spaces, onvif.GENERIC_ZOOM))

    def stop(self) -> None:
        """Stop all movement."""
        self._client.stop()

    def set_preset(self, preset: str) -> str:
        """Store the present position under a name; returns the camera's token for it."""
        return self._client.set_preset(preset)

    def goto_preset(self, preset: str) -> None:
        """Go to a stored position by its token or its name."""
        presets = self._client.presets()
        token = next((t for t, name in presets.items() if preset in {t, name}), None)
        if token is None:
            known = ", ".join(f"{t} ({name})" for t, name in presets.items()) or "none"
            raise UsageError(f"preset {preset!r} is unknown to the camera; known: {known}")
        self._client.goto_preset(token)

    def close(self) -> None:
        """Free the connection."""
        self._client.close()


def _number(preset: str) -> int:
    if not preset.isdecimal() or int(preset) > 254:
        raise UsageError(f"preset {preset!r}: VISCA presets are numbers from 0 to 254")
    return int(preset)
