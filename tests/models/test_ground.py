from __future__ import annotations

import numpy as np
import pytest
import torch

from edge.fields import polylines
from models.registration.ground import (
    FAR,
    LINE_REACH,
    FieldMaps,
    Rays,
    cast,
    labels,
    line_coverage,
    tile,
)
from tests.models.parts import PLACES, SOCCER, cameras, mapped

WIDTH, HEIGHT, STRIDE = 320, 192, 4
V, U = np.mgrid[0 : HEIGHT // STRIDE, 0 : WIDTH // STRIDE] * STRIDE + (STRIDE - 1) / 2
CELLS = np.stack([U.ravel(), V.ravel()], 1)


@pytest.fixture(scope="module")
def maps():
    return FieldMaps.of(SOCCER)


@pytest.fixture(scope="module")
def truth(maps):
    return labels(cameras(*PLACES), maps, WIDTH, HEIGHT, STRIDE)


def test_rays_meet_the_ground_where_the_homography_says():
    cams = cameras(*PLACES, aspect=1.1)
    rays = cast(cams, WIDTH, HEIGHT)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([u.ravel(), v.ravel()], 1)
    for i, h in enumerate(cams.image_from_field(WIDTH, HEIGHT)):
        ground = mapped(np.linalg.inv(h), pixels)
        q = np.c_[pixels, np.ones(len(pixels))] @ np.linalg.inv(h).T
        near = (np.hypot(*(ground - cams.centre_m[i, :2]).T) < 200) & (q[:, 2] * q[-1, 2] > 0)
        assert near.sum() > 5000
        cast_xy = np.stack([rays.x[i].numpy().ravel(), rays.y[i].numpy().ravel()], 1)
        np.testing.assert_allclose(cast_xy[near], ground[near], atol=0.02)
        assert not rays.up[i].numpy().ravel()[near].any()


@pytest.mark.parametrize("kappa", [-0.02, 0.06])
def test_rays_of_a_bent_picture_project_back_to_their_pixels(kappa):
    cams = cameras(*PLACES, kappa=kappa, aspect=1.2)
    rays = cast(cams, WIDTH, HEIGHT, 16)
    v, u = np.mgrid[0:12, 0:20] * 16 + 7.5
    for i in range(len(cams)):
        ground = ~rays.up[i].numpy()
        points = np.stack([rays.x[i].numpy()[ground], rays.y[i].numpy()[ground]], 1)
        pixels, depth = cams.project(i, np.c_[points, np.zeros(len(points))], WIDTH, HEIGHT)
        assert (depth > 0).all()
        np.testing.assert_allclose(pixels, np.stack([u[ground], v[ground]], 1), atol=0.05)


def test_rays_above_the_horizon_meet_nothing():
    cams = cameras(((0.0, -60.0, 10.0), (0.0, 300.0), 1.0))
    up = cast(cams, 64, 48).up[0].numpy()
    assert up[0].all()
    assert not up[-1].any()
    assert (np.diff(up.astype(int), axis=0) <= 0).all()


def test_labelled_coordinates_are_the_inverse_homography(truth):
    for i, h in enumerate(cameras(*PLACES).image_from_field(WIDTH, HEIGHT)):
        expected = mapped(np.linalg.inv(h), CELLS) * [2 / 105, 2 / 68]
        q = np.c_[CELLS, np.ones(len(CELLS))] @ np.linalg.inv(h).T
        below = q[:, 2] * q[-1, 2] > 0
        on = below & (np.abs(expected) <= 1).all(1)
        field = truth["field"][i].numpy().ravel()
        near = truth["near"][i].numpy().ravel()
        assert on.sum() > 500
        edge = (np.abs(np.abs(expected) - 1) < 1e-3).any(1)
        np.testing.assert_array_equal(field[~edge], on[~edge])
        xy = truth["xy"][i].numpy().reshape(2, -1).T
        np.testing.assert_allclose(xy[near], expected[near], atol=1e-3)
        assert (near | ~field).all()
        assert (np.abs(xy[near]) <= FAR + 1e-6).all()


def point_to_segments(points, a, b):
    """Distance of (n, 2) points to the nearest of (m, 2) segments a-b."""
    best = np.full(len(points), np.inf)
    for p, q in zip(a, b, strict=True):
        d = q - p
        t = np.clip((points - p) @ d / max(d @ d, 1e-12), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - p - t[:, None] * d, axis=1))
    return best


def projected_segments(h):
    starts, ends = [], []
    for line in polylines(SOCCER, 0.5):
        q = np.c_[line, np.ones(len(line))] @ h.T
        xy = q[:, :2] / q[:, 2:]
        good = (q[:, 2] > 1) & (np.abs(xy) < 2 * WIDTH).all(1)
        both = good[:-1] & good[1:]
        starts.append(xy[:-1][both])
        ends.append(xy[1:][both])
    return np.concatenate(starts), np.concatenate(ends)


@pytest.mark.parametrize("i", range(len(PLACES)))
def test_labelled_line_distance_is_the_distance_to_the_drawn_lines(truth, i):
    h = cameras(*PLACES).image_from_field(WIDTH, HEIGHT)[i]
    exact = point_to_segments(CELLS, *projected_segments(h))
    labelled = truth["distances"][i, 0].numpy().ravel() * LINE_REACH * WIDTH
    back = np.linalg.inv(h)
    metres = np.linalg.norm(mapped(back, CELLS + np.array([0, 1])) - mapped(back, CELLS), axis=1)
    field = truth["field"][i].numpy().ravel() & (metres < 1.0)
    close = field & (exact > 1) & (exact < 4)
    error = (labelled - exact)[close]
    assert len(error) > 60
    assert abs(np.median(error)) < 0.1
    # around corners and junctions another line is nearest on the field than in the picture
    assert np.mean(np.abs(error) < 0.5) > 0.8
    assert error.min() > -1.3
    far = field & (exact > 14)
    assert np.mean(labelled[far] > 7) > 0.98


def test_region_distance_is_zero_inside_a_region_and_grows(truth):
    region = truth["distances"][1, 1].numpy()
    assert region.min() == 0
    assert region.max() > 0.2
    h = cameras(*PLACES).image_from_field(WIDTH, HEIGHT)[1]
    spot = mapped(h, np.array([[52.5 - 8.0, 0.0]]))[0]  # between goal area and penalty spot
    row, column = int(spot[1] // STRIDE), int(spot[0] // STRIDE)
    assert region[row, column] < 0.1


@pytest.mark.parametrize(
    ("foot", "width"), [(0.04, 0.15), (0.12, 0.15), (0.4, 0.10), (0.4, 0.15), (1.0, 0.12)]
)
def test_coverage_conserves_the_area_of_the_paint(maps, foot, width):
    # a straight-down view of 8 m of the halfway line, nothing else within 4 m
    x = torch.arange(-4.0, 4.0, foot) + 0.37 * foot
    y = torch.arange(16.0, 24.0, foot)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    zero = torch.zeros_like(grid_x)[None]
    rays = Rays(grid_x[None], grid_y[None], zero.bool(), zero, zero, zero - 1)
    cover = line_coverage(maps, rays, torch.tensor([width]))[0]
    painted = float(cover.sum()) * foot * foot
    assert painted == pytest.approx(width * len(y) * foot, rel=0.01)
    assert float(cover.max()) <= 1.0


def test_no_paint_on_the_sky(maps):
    zero = torch.zeros(1, 4, 4)
    rays = Rays(zero, zero, torch.ones(1, 4, 4, dtype=torch.bool), zero, zero, zero + 1)
    assert not line_coverage(maps, rays, torch.tensor([0.12])).any()


def test_tile_repeats_and_counts_from_below_zero():
    texture = torch.arange(6.0).view(2, 3)
    u = torch.tensor([[[0.0, 1.9, 3.2, -0.5]]])
    v = torch.tensor([[[0.0, 1.0, -1.0, 2.5]]])
    assert tile(texture, u, v)[0, 0, :, 0].tolist() == [0.0, 4.0, 3.0, 2.0]
