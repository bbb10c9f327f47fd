"""Touchline on the box: video in, field homographies out over MQTT."""

from __future__ import annotations

from edge import no_telemetry

__version__ = "0.2.0"

no_telemetry.apply()  # before an engine is imported
