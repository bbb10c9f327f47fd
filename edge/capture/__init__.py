"""Frames from files, folders of pictures, cameras and a rendered match.

`open_source` opens any of them; `ReadAhead` decodes a file beside the work without losing a frame;
`LiveReader` keeps the newest frame of a camera and reconnects.
"""

from edge.capture.link import Backoff, FreezeDetector, Link, LinkState, Outage
from edge.capture.opening import open_source
from edge.capture.pictures import list_pictures, read_picture
from edge.capture.reader import LiveReader, ReadAhead
from edge.capture.rendered import RenderedMatch, Truth, render_clip
from edge.capture.slot import Counts, LatestSlot
from edge.capture.source import Kind, Source, SourceInfo, interrupt
from edge.capture.uri import SourceSpec, parse_source
from edge.capture.writer import VideoWriter

__all__ = [
    "Backoff",
    "Counts",
    "FreezeDetector",
    "Kind",
    "LatestSlot",
    "Link",
    "LinkState",
    "LiveReader",
    "Outage",
    "ReadAhead",
    "RenderedMatch",
    "Source",
    "SourceInfo",
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
