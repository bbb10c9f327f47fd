"""The pose as a message: what it carries, and the same camera seen from the field's other side."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge.publish.messages.compose import Context, pose_message
from edge.publish.messages.registration import FieldRef, PoseSource
from firmware_bridge.model import CameraPose
from firmware_bridge.pose import PoseEstimate, PoseVerdict, estimate_pose, homography_from_pose

FIELD = FieldRef(name="soccer", length_m=105, width_m=68)
CONTEXT = Context("0123456789abcdef", "cam1", FIELD)
POSE = CameraPose(-5.0, -60.0, 12.0, 13.0, -9.0, 1.5, 2500.0, 1280, 720)


def estimate(pose: CameraPose = POSE) -> PoseEstimate:
    return estimate_pose(homography_from_pose(pose), 1280, 720, capture_ns=17)


def test_it_carries_the_estimate() -> None:
    message = pose_message(CONTEXT, 3, estimate())
    assert message is not None
    data = json.loads(message.payload())
    assert data["schema"] == "touchline.pose/1"
    assert (data["seq"], data["camera"], data["time_ns"]) == (3, "cam1", 17)
    assert data["position_m"] == pytest.approx([-5.0, -60.0, 12.0])
    assert data["angles_deg"] == pytest.approx({"pan": 13.0, "tilt": -9.0, "roll": 1.5})
    assert data["focal_px"] == pytest.approx(2500.0)
    assert (data["source"], data["steady"]) == ("vision", False)
    assert all(value > 0 for value in data["sigma_position_m"])


def test_from_the_far_side_it_is_turned_by_half_a_turn() -> None:
    message = pose_message(replace(CONTEXT, half_turn=True), 3, estimate())
    assert message is not None
    assert message.position_m == pytest.approx((5.0, 60.0, 12.0))
    assert message.angles_deg.pan == pytest.approx(-167.0)
    assert message.angles_deg.tilt == pytest.approx(-9.0)


def test_telemetry_is_named_as_the_source() -> None:
    message = pose_message(CONTEXT, 3, replace(estimate(), source="telemetry", sigma=None))
    assert message is not None
    assert message.source is PoseSource.TELEMETRY
    assert message.sigma_angles_deg is None


def test_no_pose_no_message() -> None:
    assert pose_message(CONTEXT, 3, PoseEstimate(None, PoseVerdict.FOCAL)) is None
    broken = replace(estimate(), pose=replace(POSE, focal_px=float("nan")))
    assert pose_message(CONTEXT, 3, broken) is None
