"""Outlines of the block digits that are painted on American football fields."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edge.fields.model import Points
from edge.fields.shapes import path

S, T = 0.28, 0.19
"""Width of upright and level strokes, as shares of the digit's width and height."""
_M0, _M1 = 0.5 - T / 2, 0.5 + T / 2

# Each outline is one polygon in the unit square, y up; a cut joins the 0's hole to the outside.
BLOCK_DIGITS: Mapping[str, Points] = MappingProxyType(
    {
        "0": path(
            (0, 0), (1, 0), (1, 1), (0, 1), (0, 0),
            (S, T), (S, 1 - T), (1 - S, 1 - T), (1 - S, T), (S, T),
        ),
        "1": path(
            (0.2, 0), (0.8, 0), (0.8, 0.12), (0.64, 0.12), (0.64, 1), (0.36, 1),
            (0.2, 0.82), (0.2, 0.72), (0.36, 0.76), (0.36, 0.12), (0.2, 0.12),
        ),
        "2": path(
            (0, 0), (1, 0), (1, T), (S, T), (S, _M0), (1, _M0), (1, 1), (0, 1),
            (0, 1 - T), (1 - S, 1 - T), (1 - S, _M1), (0, _M1),
        ),
        "3": path(
            (0, 0), (1, 0), (1, 1), (0, 1), (0, 1 - T), (1 - S, 1 - T), (1 - S, _M1),
            (0.25, _M1), (0.25, _M0), (1 - S, _M0), (1 - S, T), (0, T),
        ),
        "4": path(
            (1 - S, 0), (1, 0), (1, 1), (1 - S, 1), (1 - S, _M1), (S, _M1), (S, 1), (0, 1),
            (0, _M0), (1 - S, _M0),
        ),
        "5": path(
            (0, 0), (1, 0), (1, _M1), (S, _M1), (S, 1 - T), (1, 1 - T), (1, 1), (0, 1),
            (0, _M0), (1 - S, _M0), (1 - S, T), (0, T),
        ),
    }
)  # fmt: skip
