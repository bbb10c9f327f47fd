"""The fields by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from edge.errors import UsageError
from edge.fields import american_football, basketball, ice_hockey, soccer, tennis
from edge.fields.model import Field

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Entry:
    """How to build a field, and which sizes it takes."""

    sport: str
    build: Callable[[float, float], Field]
    size_m: tuple[float, float]
    length_range_m: Range | None = None
    """None: the length is fixed."""
    width_range_m: Range | None = None


def _fixed(build: Callable[[], Field]) -> Callable[[float, float], Field]:
    """Adapt a field of one size to the builders' signature."""
    return lambda _length, _width: build()


_FIELDS = {
    "soccer": _Entry(
        "soccer",
        soccer.soccer,
        (soccer.LENGTH_M, soccer.WIDTH_M),
        soccer.LENGTH_RANGE_M,
        soccer.WIDTH_RANGE_M,
    ),
    **{
        name: _Entry(
            "american_football",
            _fixed(partial(american_football.american_football, name)),
            (american_football.LENGTH_M, american_football.WIDTH_M),
        )
        for name in ("nfl", "ncaa_football", "high_school_football")
    },
    "nhl": _Entry("ice_hockey", ice_hockey.nhl, (ice_hockey.NHL_LENGTH_M, ice_hockey.NHL_WIDTH_M)),
    "iihf": _Entry(
        "ice_hockey",
        ice_hockey.iihf,
        (ice_hockey.IIHF_LENGTH_M, ice_hockey.IIHF_WIDTH_M),
        ice_hockey.IIHF_LENGTH_RANGE_M,
        ice_hockey.IIHF_WIDTH_RANGE_M,
    ),
    **{
        name: _Entry(
            "basketball", _fixed(partial(basketball.basketball, name)), basketball.size_of(name)
        )
        for name in ("nba", "fiba", "ncaa_basketball")
    },
    "itf": _Entry("tennis", _fixed(tennis.itf), (tennis.LENGTH_M, tennis.DOUBLES_WIDTH_M)),
    "itf_singles": _Entry(
        "tennis", _fixed(tennis.itf_singles), (tennis.LENGTH_M, tennis.SINGLES_WIDTH_M)
    ),
}

FIELD_NAMES: tuple[str, ...] = tuple(_FIELDS)
"""Every name that `load_field` knows."""

SPORTS: tuple[str, ...] = tuple(dict.fromkeys(e.sport for e in _FIELDS.values()))
"""Every sport; the first field of a sport is its default."""


def load_field(name: str, *, length_m: float | None = None, width_m: float | None = None) -> Field:
    """Build the field called `name`, metres, of its usual size unless another is given.

    Raises UsageError for an unknown name, a size out of range, or any other size of a fixed one.
    """
    entry = _FIELDS.get(name)
    if entry is None:
        raise UsageError(_unknown("field", name, FIELD_NAMES))
    length = _checked(name, "length_m", length_m, entry.size_m[0], entry.length_range_m)
    width = _checked(name, "width_m", width_m, entry.size_m[1], entry.width_range_m)
    return entry.build(length, width)


def default_field(sport: str) -> str:
    """Name a sport's usual field; raises UsageError for an unknown sport."""
    for name, entry in _FIELDS.items():
        if entry.sport == sport:
            return name
    raise UsageError(_unknown("sport", sport, SPORTS))


def _checked(
    name: str, what: str, value: float | None, usual: float, allowed: Range | None
) -> float:
    if value is None or abs(value - usual) < 0.005:
        return usual
    if allowed is None:
        raise UsageError(
            f"{what} of field {name!r} is {value}: it is fixed at {usual:g}; leave it out"
        )
    if not allowed[0] <= value <= allowed[1]:
        raise UsageError(
            f"{what} of field {name!r} is {value}: use {allowed[0]:g} to {allowed[1]:g}"
        )
    return float(value)


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {name!r}: {hint}known are {', '.join(known)}"
