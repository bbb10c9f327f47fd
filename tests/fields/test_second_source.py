"""Fields against a second source: the parameters of the sportypy package (1.0), as literal numbers.

The rule books are the first source (test_field_dimensions.py). Where the two sources differ, the
difference stands in DIFFERENT with the reason why the rule book's figure is kept.
"""

from __future__ import annotations

import numpy as np
import pytest

from edge.fields import load_field

FT, IN, YD = 0.3048, 0.0254, 0.9144


def line_x(name, marking):
    """The x of a straight line across the field, at the middle of its paint, metres."""
    return abs(float(load_field(name).marking(marking).points_m[0, 0]))


def line_y(name, marking):
    return abs(float(load_field(name).marking(marking).points_m[0, 1]))


def centre(name, marking):
    return np.abs(load_field(name).marking(marking).points_m[:-1].mean(axis=0))


def reach(name, marking):
    """The outer radius of a circle about its own centre, metres."""
    field = load_field(name).marking(marking)
    ring = field.points_m[:-1]
    return float(np.hypot(*(ring - ring.mean(axis=0)).T).max() + field.width_m / 2)


def extent(name, region):
    polygon = load_field(name).region(region).polygon_m
    return np.ptp(polygon, axis=0)


# (field, measure, ours, sportypy's figure for the same measure), metres
AGREE = [
    # nzone_length 50 between the blue lines' inner edges, major lines 1 ft wide
    ("nhl", "blue line", line_x("nhl", "right blue line"), (50 / 2 + 1 / 2) * FT),
    ("nhl", "goal line", line_x("nhl", "right goal line"), (100 - 11) * FT),
    # nzone_faceoff_spot_to_zone_line 5, odzone_faceoff_spot_to_boards 31, spots at y = 22
    ("nhl", "neutral spot x", centre("nhl", "right far neutral spot")[0], (25 - 5) * FT),
    ("nhl", "neutral spot y", centre("nhl", "right far neutral spot")[1], 22 * FT),
    ("nhl", "end spot x", centre("nhl", "right far spot")[0], (100 - 31) * FT),
    ("nhl", "end circle", reach("nhl", "right far circle"), 15 * FT),
    ("nhl", "centre circle", reach("nhl", "centre circle"), 15 * FT),
    ("nhl", "crease width", extent("nhl", "right crease")[1], 8 * FT),
    ("nhl", "crease depth", extent("nhl", "right crease")[0], 6 * FT),
    ("iihf", "goal line", line_x("iihf", "right goal line"), 30 - 4.0),
    ("iihf", "end spot x", centre("iihf", "right far spot")[0], 30 - 10.0),
    ("iihf", "neutral spot y", centre("iihf", "right far neutral spot")[1], 7.0),
    ("iihf", "end circle", reach("iihf", "right far circle"), 4.5),
    ("iihf", "crease depth", extent("iihf", "right crease")[0], 1.83),
    ("nba", "end line", line_x("nba", "right end line") - IN, 47 * FT),
    ("nba", "sideline", line_y("nba", "far sideline") - IN, 25 * FT),
    ("nba", "lane length", extent("nba", "right lane")[0], 19 * FT),
    ("nba", "lane width", extent("nba", "right lane")[1], 16 * FT),
    ("nba", "centre circle", reach("nba", "centre circle"), 6 * FT),
    ("nba", "inner circle", reach("nba", "inner centre circle"), 2.1667 * FT),
    ("fiba", "lane length", extent("fiba", "right lane")[0], 5.8),
    ("fiba", "lane width", extent("fiba", "right lane")[1], 4.9),
    ("fiba", "centre circle", reach("fiba", "centre circle"), 1.8),
    ("ncaa_basketball", "lane width", extent("ncaa_basketball", "right lane")[1], 12 * FT),
    ("ncaa_basketball", "centre circle", reach("ncaa_basketball", "centre circle"), 6 * FT),
    ("nfl", "goal line's front", line_x("nfl", "right goal line") - 4 * IN, 50 * YD),
    ("nfl", "end line's inner edge", line_x("nfl", "right end line") - 2 * IN, 60 * YD),
    ("nfl", "sideline's inner edge", line_y("nfl", "far sideline") - 2 * IN, 26.66667 * YD),
    # inbound_hashmark_separation 6.1667 yd; ours between the rows' inner ends
    ("nfl", "hash rows", 2 * line_y("nfl", "near hash +1"), 6.1667 * YD),
    ("ncaa_football", "hash rows", 2 * line_y("ncaa_football", "near hash +1"), 13.3333 * YD),
    ("nfl", "try line", line_x("nfl", "right try line"), (50 - 2) * YD),
    ("ncaa_football", "try line", line_x("ncaa_football", "right try line"), (50 - 3) * YD),
    ("soccer", "centre circle", reach("soccer", "centre circle"), 9.15),
    ("soccer", "penalty area depth", extent("soccer", "right penalty area")[0], 16.5),
    ("soccer", "penalty area width", extent("soccer", "right penalty area")[1], 7.32 + 2 * 16.5),
    ("soccer", "goal area depth", extent("soccer", "right goal area")[0], 5.5),
    ("itf", "baseline", line_x("itf", "right baseline"), 39 * FT),
    ("itf", "sideline", line_y("itf", "far sideline"), 18 * FT),
    ("itf", "singles sideline", line_y("itf", "far singles sideline"), 13.5 * FT),
    ("itf", "service line", line_x("itf", "right service line"), 21 * FT),
]

# the same, where the sources differ; the reason for ours
DIFFERENT = [
    # IIHF 1.5: 22.86 m from the boards to the line's middle (so the Finnish federation's reading of
    # 2014 says, too); sportypy rounds the neutral zone to 15 m between the lines
    ("iihf", "blue line", line_x("iihf", "right blue line"), 15 / 2 + 0.15, 7.14),
    ("iihf", "neutral spot x", centre("iihf", "right far neutral spot")[0], 7.5 - 1.5, 5.49),
    # FIFA's pitch guidelines have marks of 22 cm; sportypy has a foot
    ("soccer", "penalty mark", reach("soccer", "right penalty mark"), 0.1524, 0.11),
]


@pytest.mark.parametrize(("name", "measure", "ours", "theirs"), AGREE)
def test_the_second_source_agrees(name, measure, ours, theirs):
    # the package keeps four decimals of a foot or yard; tennis is in whole feet
    assert ours == pytest.approx(theirs, abs=0.003)


@pytest.mark.parametrize(("name", "measure", "ours", "theirs", "rule"), DIFFERENT)
def test_a_known_difference_is_the_rule_books(name, measure, ours, theirs, rule):
    assert ours == pytest.approx(rule, abs=1e-6)
    assert ours != pytest.approx(theirs, abs=0.003)
