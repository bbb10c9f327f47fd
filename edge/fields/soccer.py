"""The soccer field, of any size: IFAB Laws of the Game, Law 1 "The Field of Play".

Lines belong to the areas they bound, so the Law measures to their outer edges. Here the middles of
the goal lines and touchlines lie at exactly ±length/2 and ±width/2, as annotation data sets have
it; all other markings are laid out from the outer edges of these lines, and then given by the
middle of their paint.
"""

from __future__ import annotations

import numpy as np

from edge.fields.model import Field, Grid, Marking, Points, Region
from edge.fields.shapes import arc, both_ends, mirrored_x, path, rectangle, spot

LENGTH_M, WIDTH_M = 105.0, 68.0
LENGTH_RANGE_M, WIDTH_RANGE_M = (60.0, 130.0), (45.0, 100.0)
"""Law 1.3 allows 90-120 x 45-90 m; others are accepted as long as the markings fit."""

LINE = 0.12  # Law 1.2: not more than 12 cm
GOAL = 7.32  # Law 1.10: between the posts
PENALTY_AREA = 16.5  # Law 1.7: from the inside of each post, and into the field
GOAL_AREA = 5.5  # Law 1.6
PENALTY_MARK = 11.0  # Law 1.7: from the midpoint between the posts
RADIUS = 9.15  # Law 1.2 and 1.7: centre circle and penalty arc
CORNER = 1.0  # Law 1.8: quarter circle about the corner flagpost
SPOT = 0.22  # FIFA, Pitch dimensions and surrounding areas: marks of 22 cm


def soccer(length_m: float = LENGTH_M, width_m: float = WIDTH_M) -> Field:
    """Build a soccer field of (length_m, width_m) metres; both must lie in the ranges above."""
    x, y = length_m / 2, width_m / 2
    y_end = y + LINE / 2
    areas = [("penalty area", PENALTY_AREA), ("goal area", GOAL_AREA)]
    markings = [
        Marking("left goal line", path((-x, -y_end), (-x, y_end)), LINE, "white", "boundary"),
        Marking("right goal line", path((x, -y_end), (x, y_end)), LINE, "white", "boundary"),
        Marking("near touchline", path((-x, -y), (x, -y)), LINE, "white", "boundary"),
        Marking("far touchline", path((-x, y), (x, y)), LINE, "white", "boundary"),
        Marking("halfway line", path((0, -y), (0, y)), LINE, "white", "line"),
        Marking("centre circle", arc((0, 0), RADIUS - LINE / 2), LINE, "white", "curve"),
        spot("centre mark", (0, 0), SPOT, "white"),
    ]
    for name, size in areas:
        markings += both_ends(name, _area_line(x, size), LINE, "white")
    mark_x = x + LINE / 2 - PENALTY_MARK
    markings += [spot("left penalty mark", (-mark_x, 0), SPOT, "white")]
    markings += [spot("right penalty mark", (mark_x, 0), SPOT, "white")]
    markings += both_ends("penalty arc", _penalty_arc(x, mark_x), LINE, "white", "curve")
    flag_x, flag_y = x + LINE / 2, y + LINE / 2
    for side, far in (("near", -1.0), ("far", 1.0)):
        corner = arc((flag_x, flag_y), CORNER - LINE / 2, 180, 270) * (1.0, far)
        markings += both_ends(f"{side} corner arc", corner, LINE, "white", "curve")
    return Field(
        name="soccer",
        sport="soccer",
        length_m=length_m,
        width_m=width_m,
        runoff_m=4.0,
        markings=tuple(markings),
        regions=_regions(x, mark_x),
        grid=Grid(13, 7),
    )


def _area_line(x: float, size: float) -> Points:
    """Trace the three sides of the right penalty or goal area that lie off the goal line."""
    half, front = GOAL / 2 + size - LINE / 2, x + LINE - size
    return path((x, -half), (front, -half), (front, half), (x, half))


def _penalty_arc(x: float, mark_x: float) -> Points:
    """Trace the circle about the right penalty mark where it leaves the penalty area."""
    radius = RADIUS - LINE / 2
    angle = np.degrees(np.arccos((mark_x - (x + LINE - PENALTY_AREA)) / radius))
    return arc((mark_x, 0), radius, 180 - angle, 180 + angle)


def _regions(x: float, mark_x: float) -> tuple[Region, ...]:
    """List penalty areas, goal areas, penalty arcs and the centre circle, lines included."""
    regions = []
    for name, size in (("penalty area", PENALTY_AREA), ("goal area", GOAL_AREA)):
        half, outer = GOAL / 2 + size, x + LINE / 2
        area = rectangle(outer - size, -half, outer, half)
        regions += [Region(f"left {name}", mirrored_x(area), "surface")]
        regions += [Region(f"right {name}", area, "surface")]
    angle = np.degrees(np.arccos((mark_x - (x + LINE / 2 - PENALTY_AREA)) / RADIUS))
    segment = arc((mark_x, 0), RADIUS, 180 - angle, 180 + angle)
    regions += [Region("left penalty arc", mirrored_x(segment), "surface")]
    regions += [Region("right penalty arc", segment, "surface")]
    regions += [Region("centre circle", arc((0, 0), RADIUS)[:-1], "surface")]
    return tuple(regions)
