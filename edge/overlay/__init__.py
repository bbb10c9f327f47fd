"""Pictures and videos with the registered field drawn in.

`draw_overlay` for one picture, `Overlay` for many, `OverlayVideo` for a file, `contact_sheet` to
look at several at once.
"""

from edge.overlay.draw import COLOURS, Overlay, contact_sheet, describe, draw_overlay, draw_status
from edge.overlay.projection import marking_segments, oriented, project_segments
from edge.overlay.video import OverlayVideo

__all__ = [
    "COLOURS",
    "Overlay",
    "OverlayVideo",
    "contact_sheet",
    "describe",
    "draw_overlay",
    "draw_status",
    "marking_segments",
    "oriented",
    "project_segments",
]
