"""Homographies from points that fix one, and from points that do not."""

import numpy as np
import pytest

from edge.registration.homography import Linear, direct, estimate
from tests.registration.scenes import SOCCER, VIEWS, project

GRID = SOCCER.keypoints_m()


@pytest.mark.parametrize("name", VIEWS)
def test_clean_points_give_back_their_homography(name):
    true = VIEWS[name]
    seen = project(true, GRID)
    found, inlier = estimate(GRID, seen, np.ones(len(GRID)), 4.0)
    assert inlier.all()
    np.testing.assert_allclose(project(found, GRID), seen, atol=1e-6)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((9, 2)),
        np.c_[np.arange(9.0), np.zeros(9)],
        np.repeat([[1.0, 2.0], [3.0, 4.0], [5.0, 1.0]], 3, axis=0),
    ],
    ids=["one place", "a line", "three places"],
)
def test_points_that_fix_none_give_none(points):
    seen = project(VIEWS["middle"], points)
    assert direct(points, seen) is None
    found, inlier = estimate(points, seen, np.ones(9), 4.0)
    assert found is None or np.isfinite(found).all()
    assert inlier.shape == (9,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_give_none(bad):
    weight = np.ones((2, len(GRID)))
    weight[1, 3] = bad
    assert Linear(GRID, project(VIEWS["middle"], GRID)).solve(weight) == [None, None]
    assert Linear(GRID, project(VIEWS["middle"], GRID)).solve(0 * weight[:1]) == [None]


def test_keypoints_all_over_the_place_never_raise():
    rng = np.random.default_rng(4)
    for n in (4, 5, 7, 12, 40):
        for spread in (1e-9, 1.0, 1e6):
            field = rng.normal(0, spread, (n, 2))
            image = rng.choice([0.0, 1.5, 300.0], (n, 2))
            found, inlier = estimate(field, image, rng.random(n), 4.0)
            assert inlier.shape == (n,)
            assert found is None or found.shape == (3, 3)
