"""Frames from files, folders of pictures, cameras and a rendered match.

`open_source` opens any of them; `ReadAhead` decodes a file beside the work without losing a frame;
`LiveReader` keeps the newest frame of a camera and reconnects.
"""

from edge.capture.link import FreezeDetector, Outage, SourceBackoff, SourceLink, SourceLinkState
from edge.capture.opening import open_source
from edge.capture.pictures import list_pictures, read_picture
from edge.capture.reader import LiveReader, ReadAhead
from edge.capture.rendered import RenderedMatch, Truth, render_clip
from edge.capture.slot import LatestSlot, SlotCounts
from edge.capture.source import FrameSource, Kind, SourceInfo, interrupt
from edge.capture.uri import SourceSpec, parse_source
from edge.capture.writer import VideoWriter

__all__ = [
    "FrameSource",
    "FreezeDetector",
    "Kind",
    "LatestSlot",
    "LiveReader",
    "Outage",
    "ReadAhead",
    "RenderedMatch",
    "SlotCounts",
    "SourceBackoff",
    "SourceInfo",
    "SourceLink",
    "SourceLinkState",
    "SourceSpec",
    "Truth",
    "VideoWriter",
    "interrupt",
    "list_pictures",
    "open_source",
    "parse_source",
    "read_picture",
    "render_clip",
]
