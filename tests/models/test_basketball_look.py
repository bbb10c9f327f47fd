from __future__ import annotations

import numpy as np
import pytest
import torch

from edge.fields import load_field
from models.registration.cameras import Cameras, look_at
from models.registration.looks import basketball_props as props
from models.registration.looks.basketball import BasketballLook
from models.registration.looks.basketball_floor import paint_floor
from models.registration.views import ViewRenderer

W, H = 96, 64
COURTS = ["nba", "fiba", "ncaa_basketball"]


@pytest.fixture(scope="module")
def renderer():
    return ViewRenderer(4, W, H, sport="basketball", negatives=0.0, sizes=1)


def test_the_seed_fixes_every_pixel(renderer):
    first = renderer.batch(4)
    again = ViewRenderer(4, W, H, sport="basketball", negatives=0.0, sizes=1).batch(4)
    np.testing.assert_array_equal(first.image, again.image)
    assert torch.equal(first.xy, again.xy)


@pytest.mark.parametrize("name", COURTS)
def test_the_own_lines_are_painted_where_the_field_says(name):
    """Texels along the three-point lines differ from those half a metre outside them."""
    field = load_field(name)
    differs = 0
    for seed in range(4):
        canvas = paint_floor(np.random.default_rng(seed), field, 0.03, 3.0)
        line = field.marking("right three-point line").points_m
        middle = line[10:-10:5]
        outward = middle - [field.length_m / 2 - 1.6, 0]
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)

        def colours(points, canvas=canvas):
            j, i = np.rint(canvas.pixels(points)).astype(int).T
            return canvas.image[i, j].astype(int)

        change = np.abs(colours(middle) - colours(middle + 0.5 * outward)).sum(1)
        differs += float(np.median(change)) > 30
    assert differs >= 3


@pytest.mark.parametrize("mix", ["mix", "broadcast", "wide"])
def test_every_camera_stands_beside_the_near_half(mix):
    rng = np.random.default_rng(1)
    field = load_field("fiba")
    for _, prior in getattr(BasketballLook, mix):
        centre, target, focal = prior(rng, 300, field)
        assert (centre[:, 1] < -0.3 * field.width_m).all()
        assert (centre[:, 2] > 2).all()
        assert (np.abs(target[:, :2]) <= [field.length_m * 0.8, field.width_m / 2]).all()
        assert ((focal >= 0.4) & (focal <= 4.5)).all()


def test_a_ring_hangs_where_the_rules_put_it():
    """FIBA 2.4.4 and the equipment rules: 1.575 m inside the end line, 3.05 m up."""
    field = load_field("fiba")
    position = np.array([[0.0, -25.0, 9.0]])
    aim = np.array([[field.length_m / 2 - 1.575, 0.0, 3.05]])
    rotation = look_at(position, aim, np.zeros(1))
    cams = Cameras(position, rotation, np.array([[6.0, 10.0]]), np.zeros(1))
    image = np.zeros((180, 320, 3), np.uint8)
    props.basket(image, cams, 0, field, 1, props.Basket(np.random.default_rng(0)))
    orange = (image[..., 2] > 150) & (image[..., 0] < 100) & (image[..., 1] < 130)
    rows, columns = np.nonzero(orange)
    assert abs(columns.mean() - 159.5) < 2
    assert abs(rows.mean() - 89.5) < 3


def test_seats_behind_the_camera_are_not_drawn():
    field = load_field("nba")
    position, aim = np.array([[0.0, -20.0, 6.0]]), np.zeros((1, 3))
    cams = Cameras(position, look_at(position, aim, np.zeros(1)), np.ones((1, 2)), np.zeros(1))
    image = np.zeros((90, 160, 3), np.uint8)
    rng = np.random.default_rng(0)
    props.rows(image, cams, 0, np.array([[0.0, -30.0, 0.5], [2.0, -40.0, 0.5]]), rng)
    assert not image.any()
    props.rows(image, cams, 0, np.array([[0.0, field.width_m / 2, 0.5]]), rng)
    assert image.any()


def test_a_banner_covers_the_bottom_and_nothing_else():
    for seed in range(12):
        image = np.full((160, 256, 3), 7, np.uint8)
        props.banner(image, np.random.default_rng(seed))
        changed = (image != 7).any(axis=(1, 2))
        assert changed[130:].any()
        assert not changed[:120].any()
