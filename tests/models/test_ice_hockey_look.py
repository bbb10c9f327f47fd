from __future__ import annotations

import numpy as np
import pytest
import torch

from edge.fields import load_field
from models.registration.cameras import draw, sample
from models.registration.floors import Canvas
from models.registration.ground import cast
from models.registration.looks import look_class
from models.registration.looks.floor_look import FloorLook
from models.registration.looks.hockey_ice import paint, scratches
from models.registration.looks.hockey_near import backs, near_side
from models.registration.looks.hockey_people import skaters
from models.registration.looks.hockey_rink import BOARD_M, Outline, Rink, strip_in_sizes
from models.registration.looks.ice_hockey import IceHockeyLook
from models.registration.views import ViewRenderer

W, H = 96, 64


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr(FloorLook, "POOL", 1)


@pytest.fixture(scope="module")
def views():
    """Eight cameras on an NHL rink, their rays and where these meet the boards."""
    field = load_field("nhl")
    rng = np.random.default_rng(2)
    cams = sample(rng, 8, field, aspect=W / H, mix=look_class("ice_hockey").wide)
    rays = cast(cams, W, H)
    outline = Outline.of(field)
    return outline, cams, rays, outline.crossings(cams, rays)


def test_the_seed_fixes_every_pixel_and_label(small_pool):
    one, two = (
        ViewRenderer(5, W, H, sport="ice_hockey", negatives=0.0, sizes=1).batch(4) for _ in range(2)
    )
    np.testing.assert_array_equal(one.image, two.image)
    assert torch.equal(one.xy, two.xy)
    assert torch.equal(one.distances, two.distances)


def test_every_prior_renders_on_rinks_of_several_sizes(small_pool):
    look = look_class("ice_hockey")
    renderer = ViewRenderer(3, W, H, sport="ice_hockey", negatives=0.0, sizes=3)
    sizes = set()
    for mix in (look.mix, look.broadcast, look.wide) * 3:
        renderer.mix = mix
        batch = renderer.batch(2)
        assert batch.field.flatten(1).any(1).all()
        assert batch.image.std() > 5
        length, width = batch.field_m
        load_field(batch.field_name, length_m=length, width_m=width)
        sizes.add(batch.field_m)
    assert len(sizes) > 1


@pytest.mark.parametrize("end", ["enter", "leave"])
def test_rays_meet_the_boards_on_the_rounded_outline(views, end):
    outline, cams, rays, cuts = views
    t = getattr(cuts, end)
    x = torch.from_numpy(cams.centre_m[:, 0]).view(-1, 1, 1) + t * rays.dx
    y = torch.from_numpy(cams.centre_m[:, 1]).view(-1, 1, 1) + t * rays.dy
    off = outline.beyond(x, y)[cuts.hit].abs()
    assert len(off) > 1000
    assert float(off.max()) < 0.02
    corner = (x.abs() > outline.hx - outline.radius) & (y.abs() > outline.hy - outline.radius)
    assert bool((corner & cuts.hit).any())


def test_a_ray_that_misses_the_rink_stays_outside_it(views):
    outline, cams, rays, cuts = views
    missed = ~cuts.hit
    assert bool(missed.any())
    for t in np.linspace(0, 120, 31):
        x = torch.from_numpy(cams.centre_m[:, 0]).view(-1, 1, 1) + t * rays.dx
        y = torch.from_numpy(cams.centre_m[:, 1]).view(-1, 1, 1) + t * rays.dy
        assert float(outline.beyond(x, y)[missed].min()) > -0.01


def test_the_near_boards_hide_the_ice_behind_them_and_nothing_above_the_glass(views):
    outline, cams, rays, cuts = views
    rng = np.random.default_rng(4)
    rink = Rink.of(rng, [strip_in_sizes(rng)])
    people = [backs(rng) for _ in range(2)]
    hidden = 0
    for i in range(len(cams)):
        layer = near_side(rng, people, rink, cams, rays, cuts, i, outline)
        alpha = np.zeros((H, W), np.float32)
        alpha[layer.top :] = layer.alpha
        z = (float(cams.centre_m[i, 2]) + cuts.enter[i] * rays.dz[i]).numpy()
        hit = cuts.hit[i].numpy()
        low, clear = hit & (z < BOARD_M - 0.01), hit & (z > BOARD_M + rink.glass_m + 2.0)
        assert (alpha[low] > 0.99).all()
        assert (alpha[clear] == 0).all()
        hidden += int(low.sum())
        image = np.full((H, W, 3), 77, np.uint8)
        layer.over(image)
        assert (image[alpha == 0] == 77).all()
        if low.any():
            assert (image[low] != 77).any()
    assert hidden > 50


@pytest.mark.parametrize("name", ["nhl", "iihf"])
def test_blue_and_goal_lines_are_painted_where_the_field_has_them(name):
    field = load_field(name)
    rng = np.random.default_rng(6)
    marks = [scratches(rng)]
    blues, reds = [], []
    for _ in range(4):
        canvas = Canvas(field, 0.05, 1.0, (0, 0, 0))
        paint(rng, field, canvas, marks)
        blues.append(_stands_out(canvas, field.marking("right blue line").points_m[0, 0]))
        reds.append(_stands_out(canvas, field.marking("left goal line").points_m[0, 0]))
    assert np.median([b - r for b, _, r in blues]) > 15
    assert np.median([r - b for b, _, r in reds]) > 5


def _stands_out(canvas, x):
    """BGR along a line across the rink, less that of the ice half a metre beside it."""

    def tone(at):
        y = np.r_[np.linspace(-9, -4, 40), np.linspace(4, 9, 40)]
        u, v = np.rint(canvas.pixels(np.c_[np.full(80, at), y])).astype(int).T
        return np.median(canvas.image[v, u].astype(float), 0)

    return tone(x) - (tone(x - 0.5) + tone(x + 0.5)) / 2


class _NobodyComes:
    """A generator by which no skater, goalkeeper or official is on the ice."""

    def __init__(self, rng):
        self._rng = rng

    def __getattr__(self, name):
        return getattr(self._rng, name)

    def choice(self, values, *args, **kwargs):
        return 0 if isinstance(values, list) and 0 in values else self._rng.choice(values)

    def random(self, *args):
        return self._rng.random(*args) if args else 0.99


def test_an_empty_rink_is_a_picture_too():
    field = load_field("nhl")
    cams = draw(np.random.default_rng(1), 1, field, aspect=1.6, mix=IceHockeyLook.broadcast)
    image = np.zeros((96, 160, 3), np.uint8)
    assert skaters(image, cams, 0, field, _NobodyComes(np.random.default_rng(2)))
