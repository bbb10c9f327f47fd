"""Telemetry by asking: VISCA over IP, as a fallback for cameras that stream nothing."""

from __future__ import annotations

import time

from edge.errors import ProtocolError
from firmware_bridge.codecs import visca
from firmware_bridge.config import BridgeConfig
from firmware_bridge.links.base import CameraLink
from firmware_bridge.links.visca_client import ViscaClient, ViscaError
from firmware_bridge.model import Telemetry
from firmware_bridge.profiles import ViscaProfile, profile

_GIVE_UP = 5
"""Polls without an answer after which the connection is made again."""


class ViscaLink(CameraLink):
    """Polls pan, tilt and the lens block at the configured rate, one exchange at a time."""

    kind = "visca"

    def __init__(self, config: BridgeConfig) -> None:
        self._profile = profile(config.profile).visca
        self._transport, self._port = config.transport_in_force, config.port_in_force
        super().__init__(f"{config.host}:{self._port}", config.stale_s)
        self._config = config
        self._lens_block = self._profile.lens_block
        self._client: ViscaClient | None = None

    def _interrupt(self) -> None:
        client = self._client
        if client is not None:
            client.abort()

    def _run(self) -> None:
        period = 1 / self._config.poll_hz
        silent = 0
        address = self._resolve(self._config.host)
        with ViscaClient(address, self._port, self._transport) as client:
            self._client = client
            if self._stop.is_set():
                return
            client.reset()
            while not self._stop.is_set():
                began = time.monotonic()
                if self._poll(client):
                    silent = 0
                else:
                    silent += 1
                    if silent >= _GIVE_UP:
                        raise ConnectionError(f"{silent} polls without an answer")
                self._stop.wait(max(0.0, period - (time.monotonic() - began)))

    def _poll(self, client: ViscaClient) -> bool:
        try:
            before = time.monotonic_ns()
            pan, tilt = visca.decode_pan_tilt(client.inquire(visca.PAN_TILT_INQUIRY))
            after = time.monotonic_ns()
            zoom, focus, moving = self._lens(client)
        except TimeoutError:
            self._count_lost()
            return False
        except ViscaError as error:
            self._count("refused", str(error))
            return True
        except ProtocolError as error:
            self._protocol_error(error)
            return True
        # the camera read its encoders between question and answer
        middle = (before + after) // 2
        pan_deg, tilt_deg = to_degrees(pan, tilt, self._profile)
        self._accept(
            Telemetry(
                received_ns=time.time_ns() - (time.monotonic_ns() - middle),
                monotonic_ns=middle,
                source=self.kind,
                pan_deg=pan_deg,
                tilt_deg=tilt_deg,
                zoom=float(zoom),
                focus=None if focus is None else float(focus),
                moving=moving,
            )
        )
        return True

    def _lens(self, client: ViscaClient) -> tuple[int, int | None, bool | None]:
        if self._lens_block:
            try:
                block = visca.decode_lens_block(client.inquire(visca.LENS_BLOCK_INQUIRY))
            except ProtocolError as error:
                # not every camera has it: ask for the zoom alone from now on
                self._lens_block = False
                self._count("lens_block", str(error))
            else:
                return block.zoom, block.focus, block.zoom_moving
        return visca.decode_position(client.inquire(visca.ZOOM_INQUIRY)), None, None


def to_degrees(pan: int, tilt: int, profile_: ViscaProfile) -> tuple[float, float]:
    """Degrees of a camera's counts."""
    return pan / profile_.pan_units_per_deg, tilt / profile_.tilt_units_per_deg


def to_units(pan_deg: float, tilt_deg: float, profile_: ViscaProfile) -> tuple[int, int]:
    """Return the counts of degrees."""
    return round(pan_deg * profile_.pan_units_per_deg), round(
        tilt_deg * profile_.tilt_units_per_deg
    )
