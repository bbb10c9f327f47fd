"""A second look: a picture of each second where the key frames suspect a recap or an intro.

Key frames may lie ten seconds apart, and titles come in after the cut that makes one. So what they
suspect is decoded once more, and judged again with the pictures that this gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from av.error import FFmpegError

from edge.segments.boundary_refinement import decoder, frames_from, joined
from edge.segments.demux import NONREF_FPS, DecodedPicture, EverySecond, Shrinker
from edge.segments.media import Media
from edge.segments.types import Segment

AROUND_S = 10.0
"""So much before and after a suspect is looked at too."""
MOST_S = 240.0
"""Seconds that are looked at in all."""


def spans(candidates: Iterable[Segment], end_s: float) -> list[tuple[float, float]]:
    """What to look at, in order and apart from each other: the likeliest candidates first."""
    made: list[tuple[float, float]] = []
    for one in sorted(candidates, key=lambda c: -c.probability):
        wider = joined([*made, (one.start_s - AROUND_S, one.end_s + AROUND_S)], end_s)
        if sum(b - a for a, b in wider) <= MOST_S:
            made = wider
    return made


def pictures(media: Media, wanted: Sequence[tuple[float, float]]) -> Iterator[DecodedPicture]:
    """The pictures shown in the middle of each second of the spans, in order.

    Where a damaged file cannot be wound to a span it has none, and a warning.
    """
    with decoder(media) as (container, video):
        shrink, every = Shrinker(), 1 / media.frame_s < NONREF_FPS
        for first_s, last_s in wanted:
            each = EverySecond(int(first_s))
            reached_s = first_s
            try:
                from_s = first_s + media.start_s
                for frame in frames_from(container, video, from_s, every=every):
                    if frame.time is None or frame.is_corrupt:
                        continue
                    reached_s = frame.time - media.start_s
                    for at_s, shown in each.push(reached_s, frame):
                        yield DecodedPicture(at_s, shrink(shown))
                    if reached_s > last_s:
                        break
                if reached_s <= last_s:  # the file ends within the span
                    for at_s, shown in each.finish(last_s):
                        yield DecodedPicture(at_s, shrink(shown))
            except FFmpegError:
                media.warnings.append(f"cannot be wound to {first_s:.0f} s: no second look there")
