"""All sides of the simulated camera together."""

from __future__ import annotations

import random
from types import TracebackType
from typing import TYPE_CHECKING

from firmware_bridge.profiles import profile
from firmware_bridge.sim.onvif_server import OnvifDevice, OnvifServer
from firmware_bridge.sim.ptz_camera import SimSettings, SimulatedCamera
from firmware_bridge.sim.streams import TelemetryStream
from firmware_bridge.sim.visca_server import ViscaServer

if TYPE_CHECKING:
    from typing_extensions import Self


class Simulator:
    """Start it, speak with its ports, close it. Its clock is `time.monotonic()`."""

    def __init__(
        self,
        settings: SimSettings | None = None,
        *,
        host: str = "127.0.0.1",
        visca_ports: tuple[int, int, int] = (0, 0, 0),
        onvif_port: int = 0,
        freed_to: tuple[str, int] | None = None,
        opentrackio_to: tuple[str, int] | None = None,
        rate_hz: float = 50.0,
        profile_name: str = "generic",
        username: str = "",
        password: str = "",
        wander: bool = True,
        visca_loss: float = 0.0,
    ) -> None:
        self.camera = SimulatedCamera(settings or SimSettings(), wander=wander)
        dice = random.Random(self.camera.settings.seed)  # noqa: S311 - lost packets, not secrets
        self.visca = ViscaServer(
            self.camera,
            profile(profile_name).visca,
            host=host,
            ports=visca_ports,
            drop=lambda: dice.random() < visca_loss,
        )
        device = OnvifDevice(self.camera, username=username, password=password)
        self.onvif = OnvifServer(device, host=host, port=onvif_port)
        self.telemetry = TelemetryStream(
            self.camera, freed_to=freed_to, opentrackio_to=opentrackio_to, rate_hz=rate_hz
        )

    def __enter__(self) -> Self:
        self.visca.start()
        self.onvif.start()
        self.telemetry.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all sides."""
        self.telemetry.close()
        self.onvif.close()
        self.visca.close()
