"""Telemetry recorded beside a film: what the camera sent while the film was taken.

One JSON object a line, `{"t_s": 1.26, "packet": "d101…"}`: seconds in the film's own time, and the
FreeD datagram that arrived then. `touchline camera simulate --clip` writes such a file.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, ProtocolError
from firmware_bridge.codecs import freed
from firmware_bridge.config import BridgeConfig
from firmware_bridge.links.base import CameraLink
from firmware_bridge.links.streams import freed_telemetry
from firmware_bridge.model import CameraLinkState, Telemetry
from firmware_bridge.profiles import FreeDProfile, profile

_MOST_BYTES = 256 << 20
_BAD = (ProtocolError, ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What any line may raise: it is counted and left out."""


class RecordedLink(CameraLink):
    """Reads the whole file at once; needs no thread. Times become absolute with `began`."""

    kind = "recording"
    sequence_modulus = 16

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__(config.file, config.stale_s)
        self._profile = profile(config.profile).freed
        self._camera_id = config.camera_id
        self._reports = self._read(Path(config.file))
        self._times = [report.received_ns for report in self._reports]
        self._began_ns = 0

    def start(self) -> None:
        """Nothing needs to run."""

    def began(self, utc_ns: int) -> None:
        """Say at which UTC time the film's own time was 0."""
        self._began_ns = utc_ns

    def history(self) -> list[Telemetry]:
        """Return all reports, oldest first."""
        return [self._absolute(report) for report in self._reports]

    def bracket(self, at_ns: int) -> tuple[Telemetry | None, Telemetry | None]:
        """Return the last report at or before a UTC time, and the first after it."""
        after = bisect_right(self._times, at_ns - self._began_ns)
        before = self._absolute(self._reports[after - 1]) if after else None
        later = self._absolute(self._reports[after]) if after < len(self._reports) else None
        return before, later

    def state(self) -> CameraLinkState:
        """Return what was read; a recording is always there."""
        return replace(super().state(), connected=bool(self._reports))

    def _absolute(self, report: Telemetry) -> Telemetry:
        return replace(report, received_ns=report.received_ns + self._began_ns)

    def _read(self, path: Path) -> list[Telemetry]:
        if path.exists() and not path.is_file():  # a pipe would be read for ever
            raise ConfigError(f"camera.link.file: {path} is no file")
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ConfigError(f"camera.link.file: {path} is larger than {_MOST_BYTES >> 20} MB")
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"camera.link.file: {path} cannot be read ({error})") from error
        reports = []
        for number, line in enumerate(lines, 1):
            try:
                report = _report(json.loads(line), self._profile)
            except _BAD as error:
                self._count("protocol", f"line {number}: {error}")
                continue
            if self._camera_id not in {None, freed.ANY_CAMERA, report.camera_id}:
                self._count_foreign()
                continue
            self._meter.valid(report.received_ns, report.sequence)
            reports.append(report)
        return sorted(reports, key=lambda report: report.received_ns)

    def _run(self) -> None:
        """Do nothing: there is no thread."""


def _report(row: Any, quirks: FreeDProfile) -> Telemetry:
    at_ns = round(float(row["t_s"]) * 1e9)
    message = freed.decode(
        bytes.fromhex(row["packet"]), check=quirks.checksum, trailing=quirks.trailing
    )
    if isinstance(message, freed.FreeDCommand):
        raise ProtocolError("a command, not a position")
    return freed_telemetry(message, quirks, at_ns, at_ns)
