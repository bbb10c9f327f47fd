"""Ice hockey rinks: NHL Official Rules, Section 1 (Rule 1), and IIHF Official Rule Book, Rule 1.

Length and width lie between the boards' faces. The width of a circle's line is part of its radius.
The referee's crease is left out: on which side of the rink it lies differs from hall to hall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.fields.model import Field, Grid, Marking, Points, Region, Vantage
from edge.fields.shapes import (
    FOOT,
    INCH,
    arc,
    both_ends,
    closed,
    mirrored_x,
    path,
    rounded_rectangle,
    spot,
)

NHL_LENGTH_M, NHL_WIDTH_M = 200 * FOOT, 85 * FOOT  # NHL 1.2
IIHF_LENGTH_M, IIHF_WIDTH_M = 60.0, 30.0  # IIHF 1.2
IIHF_LENGTH_RANGE_M, IIHF_WIDTH_RANGE_M = (58.0, 61.0), (25.0, 30.5)
"""IIHF 1.2: 60 m long, 26 to 30 m wide; older halls differ a little."""


@dataclass(frozen=True, slots=True)
class _RinkRules:
    """The measures of one rule book, metres."""

    corner_radius: float
    line: float
    zone_line: float
    goal_line_to_boards: float
    blue_line_to_boards: float
    """To the middle of the blue line."""
    circle_radius: float
    spot_y: float
    """From the long axis to the face-off spots off centre."""
    end_spot_to_goal_line: float
    neutral_spot_to_blue_line: float
    """From a neutral spot's middle to the blue line's edge."""
    spot_diameter: float
    centre_spot_diameter: float
    hash_gap: float
    """Between the middles of a circle's two hash marks."""
    hash_length: float
    ell: tuple[float, float, float, float]
    """Face-off marks: x and y of the corner from the spot, length along x, length along y."""
    crease_half_width: float
    crease_radius: float
    trapezoid: tuple[float, float]
    """Half widths at the goal line and at the boards."""


_NHL = _RinkRules(
    corner_radius=28 * FOOT,  # 1.2
    line=2 * INCH,  # 1.5
    zone_line=1 * FOOT,  # 1.5
    goal_line_to_boards=11 * FOOT,  # 1.5
    blue_line_to_boards=74.5 * FOOT,  # 1.5: 50 ft lie between the blue lines' inner edges
    circle_radius=15 * FOOT,  # 1.9
    spot_y=22 * FOOT,  # 1.9
    end_spot_to_goal_line=20 * FOOT,  # 1.9
    neutral_spot_to_blue_line=5 * FOOT,  # 1.9
    spot_diameter=2 * FOOT,  # 1.9
    centre_spot_diameter=1 * FOOT,  # 1.9
    hash_gap=5 * FOOT + 9 * INCH,  # 1.9: 5 ft 7 in between the edges
    hash_length=2 * FOOT,  # 1.9
    ell=(2 * FOOT, 9 * INCH, 4 * FOOT, 3 * FOOT),  # 1.9 and its diagram
    crease_half_width=4 * FOOT,  # 1.7
    crease_radius=6 * FOOT,  # 1.7
    trapezoid=(11 * FOOT, 14 * FOOT),  # 1.8
)
_IIHF = _RinkRules(
    corner_radius=8.5,  # 1.2: 7.0 to 8.5 m
    line=0.05,
    zone_line=0.3,
    goal_line_to_boards=4.0,
    blue_line_to_boards=22.86,
    circle_radius=4.5,
    spot_y=7.0,
    end_spot_to_goal_line=6.0,
    neutral_spot_to_blue_line=1.5,
    spot_diameter=0.6,
    centre_spot_diameter=0.3,
    hash_gap=1.75,
    hash_length=0.6,
    ell=(0.6, 0.225, 1.2, 0.9),
    crease_half_width=1.22,
    crease_radius=1.83,
    trapezoid=(3.4, 4.3),
)  # 1.5 to 1.9 and appendix "Infographics"


def nhl(length_m: float = NHL_LENGTH_M, width_m: float = NHL_WIDTH_M) -> Field:
    """Build the NHL rink."""
    return _rink("nhl", length_m, width_m, _NHL)


def iihf(length_m: float = IIHF_LENGTH_M, width_m: float = IIHF_WIDTH_M) -> Field:
    """Build the IIHF rink of (length_m, width_m) metres; the end zones keep their size."""
    return _rink("iihf", length_m, width_m, _IIHF)


def _rink(name: str, length: float, width: float, r: _RinkRules) -> Field:
    goal_x = length / 2 - r.goal_line_to_boards
    spot_x = goal_x - r.end_spot_to_goal_line
    neutral_x = length / 2 - r.blue_line_to_boards - r.zone_line / 2 - r.neutral_spot_to_blue_line
    boards = closed(rounded_rectangle(length, width, r.corner_radius))
    markings = [
        *_zone_lines(length, width, r),
        Marking(
            "centre circle", arc((0, 0), r.circle_radius - r.line / 2), r.line, "blue", "curve"
        ),
        spot("centre spot", (0, 0), r.centre_spot_diameter, "blue"),
        *_goal_end(length, goal_x, r),
    ]
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        where = f"{'left' if x < 0 else 'right'} {'near' if y < 0 else 'far'}"
        neutral = (x * neutral_x, y * r.spot_y)
        markings.append(spot(f"{where} neutral spot", neutral, r.spot_diameter, "red"))
        markings += _end_circle(where, (x * spot_x, y * r.spot_y), r)
    markings.append(Marking("boards", boards, 0.1, "boards", "boundary"))
    return Field(
        name=name,
        sport="ice_hockey",
        length_m=length,
        width_m=width,
        runoff_m=2.0,
        markings=tuple(markings),
        regions=_regions(goal_x, spot_x, r),
        grid=Grid(13, 7),
        vantage=Vantage((0.0, -32.0, 10.0), (14.0, 12.0, 6.0)),
        paint="dark",
        corner_radius_m=r.corner_radius,
    )


def _half_width_at(x: float, length: float, width: float, radius: float) -> float:
    """Half the rink's width at `x`, less than width/2 in the rounded corners."""
    into = max(0.0, abs(x) - (length / 2 - radius))
    return width / 2 - radius + float(np.sqrt(radius**2 - into**2))


def _zone_lines(length: float, width: float, r: _RinkRules) -> list[Marking]:
    """Centre line, blue lines and goal lines, from boards to boards."""
    blue_x = length / 2 - r.blue_line_to_boards
    goal_x = length / 2 - r.goal_line_to_boards
    end = _half_width_at(goal_x, length, width, r.corner_radius)
    y = width / 2
    goal_line = path((goal_x, -end), (goal_x, end))
    return [
        Marking("centre line", path((0, -y), (0, y)), r.zone_line, "red", "line"),
        *both_ends("blue line", path((blue_x, -y), (blue_x, y)), r.zone_line, "blue"),
        *both_ends("goal line", goal_line, r.line, "red"),
    ]


def _goal_end(length: float, goal_x: float, r: _RinkRules) -> list[Marking]:
    """Creases and trapezoids of both ends."""
    out = both_ends("crease", _crease(goal_x, r, r.line / 2), r.line, "red")
    inner, outer = r.trapezoid
    for side, sign in (("near", -1), ("far", 1)):
        line = path((goal_x, sign * inner), (length / 2, sign * outer))
        out += both_ends(f"{side} trapezoid line", line, r.line, "red")
    return out


def _crease(goal_x: float, r: _RinkRules, inset: float) -> Points:
    """Trace the right crease, `inset` from its edge, from goal line to goal line."""
    half, radius = r.crease_half_width - inset, r.crease_radius - inset
    angle = float(np.degrees(np.arcsin(half / radius)))
    front = arc((goal_x, 0), radius, 180 + angle, 180 - angle)
    return np.concatenate([path((goal_x, -half)), front, path((goal_x, half))])


def _end_circle(where: str, centre: tuple[float, float], r: _RinkRules) -> list[Marking]:
    """One end-zone circle with its spot, hash marks and the four face-off marks around the spot."""
    cx, cy = centre
    radius = r.circle_radius - r.line / 2
    out = [
        Marking(f"{where} circle", arc(centre, radius), r.line, "red", "curve"),
        spot(f"{where} spot", centre, r.spot_diameter, "red"),
    ]
    dx, dy, along, across = r.ell
    start = float(np.sqrt(r.circle_radius**2 - (r.hash_gap / 2) ** 2))
    for sx in (-1, 1):
        for sy in (-1, 1):
            x = cx + sx * r.hash_gap / 2
            tick = path((x, cy + sy * start), (x, cy + sy * (start + r.hash_length)))
            out.append(Marking(f"{where} hash {sx:+d}{sy:+d}", tick, r.line, "red", "hash"))
            # the middle of an L's lines lies half a line beyond its inner corner
            ex, ey = dx + r.line / 2, dy + r.line / 2
            ell = path((dx + along, ey), (ex, ey), (ex, dy + across)) * (sx, sy) + centre
            out.append(Marking(f"{where} L {sx:+d}{sy:+d}", ell, r.line, "red", "hash"))
    return out


def _regions(goal_x: float, spot_x: float, r: _RinkRules) -> tuple[Region, ...]:
    """Creases, end-zone circles and the centre circle, lines included."""
    crease = _crease(goal_x, r, 0.0)
    regions = [
        Region("left crease", mirrored_x(crease), "crease"),
        Region("right crease", crease, "crease"),
        Region("centre circle", arc((0, 0), r.circle_radius)[:-1], "surface"),
    ]
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        where = f"{'left' if x < 0 else 'right'} {'near' if y < 0 else 'far'}"
        disc = arc((x * spot_x, y * r.spot_y), r.circle_radius)[:-1]
        regions.append(Region(f"{where} circle", disc, "surface"))
    return tuple(regions)
