"""American football fields: NFL, NCAA and NFHS (high school), which differ in details.

Sources: NFL Official Playing Rules, Rule 1; NCAA Football Rules, Rule 1 Section 2; NFHS Football
Rules, Rule 1 Section 2; each with its field diagram. All measure length and width between the inner
edges of the end lines and sidelines, so these lines are painted outside ±length/2 and ±width/2.
Both end zones are part of the length. A goal line lies in its end zone: its front edge is 50 yards
from the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.fields.model import Field, Grid, Marking, Region, Vantage
from edge.fields.numerals import BLOCK_DIGITS
from edge.fields.shapes import FOOT, INCH, YARD, both_ends, path, rectangle

LENGTH_M, WIDTH_M = 120 * YARD, 160 * FOOT

LINE = 4 * INCH  # NFL 1-2, NCAA 1-2-1-b, NFHS 1-2-3: yard lines 4 inches wide
MARK = 2 * FOOT  # the length of hash marks and of the marks along the sidelines, in all three
DIGIT_WIDTH, DIGIT_HEIGHT = 4 * FOOT, 6 * FOOT  # all three
DIGIT_TO_LINE = 1 * FOOT  # from the middle of the yard line to the digit (field diagrams)
BORDER = 6 * FOOT  # NFL 1-1-3: solid border; NCAA 1-2-1-b: recommended
ARROW_LENGTH, ARROW_BASE, ARROW_BELOW_TOP = 3 * FOOT, 18 * INCH, 15 * INCH  # diagrams
GOAL_LINE_X = 50 * YARD


@dataclass(frozen=True, slots=True)
class _GridironRules:
    """Where the three rule books differ; lengths in metres."""

    hash_from_sideline: float
    """From the sideline to the inbounds line: inner ends of hash marks, inner edges of ticks."""
    line_gap: float
    """From the sideline to the yard lines and to the marks along it."""
    numeral_bottom: float
    """From the sideline to the digits' bottoms."""
    goal_line_width: float
    try_line_yards: int
    """From the goal line to the short line where a try begins."""
    border: float
    """Width of the painted border around the field, or 0."""
    arrows: bool


_RULES = {
    # NFL 1-2: inbounds lines 70 ft 9 in, lines stop 8 in short, numerals' bottoms 12 yd
    "nfl": _GridironRules(
        70 * FOOT + 9 * INCH,
        8 * INCH,
        12 * YARD,
        8 * INCH,
        try_line_yards=2,
        border=BORDER,
        arrows=True,
    ),
    # NCAA 1-2-1: hash marks 60 ft, marks 4 in from the sideline, tops of numerals 9 yd
    "ncaa_football": _GridironRules(
        60 * FOOT,
        4 * INCH,
        9 * YARD - DIGIT_HEIGHT,
        8 * INCH,
        try_line_yards=3,
        border=BORDER,
        arrows=True,
    ),
    # NFHS 1-2-3: hash marks divide the field into thirds, tops of numerals 9 yd, no border required
    "high_school_football": _GridironRules(
        53 * FOOT + 4 * INCH,
        4 * INCH,
        9 * YARD - DIGIT_HEIGHT,
        LINE,
        try_line_yards=3,
        border=0,
        arrows=False,
    ),
}


def american_football(name: str) -> Field:
    """Build the field called `nfl`, `ncaa_football` or `high_school_football`."""
    rules = _RULES[name]
    return Field(
        name=name,
        sport="american_football",
        length_m=LENGTH_M,
        width_m=WIDTH_M,
        runoff_m=5.0,
        markings=tuple(_boundary() + _yard_lines(rules) + _marks(rules)),
        regions=tuple(_painted_ends(rules) + _numerals(rules)),
        grid=Grid(13, 7),
        period_m=5 * YARD,
        vantage=Vantage((0.0, -85.0, 25.0), (30.0, 40.0, 18.0)),
    )


def _boundary() -> list[Marking]:
    """End lines and sidelines: their inner edges bound the field."""
    x, y = (LENGTH_M + LINE) / 2, (WIDTH_M + LINE) / 2
    y_end = y + LINE / 2
    near, far = path((-x, -y), (x, -y)), path((-x, y), (x, y))
    return [
        *both_ends("end line", path((x, -y_end), (x, y_end)), LINE, "white", "boundary"),
        Marking("near sideline", near, LINE, "white", "boundary"),
        Marking("far sideline", far, LINE, "white", "boundary"),
    ]


def _yard_lines(rules: _GridironRules) -> list[Marking]:
    """Goal lines, and a line every five yards between them."""
    y = WIDTH_M / 2
    x = GOAL_LINE_X + rules.goal_line_width / 2
    goal = path((x, -y), (x, y))
    out = both_ends("goal line", goal, rules.goal_line_width, "white")
    reach = y - rules.line_gap
    for yard in range(-45, 50, 5):
        line = path((yard * YARD, -reach), (yard * YARD, reach))
        out.append(Marking(f"yard line {yard:+d}", line, LINE, "white", "line"))
    return out


def _marks(rules: _GridironRules) -> list[Marking]:
    """Hash and sideline marks every yard, ticks where hash rows cross yard lines, try lines."""
    out: list[Marking] = []
    hash_y = WIDTH_M / 2 - rules.hash_from_sideline
    edge_y = WIDTH_M / 2 - rules.line_gap
    for yard in range(-49, 50):
        x = yard * YARD
        for side, sign in (("near", -1), ("far", 1)):
            if yard % 5 == 0:
                y = sign * (hash_y + LINE / 2)
                tick = path((x - MARK / 2, y), (x + MARK / 2, y))
                out.append(Marking(f"{side} tick {yard:+d}", tick, LINE, "white", "hash"))
                continue
            hashed = path((x, sign * hash_y), (x, sign * (hash_y + MARK)))
            out.append(Marking(f"{side} hash {yard:+d}", hashed, LINE, "white", "hash"))
            edge = path((x, sign * edge_y), (x, sign * (edge_y - MARK)))
            out.append(Marking(f"{side} sideline mark {yard:+d}", edge, LINE, "white", "hash"))
    x = GOAL_LINE_X - rules.try_line_yards * YARD
    return out + both_ends("try line", path((x, -YARD / 2), (x, YARD / 2)), LINE, "white", "hash")


def _painted_ends(rules: _GridironRules) -> list[Region]:
    """End zones, and the painted border where there is one."""
    x, y, b = LENGTH_M / 2, WIDTH_M / 2, rules.border
    out = [
        Region("left end zone", rectangle(-x, -y, -GOAL_LINE_X, y), "endzone"),
        Region("right end zone", rectangle(GOAL_LINE_X, -y, x, y), "endzone"),
    ]
    if b:
        out += [
            Region("left border", rectangle(-x - b, -y - b, -x, y + b), "border"),
            Region("right border", rectangle(x, -y - b, x + b, y + b), "border"),
            Region("near border", rectangle(-x, -y - b, x, -y), "border"),
            Region("far border", rectangle(-x, y, x, y + b), "border"),
        ]
    return out


def _numerals(rules: _GridironRules) -> list[Region]:
    """Draw two digits at every tenth yard line, on both sides, with arrows to the nearer goal."""
    out: list[Region] = []
    bottom = -WIDTH_M / 2 + rules.numeral_bottom
    for yard in range(-40, 50, 10):
        digits = f"{50 - abs(yard):02d}"
        for side, turn in (("near", 1), ("far", -1)):
            # the far side's numerals are the near side's, turned by 180 degrees
            x = turn * yard * YARD
            lefts = (x - DIGIT_TO_LINE - DIGIT_WIDTH, x + DIGIT_TO_LINE)
            for place, digit, left in zip(("tens", "units"), digits, lefts, strict=True):
                shape = BLOCK_DIGITS[digit] * (DIGIT_WIDTH, DIGIT_HEIGHT) + (left, bottom)
                out.append(Region(f"{side} numeral {yard:+d} {place}", turn * shape, "white"))
            if rules.arrows and yard:
                out.append(_arrow(f"{side} arrow {yard:+d}", x, bottom, turn))
    return out


def _arrow(name: str, x: float, bottom: float, turn: int) -> Region:
    """Draw the triangle beside the numeral at `x` that points away from the middle of the field."""
    away = 1 if x > 0 else -1
    base = x + away * (DIGIT_TO_LINE + DIGIT_WIDTH + 0.5 * FOOT)
    y = bottom + DIGIT_HEIGHT - ARROW_BELOW_TOP - ARROW_BASE / 2
    corners = path(
        (base, y - ARROW_BASE / 2), (base, y + ARROW_BASE / 2), (base + away * ARROW_LENGTH, y)
    )
    return Region(name, turn * corners, "white")
