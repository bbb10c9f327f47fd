"""Writing H.264 video files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge.errors import SourceError
from edge.part_file import PartFile
from edge.types import ImageArray

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

_TIME_BASE = Fraction(1, 60_000)  # MPEG-4 part 2 allows no finer than 1/65535
_FORMATS = {".mkv": "matroska", ".mov": "mov"}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class VideoWriter:
    """A video file under a temporary name that gets its own when all is written.

    H.264 where FFmpeg has libx264, else MPEG-4 part 2; MP4 but for names that end in .mkv or .mov.
    The size is that of the first picture, made even (H.264 stores colour for two by two pixels);
    later ones are scaled to it. Used with `with`: an exception inside leaves no file. A file that
    is there is replaced at the end, or refused without `overwrite`. Raises SourceError where the
    file cannot be written.
    """

    def __init__(
        self, path: str | Path, *, fps: float = 30.0, crf: int = 23, overwrite: bool = True
    ) -> None:
        self._path = Path(path)
        if not fps > 0:
            raise SourceError(f"{path}: a video of {fps:g} frames a second cannot be written")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._crf = crf
        self._stream: VideoStream | None = None
        self._last_pts = -1
        self._count = 0
        self._closed = False
        _check_target(self._path, overwrite=overwrite)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._part = PartFile(self._path, overwrite=overwrite)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise SourceError(f"{path}: cannot be written: {why}") from error
        # FFmpeg gets the open file, not its name, which it could take for an address or a pattern
        form = _FORMATS.get(self._path.suffix.lower(), "mp4")
        self._container = av.open(self._part.stream, "w", format=form)

    @property
    def frames(self) -> int:
        """How many pictures were written."""
        return self._count

    def write(self, image: ImageArray, *, pts_s: float | None = None) -> None:
        """Append (height, width, 3) BGR `image`, shown at `pts_s` or one frame after the last."""
        stream = self._stream or self._begin(image)
        if image.shape[:2] != (stream.height, stream.width):
            size = (stream.width, stream.height)
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        time_s = self._count / self._rate if pts_s is None else Fraction(pts_s)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.time_base = _TIME_BASE
        frame.pts = self._last_pts = max(round(time_s / _TIME_BASE), self._last_pts + 1)
        self._count += 1
        self._mux(stream, frame)

    def close(self) -> None:
        """Finish the file and give it its name; without a picture there is no file."""
        if self._stream is None:
            self.discard()
            return
        if self._closed:
            return
        self._mux(self._stream, None)
        try:
            self._container.close()
            self._part.publish()
            self._part.close()
        except (FFmpegError, OSError) as error:
            self.discard()
            raise self._failure("writing failed", error) from error
        self._closed = True

    def discard(self) -> None:
        """Leave no file behind; nothing after `close`. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(FFmpegError, OSError):  # a full disk: the file goes in any case
            self._container.close()
        self._part.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _begin(self, image: ImageArray) -> VideoStream:
        height, width = image.shape[:2]
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream: VideoStream = self._container.add_stream(codec, rate=self._rate)
        stream.width, stream.height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        if codec == "libx264":
            stream.options = {"crf": str(self._crf), "preset": "veryfast"}
        else:
            stream.bit_rate = stream.width * stream.height * 4
        self._stream = stream
        return stream

    def _mux(self, stream: VideoStream, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except (FFmpegError, OSError) as error:
            self.discard()
            raise self._failure("writing failed", error) from error

    def _failure(self, what: str, error: FFmpegError | OSError) -> SourceError:
        why = error.strerror or str(error)
        if error.errno in _FULL:
            why += "; is the disk full?"
        return SourceError(f"{self._path}: {what}: {why}")


def _check_target(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise SourceError(f"{path}: cannot be written: it is a folder; name a file")
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: cannot be written: a video needs a file, no device or pipe")
    if path.exists() and not overwrite:
        raise SourceError(f"{path}: cannot be written: it exists")
