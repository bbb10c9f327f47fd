from __future__ import annotations

import numpy as np
import pytest

from edge.fields import polylines
from models.registration import cameras as c
from tests.models.parts import PLACES, SOCCER, cameras, mapped

GROUND = np.array([[x, y] for x in (-20.0, 0.0, 12.5, 30.0) for y in (-10.0, 0.0, 25.0)])
FLAT = np.c_[GROUND, np.zeros(len(GROUND))]


@pytest.mark.parametrize("aspect", [1.0, 1.3])
def test_projection_without_distortion_is_the_homography(aspect):
    cams = cameras(*PLACES, aspect=aspect)
    for i, h in enumerate(cams.image_from_field(320, 192)):
        pixels, depth = cams.project(i, FLAT, 320, 192)
        np.testing.assert_allclose(pixels, mapped(h, GROUND), atol=1e-6)
        np.testing.assert_allclose(depth, np.c_[GROUND, np.ones(len(GROUND))] @ h[2], atol=1e-9)


@pytest.mark.parametrize("kappa", [-0.03, 0.02, 0.10])
def test_distorted_points_satisfy_the_radial_equation(kappa):
    cams = cameras(*PLACES, kappa=kappa, aspect=1.2)
    size, middle = np.array([320.0, 192.0]), np.array([159.5, 95.5])
    for i, h in enumerate(cams.image_from_field(320, 192)):
        bent, _ = cams.project(i, FLAT, 320, 192)
        inside = ((bent >= 0) & (bent < size)).all(1)
        assert inside.any()
        d = (bent[inside] - middle) / 160
        radius2 = d[:, 0] ** 2 + (d[:, 1] / 1.2) ** 2
        straight = d * (1 + kappa * radius2)[:, None] * 160 + middle
        np.testing.assert_allclose(straight, mapped(h, GROUND[inside]), atol=0.05)


def test_a_point_above_the_ground_is_seen_higher_up():
    cams = cameras(*PLACES)
    for i in range(len(cams)):
        foot, _ = cams.project(i, np.array([[1.0, 2.0, 0.0]]), 320, 192)
        head, _ = cams.project(i, np.array([[1.0, 2.0, 1.8]]), 320, 192)
        assert head[0, 1] < foot[0, 1]


def test_look_at_is_a_rotation_that_puts_the_target_in_the_middle():
    rng = np.random.default_rng(1)
    centre = rng.uniform([-20, -90, 5], [20, -40, 25], (8, 3))
    target = np.c_[rng.uniform(-40, 40, 8), rng.uniform(-20, 20, 8), np.zeros(8)]
    rotation = c.look_at(centre, target, rng.normal(0, 0.1, 8))
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), [np.eye(3)] * 8, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    seen = np.einsum("nij,nj->ni", rotation, target - centre)
    np.testing.assert_allclose(seen[:, :2], 0, atol=1e-9)
    assert (seen[:, 2] > 0).all()


def test_without_roll_the_horizon_is_level():
    rotation = c.look_at(np.array([[0.0, -80, 18]]), np.array([[30.0, 5, 0]]), np.zeros(1))[0]
    assert rotation[0, 2] == 0  # the picture's right is a horizontal direction
    assert rotation[1, 2] < 0  # its down points to the ground


@pytest.mark.parametrize(
    ("prior", "away", "height"),
    [
        (c.broadcast, (46, 155), (7, 32)),
        (c.small_venue, (38, 84), (3.5, 16)),
        (c.anywhere, (36, 129), (3, 40)),
    ],
)
def test_priors_put_cameras_behind_the_near_touchline(prior, away, height):
    centre, target, focal = prior(np.random.default_rng(2), 500, SOCCER)
    assert (-centre[:, 1] >= away[0]).all()
    assert (-centre[:, 1] <= away[1]).all()
    assert (centre[:, 2] >= height[0]).all()
    assert (centre[:, 2] <= height[1]).all()
    assert (np.abs(target) <= [0.52 * 105, 34, 0]).all()
    assert ((focal >= 0.45) & (focal <= 5.5)).all()


def test_sampled_cameras_see_lines_and_field_and_depend_on_the_seed_alone():
    first = c.sample(np.random.default_rng(3), 12, SOCCER, aspect=5 / 3)
    again = c.sample(np.random.default_rng(3), 12, SOCCER, aspect=5 / 3)
    other = c.sample(np.random.default_rng(4), 12, SOCCER, aspect=5 / 3)
    assert len(first) == 12
    for name in c.Cameras.__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.centre_m != other.centre_m).any()
    points = np.concatenate(polylines(SOCCER, 2.0))
    for h in first.image_from_field(320, 192):
        q = np.c_[points, np.ones(len(points))] @ h.T
        xy = q[:, :2] / q[:, 2:]
        inside = (q[:, 2] > 0) & (xy >= 0).all(1) & (xy < [320, 192]).all(1)
        assert inside.sum() >= 14


def test_take_keeps_the_cameras_asked_for():
    cams = cameras(*PLACES, kappa=0.01)
    some = cams.take(np.array([3, 1]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.centre_m, cams.centre_m[[3, 1]])
    np.testing.assert_array_equal(some.rotation, cams.rotation[[3, 1]])
