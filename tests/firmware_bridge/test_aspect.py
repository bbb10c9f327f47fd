"""Square pixels or not: a moving camera tells, a still one does not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edge.types import Quality, Registration, RegistrationState
from firmware_bridge import Bridge, BridgeConfig
from firmware_bridge.aspect import estimate_aspect
from firmware_bridge.pose import PoseVerdict, homography_from_pose
from firmware_bridge.sim import SimSettings, SimulatedCamera

RIG = SimSettings(focal_widths=(1.1, 4.5), seed=2)


def pictures(
    squeeze: float, *, settings: SimSettings = RIG, every_s: float = 0.5, place_m: float = 0.05
) -> list[np.ndarray]:
    """Homographies of a moving camera, with noise, its pictures made `squeeze` times as wide."""
    rng = np.random.default_rng(3)
    camera = SimulatedCamera(settings)
    narrowed = np.array([[squeeze, 0, 0.5 * squeeze - 0.5], [0, 1, 0], [0, 0, 1]])
    found = []
    for index in range(24):
        pose = camera.pose(index * every_s)
        noisy = replace(
            pose,
            x_m=pose.x_m + rng.normal(0, place_m),
            y_m=pose.y_m + rng.normal(0, place_m),
            z_m=pose.z_m + rng.normal(0, place_m),
            pan_deg=pose.pan_deg + rng.normal(0, 0.03),
            focal_px=pose.focal_px * math.exp(rng.normal(0, 0.003)),
        )
        found.append(homography_from_pose(noisy) @ np.linalg.inv(narrowed))
    return found


@pytest.mark.parametrize("squeeze", [0.75, 0.9, 1.0, 4 / 3])
@pytest.mark.parametrize("lean_deg", [(0.0, 0.0), (0.7, -0.7)])
def test_the_squeeze_of_a_moving_camera_is_found(
    squeeze: float, lean_deg: tuple[float, float]
) -> None:
    hs = pictures(squeeze, settings=replace(RIG, lean_deg=lean_deg))
    found = estimate_aspect(hs, (round(1280 * squeeze), 720))
    assert found is not None
    assert found.log_aspect == pytest.approx(-math.log(squeeze), abs=0.015)
    assert found.squeezed == (squeeze != 1.0)


def test_a_still_camera_tells_nothing() -> None:
    found = estimate_aspect(pictures(0.75, every_s=0.0, place_m=0.3), (960, 720))
    assert found is None or not found.squeezed


@pytest.mark.parametrize("h", [np.zeros((3, 3)), np.ones((3, 3)), np.full((3, 3), np.nan)])
def test_homographies_of_nothing(h: np.ndarray) -> None:
    assert estimate_aspect([h] * 24, (1280, 720)) is None


@pytest.mark.parametrize("squeeze", [0.75, 1.0])
def test_a_squeezed_picture_gets_no_pose(squeeze: float) -> None:
    size = (round(1280 * squeeze), 720)
    quality = Quality(score=0.95, inliers=40, rms_px=1.0)
    hs = [h for h in pictures(squeeze) for _ in range(4)]
    with Bridge(BridgeConfig()) as bridge:
        for index, h in enumerate(hs):
            seen = Registration(
                RegistrationState.VERIFIED, field_from_image=h, quality=quality, alone=h
            )
            estimate = bridge.on_registration(seen, *size, 10**18 + index)
        assert estimate is not None
        bridge.judge_aspect()
        estimate = bridge.on_registration(seen, *size, 2 * 10**18)
        assert estimate is not None
        if squeeze == 1.0:
            assert estimate.pose is not None
        else:
            assert (estimate.pose, estimate.verdict) == (None, PoseVerdict.SQUEEZED)
            (event,) = [e for e in bridge.take_events() if e.kind == "squeezed"]
            assert event.values["pixel_aspect"] == pytest.approx(1 / squeeze, rel=0.02)
