"""The simulated camera's tracking output: FreeD and OpenTrackIO packets at a steady rate."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
import uuid
from collections import Counter

from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import TrackSample, build_sample
from firmware_bridge.sim.ptz_camera import SimulatedCamera

_LOG = logging.getLogger(__name__)
_TAI_MINUS_UTC_NS = 37_000_000_000


class TelemetryStream:
    """Sends the head's own numbers, with noise and loss as set, until closed."""

    def __init__(
        self,
        camera: SimulatedCamera,
        *,
        freed_to: tuple[str, int] | None = None,
        opentrackio_to: tuple[str, int] | None = None,
        rate_hz: float = 50.0,
        source_number: int = 1,
    ) -> None:
        self._camera = camera
        self._freed_to, self._otio_to = freed_to, opentrackio_to
        self._period = 1 / rate_hz
        self._rate = (round(rate_hz * 1000), 1000)
        self._source_number = source_number
        self._source_id = uuid.uuid5(uuid.NAMESPACE_DNS, "simulated.touchline").urn
        self._random = random.Random(camera.settings.seed)  # noqa: S311 - noise, not secrets
        self._sequence = 0
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._main, name="sim-telemetry", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def close(self) -> None:
        """Stop sending."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._sock.close()

    def _main(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._send(time.monotonic())
            due = max(due + self._period, time.monotonic() - self._period)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _send(self, t_s: float) -> None:
        s, head = self._camera.settings, self._camera.state(t_s)
        pan = head.pan_deg + self._random.gauss(0, s.noise_deg)
        tilt = head.tilt_deg + self._random.gauss(0, s.noise_deg)
        number, self._sequence = self._sequence, self._sequence + 1
        if self._random.random() < s.loss:
            self.counts["lost"] += 1
            return
        if self._freed_to is not None:
            position = freed.FreeDPosition(
                1,
                pan,
                tilt,
                zoom=round(head.zoom),
                focus=0x1000,
                spare=(number & 0xF) << 12 | 0x118,
            )
            self._out(freed.encode_position(position), self._freed_to)
        if self._otio_to is not None:
            payload = otio.build_payload(
                otio.PayloadEncoding.JSON, build_sample(self._sample(pan, tilt, head.zoom, number))
            )
            for segment in otio.split(payload, otio.PayloadEncoding.JSON, number & 0xFFFF):
                self._out(otio.encode_segment(segment), self._otio_to)

    def _sample(self, pan: float, tilt: float, zoom: float, number: int) -> TrackSample:
        low, high = self._camera.settings.zoom_range
        tai = time.time_ns() + _TAI_MINUS_UTC_NS
        return TrackSample(
            position_m=(0.0, 0.0, 0.0),
            pan_deg=pan,
            tilt_deg=tilt,
            roll_deg=0.0,
            zoom=(zoom - low) / (high - low),
            sample_s=tai // 10**9,
            sample_ns=tai % 10**9,
            rate=self._rate,
            sequence=number & 0xFFFFFFFF,
            locked=False,
            sync_source="ntp",
            sample_id=uuid.uuid4().urn,
            source_id=self._source_id,
            source_number=self._source_number,
        )

    def _out(self, packet: bytes, to: tuple[str, int]) -> None:
        try:
            self._sock.sendto(packet, to)
            self.counts["sent"] += 1
        except OSError as error:
            self.counts["failed"] += 1
            _LOG.debug("telemetry not sent: %s", error)
