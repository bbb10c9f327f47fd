"""Speak with the camera, and be the camera's tracking system.

The bridge reads what a PTZ camera's firmware knows (FreeD, OpenTrackIO, VISCA over IP, ONVIF),
learns how that telemetry relates to the pictures, and sends out the pose that the pictures gave, so
that a camera without any tracking becomes a tracked one.

    codecs      bytes <-> dataclasses; pure, no sockets
    profiles    what each vendor's numbers mean, as data
    links       one thread a camera: receives or polls, counts what is wrong, reconnects
    pose        homography <-> camera pose
    align       telemetry against pictures: sign, offset, lens table, lag
    monitor     did somebody move the camera or change its lens?
    tracking    sends FreeD and OpenTrackIO
    bridge      the facade that the box calls
    sim         a PTZ camera that does not exist: the test bench for everything above
"""

from __future__ import annotations

from firmware_bridge.bridge import Bridge, BridgeEvent
from firmware_bridge.config import BridgeConfig
from firmware_bridge.model import CameraLinkState, CameraPose, Telemetry
from firmware_bridge.pose import PoseEstimate, PoseVerdict

__all__ = [
    "Bridge",
    "BridgeConfig",
    "BridgeEvent",
    "CameraLinkState",
    "CameraPose",
    "PoseEstimate",
    "PoseVerdict",
    "Telemetry",
]
