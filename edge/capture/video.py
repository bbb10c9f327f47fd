"""Video files, read to the end: every frame, corrupt ones counted and skipped."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge.capture.decode import Decoded, Decoder, explain, video_stream
from edge.capture.source import SourceBase, SourceInfo
from edge.errors import SourceError
from edge.pyav import EXACT_TAGS
from edge.types import Frame

_NOT_VIDEO = frozenset(("tty", "concat", "ass", "srt", "webvtt", "lrc", "gdigrab", "lavfi"))
"""FFmpeg's readers that find 'video' in text, or that open other files than the one given."""


class VideoFile(SourceBase):
    """A video file that PyAV opens.

    `pts_s` counts from the stream's start; `capture_ns` is the time of opening plus `pts_s`. Raises
    SourceError when the file is missing, empty, no video, or has not a single frame that decodes.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._container = open_file(self._path)
        try:
            stream = _video(self._container, self._path)
            # Up to full HD one thread decodes faster than the network registers, and reports each
            # broken frame where it is; frame threads lose the last frames of a file that is cut
            # off.
            stream.thread_type = "SLICE" if stream.width * stream.height <= 1920 * 1088 else "AUTO"
            self._decoder = Decoder(self._container, stream)
            self._pictures = self._decoder.pictures()
            self._first: Decoded | None = self._decode_first()
            self._start_s = _start_s(self._container, self._first)
        except BaseException:
            self._container.close()
            raise
        height, width = self._first.image.shape[:2]
        fps, frames = _rate(stream), _frame_count(self._container, stream)
        super().__init__(SourceInfo(str(path), "file", width, height, fps, frames, live=False))
        self._opened_ns = time.time_ns()
        self._delivered = 0
        self._closed = False

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded and were skipped so far."""
        return self._decoder.corrupt

    def read(self) -> Frame | None:
        """Return the next frame that decodes, or None at the end."""
        if self._closed:
            return None
        picture, self._first = self._first or self._decode(), None
        if picture is None:
            self._check_length()
            return None
        now = time.monotonic_ns()
        pts_s = None if picture.pts_s is None else picture.pts_s - self._start_s
        index = self._delivered + self.corrupt
        self._delivered += 1
        capture_ns = self._opened_ns + int(1e9 * (pts_s or 0.0))
        return Frame(picture.image, index, pts_s, capture_ns, now, clock_source="file")

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._closed = True
        self._pictures.close()
        self._container.close()

    def _decode_first(self) -> Decoded:
        first = self._decode()
        if first is None:
            raise SourceError(
                f"{self._path}: no frame of the video can be decoded; is the recording complete?"
            )
        return first

    def _decode(self) -> Decoded | None:
        try:
            return next(self._pictures, None)
        except FFmpegError as error:
            raise SourceError(
                f"{self._path}: reading stopped: {explain(error)}; check the disk"
            ) from error

    def _check_length(self) -> None:
        """Note a file that ends well before the length that its header promises."""
        expected, got = self._info.frames, self._delivered + self.corrupt
        if expected is not None and got < 0.95 * expected - 2:
            self._note = (
                f"{self._path}: only {got} of {expected} frames were there;"
                " the file is cut off or damaged"
            )


def open_file(
    path: Path, *, wanted: str = "a video, a picture or a folder of pictures"
) -> InputContainer:
    """Open a file that FFmpeg reads as a video or as sound.

    Raises SourceError, with the reason and with what is `wanted` in its place.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise SourceError(f"{path}: the file is empty; copy or record it again")
        container: InputContainer = av.open(str(path), "r", **EXACT_TAGS)
    except (FFmpegError, OSError) as error:
        raise SourceError(_why_not(path, error)) from error
    if container.format.name in _NOT_VIDEO:
        container.close()
        raise SourceError(f"{path}: not a video file; give {wanted}")
    return container


def _why_not(path: Path, error: OSError | FFmpegError) -> str:
    """Say in one line why a file does not open."""
    if isinstance(error, PermissionError):
        return f"{path}: no permission to read it; check the file's owner and mode"
    if isinstance(error, av.error.InvalidDataError):
        if _is_mp4_without_index(path):
            return (
                f"{path}: the recording was cut off: its index (moov) at the end is missing;"
                " record it again, or mend it with a tool such as untrunc"
            )
        return (
            f"{path}: not a video file, or damaged from its beginning; does a video player open it?"
        )
    reason = (
        explain(error) if isinstance(error, FFmpegError) else str(error.strerror or error).lower()
    )
    return f"{path}: cannot be opened: {reason}"


def _is_mp4_without_index(path: Path) -> bool:
    """Whether a file begins as MP4 but lacks its index (boxes: ISO/IEC 14496-12, 4.2)."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        at = 0
        kinds: list[bytes] = []
        while at + 8 <= end and len(kinds) < 1000:
            file.seek(at)
            size, kind = struct.unpack(">I4s", file.read(8))
            kinds.append(kind)
            if size == 1:  # a 64-bit size follows
                size = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0]
            if size < 8:  # 0: to the end of the file; anything else is damage
                break
            at += size
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def _video(container: InputContainer, path: Path) -> VideoStream:
    stream = video_stream(container)
    if stream is None:
        what = "only sound" if container.streams.audio else "no video stream"
        raise SourceError(
            f"{path}: the file holds {what}; give a video, a picture or a folder of pictures"
        )
    return stream


def _start_s(container: InputContainer, first: Decoded) -> float:
    """When the file begins on its own time line, as a player shows it."""
    start: Any = container.start_time  # None where no header tells, whatever PyAV's types say
    return (first.pts_s or 0.0) if start is None else float(start) / 1e6


def _rate(stream: VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else None


def _frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames the header promises: its own count, else duration x rate."""
    if stream.frames:
        return stream.frames
    rate = _rate(stream)
    if rate is None or container.duration is None or container.duration <= 0:
        return None
    return max(1, round(float(container.duration) / 1e6 * rate))  # duration is in microseconds
