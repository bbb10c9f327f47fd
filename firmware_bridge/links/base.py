"""What every link shares: the thread, its state, and the arithmetic of rate, jitter and loss."""

from __future__ import annotations

import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque

from edge.errors import ProtocolError, TouchlineError
from firmware_bridge.config import resolve
from firmware_bridge.model import CameraLinkState, Telemetry

_LOG = logging.getLogger(__name__)
_SPACING_WINDOW = 64
_JOIN_S = 2.0
HISTORY = 4096
"""Reports kept for alignment: more than a minute at 60 Hz."""


class Meter:
    """Counts reports, losses and errors; pure, time comes in as an argument."""

    def __init__(self, sequence_modulus: int = 0) -> None:
        self._arrivals: deque[int] = deque(maxlen=_SPACING_WINDOW)
        self._modulus = sequence_modulus
        self._sequence: int | None = None
        self.received = 0
        self.lost = 0
        self.errors: Counter[str] = Counter()
        self.last_error = ""

    def valid(self, monotonic_ns: int, sequence: int | None = None) -> None:
        """Count one valid report."""
        self.received += 1
        self._arrivals.append(monotonic_ns)
        if sequence is not None and self._modulus:
            if self._sequence is not None:
                gap = (sequence - self._sequence) % self._modulus
                # 0 is a repetition, and far ahead a restart or one that was overtaken
                self.lost += gap - 1 if 1 <= gap <= min(self._modulus // 2, 1000) else 0
            self._sequence = sequence

    def error(self, kind: str, message: str) -> None:
        """Count one thing that was wrong."""
        self.errors[kind] += 1
        self.last_error = message

    def spacing(self, now_ns: int) -> tuple[float | None, float | None, float | None]:
        """Rate in hertz, jitter in milliseconds, age in seconds of the last report."""
        if not self._arrivals:
            return None, None, None
        age = (now_ns - self._arrivals[-1]) / 1e9
        times = [t for t in self._arrivals if self._arrivals[-1] - t < 2_000_000_000]
        if len(times) < 3:
            return None, None, age
        gaps = [(times[i] - times[i - 1]) / 1e6 for i in range(1, len(times))]
        mean = sum(gaps) / len(gaps)
        jitter = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        return (1e3 / mean if mean > 0 else None), jitter, age


class CameraLink(ABC):
    """A camera's telemetry.

    `start`, then read `state()` and `history()` from any thread, then `close`.
    """

    kind = "none"
    sequence_modulus = 0

    def __init__(self, peer: str, stale_s: float) -> None:
        self._peer = peer
        self._stale_s = stale_s
        self._lock = threading.Lock()
        self._meter = Meter(self.sequence_modulus)
        self._foreign = 0
        self._reconnects = 0
        self._latest: Telemetry | None = None
        self._history: deque[Telemetry] = deque(maxlen=HISTORY)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"camera-{self.kind}", daemon=True)

    def start(self) -> None:
        """Start receiving; problems of the network become counts, not exceptions."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and free its sockets; whatever the camera does, within two seconds."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_JOIN_S)

    def stop(self) -> None:
        """Tell the thread to end, and wake it; returns at once."""
        self._stop.set()
        self._interrupt()

    def _interrupt(self) -> None:  # noqa: B027 - most links have no long wait
        """End a wait for the camera; any thread. Links whose waits are short need not."""

    def state(self) -> CameraLinkState:
        """How the link does now."""
        now = time.monotonic_ns()
        with self._lock:
            rate, jitter, age = self._meter.spacing(now)
            return CameraLinkState(
                kind=self.kind,
                peer=self._peer,
                connected=age is not None and age <= self._stale_s,
                received=self._meter.received,
                rate_hz=rate,
                jitter_ms=jitter,
                lost=self._meter.lost,
                age_s=age,
                foreign=self._foreign,
                reconnects=self._reconnects,
                errors=dict(self._meter.errors),
                last_error=self._meter.last_error,
                latest=self._latest,
            )

    def history(self) -> list[Telemetry]:
        """Return the last reports, oldest first."""
        with self._lock:
            return list(self._history)

    def bracket(self, at_ns: int) -> tuple[Telemetry | None, Telemetry | None]:
        """Return the last report received at or before a UTC time, and the first after it."""
        later = None
        with self._lock:
            # the wanted report is nearly always among the last few
            for report in reversed(self._history):
                if report.received_ns <= at_ns:
                    return report, later
                later = report
        return None, later

    def _main(self) -> None:
        pause_s = 0.2
        while not self._stop.is_set():
            before = self._meter.received
            try:
                self._run()
            except (OSError, TouchlineError) as error:
                self._count("connection", str(error))
                _LOG.info("%s %s: %s", self.kind, self._peer, error)
            except Exception as error:  # noqa: BLE001 - what a camera sends must end no thread
                self._defect(error)
            if self._stop.is_set():
                return
            self._reconnects += 1
            pause_s = 0.2 if self._meter.received > before else min(pause_s * 2, 5.0)
            self._stop.wait(pause_s)

    def _defect(self, error: Exception) -> None:
        """Count an error that this program should not make; the first is logged with its place."""
        first = not self._meter.errors["defect"]
        self._count("defect", f"{type(error).__name__}: {error}")
        if first:
            _LOG.error("%s %s: unexpected error", self.kind, self._peer, exc_info=error)

    def _resolve(self, host: str) -> str:
        """Return the address of the camera; raises OSError or ConfigError, and when stopped."""
        return resolve(host, cancelled=self._stop)

    @abstractmethod
    def _run(self) -> None:
        """Open sockets, receive until `_stop`, close them; an OSError leads to another try."""

    def _accept(self, telemetry: Telemetry) -> None:
        with self._lock:
            self._meter.valid(telemetry.monotonic_ns, telemetry.sequence)
            self._latest = telemetry
            self._history.append(telemetry)

    def _count(self, kind: str, message: str) -> None:
        with self._lock:
            self._meter.error(kind, message)

    def _count_lost(self) -> None:
        with self._lock:
            self._meter.lost += 1

    def _count_foreign(self) -> None:
        with self._lock:
            self._foreign += 1

    def _protocol_error(self, error: ProtocolError) -> None:
        self._count("protocol", str(error))


def now_pair() -> tuple[int, int]:
    """UTC nanoseconds and monotonic nanoseconds of this instant."""
    return time.time_ns(), time.monotonic_ns()
