"""A match rendered on the spot, for the demo, for tests and as a live source without a camera.

`RenderedMatch` is a source; `render_clip` writes a video file and the truth beside it.
"""

from edge.capture.rendered.clip import render_clip
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.source import RenderedMatch, Truth

__all__ = ["RenderedCamera", "RenderedMatch", "Truth", "render_clip"]
