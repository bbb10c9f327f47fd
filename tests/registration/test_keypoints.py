"""Read-off of keypoints from coordinate maps, and homographies from them."""

import numpy as np
import pytest

from edge.fields import load_field
from edge.registration.homography import along, direct, estimate, polish
from edge.registration.keypoints import decode, read_keypoints, thin
from tests.registration.scenes import (
    HEIGHT,
    SOCCER,
    VIEWS,
    WIDTH,
    coordinate_map,
    project,
    visible_error_px,
)


@pytest.mark.parametrize("name", VIEWS)
def test_keypoints_of_a_perfect_map_are_sub_pixel(name):
    h = VIEWS[name]
    keypoints = read_keypoints(decode(coordinate_map(h), SOCCER), SOCCER)
    assert len(keypoints.score) >= 6
    error = np.linalg.norm(project(h, keypoints.field_m) - keypoints.image_px, axis=1)
    assert np.median(error) < 0.5
    assert error.max() < 4


@pytest.mark.parametrize("name", VIEWS)
def test_homography_of_a_perfect_map_is_exact(name):
    h = VIEWS[name]
    cells = decode(coordinate_map(h), SOCCER)
    keypoints = read_keypoints(cells, SOCCER)
    start, inlier = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, 4.0)
    assert start is not None
    assert inlier.mean() > 0.9
    chosen = thin(cells)
    end = polish(
        start, cells.field_m[chosen], cells.image_px[chosen], cells.sigma_m[chosen], (WIDTH, HEIGHT)
    )
    assert visible_error_px(h, end) < 0.05


def test_noise_averages_out():
    h = VIEWS["right penalty area"]
    cells = decode(coordinate_map(h, noise_m=0.5), SOCCER)
    keypoints = read_keypoints(cells, SOCCER)
    start, _ = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, 4.0)
    chosen = thin(cells)
    end = polish(
        start, cells.field_m[chosen], cells.image_px[chosen], cells.sigma_m[chosen], (WIDTH, HEIGHT)
    )
    assert visible_error_px(h, end) < 0.6


def test_wild_keypoints_are_outvoted():
    h = VIEWS["middle"]
    keypoints = read_keypoints(decode(coordinate_map(h), SOCCER), SOCCER)
    rng = np.random.default_rng(3)
    image = keypoints.image_px.copy()
    wild = rng.choice(len(image), int(0.35 * len(image)), replace=False)
    image[wild] += rng.uniform(20, 90, (len(wild), 2)) * rng.choice([-1, 1], (len(wild), 2))
    found, inlier = estimate(keypoints.field_m, image, keypoints.score, 3.0)
    assert found is not None
    assert not inlier[wild].any()
    assert visible_error_px(h, found) < 1.0


def test_the_grid_is_refined_in_close_views():
    wide = read_keypoints(decode(coordinate_map(VIEWS["wide"]), SOCCER), SOCCER)
    close = read_keypoints(decode(coordinate_map(VIEWS["close"]), SOCCER), SOCCER)
    assert wide.index.max() < SOCCER.grid.columns * SOCCER.grid.rows
    assert len(close.score) >= 20


def test_no_field_gives_no_keypoints():
    grid = coordinate_map(VIEWS["middle"])
    grid[4] = -8
    cells = decode(grid, SOCCER)
    assert cells.coverage == 0
    assert len(read_keypoints(cells, SOCCER).score) == 0


def test_scores_follow_the_networks_doubt():
    sure = read_keypoints(decode(coordinate_map(VIEWS["middle"], sigma_m=0.2), SOCCER), SOCCER)
    unsure = read_keypoints(decode(coordinate_map(VIEWS["middle"], sigma_m=6.0), SOCCER), SOCCER)
    assert sure.score.mean() > 0.9
    assert unsure.score.mean() < 0.5
    assert ((sure.score >= 0) & (sure.score <= 1)).all()


def test_every_sport_reads_its_own_grid():
    field = load_field("nba")
    h = VIEWS["wide"] @ np.diag(
        [SOCCER.length_m / field.length_m, SOCCER.width_m / field.width_m, 1]
    )
    keypoints = read_keypoints(decode(coordinate_map(h, field), field), field)
    error = np.linalg.norm(project(h, keypoints.field_m) - keypoints.image_px, axis=1)
    assert np.median(error) < 0.5


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (np.zeros((3, 2)), "three points"),
        (np.stack([np.arange(8.0), 2 * np.arange(8.0)], 1), "collinear"),
        (np.ones((9, 2)), "one place"),
    ],
)
def test_degenerate_points_give_none(points, why):
    rng = np.random.default_rng(0)
    assert direct(points, rng.uniform(0, 100, points.shape)) is None, why


def test_estimate_of_too_few_points_is_none():
    found, inlier = estimate(np.zeros((2, 2)), np.zeros((2, 2)), np.ones(2), 3.0)
    assert found is None
    assert inlier.shape == (2,)


def test_along_is_the_derivative():
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (5, 2))
    axes = np.repeat(np.eye(2)[:, :, None], 5, axis=2)
    jac = along(axes, *points.T)
    tilted = rng.normal(size=(2, 5))
    assert np.allclose(along(tilted, *points.T), tilted[0] * jac[:, 0] + tilted[1] * jac[:, 1])
    eps = 1e-6
    for k in range(8):
        a = np.zeros(9)
        a[k] = eps
        moved = project(np.eye(3) + a.reshape(3, 3), points)
        assert np.allclose((moved - points).T / eps, jac[k], atol=1e-5)
