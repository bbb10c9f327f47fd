"""Textures, distance maps, masks and mini-maps against brute force and the markings themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.fields import (
    FIELD_NAMES,
    PALETTES,
    distance_map,
    load_field,
    minimap,
    outline,
    polylines,
    region_mask,
    texture,
)
from edge.fields.segments import nearest_distance
from edge.geometry import apply_homography

WHITE, GREEN, GREY = (255, 255, 255), (0, 128, 0), (40, 40, 40)
PLAIN = {"white": WHITE, "surface": GREEN, "runoff": GREY}


def brute_force(points, p):
    """Smallest distance of one point to a polyline, by plain arithmetic on each segment."""
    best = np.inf
    for a, b in pairwise(points):
        ab, ap = b - a, p - a
        t = min(1.0, max(0.0, (ab @ ap) / (ab @ ab)))
        best = min(best, float(np.hypot(*(ap - t * ab))))
    return best


def contains(polygon, p):
    """Winding number of a polygon about a point is odd-even inside."""
    odd = False
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if (ay > p[1]) != (by > p[1]) and p[0] < ax + (p[1] - ay) / (by - ay) * (bx - ax):
            odd = not odd
    return odd


@pytest.mark.parametrize("name", FIELD_NAMES)
@pytest.mark.parametrize("kind", ["line", "region"])
def test_distance_map_is_exact(name, kind):
    field = load_field(name)
    raster = distance_map(field, kind, 0.2)
    rng = np.random.default_rng(7)
    for _ in range(25):
        i, j = rng.integers(raster.data.shape[0]), rng.integers(raster.data.shape[1])
        p = apply_homography(raster.field_from_pixel, [(j, i)])[0]
        if kind == "line":
            expected = min(brute_force(m.points_m, p) for m in field.markings)
        else:
            polygons = [r.polygon_m for r in field.regions]
            expected = min(brute_force(np.vstack([q, q[:1]]), p) for q in polygons)
            expected = 0.0 if any(contains(q, p) for q in polygons) else expected
        assert raster.data[i, j] == pytest.approx(expected, abs=1e-4)


coordinates = st.floats(-10, 10)
segments = st.lists(st.tuples(*[coordinates] * 4), min_size=1, max_size=12)


@given(segments, st.integers(1, 40), st.integers(1, 40), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_tiles_change_nothing(ends, width, height, tile):
    cut = np.array(ends).reshape(-1, 2, 2)
    x, y = np.linspace(-8, 8, width), np.linspace(8, -8, height)
    tiled = nearest_distance(cut, x, y, tile)
    np.testing.assert_allclose(tiled, nearest_distance(cut, x, y), atol=1e-5)


def test_no_segments_are_infinitely_far():
    assert np.isinf(nearest_distance(np.empty((0, 2, 2)), np.zeros(2), np.zeros(3))).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", FIELD_NAMES)
def test_texture_shows_each_marking_in_its_colour(name):
    field = load_field(name)
    scale = 0.4 * min(marking.width_m for marking in field.markings if marking.kind != "spot")
    picture = texture(field, scale)
    colours = PALETTES[field.sport]
    for k, marking in enumerate(field.markings):
        middle = (marking.points_m[:-1] + marking.points_m[1:]) / 2
        # paint that comes later may cover this one: look only where none does
        clear = np.array(
            [
                all(
                    brute_force(m.points_m, p) > m.width_m / 2 + 2 * scale
                    for m in field.markings[k + 1 :]
                    if m.colour != marking.colour and np.abs(m.points_m - p).min() < 30
                )
                for p in middle[:3]
            ]
        )
        seen = picture.sample(middle[:3][clear])
        expected = np.broadcast_to(colours[marking.colour], seen.shape)
        np.testing.assert_allclose(seen, expected, atol=8, err_msg=marking.name)


@pytest.mark.slow
def test_texture_has_nothing_but_the_palette_away_from_lines():
    field = load_field("soccer")
    picture = texture(field, 0.1, palette=PLAIN)
    away = distance_map(field, "line", 0.1).data > 0.3
    seen = np.unique(picture.data[away], axis=0)
    np.testing.assert_array_equal(seen, sorted([GREEN, GREY]))


@pytest.mark.parametrize("scale", [0.04, 0.1, 0.25])
def test_the_amount_of_paint_does_not_depend_on_the_scale(scale):
    # baselines, sidelines, service lines, centre line and marks; where they touch counts twice
    field = load_field("itf")
    palette = {"white": WHITE, "surface": (0, 0, 0), "runoff": (0, 0, 0)}
    painted = texture(field, scale, palette=palette).data[..., 0].sum() / 255 * scale**2
    expected = 2 * 11.02 * 0.1 + 4 * 23.77 * 0.05 + 2 * 8.23 * 0.05 + 12.8 * 0.05 + 2 * 0.1 * 0.05
    assert painted == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
def test_lines_end_flat():
    field = load_field("nfl")
    picture = texture(field, 0.03)
    line = field.marking("yard line +10")
    end = line.points_m[1]
    step = np.array([0, 0.05])
    inside, beyond = picture.sample([end - step, end + step])
    np.testing.assert_allclose(inside, PALETTES[field.sport]["white"], atol=2)
    np.testing.assert_allclose(beyond, PALETTES[field.sport]["surface"], atol=2)


def test_the_rink_has_rounded_corners():
    field = load_field("nhl")
    picture = texture(field, 0.1)
    x, y = field.length_m / 2, field.width_m / 2
    inside, corner = picture.sample([(x - 3, y - 3), (x - 1, y - 1)])
    np.testing.assert_allclose(inside, PALETTES["ice_hockey"]["surface"], atol=1)
    np.testing.assert_allclose(corner, PALETTES["ice_hockey"]["runoff"], atol=1)


def test_a_raster_is_seen_from_the_near_side():
    field = load_field("soccer")
    picture = texture(field, 0.1, 4.0)
    assert picture.data.shape == (760, 1130, 3)
    height, width = picture.data.shape[:2]
    corners = apply_homography(
        picture.field_from_pixel, [(-0.5, -0.5), (width - 0.5, height - 0.5)]
    )
    np.testing.assert_allclose(corners, [(-56.5, 38), (56.5, -38)])
    centre = apply_homography(picture.pixel_from_field, [(0, 0)])[0]
    np.testing.assert_allclose(centre, ((width - 1) / 2, (height - 1) / 2))
    np.testing.assert_allclose(
        picture.pixel_from_field @ picture.field_from_pixel, np.eye(3), atol=1e-12
    )
    np.testing.assert_allclose(picture.columns_m[[0, -1]], (-56.45, 56.45))
    np.testing.assert_allclose(picture.rows_m[[0, -1]], (37.95, -37.95))


def test_sampling_is_linear_clamped_and_keeps_nan():
    raster = distance_map(load_field("itf"), "line", 0.5)
    x, y = raster.columns_m, raster.rows_m
    between = raster.sample([((x[3] + x[4]) / 2, y[5]), (x[3], (y[5] + y[6]) / 2)])
    expected = [
        (raster.data[5, 3] + raster.data[5, 4]) / 2,
        (raster.data[5, 3] + raster.data[6, 3]) / 2,
    ]
    np.testing.assert_allclose(between, expected, rtol=1e-5)
    assert raster.sample([(1e6, -1e6)])[0] == raster.data[-1, -1]
    assert np.isnan(raster.sample([(np.nan, 0), (np.inf, 0)])).all()
    assert raster.sample(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("name", ["soccer", "high_school_football", "nhl", "fiba", "itf"])
def test_masks_have_the_areas_of_the_polygons(name):
    field = load_field(name)
    for region in field.regions:
        x, y = region.polygon_m.T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        if area > 3:
            mask = region_mask(field, 0.1, name=region.name)
            assert mask.data.sum() * 0.01 == pytest.approx(area, rel=0.05), region.name


def test_the_mask_of_all_regions_is_where_their_distance_is_nought():
    field = load_field("nba")
    mask = region_mask(field, 0.1)
    np.testing.assert_array_equal(mask.data, distance_map(field, "region", 0.1).data == 0)
    with pytest.raises(KeyError):
        region_mask(field, name="no such region")


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_polylines_keep_to_the_markings(name):
    field = load_field(name)
    lines = polylines(field, 0.4)
    assert len(lines) == len(field.markings)
    for line, marking in zip(lines, field.markings, strict=True):
        assert np.hypot(*np.diff(line, axis=0).T).max() <= 0.4 + 1e-9
        np.testing.assert_array_equal(line[[0, -1]], marking.points_m[[0, -1]])
        kept = (line[:, None] == marking.points_m[None]).all(axis=2).any(axis=0)
        assert kept.all(), marking.name


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_a_minimap_keeps_lines_visible(name):
    field = load_field(name)
    picture = minimap(field, 240)
    assert picture.data.shape[1] == 240
    assert picture.data.dtype == np.uint8
    colours = PALETTES[field.sport]
    for marking in field.markings:
        if marking.kind != "line":
            continue
        middle = (marking.points_m[0] + marking.points_m[1]) / 2 + (0.011, 0.013)
        seen = picture.sample([middle])[0]
        ground = np.array(colours["surface"], float)
        paint = np.array(colours[marking.colour], float)
        assert np.abs(seen - ground).max() > 0.3 * np.abs(paint - ground).max(), marking.name


def test_outline_follows_the_boundary():
    x, y = 52.5, 34.0
    np.testing.assert_allclose(outline(load_field("soccer")), [(-x, -y), (x, -y), (x, y), (-x, y)])
    rink = load_field("iihf", width_m=26.0)
    assert np.abs(outline(rink)).max(axis=0) == pytest.approx((30, 13))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: texture(f, 0), "metres_per_px is 0: use 0.002 to 10"),
        (lambda f: texture(f, float("nan")), "metres_per_px is nan"),
        (lambda f: texture(f, 0.1, -1), "margin_m is -1: use 0 to 200 metres"),
        (
            lambda f: texture(f, palette={"pink": WHITE}),
            "no colour 'pink' on a field of soccer: use",
        ),
        (
            lambda f: distance_map(f, "dots"),
            "no distance map of kind 'dots': use 'line' or 'region'",
        ),
        (lambda f: polylines(f, 0), "step_m is 0: use a positive length in metres"),
        (lambda f: minimap(f, 3), "a minimap 3 pixels wide cannot be drawn"),
    ],
)
def test_wrong_calls_say_what_is_allowed(call, message):
    with pytest.raises(UsageError) as caught:
        call(load_field("soccer"))
    assert str(caught.value).startswith(message)
