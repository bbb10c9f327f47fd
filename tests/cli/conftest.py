"""The broker and subscriber of the box's tests."""

from __future__ import annotations

from tests.box.conftest import mosquitto, subscriber

__all__ = ["mosquitto", "subscriber"]
