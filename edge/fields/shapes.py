"""Outlines that fields are drawn from: segments, rectangles, arcs and discs, all in metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.fields.model import Marking, MarkingKind, Points

SAGITTA_M = 0.001
"""How far the chords that replace a curve may stray from it."""

YARD = 0.9144
FOOT = 0.3048
INCH = 0.0254


def path(*points: Sequence[float]) -> Points:
    """Points one after another, (n, 2)."""
    return np.array(points, float).reshape(-1, 2)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    """List the four corners of a rectangle, (4, 2), not closed."""
    return path((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def closed(points: Points) -> Points:
    """Repeat an outline's first point at its end."""
    return np.concatenate([points, points[:1]])


def arc(
    centre: Sequence[float], radius: float, start_deg: float = 0.0, stop_deg: float = 360.0
) -> Points:
    """Sample an arc, (n, 2), ends included; angles count counter-clockwise from +x."""
    sweep = np.radians(stop_deg - start_deg)
    quarters = np.ceil(abs(sweep) / (8 * np.arccos(1 - SAGITTA_M / radius)))
    chords = 4 * int(quarters)  # a multiple of four keeps whole circles symmetric in both axes
    angle = np.linspace(np.radians(start_deg), np.radians(stop_deg), chords + 1)
    return np.asarray(centre, float) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rounded_rectangle(length: float, width: float, radius: float) -> Points:
    """Trace a rectangle about the origin whose corners are quarter circles, (n, 2), not closed."""
    x, y = length / 2 - radius, width / 2 - radius
    corners = ((x, y, 0), (-x, y, 90), (-x, -y, 180), (x, -y, 270))
    return np.concatenate([arc((cx, cy), radius, a, a + 90) for cx, cy, a in corners])


def spot(name: str, centre: Sequence[float], diameter: float, colour: str) -> Marking:
    """Paint a disc: the circle of half its radius, painted as wide as that radius."""
    return Marking(name, arc(centre, diameter / 4), diameter / 2, colour, "spot")


def mirrored_x(points: Points) -> Points:
    """Flip an outline to the other end of the field, (n, 2)."""
    return points * (-1.0, 1.0)


def both_ends(
    name: str, points: Points, width_m: float, colour: str, kind: MarkingKind = "line"
) -> list[Marking]:
    """Make a marking given for the end at +x (`right`), and its mirror image at -x (`left`)."""
    return [
        Marking(f"left {name}", mirrored_x(points), width_m, colour, kind),
        Marking(f"right {name}", points, width_m, colour, kind),
    ]
