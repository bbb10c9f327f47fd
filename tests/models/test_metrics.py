from __future__ import annotations

import math

import numpy as np
import pytest

from models.registration.metrics import NEAR, Errors, area, errors, iou, table
from tests.models.parts import PLACES, cameras, mapped

W, H = 640, 360
FIELD = (105.0, 68.0)
FORWARD = cameras(*PLACES, aspect=1.0).image_from_field(W, H)
SQUARE = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])


def test_area_and_overlap_by_hand():
    assert area(SQUARE) == 4
    assert area(SQUARE[::-1]) == 4
    assert area(SQUARE[:2]) == 0
    assert iou(SQUARE, SQUARE + np.array([1, 0])) == pytest.approx(2 / 6)
    assert iou(SQUARE, SQUARE[::-1] + np.array([1, 1])) == pytest.approx(1 / 7)
    assert iou(SQUARE, SQUARE + np.array([3, 0])) == 0
    assert iou(SQUARE, SQUARE * 0.5) == pytest.approx(0.25)
    assert iou(SQUARE, SQUARE[:0]) == 0


def test_the_truth_itself_has_no_error():
    for forward in FORWARD:
        truth = np.linalg.inv(forward)
        e = errors(truth, -3.0 * truth, *FIELD, W, H)  # the scale of a homography means nothing
        assert e.iou_part == pytest.approx(1)
        assert e.iou_whole == pytest.approx(1)
        assert e.projection_m == pytest.approx(0, abs=1e-9)
        assert e.reprojection == pytest.approx(0, abs=1e-9)
        assert e.right


def test_an_answer_shifted_on_the_field():
    # every pixel is said to show a point 3 m further along the field
    shift = np.array([[1, 0, 3.0], [0, 1, 0], [0, 0, 1]])
    for forward in FORWARD:
        truth = np.linalg.inv(forward)
        e = errors(truth, shift @ truth, *FIELD, W, H)
        assert e.projection_m == pytest.approx(3.0)
        assert e.iou_whole == pytest.approx((105 - 3) / (105 + 3))
        assert not e.right


def test_an_answer_shifted_in_the_picture():
    # field points are said to be seen 9 pixels to the right: 9 / 360 of the height
    shift = np.array([[1, 0, 9.0], [0, 1, 0], [0, 0, 1]])
    for forward in FORWARD:
        e = errors(np.linalg.inv(forward), np.linalg.inv(shift @ forward), *FIELD, W, H)
        assert e.reprojection == pytest.approx(9 / 360)


@pytest.mark.parametrize(
    "answer", [None, np.full((3, 3), np.nan), np.zeros((3, 3)), np.diag([1.0, 1.0, 0.0])]
)
def test_no_answer_and_no_homography_count_as_failures(answer):
    truth = np.linalg.inv(FORWARD[0])
    assert errors(truth, answer, *FIELD, W, H) == Errors()


def independent(truth, answer):
    """All four measures by sampling points, with no polygon clipped."""
    half = np.array(FIELD) / 2
    forward = np.linalg.inv(truth), np.linalg.inv(answer)
    x, y = np.meshgrid(np.linspace(-110, 110, 441), np.linspace(-90, 90, 361))
    ground = np.stack([x.ravel(), y.ravel()], 1)
    on = (np.abs(ground) <= half).all(1)
    masks, seen = [], []
    for h in forward:
        q = np.c_[ground, np.ones(len(ground))] @ h.T
        anchor = np.linalg.inv(h) @ [(W - 1) / 2, H - 1.0, 1.0]
        sign = np.sign(h[2] @ (anchor / anchor[2]))
        with np.errstate(divide="ignore", invalid="ignore"):  # a point may lie on the horizon
            p = q[:, :2] / q[:, 2:]
        inside = (p >= -0.5).all(1) & (p <= [W - 0.5, H - 0.5]).all(1)
        masks.append((q[:, 2] * sign > 0) & inside)
        seen.append(p)
    part = (masks[0] & masks[1] & on).sum() / ((masks[0] | masks[1]) & on).sum()
    back = mapped(np.linalg.inv(answer @ forward[0]), ground)
    moved = (np.abs(back) <= half).all(1)
    whole = (moved & on).sum() / (moved | on).sum()
    both = masks[0] & masks[1] & on
    reprojection = np.linalg.norm(seen[0] - seen[1], axis=1)[both].mean() / H
    u, v = np.meshgrid(np.arange(W), np.arange(H))
    pixels = np.stack([u.ravel(), v.ravel()], 1)
    q = np.c_[pixels, np.ones(len(pixels))] @ truth.T
    shown = q[:, :2] / q[:, 2:]
    on = (np.abs(shown) <= half).all(1) & (q[:, 2] * q[-1, 2] > 0)
    projection = np.linalg.norm(mapped(answer, pixels[on]) - shown[on], axis=1).mean()
    return part, whole, projection, reprojection


@pytest.mark.parametrize("i", range(len(PLACES)))
@pytest.mark.parametrize("seed", [0, 1])
def test_against_an_independent_implementation(i, seed):
    rng = np.random.default_rng(seed)
    corners = np.array([[40.0, 60], [600, 40], [620, 340], [30, 330]])
    moved = corners + rng.normal(0, 5, (4, 2))
    truth = np.linalg.inv(FORWARD[i])
    answer = truth @ homography(corners, moved)
    e = errors(truth, answer, *FIELD, W, H)
    part, whole, projection, reprojection = independent(truth, answer)
    assert e.iou_part == pytest.approx(part, abs=0.01)
    assert e.iou_whole == pytest.approx(whole, abs=0.01)
    assert e.projection_m == pytest.approx(projection, rel=0.05)
    assert e.reprojection == pytest.approx(reprojection, rel=0.05)


def homography(source, target):
    """Exact homography of four points by its linear equations."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(rows, right), 1).reshape(3, 3)


def test_the_table_counts_failures():
    good, bad = Errors(1.0, 0.9, 0.5, 0.01), Errors(0.6, 0.5, 4.0, NEAR)
    t = table([good, good, bad, Errors()])
    assert t["frames"] == 4
    assert t["answered"] == 3
    assert t["right"] == pytest.approx(0.5)
    assert t["iou_part_mean"] == pytest.approx(2.6 / 4)
    assert t["iou_whole_median"] == pytest.approx(0.7)
    assert t["proj_m_mean_answered"] == pytest.approx(5 / 3)
    assert t["proj_m_median"] == pytest.approx(2.25)
    assert t["reproj_median"] == pytest.approx(0.015)


def test_a_table_of_failures_alone():
    t = table([Errors(), Errors()])
    assert t["answered"] == t["right"] == 0
    assert math.isinf(t["proj_m_mean_answered"])
    assert math.isinf(t["reproj_median"])
