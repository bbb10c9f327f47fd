"""Tennis courts: ITF Rules of Tennis, Rule 1 "The Court".

The Rule measures to the outer edges of the lines. Annotation data sets put the middles of the lines
there, and so does this module: lengths then read about 0.4 % longer than the tape, in both
directions.
"""

from __future__ import annotations

import numpy as np

from edge.fields.model import Field, Grid, Marking, Region, Vantage
from edge.fields.shapes import both_ends, path, rectangle

LENGTH_M, DOUBLES_WIDTH_M, SINGLES_WIDTH_M = 23.77, 10.97, 8.23
SERVICE = 6.40  # from the net to the service line
LINE, BASELINE = 0.05, 0.10  # lines 2.5 to 5 cm, baselines up to 10 cm, centre line and marks 5 cm
CENTRE_MARK = 0.10


def itf() -> Field:
    """Build the court with the doubles alleys."""
    return _court("itf", DOUBLES_WIDTH_M)


def itf_singles() -> Field:
    """Build a court for singles only, without alleys."""
    return _court("itf_singles", SINGLES_WIDTH_M)


def _court(name: str, width: float) -> Field:
    x, y = LENGTH_M / 2, width / 2
    single, y_end = SINGLES_WIDTH_M / 2, y + LINE / 2
    mark = path((x - BASELINE / 2, 0), (x - BASELINE / 2 - CENTRE_MARK, 0))
    markings = [
        *both_ends("baseline", path((x, -y_end), (x, y_end)), BASELINE, "white", "boundary"),
        Marking("near sideline", path((-x, -y), (x, -y)), LINE, "white", "boundary"),
        Marking("far sideline", path((-x, y), (x, y)), LINE, "white", "boundary"),
    ]
    if width > SINGLES_WIDTH_M:
        near, far = path((-x, -single), (x, -single)), path((-x, single), (x, single))
        markings.append(Marking("near singles sideline", near, LINE, "white", "line"))
        markings.append(Marking("far singles sideline", far, LINE, "white", "line"))
    line = path((SERVICE, -single), (SERVICE, single))
    markings += both_ends("service line", line, LINE, "white")
    centre = path((-SERVICE, 0), (SERVICE, 0))
    markings.append(Marking("centre service line", centre, LINE, "white", "line"))
    markings += both_ends("centre mark", mark, LINE, "white", "hash")
    return Field(
        name=name,
        sport="tennis",
        length_m=LENGTH_M,
        width_m=width,
        runoff_m=6.0,
        markings=tuple(markings),
        regions=_regions(width),
        grid=Grid(13, 7),
        vantage=Vantage((-36.0, 0.0, 8.5), (16.0, 6.0, 5.0), pan_rad=np.pi / 2),
    )


def _regions(width: float) -> tuple[Region, ...]:
    """Service boxes and, for doubles, the alleys."""
    x, single = LENGTH_M / 2, SINGLES_WIDTH_M / 2
    regions = [
        Region("left near service box", rectangle(-SERVICE, -single, 0, 0), "surface"),
        Region("left far service box", rectangle(-SERVICE, 0, 0, single), "surface"),
        Region("right near service box", rectangle(0, -single, SERVICE, 0), "surface"),
        Region("right far service box", rectangle(0, 0, SERVICE, single), "surface"),
    ]
    if width > SINGLES_WIDTH_M:
        y = width / 2
        regions.append(Region("near alley", rectangle(-x, -y, x, -single), "surface"))
        regions.append(Region("far alley", rectangle(-x, single, x, y), "surface"))
    return tuple(regions)
