"""Pose from homography: exact views, noise as stated, and homographies of no camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.model import CameraPose
from firmware_bridge.pose import PoseVerdict, estimate_pose, homography_from_pose, project

BROADCAST = CameraPose(-5.0, -60.0, 12.0, 13.0, -9.0, 1.5, 2500.0, 1280, 720)
VIEWS = [
    BROADCAST,
    CameraPose(3, -75, 20, -38, -12, -0.5, 5800, 1920, 1080),  # far telephoto
    CameraPose(0, -22, 4, 5, -9, 0, 700, 1280, 720),  # near, low, wide
    CameraPose(-70, 2, 9, 92, -8, 0.2, 1500, 1280, 720),  # behind a goal
    CameraPose(10, 61, 15, -170, -13, 0, 3000, 1280, 720),  # the other side
    CameraPose(0, -30, 25, 0, -45, 0, 1000, 720, 1280),  # steep, portrait
]


def parts(pose: CameraPose) -> list[float]:
    """The numbers of a pose, for comparison."""
    return [pose.x_m, pose.y_m, pose.z_m, pose.pan_deg, pose.tilt_deg, pose.roll_deg, pose.focal_px]


@pytest.mark.parametrize("pose", VIEWS, ids=lambda p: f"{p.x_m:g},{p.y_m:g},{p.z_m:g}")
@pytest.mark.parametrize("scale", [1.0, -7.5])
def test_exact_homographies_give_exact_poses(pose: CameraPose, scale: float) -> None:
    found = estimate_pose(homography_from_pose(pose) * scale, pose.width_px, pose.height_px)
    assert found.verdict is PoseVerdict.OK
    assert found.pose is not None
    assert parts(found.pose) == pytest.approx(parts(pose), rel=1e-5, abs=1e-5)
    assert found.residual_px < 1e-6


@given(
    st.floats(-40, 40),
    st.floats(-90, -35),
    st.floats(4, 25),
    st.floats(-40, 40),
    st.floats(-25, -7),
    st.floats(-3, 3),
    st.floats(1.0, 5.0),
)
def test_any_broadcast_view_comes_back(
    x: float, y: float, z: float, pan: float, tilt: float, roll: float, focal: float
) -> None:
    pose = CameraPose(x, y, z, pan, tilt, roll, focal * 1280, 1280, 720)
    found = estimate_pose(homography_from_pose(pose), 1280, 720)
    assert found.pose is not None
    assert parts(found.pose) == pytest.approx(parts(pose), rel=1e-3, abs=1e-3)


def test_conventions() -> None:
    """Pan 0 looks along +y, to the right is positive, tilt up, roll clockwise from behind."""
    pose = CameraPose(0, 0, 10, 0, 0, 0, 1000, 101, 101)
    ahead = project(pose, [[0, 50, 10], [5, 50, 10], [0, 50, 15], [0, -50, 10]])
    assert ahead[0] == pytest.approx([50, 50])
    assert ahead[1] == pytest.approx([150, 50])
    assert ahead[2] == pytest.approx([50, -50])
    assert np.isnan(ahead[3]).all()
    right = project(replace(pose, pan_deg=90), [[50, 0, 10]])
    assert right[0] == pytest.approx([50, 50])
    up = project(replace(pose, tilt_deg=45), [[0, 50, 60]])
    assert up[0] == pytest.approx([50, 50])
    # a camera rolled clockwise sees the world turned anticlockwise: what is above moves to the left
    rolled = project(replace(pose, roll_deg=90), [[0, 50, 15]])
    assert rolled[0] == pytest.approx([-50, 50])


def test_homography_and_projection_agree() -> None:
    field = np.array([[0, 0], [10, -20], [-15, 5.0]])
    image = project(BROADCAST, np.column_stack([field, np.zeros(3)]))
    mapped = np.column_stack([image, np.ones(3)]) @ homography_from_pose(BROADCAST).T
    assert mapped[:, :2] / mapped[:, 2:] == pytest.approx(field)


def test_radial_distortion_of_a_projection() -> None:
    straight, bent = (project(replace(BROADCAST, k1=k), [[0, 0, 0]])[0] for k in (0.0, 0.1))
    centre = np.array([639.5, 359.5])
    ray = (straight - centre) / BROADCAST.focal_px
    assert bent - centre == pytest.approx((straight - centre) * (1 + 0.1 * ray @ ray))


def noisy_homography(rng: np.random.Generator, pose: CameraPose, sigma_px: float) -> np.ndarray:
    """Least squares from 40 points of the picture with noise, as a registration would give it."""
    xs, ys = np.meshgrid(np.linspace(0.05, 0.95, 8) * 1280, np.linspace(0.1, 0.95, 5) * 720)
    image = np.column_stack([xs.ravel(), ys.ravel()])
    mapped = np.column_stack([image, np.ones(40)]) @ homography_from_pose(pose).T
    field = mapped[:, :2] / mapped[:, 2:] / 50
    seen = image + rng.normal(0, sigma_px, image.shape)
    unit = (seen - [640, 360]) / 640
    h = np.diag([0.0, 0.0, 1.0])
    for _ in range(4):
        # weighting each row by its depth turns algebraic errors into pixels
        depth = field @ h[2, :2] + h[2, 2]
        rows = []
        for (u, v), (x, y), w in zip(unit, field, depth, strict=True):
            rows.append(np.array([x, y, 1, 0, 0, 0, -u * x, -u * y, -u]) / w)
            rows.append(np.array([0, 0, 0, x, y, 1, -v * x, -v * y, -v]) / w)
        h = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    image_from_field = (
        np.array([[640, 0, 640], [0, 640, 360], [0, 0, 1]]) @ h @ np.diag([1 / 50, 1 / 50, 1])
    )
    return np.asarray(np.linalg.inv(image_from_field))


def test_stated_errors_are_those_that_happen() -> None:
    rng = np.random.default_rng(3)
    errors, stated = [], []
    for _ in range(80):
        found = estimate_pose(
            noisy_homography(rng, BROADCAST, 1.0), 1280, 720, sigma_px=1.0, points=40
        )
        assert found.pose is not None
        assert found.sigma is not None
        s = found.sigma
        errors.append(np.array(parts(found.pose)) - parts(BROADCAST))
        stated.append([s.x_m, s.y_m, s.z_m, s.pan_deg, s.tilt_deg, s.roll_deg, s.focal_px])
    ratio = np.std(errors, axis=0) / np.mean(stated, axis=0)
    assert ((ratio > 0.6) & (ratio < 1.7)).all(), ratio


def test_a_known_position_makes_the_rest_surer() -> None:
    rng = np.random.default_rng(4)
    free, tied = [], []
    for _ in range(60):
        h = noisy_homography(rng, BROADCAST, 1.0)
        position = (BROADCAST.x_m, BROADCAST.y_m, BROADCAST.z_m)
        for errors, found in (
            (free, estimate_pose(h, 1280, 720, sigma_px=1.0)),
            (tied, estimate_pose(h, 1280, 720, sigma_px=1.0, position_m=position)),
        ):
            assert found.pose is not None
            errors.append(found.pose.focal_px - BROADCAST.focal_px)
    assert np.std(tied) < 0.5 * np.std(free)
    assert found.steady
    assert found.position_information is None


MIRROR = np.diag([-1.0, 1.0, 1.0])
DOWN = CameraPose(0, 0, 30, 0, -90, 0, 1000, 1280, 720)


@pytest.mark.parametrize(
    ("homography", "verdicts"),
    [
        (np.zeros((3, 3)), {PoseVerdict.SINGULAR}),
        (np.full((3, 3), math.nan), {PoseVerdict.SINGULAR}),
        (np.ones((3, 3)), {PoseVerdict.SINGULAR, PoseVerdict.DEGENERATE}),
        (np.eye(2), {PoseVerdict.SINGULAR}),
        (np.eye(3) * 0.05, {PoseVerdict.DEGENERATE}),
        (homography_from_pose(DOWN), {PoseVerdict.DEGENERATE}),
        (MIRROR @ homography_from_pose(BROADCAST), {PoseVerdict.BELOW, PoseVerdict.DEGENERATE}),
        (homography_from_pose(replace(BROADCAST, roll_deg=40)), {PoseVerdict.ROLL}),
        (homography_from_pose(replace(BROADCAST, z_m=300, tilt_deg=-70)), {PoseVerdict.BELOW}),
        (
            homography_from_pose(replace(BROADCAST, focal_px=60_000)),
            {PoseVerdict.FOCAL, PoseVerdict.DEGENERATE},
        ),
        # a field that is half as long again as it is thought to be
        (np.diag([1.5, 1, 1]) @ homography_from_pose(BROADCAST), {PoseVerdict.RESIDUAL}),
    ],
)
def test_homographies_of_no_camera_are_refused(
    homography: np.ndarray, verdicts: set[PoseVerdict]
) -> None:
    found = estimate_pose(homography, 1280, 720)
    assert found.verdict in verdicts
    assert found.pose is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=9, max_size=9))
def test_any_nine_numbers_give_a_verdict(numbers: list[float]) -> None:
    found = estimate_pose(np.array(numbers).reshape(3, 3), 1280, 720)
    assert (found.pose is None) == (found.verdict is not PoseVerdict.OK)
    if found.pose is not None:
        assert np.isfinite(parts(found.pose)).all()


@given(st.integers(0, 2**32 - 1))
def test_random_homographies_give_a_verdict_and_finite_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    h = homography_from_pose(BROADCAST) * (1 + 0.2 * rng.normal(size=(3, 3)))
    found = estimate_pose(h, 1280, 720, sigma_px=float("nan"))
    if found.pose is not None:
        assert np.isfinite(parts(found.pose)).all()
    assert (found.pose is None) == (found.verdict is not PoseVerdict.OK)
