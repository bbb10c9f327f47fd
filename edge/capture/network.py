"""One connection to an RTSP camera; `LiveReader` reconnects."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge.capture.decode import Decoded, Decoder, Starved, explain, video_stream
from edge.capture.remarks import Remarks
from edge.capture.source import SourceBase, SourceInfo
from edge.capture.uri import redact
from edge.errors import SourceCause, SourceError
from edge.types import Frame

_CLOCK_TRUST_NS = 10_000_000_000
"""A camera whose clock differs by more than this from the box's is not synchronized, and is not
believed."""
_PATIENCE_S = 10.0
"""Packets that give no picture for so long are given up; key frames may be seconds apart."""


class RtspSource(SourceBase):
    """One connection to an `rtsp://` or `rtsps://` address.

    `capture_ns` is the camera's own clock where its RTCP sender reports give it (`rtcp`), else the
    arrival (`host`). `pts_s` counts from the first frame. `read` raises SourceError when nothing
    arrives for `read_timeout_s`, when the connection breaks, or when the camera ends the stream.
    """

    def __init__(
        self,
        address: str,
        *,
        transport: Literal["tcp", "udp"] = "tcp",
        open_timeout_s: float = 5.0,
        read_timeout_s: float = 1.5,
    ) -> None:
        self._uri = redact(address)
        self._remarks = Remarks(self._uri)
        self._read_timeout_s = read_timeout_s
        self._container = _connect(address, self._uri, transport, open_timeout_s, read_timeout_s)
        try:
            stream = self._video(self._container)
            # slices, not frames: a frame a thread would keep each picture back by as many frames
            stream.thread_type = "SLICE"
            self._decoder = Decoder(self._container, stream, patience_s=_PATIENCE_S)
            self._pictures = self._decoder.pictures()
            self._first: Decoded | None = self._decode()
        except BaseException:
            self._container.close()
            raise
        height, width = self._first.image.shape[:2]
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else None
        super().__init__(SourceInfo(self._uri, "rtsp", width, height, fps, None, live=True))
        self._start_s = self._first.pts_s or 0.0
        self._delivered = 0
        self._closed = False

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded and were skipped so far."""
        return self._decoder.corrupt

    @property
    def note(self) -> str | None:
        """Return how the pictures are changed for the networks."""
        return self._remarks.note

    def read(self) -> Frame | None:
        """Wait for the next frame; None only after `close`."""
        if self._closed:
            return None
        picture, self._first = self._first or self._decode(), None
        self._remarks.see(picture.image, picture.coding)
        monotonic_ns, now_ns = time.monotonic_ns(), time.time_ns()
        capture_ns, clock = capture_time(picture.wallclock_ns, now_ns)
        pts_s = None if picture.pts_s is None else picture.pts_s - self._start_s
        index = self._delivered + self.corrupt
        self._delivered += 1
        return Frame(picture.image, index, pts_s, capture_ns, monotonic_ns, clock_source=clock)

    def close(self) -> None:
        """Hang up; may be called twice."""
        self._closed = True
        self._pictures.close()
        self._container.close()

    def _video(self, container: InputContainer) -> VideoStream:
        stream = video_stream(container)
        if stream is None:
            raise SourceError(
                f"{self._uri}: the address offers no video; check the path of the stream"
            )
        return stream

    def _decode(self) -> Decoded:
        try:
            picture = next(self._pictures, None)
        except av.error.ExitError as error:
            raise SourceError(
                f"{self._uri}: no data for {self._read_timeout_s:g} s;"
                " is the camera on, and the cable in?",
                "silent",
            ) from error
        except Starved as error:
            raise SourceError(
                f"{self._uri}: what comes cannot be decoded; is the network losing packets?",
                "undecodable",
            ) from error
        except FFmpegError as error:
            raise SourceError(
                f"{self._uri}: the connection broke: {explain(error)}", "closed"
            ) from error
        if picture is None:
            raise SourceError(f"{self._uri}: the camera ended the stream", "closed")
        return picture


def capture_time(camera_ns: int | None, arrival_ns: int) -> tuple[int, str]:
    """Choose between the camera's clock and the arrival -> (UTC nanoseconds, clock source).

    A camera that was never told the time says 1970 or is hours off: then the arrival is the better
    answer.
    """
    if camera_ns is not None and abs(camera_ns - arrival_ns) < _CLOCK_TRUST_NS:
        return camera_ns, "rtcp"
    return arrival_ns, "host"


def _connect(
    address: str, uri: str, transport: str, open_timeout_s: float, read_timeout_s: float
) -> InputContainer:
    options: Mapping[str, str] = {
        "rtsp_transport": transport,
        "allowed_media_types": "video",  # sound that goes on would hide a picture that stopped
        "fflags": "nobuffer",
        "flags": "low_delay",
        "analyzeduration": "300000",  # microseconds; more only delays the first picture
        "fpsprobesize": "2",  # the rate is known from two; FFmpeg would wait for twenty
    }
    started_s = time.monotonic()
    try:
        container: InputContainer = av.open(
            address, "r", options=dict(options), timeout=(open_timeout_s, read_timeout_s)
        )
    except FFmpegError as error:
        # FFmpeg calls a silent host a timeout or invalid data, by the step at which it gave up
        silent = time.monotonic() - started_s > 0.95 * open_timeout_s
        why = _silence(open_timeout_s) if silent else _why_not(error, address, open_timeout_s)
        denied = isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError))
        cause: SourceCause = "denied" if denied else "unreachable"
        raise SourceError(f"{uri}: {why}", cause) from error
    return container


def _silence(open_timeout_s: float) -> str:
    return f"no answer within {open_timeout_s:g} s; check the address, the cable and the firewall"


def _why_not(error: FFmpegError, address: str, open_timeout_s: float) -> str:
    """Say in half a line why a camera does not answer, and what to do."""
    if isinstance(error, (av.error.ExitError, av.error.TimeoutError)):
        return _silence(open_timeout_s)
    if isinstance(error, av.error.HTTPUnauthorizedError):
        given = (
            "refuses this user name or password"
            if urlsplit(address).username
            else "wants a user name and password"
        )
        return f"the camera {given}; write rtsp://user:password@host/path"
    if isinstance(error, av.error.HTTPForbiddenError):
        return "the camera forbids this user the stream; check the user's rights on the camera"
    if isinstance(error, av.error.HTTPNotFoundError):
        return "the camera knows no stream of this path; look the path up in the camera's manual"
    if isinstance(error, ConnectionRefusedError):
        return "the host refuses the connection; is RTSP switched on, and the port right?"
    if isinstance(error, av.error.InvalidDataError):
        return "what answers there does not speak RTSP; check the address and the port"
    reason = explain(error)
    return f"cannot connect: {reason}; check the host's name and the network"
