"""A PTZ camera that does not exist: it moves, answers, and streams tracking data and pictures."""

from __future__ import annotations

from firmware_bridge.sim.ptz_camera import SimSettings, SimulatedCamera
from firmware_bridge.sim.simulator import Simulator

__all__ = ["SimSettings", "SimulatedCamera", "Simulator"]
