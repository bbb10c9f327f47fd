"""American football views: truth on the painted lines, virtual lines, evidence of the yard line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edge.fields import load_field
from edge.fields.shapes import YARD
from models.registration.floors import Canvas
from models.registration.ground import Rays
from models.registration.looks import american_football as football
from models.registration.looks import american_football_numerals as numerals
from models.registration.looks.american_football_floor import paint_field
from models.registration.looks.american_football_numerals import Lettering
from models.registration.views import ViewRenderer

W, H = 96, 64
VARIANTS = [name for name, _ in football.AmericanFootballLook.variants]


def _renderer():
    return ViewRenderer(3, W, H, sport="american_football", sizes=1, negatives=0.0)


@pytest.fixture(scope="module")
def renderer():
    """A renderer of one floor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(football.AmericanFootballLook, "POOL", 1)
        yield _renderer()


def test_the_seed_fixes_every_pixel(renderer):
    again = _renderer()
    a, b = renderer.batch(5), again.batch(5)
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.image_from_field, b.image_from_field)
    assert a.field_name == "nfl"
    assert (a.image[0] != a.image[1]).any()


def test_a_mirrored_picture_is_none_of_the_sport(renderer):
    assert renderer.look.mirror is None


@pytest.mark.parametrize("name", VARIANTS)
def test_yard_lines_are_painted_where_the_field_has_them(name):
    """Over some floors, the lines differ from the ground half a yard beside them."""
    field = load_field(name)
    line = np.stack([np.full(60, 20 * YARD), np.linspace(-20, 20, 60)], 1)
    for seed in range(2):
        canvas = paint_field(np.random.default_rng(seed), field, 0.1, 6.0)
        on, beside = (_colours(canvas, line + np.array([dx, 0.0])) for dx in (0.0, 0.6 * YARD))
        assert np.abs(on - beside).max(1).mean() > 15


def _colours(canvas: Canvas, points):
    columns, rows = np.rint(canvas.pixels(points)).astype(int).T
    return canvas.image[rows, columns].astype(float)


@pytest.mark.parametrize("name", VARIANTS)
def test_plain_numerals_cover_the_fields_own(name):
    """Every digit and arrow, the far side's turned, where the distance maps have them."""
    field = load_field(name)
    white = (255, 255, 255)
    plain = Lettering("block", 0, 0.3, white, None, 0.0, (1, 1), 1.0, 0.0, arrows=True, opacity=1.0)
    canvas = Canvas(field, 0.05, 1.0, (0, 0, 0))
    rng = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerals, "GOALS", 0.0)
        patch.setattr(numerals, "STRETCH", (1.0, 1.0))
        numerals.paint_numerals(canvas, field, plain, rng)
    expected = np.zeros(canvas.image.shape[:2], np.uint8)
    for region in field.regions:
        if region.colour == "white":
            cv2.fillPoly(expected, [np.rint(canvas.pixels(region.polygon_m)).astype(int)], 1)
    lit = canvas.image[..., 0] > 127
    both = (lit & (expected > 0)).sum()
    assert both > 0.85 * expected.sum()
    if field.name != "high_school_football":  # whose rules know no arrows, and whose fields do
        assert both > 0.85 * lit.sum()


def test_virtual_lines_stay_on_the_field_and_run_across_it():
    y, x = torch.meshgrid(torch.linspace(40, -40, 81), torch.linspace(-50, 50, 201), indexing="ij")
    n = 24
    zero = torch.zeros(n, 81, 201)
    xs, ys = x.expand(n, -1, -1), y.expand(n, -1, -1)
    rays = Rays(xs, ys, zero.bool(), zero, zero, zero)
    picture = torch.full((n, 81, 201, 3), 90.0)
    drawn = football.virtual_lines(np.random.default_rng(1), picture, rays)
    changed = (drawn - picture).abs().amax(-1) > 1
    assert 0.2 * n < changed.flatten(1).any(1).sum() < n
    assert not changed[:, y.abs() > 24.5].any()
    inside = changed[:, (y[:, 0].abs() < 24)]
    assert torch.equal(inside.any(1), inside.all(1))  # a column is drawn over its whole length


@pytest.mark.parametrize("prior", [p for _, p in football.AmericanFootballLook.mix])
def test_most_views_show_a_numeral_or_an_end_zone(prior):
    field = load_field("nfl")
    centre, target, focal = prior(np.random.default_rng(2), 300, field)
    assert (centre[:, 1] < -field.width_m / 2).all()
    rotation = football.look_at(centre, target, np.zeros(300))
    shapes = [r.polygon_m.mean(0) for r in field.regions if "numeral" in r.name]
    ends = [(s * 55 * YARD, y) for s in (-1, 1) for y in (-18, -9, 0, 9, 18)]
    points = np.c_[np.concatenate([shapes, ends]), np.zeros(len(shapes) + len(ends))]
    p = np.einsum("nij,nmj->nmi", rotation, points[None] - centre[:, None])
    half = np.array([0.5, 0.5 * 9 / 16]) / focal[:, None, None]
    seen = ((np.abs(p[..., :2] / p[..., 2:]) < half).all(-1) & (p[..., 2] > 0)).any(1)
    assert seen.mean() > 0.8
