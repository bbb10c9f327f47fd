"""Touchline on the box: video in, field homographies out over MQTT."""

from __future__ import annotations

__version__ = "0.1.0"
