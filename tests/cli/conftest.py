"""The broker of the box's tests."""

from __future__ import annotations

from tests.box.conftest import mosquitto

__all__ = ["mosquitto"]
