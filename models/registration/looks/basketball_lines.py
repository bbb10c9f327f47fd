"""Lines of basketball floors: the court's own, other leagues' arcs, other sports' courts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.fields import Field, load_field
from models.registration.cameras import Array
from models.registration.floors import Canvas
from models.registration.strokes import random_colour

HIGH_SCHOOL_ARC_M = 6.02
"""19 ft 9 in, NFHS Rule 1."""
ZONES = 10
OUTSIDE, APRON, COURT, ART, INSIDE, LANE, HALF_DISC, NO_CHARGE, CIRCLE, LOWER_DISC = range(ZONES)
"""What the parts of a floor are numbered."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one floor."""

    kind: str
    """`arena`, `hall` or `outdoor`."""
    ground: Array
    """(3,) BGR of the bare floor."""
    team: tuple[Array, Array]
    """Paint of keys, aprons and letters."""


def box(x: float, y: float) -> Array:
    """The (4, 2) corners of a rectangle about the middle, of half extents x and y."""
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def own_lines(
    rng: np.random.Generator, canvas: Canvas, field: Field, scheme: Scheme, colours: Array
) -> None:
    """The court's own lines, in one colour or several; small marks are missing on some floors."""
    main = _line_colour(rng, scheme, colours[COURT])
    inks = {}
    for group, ground in (
        ("sideline", COURT),
        ("end line", COURT),
        ("lane", LANE),
        ("free-throw", INSIDE),
        ("three-point", INSIDE),
        ("no-charge", LANE),
        ("cent", COURT),
    ):
        same = rng.random() < 0.85 and _contrast(main, colours[ground]) > 40
        inks[group] = main if same else _line_colour(rng, scheme, colours[ground])
    inks["end line"] = inks["sideline"]
    if _contrast(colours[APRON], colours[COURT]) > 70 and rng.random() < 0.25:
        inks["sideline"] = inks["end line"] = colours[APRON]  # the apron's edge is the line
    edge_only = _contrast(colours[LANE], colours[INSIDE]) > 90 and rng.random() < 0.12
    without_marks, without_arc = rng.random() < 0.2, rng.random() < 0.12
    widen = rng.uniform(0.85, 1.3)
    for marking in field.markings:
        group = next((g for g in inks if g in marking.name), "lane")
        skip = (
            (without_marks and marking.kind == "hash")
            or (without_arc and group == "no-charge")
            or (edge_only and marking.kind == "line" and group == "lane")
        )
        if not skip:
            canvas.stroke(marking.points_m, marking.width_m * widen, inks[group])


def _contrast(a: Array, b: Array) -> float:
    return float(np.abs(np.asarray(a, float) - b).sum())


def _line_colour(rng: np.random.Generator, scheme: Scheme, ground: Array) -> Array:
    """White, black or a club's colour that the ground lets one see, if barely."""
    for _ in range(12):
        roll = rng.random()
        if roll < 0.55:
            ink = rng.uniform(200, 255) * rng.uniform(0.94, 1.04, 3)
        elif roll < 0.72:
            ink = rng.uniform(5, 70) * rng.uniform(0.8, 1.2, 3)
        elif roll < 0.92:
            ink = scheme.team[int(rng.integers(2))]
        else:
            ink = np.array(random_colour(rng), float)
        if _contrast(ink, ground) > rng.uniform(50, 150):
            return np.clip(ink, 0, 255)
    return np.full(3, 250.0 if ground.mean() < 128 else 15.0)


def other_lines(rng: np.random.Generator, canvas: Canvas, field: Field) -> None:
    """Lines that are not the court's: other leagues' arcs and other sports' courts."""
    if rng.random() < 0.5:
        _other_arcs(rng, canvas, field)
    for _ in range(int(rng.integers(0, 4))):
        kind = rng.choice(5)
        ink = np.array(random_colour(rng), float)
        if kind == 0:  # volleyball, along the court or across it
            turn = rng.random() < 0.4
            _net_court(
                canvas, (18, 9), (0, -3, 3), ink, rng.uniform(-9, 9) if turn else 0.0, turned=turn
            )
        elif kind == 1:  # badminton
            for x in np.arange(-1, 2) * rng.uniform(7, 9):
                _net_court(canvas, (13.4, 6.1), (-1.98, 1.98, -5.94, 5.94), ink, x, turned=True)
        elif kind == 2:
            _handball(canvas, ink)
        elif kind == 3:
            _cross_courts(rng, canvas, field, ink)
        else:
            for _ in range(int(rng.integers(1, 5))):
                ends = rng.uniform(-1, 1, (2, 2)) * [field.length_m / 2, field.width_m / 2]
                if rng.random() < 0.9:
                    ends[1, int(rng.integers(2))] = ends[0, int(rng.integers(2))]
                canvas.stroke(ends, 0.05, ink)


def outer_marks(rng: np.random.Generator, canvas: Canvas, field: Field) -> None:
    """Marks outside the court: coaching boxes, bench areas, throw-in places."""
    y, ink = field.width_m / 2, np.array(random_colour(rng), float)
    long = rng.choice([0.3, 0.6, 1.0, 2.0])
    for x in rng.uniform(0.15, 0.95, int(rng.integers(1, 4))) * field.length_m / 2:
        for side in (-1, 1):
            for end in (-1, 1):
                mark = np.array([[end * x, side * y], [end * x, side * (y + long)]])
                canvas.stroke(mark, 0.05, ink)


def _other_arcs(rng: np.random.Generator, canvas: Canvas, field: Field) -> None:
    """Three-point lines of other rule books, about the same baskets."""
    ink = np.array(random_colour(rng), float)
    right = field.marking("right no-charge line").points_m
    basket = right[:, 0].min() + np.abs(right[:, 1]).max()
    if rng.random() < 0.5:
        angle = np.radians(np.linspace(90, 270, 60))
        arc = np.stack([np.cos(angle), np.sin(angle)], 1) * HIGH_SCHOOL_ARC_M + np.array(
            [basket, 0]
        )
        edge = field.length_m / 2
        arc = np.concatenate([[[edge, arc[0, 1]]], arc, [[edge, arc[-1, 1]]]])
    else:
        names = [n for n in ("nba", "fiba", "ncaa_basketball") if n != field.name]
        other = load_field(str(rng.choice(names)))
        arc = other.marking("right three-point line").points_m.copy()
        arc[:, 0] += (field.length_m - other.length_m) / 2
    for sign in (-1, 1):
        canvas.stroke(arc * (sign, 1), 0.05, ink)


def _net_court(
    canvas: Canvas,
    size_m: tuple[float, float],
    cross: tuple[float, ...],
    ink: Array,
    at_x: float,
    *,
    turned: bool,
) -> None:
    """A rectangle with lines across it, lengthwise or turned by a right angle."""
    x, y = size_m[0] / 2, size_m[1] / 2
    parts = [np.concatenate([box(x, y), [[-x, -y]]])]
    parts += [np.array([[c, -y], [c, y]]) for c in cross]
    for part in parts:
        points = part[:, ::-1] if turned else part
        canvas.stroke(points + np.array([at_x, 0.0]), 0.045, ink)


def _handball(canvas: Canvas, ink: Array) -> None:
    """Handball or futsal: 40 x 20 m, 6 m and dashed 9 m lines."""
    canvas.stroke(np.concatenate([box(20, 10), [[-20, -10]]]), 0.05, ink)
    angle = np.radians(np.linspace(90, 180, 30))
    for radius in (6.0, 9.0):
        quarter = np.stack([np.cos(angle), np.sin(angle)], 1) * radius
        arc = np.concatenate(
            [quarter + np.array([20, 1.5]), (quarter * (1, -1))[::-1] + np.array([20, -1.5])]
        )
        for sign in (-1, 1):
            points = arc * (sign, 1)
            pieces = [points] if radius == 6.0 else [points[k : k + 3] for k in range(0, 58, 4)]
            for piece in pieces:
                canvas.stroke(piece, 0.05, ink)


def _cross_courts(rng: np.random.Generator, canvas: Canvas, field: Field, ink: Array) -> None:
    """Two small courts across the hall, as schools have them."""
    names = ("end line", "lane", "free-throw circle", "three-point line", "centre")
    scale = rng.uniform(0.5, 0.62)
    for at in (-1, 1):
        middle = [at * field.length_m * rng.uniform(0.2, 0.28), 0.0]
        for marking in field.markings:
            if marking.kind != "hash" and any(n in marking.name for n in names):
                points = marking.points_m[:, ::-1] * scale * (0.9, 1.0)
                canvas.stroke(points + middle, 0.045, ink)
