"""Decoding with PyAV, shared by video files and network streams.

PyAV, not OpenCV's VideoCapture: it gives presentation times, says which packets are corrupt,
interrupts a read that takes too long, and passes on the camera's own clock. OpenCV decodes the
same H.264 about as fast (`benchmarks/decode.py`).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from edge.capture.hdr import Coding, ToneMapper, coding_of
from edge.pyav import ArgumentError, color_coding, true_colors
from edge.types import ImageArray

_PICTURE_CODECS = frozenset(("png", "bmp", "tiff", "webp", "gif", "mjpeg"))
"""What covers and previews are coded with; a film, where a container holds nothing else."""
_PREVIEW = 15
"""A track with more than so many times fewer pixels than the largest is a preview of it."""
_MAX_DAMAGES = 500
"""Damaged places of a container after which the rest of it is given up."""

QUARTER_TURNS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}
"""A frame's rotation in degrees -> what turns it upright."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture out of a decoder."""

    image: ImageArray
    """(height, width, 3) uint8, BGR, turned upright."""
    pts_s: float | None
    """Presentation time in seconds as the stream has it; None where it has none."""
    wallclock_ns: int | None
    """UTC nanoseconds of the exposure by the sender's clock, where the stream carries that."""
    coding: Coding | None = None
    """How the picture was coded before it was tone-mapped; None for plain SDR."""


class Starved(Exception):  # noqa: N818 - no error of the caller's: the stream holds no picture
    """Packets came for a long time, and none gave a picture."""


class PacketDecoder:
    """Pictures of one video stream; broken packets are counted in `corrupt` and skipped.

    With `patience_s`, packets that give no picture for so long raise Starved.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        patience_s: float | None = None,
    ) -> None:
        self.corrupt = 0
        self._patience_s = patience_s
        self._container = container
        self._stream = stream
        self._wallclock: dict[int, int] = {}
        self._converter = Converter(stream.codec_context)

    def pictures(self) -> Generator[Decoded, None, None]:
        """Decode to the stream's end; raises FFmpegError where the connection breaks."""
        fed_s = time.monotonic()
        for packet in self._packets():
            self._remember_clock(packet)
            for frame in self._frames(packet):
                yield self._picture(frame)
                fed_s = time.monotonic()
            if self._patience_s is not None and time.monotonic() - fed_s > self._patience_s:
                raise Starved

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Read packets, on and on behind places where the container's own structure is damaged."""
        for _ in range(_MAX_DAMAGES):
            try:
                yield from self._container.demux(self._stream)
            except InvalidDataError:  # noqa: PERF203 - each damage ends the generator: start again
                self.corrupt += 1
            else:
                return

    def _frames(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except (InvalidDataError, ArgumentError):  # damaged, or larger than the limit
            self.corrupt += 1
            return []
        whole = [frame for frame in frames if not frame.is_corrupt]
        self.corrupt += len(frames) - len(whole)
        return whole

    def _picture(self, frame: VideoFrame) -> Decoded:
        wallclock = self._wallclock.pop(frame.pts, None) if frame.pts is not None else None
        image = self._converter.picture(frame)
        return Decoded(image, _time_s(frame), wallclock, self._converter.coding)

    def _remember_clock(self, packet: Packet[VideoStream]) -> None:
        """Keep the sender's clock of a packet until its frame comes out of the decoder."""
        wallclock = _sender_clock_ns(packet)
        if wallclock is None or packet.pts is None:
            return
        if len(self._wallclock) > 64:  # frames that never came out
            self._wallclock.clear()
        self._wallclock[packet.pts] = wallclock


class Converter:
    """Makes pictures of one stream's decoded frames: BGR, turned as their metadata asks.

    Keeps what FFmpeg works out for a size and format: a frame's own `to_ndarray` does that again
    each time, threads included, and copies what it made: a fifth of the time of decoding.
    """

    def __init__(self, context: VideoCodecContext | None = None) -> None:
        """Convert the frames of this decoder, which tells their coding where they do not."""
        self._context = context
        self._reformatter = VideoReformatter()
        self._mapper: ToneMapper | None = None
        self.coding: Coding | None = None
        """How the pictures are coded where they are tone-mapped; None for plain SDR."""

    def picture(self, frame: VideoFrame) -> ImageArray:
        """(height, width, 3) uint8, contiguous and nobody else's to write to."""
        colors = true_colors(frame)
        made = self._reformatter.reformat(frame, format="bgr24", **colors)
        if made.planes[0].line_size < 0:
            # Its rows lie from the last to the first. PyAV gives memory from the wrong end then;
            # swscale, asked for another format, lays the rows out again.
            made = self._reformatter.reformat(frame, format="rgb24", **colors)
            image = _pixels(made)[..., ::-1]
        else:
            image = _pixels(made)
        curve, primaries = color_coding(frame, self._context)
        coding = coding_of(curve, primaries)
        if coding is not None or self._mapper is not None:
            image = self._mapped(image, coding, primaries)
        turn = QUARTER_TURNS.get(round(frame.rotation) % 360)
        if turn is not None:
            return np.asarray(cv2.rotate(image, turn), np.uint8)
        # a frame that was BGR already is the decoder's, which may build the next one on it
        return image.copy() if made is frame else np.ascontiguousarray(image)

    def _mapped(self, image: ImageArray, coding: Coding | None, primaries: int) -> ImageArray:
        """Tone-map a picture; a stream may change how it is coded."""
        if coding != self.coding:
            made = ToneMapper(coding, primaries) if coding is not None else None
            self.coding, self._mapper = coding, made
        return image if self._mapper is None else self._mapper.map(image.copy())


def _time_s(frame: VideoFrame) -> float | None:
    """Presentation time; where a container has none (AVI), the time of decoding, as players do."""
    if frame.pts is not None or frame.dts is None or not frame.time_base:
        return frame.time
    return float(frame.dts * frame.time_base)


def _pixels(frame: VideoFrame) -> ImageArray:
    """(height, width, 3) uint8 view of a BGR or RGB frame's own memory, rows maybe padded."""
    plane, across = frame.planes[0], frame.width * 3
    rows = np.frombuffer(memoryview(plane), np.uint8, frame.height * plane.line_size)
    padded = rows.reshape(frame.height, plane.line_size)
    return padded[:, :across].reshape(frame.height, frame.width, 3)


def _sender_clock_ns(packet: Packet[VideoStream]) -> int | None:
    """UTC nanoseconds at which the sender sampled the packet, where it said so.

    FFmpeg derives it from RTCP sender reports, as AVProducerReferenceTime (libavutil/defs.h):
    int64 wallclock in microseconds since 1970, then int flags.
    """
    if not packet.has_sidedata("prft"):
        return None
    try:
        data = bytes(packet.get_sidedata("prft"))
    except TypeError:  # PyAV 16.0 names this data but does not hand it out
        return None
    return int(struct.unpack_from("=q", data)[0]) * 1000 if len(data) >= 8 else None


def explain(error: FFmpegError) -> str:
    """FFmpeg's own words for an error, without its number and path."""
    return str(error.strerror or error).rstrip(".").lower()


def video_stream(container: InputContainer) -> VideoStream | None:
    """Choose the film among a container's pictures: the default track, else the largest.

    Covers, stills and thumbnails are none; neither is what cannot be decoded.
    """
    tracks = _films(container)
    default = av.stream.Disposition.default
    return max(
        tracks,
        key=lambda t: (bool(t.disposition & default), t.width * t.height, -t.index),
        default=None,
    )


def track_note(container: InputContainer, chosen: VideoStream) -> str | None:
    """Say which of several video tracks is read; None where there is no choice."""
    tracks = _films(container)
    if len(tracks) < 2:
        return None
    number = [track.index for track in tracks].index(chosen.index) + 1
    default = "default, " if chosen.disposition & av.stream.Disposition.default else ""
    size = f"{chosen.width}x{chosen.height}"
    return f"{len(tracks)} video tracks: track {number} is read ({default}{size})"


def _films(container: InputContainer) -> list[VideoStream]:
    """Return the tracks that may be the film: no stills, covers, previews or unknown codecs."""
    kinds = av.stream.Disposition
    stills = kinds.attached_pic | kinds.still_image | kinds.timed_thumbnails
    # a track whose codec FFmpeg does not know has no context, whatever PyAV's types say
    tracks = [
        track
        for track in container.streams.video
        if not track.disposition & stills and getattr(track, "codec_context", None) is not None
    ]
    moving = [track for track in tracks if track.codec_context.name not in _PICTURE_CODECS]
    tracks = moving or tracks
    largest = max((track.width * track.height for track in tracks), default=0)
    return [track for track in tracks if track.width * track.height * _PREVIEW >= largest]
