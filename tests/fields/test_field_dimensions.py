"""Markings against figures worked out by hand from the rule books, as literal numbers."""

from __future__ import annotations

import numpy as np
import pytest

from edge.fields import FIELD_NAMES, distance_map, load_field
from edge.fields.segments import nearest_distance, segments_of

FT, IN, YD = 0.3048, 0.0254, 0.9144

# (field, marking, points that lie on the middle of its paint)
POINTS = [
    # soccer 105 x 68, lines of 12 cm: areas reach 16.5 and 5.5 m in from the goal line's outer edge
    ("soccer", "right goal line", [(52.5, 0), (52.5, 34), (52.5, -34)]),
    ("soccer", "near touchline", [(0, -34), (52.5, -34)]),
    ("soccer", "far touchline", [(0, 34)]),
    ("soccer", "halfway line", [(0, 0), (0, 34)]),
    ("soccer", "right penalty area", [(36.12, 0), (36.12, 20.1), (45, -20.1)]),
    ("soccer", "left penalty area", [(-36.12, 0), (-36.12, 20.1)]),
    ("soccer", "right goal area", [(47.12, 0), (47.12, 9.1), (50, -9.1)]),
    ("soccer", "centre circle", [(9.09, 0), (0, -9.09)]),
    ("soccer", "right penalty arc", [(41.56 - 9.09, 0)]),
    ("soccer", "right far corner arc", [(52.56 - 0.94, 34.06), (52.56, 33.12)]),
    # NFL: 100 yards between the goal lines' front edges, goal lines 8 inches wide
    ("nfl", "right goal line", [(50 * YD + 4 * IN, 0)]),
    ("nfl", "right end line", [(60 * YD + 2 * IN, 0)]),
    ("nfl", "far sideline", [(0, 80 * FT + 2 * IN)]),
    ("nfl", "yard line +45", [(45 * YD, 0), (45 * YD, 80 * FT - 8 * IN)]),
    ("nfl", "yard line -10", [(-10 * YD, -5)]),
    ("nfl", "near hash +1", [(YD, -9.25 * FT), (YD, -11.25 * FT)]),
    ("nfl", "far tick +5", [(5 * YD, 9.25 * FT + 2 * IN), (5 * YD + FT, 9.25 * FT + 2 * IN)]),
    ("nfl", "right try line", [(48 * YD, 0)]),
    ("ncaa_football", "near hash +1", [(YD, -20 * FT), (YD, -22 * FT)]),
    ("ncaa_football", "left try line", [(-47 * YD, 0)]),
    ("high_school_football", "far hash -49", [(-49 * YD, 26.6666667 * FT)]),
    ("high_school_football", "right goal line", [(50 * YD + 2 * IN, 0)]),
    # NHL: goal lines 11 ft from the boards, 50 ft between the blue lines' inner edges
    ("nhl", "right goal line", [(89 * FT, 0), (89 * FT, 36.7486 * FT)]),
    ("nhl", "left blue line", [(-25.5 * FT, 10)]),
    ("nhl", "centre line", [(0, 12.954)]),
    (
        "nhl",
        "boards",
        [(30.48, 0), (0, -12.954), (72 * FT + 19.79899 * FT, 14.5 * FT + 19.79899 * FT)],
    ),
    ("nhl", "right far circle", [(69 * FT, 22 * FT + 15 * FT - IN)]),
    ("nhl", "centre circle", [(15 * FT - IN, 0)]),
    ("nhl", "right crease", [(83 * FT + IN, 0), (88 * FT, 4 * FT - IN)]),
    ("nhl", "right far trapezoid line", [(89 * FT, 11 * FT), (100 * FT, 14 * FT)]),
    ("nhl", "right far hash +1+1", [(69 * FT + 34.5 * IN, 22 * FT + 16 * FT)]),
    ("nhl", "right far L +1+1", [(71 * FT + IN, 22 * FT + 10 * IN), (75 * FT, 22 * FT + 10 * IN)]),
    ("iihf", "right goal line", [(26, 0)]),
    ("iihf", "right blue line", [(7.14, 0)]),
    ("iihf", "left near circle", [(-20, -7 - 4.475)]),
    # basketball: lane and three-point line to their outer edges, from the end line's inner edge
    ("nba", "right end line", [(47 * FT + IN, 0)]),
    ("nba", "right lane", [(28 * FT + IN, 0), (40 * FT, 8 * FT - IN)]),
    (
        "nba",
        "left three-point line",
        [(-41.75 * FT + 23.75 * FT - IN, 0), (-45 * FT, 22 * FT - IN)],
    ),
    ("nba", "right free-throw circle", [(28 * FT + IN - 6 * FT + IN, 0)]),
    ("nba", "right no-charge line", [(41.75 * FT - 4 * FT - IN, 0)]),
    ("nba", "centre circle", [(0, 6 * FT - IN)]),
    ("nba", "right far sideline mark", [(19 * FT - IN, 22 * FT), (19 * FT - IN, 25 * FT)]),
    ("fiba", "right lane", [(14 - 5.775, 0), (10, 2.425)]),
    ("fiba", "right three-point line", [(14 - 1.575 - 6.725, 0), (13, 6.575), (14 - 2.99, 6.575)]),
    ("fiba", "right no-charge line", [(14 - 1.575 - 1.275, 0), (12.8, 1.275)]),
    ("fiba", "centre circle", [(1.775, 0)]),
    ("fiba", "centre line", [(0, 7.7)]),
    ("ncaa_basketball", "right lane", [(40 * FT, 6 * FT - IN)]),
    ("ncaa_basketball", "right three-point line", [(41.75 * FT - 22 * FT - 0.75 * IN, 0)]),
    # tennis: the middles of the lines at the Rule's measures
    ("itf", "left baseline", [(-11.885, 0), (-11.885, 5.485)]),
    ("itf", "far sideline", [(0, 5.485)]),
    ("itf", "near singles sideline", [(11.885, -4.115)]),
    ("itf", "right service line", [(6.4, 0), (6.4, 4.115)]),
    ("itf", "centre service line", [(-6.4, 0), (6.4, 0)]),
    ("itf_singles", "far sideline", [(0, 4.115)]),
]

SPOTS = [
    ("soccer", "right penalty mark", (52.56 - 11, 0), 0.22),
    ("soccer", "centre mark", (0, 0), 0.22),
    ("nhl", "left near spot", (-69 * FT, -22 * FT), 2 * FT),
    ("nhl", "right far neutral spot", (20 * FT, 22 * FT), 2 * FT),
    ("nhl", "centre spot", (0, 0), 1 * FT),
    ("iihf", "right near neutral spot", (5.49, -7), 0.6),
    ("iihf", "left far spot", (-20, 7), 0.6),
]

AREAS = [
    ("soccer", "right penalty area", 16.5 * 40.32),
    ("soccer", "left goal area", 5.5 * 18.32),
    ("soccer", "centre circle", np.pi * 9.15**2),
    ("nfl", "left end zone", 10 * YD * 160 * FT),
    ("nhl", "right far circle", np.pi * (15 * FT) ** 2),
    ("iihf", "centre circle", np.pi * 4.5**2),
    ("nba", "right lane", 19 * FT * 16 * FT),
    ("fiba", "left lane", 5.8 * 4.9),
    ("ncaa_basketball", "left lane", 19 * FT * 12 * FT),
    ("itf", "left near service box", 6.4 * 4.115),
    ("itf", "far alley", 23.77 * 1.37),
]


def distance_to(points, x, y):
    return float(nearest_distance(segments_of([points]), np.array([x]), np.array([y]))[0, 0])


@pytest.mark.parametrize(("name", "marking", "points"), POINTS)
def test_points_lie_on_the_marking(name, marking, points):
    line = load_field(name).marking(marking)
    for x, y in points:
        assert distance_to(line.points_m, x, y) < 0.0015, (x, y)


@pytest.mark.parametrize(("name", "marking", "centre", "diameter"), SPOTS)
def test_spots_are_discs(name, marking, centre, diameter):
    spot = load_field(name).marking(marking)
    np.testing.assert_allclose(spot.points_m[:-1].mean(axis=0), centre, atol=1e-6)
    reach = np.hypot(*(spot.points_m - centre).T).max() + spot.width_m / 2
    assert reach == pytest.approx(diameter / 2, abs=1e-6)
    assert spot.kind == "spot"


@pytest.mark.parametrize(("name", "region", "area"), AREAS)
def test_region_areas(name, region, area):
    x, y = load_field(name).region(region).polygon_m.T
    shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert shoelace == pytest.approx(area, rel=0.001)


def test_the_nhl_crease_is_eight_feet_wide_and_six_deep():
    crease = load_field("nhl").region("right crease").polygon_m
    low, high = crease.min(axis=0), crease.max(axis=0)
    np.testing.assert_allclose(low, (83 * FT, -4 * FT), atol=0.002)
    np.testing.assert_allclose(high, (89 * FT, 4 * FT), atol=0.002)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("nfl", 12 * YD, 14 * YD),
        ("ncaa_football", 7 * YD, 9 * YD),
        ("high_school_football", 7 * YD, 9 * YD),
    ],
)
def test_numerals_stand_where_the_rules_put_them(name, low, high):
    field = load_field(name)
    tens = field.region("near numeral -40 tens").polygon_m
    from_sideline = tens[:, 1] + 80 * FT
    assert from_sideline.min() == pytest.approx(low)
    assert from_sideline.max() == pytest.approx(high)
    units = field.region("near numeral -40 units").polygon_m
    assert units[:, 0].min() - tens[:, 0].max() > 2 * 2 * IN  # the yard line passes between them
    far = field.region("far numeral -40 tens").polygon_m
    assert far[:, 0].min() > units[:, 0].min() - 0.01  # read from the far side: tens to the right
    assert (80 * FT - far[:, 1]).min() == pytest.approx(low)


@pytest.mark.parametrize(("name", "arrows"), [("nfl", 16), ("high_school_football", 0)])
def test_arrows_point_to_the_nearer_goal_line(name, arrows):
    found = [r for r in load_field(name).regions if "arrow" in r.name]
    assert len(found) == arrows
    for region in found:
        tip = region.polygon_m[np.abs(region.polygon_m[:, 0]).argmax()]
        base = np.delete(region.polygon_m, np.abs(region.polygon_m[:, 0]).argmax(), axis=0)
        assert base[0, 0] == pytest.approx(base[1, 0])
        assert abs(tip[0]) - abs(base[0, 0]) == pytest.approx(3 * FT)


def test_the_nba_free_throw_circle_is_dashed_inside_the_lane():
    dashes = [m for m in load_field("nba").markings if m.name.startswith("right free-throw dash")]
    assert len(dashes) == 6
    for dash in dashes:
        length = np.hypot(*np.diff(dash.points_m, axis=0).T).sum()
        assert length == pytest.approx(15.5 * IN, abs=0.002)
        assert (dash.points_m[:, 0] > 28 * FT).all()


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_lines_are_symmetric_in_both_axes(name):
    d = distance_map(load_field(name), "line", 0.25).data
    np.testing.assert_allclose(d, d[::-1], atol=1e-4)
    np.testing.assert_allclose(d, d[:, ::-1], atol=1e-4)


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_regions_are_symmetric_under_half_a_turn(name):
    d = distance_map(load_field(name), "region", 0.25).data
    np.testing.assert_allclose(d, d[::-1, ::-1], atol=1e-4)


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_left_markings_mirror_right_ones(name):
    field = load_field(name)
    rights = [m for m in field.markings if m.name.startswith("right ")]
    assert rights
    for right in rights:
        # a mark named by its side of a spot, as in `L +1-1`, changes that side too
        head, sign, tail = right.name.replace("right ", "left ").partition(" +1")
        if not sign:
            head, sign, tail = head.partition(" -1")
        left = field.marking(head + {" +1": " -1", " -1": " +1"}.get(sign, "") + tail)
        for x, y in right.points_m * (-1, 1):
            assert distance_to(left.points_m, x, y) < 1e-6, right.name
        assert left.points_m.shape == right.points_m.shape
