"""Telemetry by asking: ONVIF PTZ, the slowest way, for cameras that speak nothing else."""

from __future__ import annotations

import time

from edge.errors import ProtocolError
from firmware_bridge.codecs import onvif
from firmware_bridge.config import BridgeConfig
from firmware_bridge.links.base import CameraLink
from firmware_bridge.links.onvif_client import OnvifClient
from firmware_bridge.model import Telemetry
from firmware_bridge.profiles import AxisLimits, profile

_GIVE_UP = 5


class OnvifLink(CameraLink):
    """Polls GetStatus. Its clock is the box's: the camera's is often wrong and always coarse."""

    kind = "onvif"

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__(f"{config.host}:{config.port_in_force}", config.stale_s)
        self._config = config
        self._limits = profile(config.profile).limits_deg
        self._client: OnvifClient | None = None

    def _interrupt(self) -> None:
        client = self._client
        if client is not None:
            client.abort()

    def _run(self) -> None:
        c = self._config
        period, silent = 1 / c.poll_hz, 0
        with OnvifClient(
            c.host, c.port_in_force, username=c.username, password=c.password
        ) as client:
            self._client = client
            if self._stop.is_set():
                return
            client.connect()
            while not self._stop.is_set():
                began = time.monotonic()
                if self._poll(client):
                    silent = 0
                else:
                    silent += 1
                    if silent >= _GIVE_UP:
                        raise ConnectionError(f"{silent} polls without a usable answer")
                self._stop.wait(max(0.0, period - (time.monotonic() - began)))

    def _poll(self, client: OnvifClient) -> bool:
        before = time.monotonic_ns()
        try:
            status = client.status()
        except OSError as error:
            self._count_lost()
            self._count("connection", str(error))
            return False
        except ProtocolError as error:
            self._protocol_error(error)
            return False
        middle = (before + time.monotonic_ns()) // 2
        pan, tilt = to_degrees(status, client, self._limits)
        millimetres = status.zoom_space == onvif.MILLIMETRES
        self._accept(
            Telemetry(
                received_ns=time.time_ns() - (time.monotonic_ns() - middle),
                monotonic_ns=middle,
                source=self.kind,
                pan_deg=pan,
                tilt_deg=tilt,
                zoom=status.zoom,
                focal_mm=status.zoom if millimetres else None,
                moving=status.moving,
            )
        )
        return True


def to_degrees(
    status: onvif.PtzStatus, client: OnvifClient, limits: AxisLimits
) -> tuple[float | None, float | None]:
    """Pan and tilt in degrees: as given, or the generic range stretched over the limits."""
    if status.pan is None or status.tilt is None:
        return None, None
    if status.pan_tilt_space == onvif.DEGREES:
        return status.pan, status.tilt
    space = client.space(status.pan_tilt_space, onvif.GENERIC_PAN_TILT)
    x, y = (space.x, space.y or (-1.0, 1.0)) if space else ((-1.0, 1.0), (-1.0, 1.0))
    return stretch(status.pan, x, limits.pan), stretch(status.tilt, y, limits.tilt)


def stretch(value: float, source: tuple[float, float], target: tuple[float, float]) -> float:
    """Map one range linearly onto another."""
    return target[0] + (value - source[0]) / (source[1] - source[0]) * (target[1] - target[0])
