"""Video files, read to the end: every frame, corrupt ones counted and skipped."""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge.capture.containers import limit, open_container, open_stream
from edge.capture.decode import Decoded, PacketDecoder, explain, track_note, video_stream
from edge.capture.pipe import Pipe, is_stream
from edge.capture.remarks import Remarks
from edge.capture.source import SourceBase, SourceInfo
from edge.capture.structure import is_cut_off, is_mp4_without_index
from edge.capture.timeline import Timeline
from edge.errors import SourceError
from edge.types import Frame

log = logging.getLogger(__name__)


class VideoFile(SourceBase):
    """A video file that PyAV opens, or a pipe, which is read once and never wound back.

    `pts_s` counts from the stream's start and only grows (`Timeline`); `capture_ns` is the time of
    opening plus `pts_s`. Raises SourceError when the file is missing, empty, no video, or has not a
    single frame that decodes.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._pipe = Pipe(path) if is_stream(path) else None
        self._container = self._open(path)
        try:
            stream = _video(self._container, self._path)
            self._check_size(stream)
            _name_track(self._container, stream, path)
            # Up to full HD one thread decodes faster than the network registers, and reports each
            # broken frame where it is; frame threads lose the last frames of a file that is cut
            # off.
            stream.thread_type = "SLICE" if stream.width * stream.height <= 1920 * 1088 else "AUTO"
            self._decoder = PacketDecoder(self._container, stream)
            self._pictures = self._decoder.pictures()
            self._first: Decoded | None = self._decode_first()
        except BaseException:
            self.close()
            raise
        height, width = self._first.image.shape[:2]
        fps, frames = _rate(stream), _frame_count(self._container, stream)
        super().__init__(SourceInfo(str(path), "file", width, height, fps, frames, live=False))
        self._promised = stream.frames
        self._remarks = Remarks(str(path))
        self._timeline = Timeline(1 / fps if fps else None, _start_s(self._container))
        self._opened_ns = time.time_ns()
        self._delivered = 0

    _closed = False
    _pictures: Generator[Decoded, None, None] | None = None

    def _open(self, path: str | Path) -> InputContainer:
        if self._pipe is None:
            return open_file(self._path)
        try:
            return open_stream(self._pipe)
        except FFmpegError as error:
            self._pipe.close()
            raise SourceError(
                f"{path}: what comes through the pipe is no video; give MPEG-TS, Matroska,"
                " fragmented MP4 or y4m"
            ) from error
        except BaseException:
            self._pipe.close()
            raise

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded and were skipped so far."""
        return self._decoder.corrupt

    @property
    def note(self) -> str | None:
        """What is odd about the file: how its pictures were changed, and that it was cut short."""
        return "; ".join(filter(None, (self._remarks.note, self._note))) or None

    @property
    def cut_off(self) -> str | None:
        """Say, at the end of the file, that frames are missing; None where it is whole."""
        return self._note

    def read(self) -> Frame | None:
        """Return the next frame that decodes, or None at the end."""
        if self._closed:
            return None
        picture, self._first = self._first or self._decode(), None
        if picture is None:
            self._check_length()
            return None
        now = time.monotonic_ns()
        self._remarks.see(picture.image, picture.coding)
        pts_s = self._timeline.place(picture.pts_s)
        index = self._delivered + self.corrupt
        self._delivered += 1
        capture_ns = self._opened_ns + int(1e9 * (pts_s or 0.0))
        return Frame(picture.image, index, pts_s, capture_ns, now, clock_source="file")

    def interrupt(self) -> None:
        """End a read that waits for a pipe; any thread may call it."""
        if self._pipe is not None:
            self._pipe.stop()

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._closed = True
        if self._pictures is not None:
            self._pictures.close()
        self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def _decode_first(self) -> Decoded:
        first = self._decode()
        if first is None:
            raise self._undecodable()
        return first

    def _check_size(self, stream: VideoStream) -> None:
        if not stream.width * stream.height:
            raise self._undecodable()
        limit(stream, str(self._path))

    def _undecodable(self) -> SourceError:
        return SourceError(
            f"{self._path}: no frame of the video can be decoded; is the recording complete?"
        )

    def _decode(self) -> Decoded | None:
        assert self._pictures is not None
        try:
            return next(self._pictures, None)
        except FFmpegError as error:
            raise SourceError(
                f"{self._path}: reading stopped: {explain(error)}; check the disk"
            ) from error

    def _check_length(self) -> None:
        """Note a file that is cut off: its own structure is longer, or frames are missing.

        Durations say nothing of that: they come from stamps that may jump, or from the sound.
        """
        if self._pipe is not None:
            return
        got, mp4 = self._delivered + self.corrupt, "mov" in self._container.format.name.split(",")
        missing = bool(self._promised) and got < 0.95 * self._promised - 2
        # the index of an MP4 counts frames too that its edit list leaves out
        if is_cut_off(self._path) or (missing and not mp4):
            told = f"only {got} of {self._promised}" if missing else f"{got}"
            self._note = f"{self._path}: {told} frames were there; the file is cut off or damaged"


def open_file(
    path: Path,
    *,
    wanted: str = "a video, a picture or a folder of pictures",
    probe_further: bool = False,
) -> InputContainer:
    """Open a file that FFmpeg reads as a video or as sound.

    `probe_further` takes longer, and finds out about tracks that begin a minute late as well.
    Raises SourceError, with the reason and with what is `wanted` in its place.
    """
    try:
        found = path.stat()
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            raise SourceError(f"{path}: a pipe, which can be read only once; give a file")
        if stat.S_ISREG(found.st_mode) and found.st_size == 0:
            raise SourceError(f"{path}: the file is empty; copy or record it again")
        return open_container(path, wanted, probe_further=probe_further)
    except (FFmpegError, OSError) as error:
        raise SourceError(_why_not(path, error)) from error


def _why_not(path: Path, error: OSError | FFmpegError) -> str:
    """Say in one line why a file does not open."""
    if isinstance(error, PermissionError):
        return f"{path}: no permission to read it; check the file's owner and mode"
    if isinstance(error, av.error.InvalidDataError):
        if is_mp4_without_index(path):
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


def _video(container: InputContainer, path: Path) -> VideoStream:
    stream = video_stream(container)
    if stream is None:
        what = "only sound" if container.streams.audio else "no video stream"
        raise SourceError(
            f"{path}: the file holds {what}; give a video, a picture or a folder of pictures"
        )
    return stream


def _name_track(container: InputContainer, stream: VideoStream, path: str | Path) -> None:
    told = track_note(container, stream)
    if told is not None:
        log.warning("%s: %s", path, told)


def _start_s(container: InputContainer) -> float | None:
    """When the file begins on its own time line, as a player shows it; None where none tells."""
    start: Any = container.start_time  # None where no header tells, whatever PyAV's types say
    return None if start is None else float(start) / 1e6


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
