"""A network that is off by more than a line, and stretched, is put right by lines and numerals."""

import cv2
import numpy as np
import pytest

from edge.fields import load_field
from edge.registration.candidates import Observation, Workbench, facing, moved_along
from edge.registration.homography import estimate
from edge.registration.keypoints import decode, read_keypoints
from edge.registration.picture import prepare
from edge.registration.verdict import FALLBACK
from models.registration.metrics import errors
from tests.registration.scenes import HEIGHT, WIDTH, camera, coordinate_map, distance_maps, draw

FIELD = load_field("nfl")
MODEL = dict(FALLBACK) | {"score.bias": -6.0, "score.margin": 0.5, "score.slid": -0.5}
AT, TO, FOCAL = (0.0, -70.0, 28.0), (-14.0, 0.0), 1.5
TRUTH = camera(AT, TO, FOCAL)
FULL = camera(AT, TO, FOCAL, width=2 * WIDTH, height=2 * HEIGHT)
PICTURE = draw(FULL, 2 * WIDTH, 2 * HEIGHT, FIELD)


def observation(stretch=1.0, by_m=0.0, sigma_m=3.0):
    """What the picture gives if the network's x is wrong by an affine map."""
    maps = coordinate_map(TRUTH, FIELD, sigma_m=sigma_m)
    half = FIELD.length_m / 2
    maps[0] = np.clip((maps[0] * half * stretch + by_m) / half, -2, 2)
    cells = decode(maps, FIELD)
    keypoints = read_keypoints(cells, FIELD)
    h, _ = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, 4.0)
    assert h is not None
    picture = prepare(PICTURE, np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), FIELD.paint)
    features = np.zeros((1, 1, HEIGHT // 4, WIDTH // 4), np.float32)
    return Observation(picture, cells, keypoints, facing(h, cells.image_px), 0.3, features)


def error(image_from_field):
    found = np.linalg.inv(image_from_field)
    return errors(
        np.linalg.inv(TRUTH), found, FIELD.length_m, FIELD.width_m, WIDTH, HEIGHT
    ).reprojection


def refined(seen, *, known=False):
    bench = Workbench(FIELD, (WIDTH, HEIGHT), MODEL)
    return bench.refined(seen, seen.start, distance_maps(TRUTH, FIELD), known=known)


@pytest.mark.parametrize(
    ("stretch", "by_m"), [(1.0, 2.3), (1.0, 9.1), (0.75, -3.0), (1.3, 0.0), (1.15, 6.0)]
)
def test_a_network_that_is_off_is_put_right(stretch, by_m):
    seen = observation(stretch, by_m)
    assert error(seen.start) > 0.04
    answer = refined(seen)
    assert error(answer.image_from_field) < 0.01
    assert answer.reading.off == 0
    assert answer.verdict.features["margin"] > 2


def test_without_the_comb_it_is_not():
    seen = observation(0.75, -3.0)
    assert error(refined(seen, known=True).image_from_field) > 0.04


def test_a_first_answer_moves_to_the_line_that_the_numerals_say():
    bench = Workbench(FIELD, (WIDTH, HEIGHT), MODEL)
    seen = observation(by_m=2 * FIELD.period_m)
    answer = bench.first(seen)
    assert error(answer.image_from_field) < 0.01
    assert answer.verdict.features["slid"] == pytest.approx(2 * FIELD.period_m / 3.0, rel=0.2)


def test_a_slid_observation_says_the_same_of_a_slid_homography():
    seen = observation()
    there = seen.slid(4.0)
    assert np.allclose(there.keypoints.field_m, seen.keypoints.field_m - [4.0, 0.0])
    at = np.array([3.0, -5.0, 1.0])
    a, b = there.start @ (at - [4.0, 0, 0]), seen.start @ at
    assert np.allclose(a[:2] / a[2], b[:2] / b[2])
    assert np.allclose(moved_along(seen.start, 4.0), there.start)


def test_other_sports_know_no_comb():
    bench = Workbench(load_field("soccer"), (WIDTH, HEIGHT), FALLBACK)
    assert bench.numerals is None


def test_the_picture_shows_numerals():
    grey = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY)
    assert Workbench(FIELD, (WIDTH, HEIGHT), MODEL).numerals.read(grey, FULL).margin > 2
