"""Playing fields as data, and the one renderer that draws them.

Use `load_field("soccer")`, then `texture`, `distance_map`, `polylines`, `region_mask` or `minimap`.
"""

from __future__ import annotations

from edge.fields.catalogue import FIELD_NAMES, SPORTS, default_field, load_field
from edge.fields.model import Field, Grid, Marking, Paint, Region, Vantage
from edge.fields.palettes import PALETTES
from edge.fields.raster import Raster
from edge.fields.render import (
    distance_map,
    minimap,
    outline,
    polylines,
    region_mask,
    texture,
)

__all__ = [
    "FIELD_NAMES",
    "PALETTES",
    "SPORTS",
    "Field",
    "Grid",
    "Marking",
    "Paint",
    "Raster",
    "Region",
    "Vantage",
    "default_field",
    "distance_map",
    "load_field",
    "minimap",
    "outline",
    "polylines",
    "region_mask",
    "texture",
]
