"""Full decoding of short stretches around boundaries, for their cuts and black pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edge.capture.video import open_file
from edge.engines.hardware import usable_cores
from edge.segments.cues import AROUND, GREY, blacks, cuts
from edge.segments.decode import REACH_S
from edge.segments.media import Media
from edge.segments.scaling import Scaler
from edge.types import FloatArray

_LEAST_S = 0.5


def around_s(frame_s: float) -> float:
    """How far around an end pictures are looked at: as far as it may move, and a cut's neighbours.

    What lies beyond decides nothing: a cut there is out of reach, and so is where black begins.
    """
    return REACH_S + max(_LEAST_S, (AROUND + 2) * frame_s)


def stretches(times_s: Iterable[float], end_s: float, around_s: float) -> list[tuple[float, float]]:
    """What lies within `around_s` of the times, from 0 to `end_s`, in order; what meets is one."""
    return joined([(time_s - around_s, time_s + around_s) for time_s in times_s], end_s)


def joined(spans: Iterable[tuple[float, float]], end_s: float) -> list[tuple[float, float]]:
    """The spans' parts between 0 and `end_s`, in order; what meets is one."""
    made: list[tuple[float, float]] = []
    for begin_s, until_s in sorted(spans):
        first, last = max(0.0, begin_s), min(end_s, until_s)
        if made and first <= made[-1][1]:
            made[-1] = made[-1][0], max(last, made[-1][1])
        elif last > first:
            made.append((first, last))
    return made


@contextmanager
def decoder(media: Media) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the file once more, to decode stretches of its pictures on all cores."""
    with open_file(media.path) as container:
        assert media.video is not None  # callers look for pictures only where there are some
        video = container.streams[media.video.index]
        assert isinstance(video, VideoStream)
        video.codec_context.thread_count = min(4, usable_cores())
        video.thread_type = "AUTO"
        yield container, video


def cues_near(media: Media, spans: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    """Decode every picture of the spans -> (c,) cuts and (b, 2) begin and end of black, seconds.

    Raises nothing for what cannot be found in a damaged file: it has no cues there, and a warning.
    """
    found_cuts: list[FloatArray] = [np.empty(0)]
    found_blacks: list[FloatArray] = [np.empty((0, 2))]
    if media.video is None or not spans:
        return found_cuts[0], found_blacks[0]
    with decoder(media) as (container, video):
        for first, last in spans:
            try:
                times, greys = _greys(container, video, first + media.start_s, last + media.start_s)
            except FFmpegError:
                media.warnings.append(f"cannot be wound to {first:.0f} s: ends there are coarse")
                continue
            times = times - media.start_s
            if len(times):
                found_cuts.append(cuts(times, greys))
                found_blacks.append(blacks(times, greys, media.frame_s))
    return np.concatenate(found_cuts), np.concatenate(found_blacks)


def _greys(
    container: InputContainer, video: VideoStream, first_s: float, last_s: float
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Times and grey pictures (n, 36, 64) from `first_s` to `last_s` on the stream's time line."""
    scaler = Scaler()
    times: list[float] = []
    made = []
    for frame in frames_from(container, video, first_s):
        if frame.time is None or frame.time < first_s:
            continue
        if frame.time > last_s:
            break
        times.append(frame.time)
        made.append(scaler(frame, GREY, "gray"))
    return np.array(times), np.array(made, np.uint8).reshape(-1, GREY[1], GREY[0])


def frames_from(
    container: InputContainer, video: VideoStream, from_s: float, *, every: bool = True
) -> Iterator[VideoFrame]:
    """Pictures from a key frame before `from_s` on, up to there only those others refer to.

    Unless `every` picture is wanted, only those others refer to from there on as well.
    """
    container.seek(int(from_s * 1e6))
    for packet in container.demux(video):
        early = packet.pts is not None and float(packet.pts * packet.time_base) < from_s
        video.codec_context.skip_frame = "DEFAULT" if every and not early else "NONREF"
        try:
            yield from packet.decode()
        except InvalidDataError:  # a damaged packet is passed over
            continue
