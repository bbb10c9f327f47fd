"""The picture's own word on a homography, and refinement from it."""

import cv2
import numpy as np
import pytest

from edge.fields import load_field, texture
from edge.registration import refine
from edge.registration.evidence import LinePoints, check, markings_borne_out, project
from edge.registration.homography import unit_picture, updated
from edge.registration.picture import prepare
from tests.registration.scenes import (
    HEIGHT,
    SOCCER,
    VIEWS,
    WIDTH,
    camera,
    distance_maps,
    draw,
    visible_error_px,
)

LINES = LinePoints.of(SOCCER)
W, H = 640, 360


def grey_and_truth(**kwargs):
    h = camera(width=W, height=H, **kwargs)
    return cv2.cvtColor(draw(h, W, H), cv2.COLOR_BGR2GRAY), h


def shifted(h, dx, dy):
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]]) @ h


SCENES = [
    {"to": (38.0, 0.0), "focal": 2.0},
    {"to": (0.0, 0.0), "focal": 1.6},
    {"at": (5.0, -45.0, 8.0), "to": (25.0, 5.0), "focal": 1.0},
]


@pytest.mark.parametrize("scene", SCENES)
def test_true_lines_are_borne_out(scene):
    grey, h = grey_and_truth(**scene)
    found = check(grey, project(LINES, h, W, H))
    assert found.support > 0.75  # far lines are a fraction of a pixel wide
    assert found.residual_px < 0.5
    assert markings_borne_out(found, LINES) >= 3


@pytest.mark.parametrize("scene", SCENES)
def test_lines_elsewhere_are_not(scene):
    grey, h = grey_and_truth(**scene)
    true = check(grey, project(LINES, h, W, H)).support
    for dx, dy in ((14, 9), (-17, -11)):
        assert check(grey, project(LINES, shifted(h, dx, dy), W, H)).support < 0.45 * true


def test_stripes_are_no_lines():
    """Mowing stripes have edges at many places, ridges nowhere."""
    _, h = grey_and_truth(**SCENES[0])
    stripes = np.tile(((np.arange(W) // 40) % 2 * 40 + 80).astype(np.uint8), (H, 1))
    found = check(stripes, project(LINES, h, W, H))
    assert found.support < 0.1


def test_noise_finds_as_much_beside_the_lines_as_on_them():
    _, h = grey_and_truth(**SCENES[0])
    noise = np.random.default_rng(0).integers(0, 256, (H, W), dtype=np.uint8)
    found = check(noise, project(LINES, h, W, H))
    assert abs(found.support - found.chance) < 0.15


def test_a_view_without_lines_has_no_evidence():
    h = camera(to=(20.0, 15.0), focal=40.0, width=W, height=H)
    found = check(np.zeros((H, W), np.uint8), project(LINES, h, W, H))
    assert found.support == 0
    assert markings_borne_out(found, LINES) == 0


def test_points_behind_the_camera_are_never_projected():
    h = camera(at=(0.0, -20.0, 3.0), to=(50.0, 0.0), focal=0.8, width=W, height=H)
    p = project(LINES, h, W, H)
    q = LINES.position_m[p.index]
    assert (q @ h[2, :2] + h[2, 2] > 0).all()
    assert (p.image_px >= 0).all()
    assert (p.image_px[:, 0] < W).all()


def test_offsets_point_to_the_line():
    grey, h = grey_and_truth(**SCENES[0])
    true = project(LINES, h, W, H)
    moved = check(grey, project(LINES, shifted(h, 2.0, 0.0), W, H))
    across = np.abs(moved.projected.normal[:, 0]) > 0.9
    expected = -2.0 * moved.projected.normal[across, 0]
    both = moved.found[across]
    assert both.mean() > 0.8
    assert np.median(np.abs(moved.offset_px[across][both] - expected[both])) < 0.3
    assert len(true.index) > 50


@pytest.mark.parametrize("scene", SCENES)
def test_a_step_onto_the_ridges_mends_a_small_error(scene):
    grey, h = grey_and_truth(**scene)
    scale = unit_picture(W, H)
    off = updated(h, np.array([0.004, 0, 0.006, 0.003, -0.004, -0.004, 0.002, 0.0]), scale)
    before = check(grey, project(LINES, off, W, H))
    anchors = np.zeros((0, 2))
    end = off
    for _ in range(3):
        end = refine.on_ridges(end, check(grey, project(LINES, end, W, H)), anchors, (W, H))
    after = check(grey, project(LINES, end, W, H))
    assert before.residual_px > 0.7
    assert after.residual_px < 0.35
    assert after.support >= before.support


@pytest.mark.parametrize("name", ["right penalty area", "middle", "wide"])
def test_distance_maps_mend_a_large_error(name):
    h = VIEWS[name]
    maps = distance_maps(h)
    rng = np.random.default_rng(5)
    gains = []
    for _ in range(6):
        step = rng.normal(0, 0.015, 8) * [1, 1, 2, 1, 1, 2, 0.3, 0.3]
        off = updated(h, step, unit_picture(WIDTH, HEIGHT))
        end = refine.on_distances(off, maps, LINES, np.zeros((0, 2)), (WIDTH, HEIGHT))
        gains.append(visible_error_px(h, end) / visible_error_px(h, off))
    assert np.median(gains) < 0.55
    assert sum(g < 1 for g in gains) >= 5


def test_blank_distance_maps_move_nothing():
    h = VIEWS["middle"]
    end = refine.on_distances(
        h, np.ones((2, 48, 80), np.float32), LINES, SOCCER.keypoints_m(), (WIDTH, HEIGHT)
    )
    assert visible_error_px(h, end) < 0.01


RINK, COURT = load_field("nhl"), load_field("nba")


def seen_field(field, palette=None, **where):
    """A picture of a field drawn from above, its line points as projected, and the homography."""
    h = camera(width=W, height=H, **where)
    floor = texture(field, 0.03, 4.0, palette)
    back = h @ floor.field_from_pixel
    picture = cv2.warpPerspective(floor.data, back, (W, H), flags=cv2.INTER_AREA)
    return picture, project(LinePoints.of(field), h, W, H), h


def test_coloured_lines_on_ice_are_dark_in_their_weakest_channel():
    picture, shown, _ = seen_field(RINK, at=(0.0, -32.0, 11.0), to=(12.0, 0.0), focal=1.6)
    made = prepare(picture, np.zeros((1, 192, 320, 3), np.uint8), "dark")
    assert check(made.grey, shown, paint="dark").support > 0.6
    assert check(made.grey, shown, paint="bright").support < 0.3


@pytest.mark.parametrize("white", [(250, 250, 250), (20, 20, 20)])
def test_a_courts_lines_may_be_brighter_or_darker_than_its_wood(white):
    where = {"at": (0.0, -26.0, 9.0), "to": (8.0, 0.0), "focal": 1.8}
    picture, shown, _ = seen_field(COURT, {"white": white, "key": (120, 175, 215)}, **where)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    assert check(grey, shown, paint="either").support > 0.6


def test_a_wide_line_is_one_ridge():
    """The centre line of a rink, 30 cm wide, is 13 pixels wide from near by."""
    picture, shown, _ = seen_field(RINK, at=(3.0, -16.0, 6.0), to=(0.0, 0.0), focal=1.4)
    made = prepare(picture, np.zeros((1, 192, 320, 3), np.uint8), "dark")
    found = check(made.grey, shown, paint="dark")
    wide = shown.width_px > 9
    assert wide.sum() > 8
    assert found.found[wide].mean() > 0.8
