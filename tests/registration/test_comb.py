"""A comb of repeating lines is found however the network's coordinates are moved and stretched."""

import cv2
import numpy as np
import pytest

from edge.fields import load_field
from edge.registration import comb
from edge.registration.homography import inverse
from tests.registration.scenes import HEIGHT, WIDTH, camera

FIELD = load_field("nfl")
PERIOD = FIELD.period_m
TRUTH = camera((0.0, -70.0, 28.0), (-12.0, 0.0), 1.5)


def yard_lines():
    """(h/4, w/4) distance map of the yard lines alone."""
    canvas = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for x in np.arange(-10, 11) * PERIOD:
        ends = np.array([[x, -24.0, 1.0], [x, 24.0, 1.0]]) @ TRUTH.T
        at = np.round(ends[:, :2] / ends[:, 2:] * 16).astype(np.int32)
        cv2.line(canvas, at[0], at[1], 0, 1, cv2.LINE_8, 4)
    d = np.minimum(cv2.distanceTransform(canvas, cv2.DIST_L2, 5) / (WIDTH / 32), 1)
    return cv2.resize(d, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)


def seen_m(net_from_field):
    """Coordinates that a network which is off by an affine map gives to what it sees."""
    v, u = np.mgrid[0 : HEIGHT // 4, 0 : WIDTH // 4] * 4 + 1.5
    q = inverse(TRUTH) @ np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
    p = q[:2] / q[2]
    inside = (np.abs(p[0]) < 50) & (np.abs(p[1]) < 24)
    wrong = net_from_field @ np.vstack([p[:, inside], np.ones(inside.sum())])
    return wrong[:2].T, p[:, inside].T


@pytest.mark.parametrize("stretch", [0.65, 0.9, 1.0, 1.3, 1.6])
@pytest.mark.parametrize("slant", [-0.3, 0.0, 0.15])
@pytest.mark.parametrize("by_m", [-6.1, 0.0, 2.2])
def test_lines_are_found_again_but_for_whole_periods(stretch, slant, by_m):
    off = np.array([[stretch, slant, by_m], [0, 1, 0], [0, 0, 1.0]])
    start = TRUTH @ inverse(off)
    told, true = seen_m(off)
    best = comb.fits(start, yard_lines(), told, PERIOD)[0]
    back = inverse(best.net_from_field) @ np.vstack([told.T, np.ones(len(told))])
    error = back[0] - true[:, 0]
    error -= round(float(np.median(error)) / PERIOD) * PERIOD
    assert np.abs(error).max() < 0.2 * PERIOD
    assert np.abs(back[1] - true[:, 1]).max() < 1e-9
    assert best.contrast > 0.3


def test_fits_differ_and_the_best_comes_first():
    told, _ = seen_m(np.eye(3))
    found = comb.fits(TRUTH, yard_lines(), told, PERIOD, most=4)
    assert 1 < len(found) <= 4
    contrasts = [fit.contrast for fit in found]
    assert contrasts == sorted(contrasts, reverse=True)
    assert contrasts[0] > 1.3 * contrasts[1]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_map_without_lines_has_no_comb(level):
    told, _ = seen_m(np.eye(3))
    nothing = np.full((HEIGHT // 4, WIDTH // 4), level, np.float32)
    assert all(fit.contrast < 1e-3 for fit in comb.fits(TRUTH, nothing, told, PERIOD))
