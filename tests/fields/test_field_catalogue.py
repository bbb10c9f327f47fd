"""Names, sizes and the errors of asking for others."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.fields import FIELD_NAMES, PALETTES, SPORTS, default_field, load_field

NAMES = {
    "soccer": ["soccer"],
    "american_football": ["nfl", "ncaa_football", "high_school_football"],
    "ice_hockey": ["nhl", "iihf"],
    "basketball": ["nba", "fiba", "ncaa_basketball"],
    "tennis": ["itf", "itf_singles"],
}


def test_names_and_sports():
    assert tuple(NAMES) == SPORTS
    assert [name for names in NAMES.values() for name in names] == list(FIELD_NAMES)


@pytest.mark.parametrize("sport", SPORTS)
def test_the_first_field_of_a_sport_is_its_default(sport):
    assert default_field(sport) == NAMES[sport][0]


@pytest.mark.parametrize(
    ("name", "length", "width"),
    [
        ("soccer", 105.0, 68.0),
        ("nfl", 109.728, 48.768),
        ("ncaa_football", 109.728, 48.768),
        ("high_school_football", 109.728, 48.768),
        ("nhl", 60.96, 25.908),
        ("iihf", 60.0, 30.0),
        ("nba", 28.6512, 15.24),
        ("fiba", 28.0, 15.0),
        ("ncaa_basketball", 28.6512, 15.24),
        ("itf", 23.77, 10.97),
        ("itf_singles", 23.77, 8.23),
    ],
)
def test_usual_sizes(name, length, width):
    field = load_field(name)
    assert field.name == name
    assert (field.length_m, field.width_m) == pytest.approx((length, width), abs=1e-9)
    assert load_field(name, length_m=length, width_m=width).length_m == field.length_m


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("soccer", {"length_m": 90}),
        ("soccer", {"length_m": 64, "width_m": 45}),
        ("iihf", {"width_m": 26}),
        ("iihf", {"length_m": 58, "width_m": 28}),
    ],
)
def test_other_sizes_where_the_rules_leave_a_choice(name, size):
    field = load_field(name, **size)
    assert field.length_m == size.get("length_m", load_field(name).length_m)
    assert field.width_m == size.get("width_m", load_field(name).width_m)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("socer", {}, "unknown field 'socer': did you mean 'soccer'? known are soccer, nfl"),
        ("NFL", {}, "unknown field 'NFL': known are"),
        ("", {}, "unknown field ''"),
        ("nfl", {"length_m": 100.0}, "length_m of field 'nfl' is 100.0: it is fixed at 109.728"),
        ("itf", {"width_m": 8.23}, "width_m of field 'itf' is 8.23: it is fixed at 10.97"),
        ("soccer", {"length_m": 20}, "length_m of field 'soccer' is 20: use 60 to 130"),
        ("soccer", {"width_m": float("nan")}, "width_m of field 'soccer' is nan: use 45 to 100"),
        ("iihf", {"width_m": 20}, "width_m of field 'iihf' is 20: use 25 to 30.5"),
    ],
)
def test_errors_are_one_line_with_the_way_out(name, size, message):
    with pytest.raises(UsageError) as caught:
        load_field(name, **size)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_unknown_sport_suggests_the_nearest():
    with pytest.raises(UsageError, match="unknown sport 'hockey': did you mean 'ice_hockey'"):
        default_field("hockey")


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_names_are_unique_and_paints_are_known(name):
    field = load_field(name)
    for items in (field.markings, field.regions):
        names = [item.name for item in items]
        assert len(set(names)) == len(names)
        assert {item.colour for item in items} <= set(PALETTES[field.sport])
    assert field.marking(field.markings[-1].name) is field.markings[-1]
    assert field.region(field.regions[-1].name) is field.regions[-1]
    with pytest.raises(KeyError):
        field.marking("no such line")


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_geometry_is_well_formed(name):
    field = load_field(name)
    for marking in field.markings:
        steps = np.hypot(*np.diff(marking.points_m, axis=0).T)
        assert marking.points_m.shape[1] == 2
        assert len(steps) >= 1
        assert steps.min() > 1e-6, marking.name
        assert 0 < marking.width_m < 0.5
    for region in field.regions:
        assert region.polygon_m.shape[0] >= 3
        assert not np.array_equal(region.polygon_m[0], region.polygon_m[-1]), region.name


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_keypoints_span_the_field_row_by_row(name):
    field = load_field(name)
    points = field.keypoints_m()
    columns, rows = field.grid.columns, field.grid.rows
    assert points.shape == (columns * rows, 2)
    x, y = field.length_m / 2, field.width_m / 2
    corners = points[[0, columns - 1, (rows - 1) * columns, rows * columns - 1]]
    np.testing.assert_allclose(corners, [(-x, -y), (x, -y), (-x, y), (x, y)])
    np.testing.assert_allclose(points[1] - points[0], (field.length_m / (columns - 1), 0))
    np.testing.assert_allclose(points[columns] - points[0], (0, field.width_m / (rows - 1)))


def test_the_soccer_grid_is_13_by_7():
    grid = load_field("soccer").grid
    assert (grid.columns, grid.rows) == (13, 7)
