"""Basketball courts: NBA, FIBA and NCAA.

Sources: NBA Official Rules, Rule 1 and its court diagram; FIBA Official Basketball Rules, Art. 2;
NCAA Basketball Rules, Rule 1 and its court diagram. Length and width lie between the inner edges of
the boundary lines, which are painted outside. Arcs, circles and lanes are measured to their outer
edges, the no-charge (restricted) area to its inner edge. Distances along x count from the end
line's inner edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.fields.model import Field, Grid, Marking, Points, Region, Vantage
from edge.fields.shapes import FOOT, INCH, arc, both_ends, mirrored_x, path, rectangle


@dataclass(frozen=True, slots=True)
class _CourtRules:
    """The measures of one rule book, metres."""

    length: float
    width: float
    line: float
    basket: float
    """From the end line to below the ring's centre."""
    board: float
    """From the end line to the backboard's face."""
    lane_length: float
    """To the free-throw line's far edge."""
    lane_width: float
    circle_radius: float
    """Centre circle and free-throw circle."""
    three_radius: float
    three_y: float
    """From the long axis to the straight parts of the three-point line."""
    no_charge_radius: float
    lane_marks: tuple[tuple[float, float], ...]
    """Begin and width along x of the marks on the lane's sides."""
    lane_mark_depth: float
    """How far those marks stand out."""
    centre_line_overhang: float = 0.0
    inner_circle_radius: float = 0.0
    """To the outer edge of the NBA's small circle, or 0."""
    lower_circle: bool = False
    """Whether the half of the free-throw circle inside the lane is drawn, in dashes."""
    nba_marks: bool = False
    """Whether the sidelines' 28-foot marks and the lower defensive box are marked."""


_RULES = {
    "nba": _CourtRules(
        length=94 * FOOT,
        width=50 * FOOT,
        line=2 * INCH,
        basket=5.25 * FOOT,
        board=4 * FOOT,
        lane_length=19 * FOOT,
        lane_width=16 * FOOT,
        circle_radius=6 * FOOT,
        three_radius=23.75 * FOOT,
        three_y=22 * FOOT,
        no_charge_radius=4 * FOOT,
        lane_marks=tuple((7 * FOOT + d * INCH, 2 * INCH) for d in (0, 12, 50, 88)),
        lane_mark_depth=6 * INCH,
        inner_circle_radius=26 * INCH,
        lower_circle=True,
        nba_marks=True,
    ),
    "fiba": _CourtRules(
        length=28.0,  # 2.1
        width=15.0,  # 2.1
        line=0.05,  # 2.4
        basket=1.575,  # 2.4.4
        board=1.2,  # 3
        lane_length=5.8,  # 2.4.3
        lane_width=4.9,  # 2.4.3
        circle_radius=1.8,  # 2.4.2
        three_radius=6.75,  # 2.4.4
        three_y=6.6,  # 2.4.4: 0.90 m from the sideline
        no_charge_radius=1.25,  # 2.4.7
        lane_marks=((1.75, 0.05), (2.65, 0.4), (3.9, 0.05), (4.8, 0.05)),  # diagram 4
        lane_mark_depth=0.1,
        centre_line_overhang=0.15,  # 2.4.2
    ),
    "ncaa_basketball": _CourtRules(
        length=94 * FOOT,
        width=50 * FOOT,
        line=2 * INCH,
        basket=5.25 * FOOT,
        board=4 * FOOT,
        lane_length=19 * FOOT,
        lane_width=12 * FOOT,
        circle_radius=6 * FOOT,
        three_radius=22 * FOOT + 1.75 * INCH,
        three_y=21 * FOOT + 7.875 * INCH,
        no_charge_radius=4 * FOOT,
        lane_marks=(
            (7 * FOOT, 1 * FOOT),
            *((11 * FOOT + d * INCH, 2 * INCH) for d in (0, 38, 76)),
        ),
        lane_mark_depth=8 * INCH,
    ),
}


def basketball(name: str) -> Field:
    """Build the court called `nba`, `fiba` or `ncaa_basketball`."""
    r = _RULES[name]
    return Field(
        name=name,
        sport="basketball",
        length_m=r.length,
        width_m=r.width,
        runoff_m=2.0,
        markings=tuple(_middle(r) + _end(r) + _small_marks(r)),
        regions=_regions(r),
        grid=Grid(13, 7),
        vantage=Vantage((0.0, -28.0, 8.5), (10.0, 12.0, 5.0)),
        paint="either",
    )


def size_of(name: str) -> tuple[float, float]:
    """Length and width of a court, metres."""
    return _RULES[name].length, _RULES[name].width


def _middle(r: _CourtRules) -> list[Marking]:
    """Boundary, centre line and centre circles."""
    x, y = (r.length + r.line) / 2, (r.width + r.line) / 2
    y_end = y + r.line / 2
    reach = y_end + r.centre_line_overhang
    ring = arc((0, 0), r.circle_radius - r.line / 2)
    out = [
        *both_ends("end line", path((x, -y_end), (x, y_end)), r.line, "white", "boundary"),
        Marking("near sideline", path((-x, -y), (x, -y)), r.line, "white", "boundary"),
        Marking("far sideline", path((-x, y), (x, y)), r.line, "white", "boundary"),
        Marking("centre line", path((0, -reach), (0, reach)), r.line, "white", "line"),
        Marking("centre circle", ring, r.line, "white", "curve"),
    ]
    if r.inner_circle_radius:
        ring = arc((0, 0), r.inner_circle_radius - r.line / 2)
        out.append(Marking("inner centre circle", ring, r.line, "white", "curve"))
    return out


def _end(r: _CourtRules) -> list[Marking]:
    """Lanes, free-throw circles, three-point lines and no-charge arcs of both ends."""
    x, half = r.length / 2, (r.lane_width - r.line) / 2
    line_x = x - r.lane_length + r.line / 2
    lane = path((x, -half), (line_x, -half), (line_x, half), (x, half))
    radius = r.circle_radius - r.line / 2
    overhang = 0.0
    out = both_ends("lane", lane, r.line, "white")
    if r.lower_circle:
        overhang = float(np.degrees(12.29 * INCH / radius))  # NBA diagram: 12.29 in beyond the line
        out += _dashes(line_x, radius, r)
    upper = arc((line_x, 0), radius, 90 - overhang, 270 + overhang)
    out += both_ends("free-throw circle", upper, r.line, "white", "curve")
    out += both_ends("three-point line", _three(r, r.line / 2), r.line, "white", "curve")
    return out + both_ends("no-charge line", _no_charge(r, r.line / 2), r.line, "white", "curve")


def _dashes(line_x: float, radius: float, r: _CourtRules) -> list[Marking]:
    """Draw the six dashes of 15.5 in that complete the NBA's free-throw circle (court diagram)."""
    dash = float(np.degrees(15.5 * INCH / radius))
    out: list[Marking] = []
    for i in range(6):
        start = -6.5 * dash + dash + 2 * dash * i
        part = arc((line_x, 0), radius, start, start + dash)
        out += both_ends(f"free-throw dash {i + 1}", part, r.line, "white", "hash")
    return out


def _three(r: _CourtRules, inset: float) -> Points:
    """Trace the right three-point line, `inset` from its outer edge, from end line to end line."""
    basket_x, radius, y = r.length / 2 - r.basket, r.three_radius - inset, r.three_y - inset
    angle = float(np.degrees(np.arcsin(y / radius)))
    front = arc((basket_x, 0), radius, 180 + angle, 180 - angle)
    return np.concatenate([path((r.length / 2, -y)), front, path((r.length / 2, y))])


def _no_charge(r: _CourtRules, outset: float) -> Points:
    """Trace the right no-charge arc and its straight ends, `outset` from its inner edge."""
    basket_x, board_x = r.length / 2 - r.basket, r.length / 2 - r.board
    radius = r.no_charge_radius + outset
    front = arc((basket_x, 0), radius, 270, 90)
    return np.concatenate([path((board_x, -radius)), front, path((board_x, radius))])


def _small_marks(r: _CourtRules) -> list[Marking]:
    """Draw the marks along the lane, and those that only the NBA has."""
    out: list[Marking] = []
    half = r.lane_width / 2
    for i, (begin, wide) in enumerate(r.lane_marks):
        x = r.length / 2 - begin - wide / 2
        for side, sign in (("near", -1), ("far", 1)):
            mark = path((x, sign * half), (x, sign * (half + r.lane_mark_depth)))
            out += both_ends(f"{side} lane mark {i + 1}", mark, wide, "white", "hash")
    return out + (_nba_marks(r) if r.nba_marks else [])


def _nba_marks(r: _CourtRules) -> list[Marking]:
    """Draw the sidelines' 28-foot marks and those of the lower defensive box (court diagram)."""
    x, y = r.length / 2, r.width / 2
    mark_x = x - 28 * FOOT - r.line / 2
    box_x, box_y = x - 13 * FOOT - r.line / 2, 11 * FOOT + r.line / 2
    out: list[Marking] = []
    for side, sign in (("near", -1), ("far", 1)):
        marks = {
            "sideline mark": path((mark_x, y), (mark_x, y - 3 * FOOT)),
            "box mark in the lane": path((box_x, 4.5 * FOOT), (box_x, 5 * FOOT)),
            "box mark on the end line": path((x, box_y), (x - 6 * INCH, box_y)),
        }
        for name, mark in marks.items():
            out += both_ends(f"{side} {name}", mark * (1, sign), r.line, "white", "hash")
    return out


def _regions(r: _CourtRules) -> tuple[Region, ...]:
    """Lanes, free-throw half discs, no-charge areas and the centre circle."""
    x, half = r.length / 2, r.lane_width / 2
    line_x = x - r.lane_length
    ends = [
        ("lane", rectangle(line_x, -half, x, half), "key"),
        ("free-throw half disc", arc((line_x, 0), r.circle_radius, 90, 270), "surface"),
        ("no-charge area", _no_charge(r, 0.0), "key"),
    ]
    regions = []
    for name, polygon, colour in ends:
        regions.append(Region(f"left {name}", mirrored_x(polygon), colour))
        regions.append(Region(f"right {name}", polygon, colour))
    return (*regions, Region("centre circle", arc((0, 0), r.circle_radius)[:-1], "surface"))
