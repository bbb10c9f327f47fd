"""The lens's radial term: there and back, its derivative, and the camera fitted with it."""

import numpy as np
import pytest

from edge.geometry import apply_homography
from edge.registration.camera import KAPPA, Pull, compose, decompose, fit, lens, plane, usual
from edge.registration.evidence import LinePoints, project
from tests.registration.scenes import HEIGHT, SOCCER, VIEWS, WIDTH

SIZE = (WIDTH, HEIGHT)
REACH_M = (SOCCER.length_m / 2, SOCCER.width_m / 2)


def bent(name, kappa, log_aspect=0.0):
    """(9,) a scene's camera with a lens."""
    theta = decompose(VIEWS[name], SIZE, log_aspect)
    theta[KAPPA] = kappa
    return theta


def seen_through(theta, points_m):
    """(n, 2) pixels of field points in a picture that a lens bends."""
    return lens(theta, SIZE).bent(apply_homography(compose(theta, SIZE), points_m).T).T


@pytest.mark.parametrize("kappa", [-0.06, -0.02, 0.02, 0.06])
@pytest.mark.parametrize("log_aspect", [0.0, 0.3])
def test_bending_and_straightening_undo_each_other(kappa, log_aspect):
    theta = bent("middle", kappa, log_aspect)
    px = np.random.default_rng(1).uniform([0, 0], SIZE, (200, 2))
    bends = lens(theta, SIZE)
    flat = bends.straight(px.T).T
    assert np.abs(bends.bent(flat.T).T - px).max() < 0.02
    outwards = np.linalg.norm(flat - np.array(SIZE) / 2, axis=1) - np.linalg.norm(
        px - np.array(SIZE) / 2, axis=1
    )
    assert np.sign(np.median(outwards)) == np.sign(kappa)


def test_a_pinhole_bends_nothing():
    assert lens(bent("middle", 0.0), SIZE) is None
    theta = bent("middle", 0.0)
    assert np.array_equal(plane(theta, SIZE, REACH_M), compose(theta, SIZE))


def test_lines_are_laid_where_the_lens_has_them():
    theta = bent("middle", 0.05)
    lines = LinePoints.of(SOCCER)
    shown = project(lines, compose(theta, SIZE), *SIZE, lens=lens(theta, SIZE))
    expected = seen_through(theta, lines.position_m[shown.index])
    assert np.abs(shown.image_px - expected).max() < 1e-6
    step = 1e-4
    along = seen_through(theta, lines.position_m[shown.index] + step * lines.tangent[shown.index])
    along = (along - expected) / np.linalg.norm(along - expected, axis=1)[:, None]
    assert np.abs((along * shown.normal).sum(1)).max() < 2e-3  # normals stand on the bent line


@pytest.mark.parametrize("name", ["middle", "right penalty area", "low and near"])
@pytest.mark.parametrize("kappa", [-0.03, 0.03])
def test_the_best_plane_is_nearer_than_the_pinhole(name, kappa):
    theta = bent(name, kappa)
    points = SOCCER.keypoints_m()
    seen = seen_through(theta, points)
    on = ((seen > 0) & (seen < np.array(SIZE))).all(1)
    flat = plane(theta, SIZE, REACH_M)
    off = [
        np.linalg.norm(apply_homography(h, points[on]) - seen[on], axis=1).mean()
        for h in (flat, compose(theta, SIZE))
    ]
    assert off[0] < 0.75 * off[1]


@pytest.mark.parametrize("kappa", [-0.04, -0.02, 0.02, 0.04])
def test_the_fit_finds_the_lens(kappa):
    theta = bent("middle", kappa)
    points = SOCCER.keypoints_m()
    seen = seen_through(theta, points)
    on = ((seen > 0) & (seen < np.array(SIZE))).all(1)
    n = int(on.sum())
    noise = np.random.default_rng(3).normal(0, 0.2, (n, 2))
    pull = Pull(
        np.r_[points[on], points[on]],
        np.r_[seen[on] + noise, seen[on] + noise],
        np.repeat(np.eye(2), n, axis=0),
        np.full(2 * n, 0.2),
        np.ones(2 * n),
    )
    start = theta.copy()
    start[KAPPA] = 0.0
    found, information = fit(start, pull, usual(SIZE), SIZE, iterations=12)
    assert found[KAPPA] == pytest.approx(kappa, abs=0.2 * abs(kappa))
    deviation = np.sqrt(np.linalg.inv(information + usual(SIZE).information)[KAPPA, KAPPA])
    assert abs(found[KAPPA] - kappa) < 4 * deviation
