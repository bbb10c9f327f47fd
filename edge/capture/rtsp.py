"""One connection to an RTSP camera; `LiveReader` reconnects."""

from __future__ import annotations

import logging
import socket
import time
from typing import Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge.capture.containers import MOST_PIXELS, limit
from edge.capture.decode import Decoded, PacketDecoder, Starved, explain, video_stream
from edge.capture.remarks import Remarks
from edge.capture.rtsp_guard import RtspGuard
from edge.capture.source import SourceBase, SourceInfo
from edge.capture.timeline import Timeline
from edge.errors import SourceError
from edge.redaction import redact
from edge.types import Frame

log = logging.getLogger(__name__)

_CLOCK_TRUST_NS = 10_000_000_000
"""A camera whose clock differs by more than this from the box's is not synchronized, and is not
believed."""
OPEN_TIMEOUT_S = 4.0
"""Time for a camera to be found, connected with, and to begin its stream."""
_SLOW_S = 2.0
"""A camera whose silence is measured longer sends a frame in seconds."""
_MOST_REDIRECTS = 5
_UNSUPPORTED_TRANSPORT = 461
_PATIENCE_S = 10.0
"""Packets that give no picture for so long are given up; key frames may be seconds apart."""


class RtspStream(SourceBase):
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
        open_timeout_s: float = OPEN_TIMEOUT_S,
        read_timeout_s: float = 1.5,
    ) -> None:
        self._uri = redact.address(address)
        self._remarks = Remarks(self._uri)
        self._read_timeout_s = read_timeout_s
        self._guard, self._container = _connect(
            address, self._uri, transport, open_timeout_s, read_timeout_s
        )
        try:
            stream = self._video(self._container)
            limit(stream, self._uri)
            # slices, not frames: a frame a thread would keep each picture back by as many frames
            stream.thread_type = "SLICE"
            patience_s = max(_PATIENCE_S, 2 * read_timeout_s)
            self._decoder = PacketDecoder(self._container, stream, patience_s=patience_s)
            self._pictures = self._decoder.pictures()
            self._first: Decoded | None = self._decode()
        except BaseException:
            self._guard.close()
            self._container.close()
            raise
        height, width = self._first.image.shape[:2]
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else None
        super().__init__(SourceInfo(self._uri, "rtsp", width, height, fps, None, live=True))
        self._timeline = Timeline(1 / fps if fps else None)
        self._arrived_ns = time.monotonic_ns()
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
        elapsed_s = (monotonic_ns - self._arrived_ns) / 1e9
        self._arrived_ns = monotonic_ns
        pts_s = self._timeline.place(picture.pts_s, elapsed_s)
        index = self._delivered + self.corrupt
        self._delivered += 1
        return Frame(picture.image, index, pts_s, capture_ns, monotonic_ns, clock_source=clock)

    def interrupt(self) -> None:
        """Hang up, so that a read that waits ends; any thread may call it."""
        self._closed = True
        self._guard.close()

    def close(self) -> None:
        """Hang up; may be called twice."""
        self.interrupt()
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
            why = self._guard.problem or f"the connection broke: {explain(error)}"
            raise SourceError(f"{self._uri}: {why}", "closed") from error
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
) -> tuple[RtspGuard, InputContainer]:
    """Open a stream at the place to which a camera redirects, over the transport that it has.

    `open_timeout_s` is for the whole: looking the name up, all redirections, both transports.
    """
    deadline_s = time.monotonic() + open_timeout_s
    for _ in range(_MOST_REDIRECTS):
        left_s = max(deadline_s - time.monotonic(), 0.1)
        guard = _guard(address, uri, left_s, open_timeout_s)
        try:
            return guard, _open(guard, transport, open_timeout_s, read_timeout_s)
        except FFmpegError as error:
            guard.close()
            if guard.redirected_to is not None:
                address = _elsewhere(address, guard.redirected_to)
            elif guard.last_status == _UNSUPPORTED_TRANSPORT and transport == "tcp":
                log.info("%s: the camera does not send over TCP; trying UDP", uri)
                left_s = max(deadline_s - time.monotonic(), 0.1)
                return _connect_by_udp(address, uri, left_s, read_timeout_s)
            else:
                raise _refusal(error, guard, address, uri, open_timeout_s) from error
        except BaseException:
            guard.close()
            raise
    raise SourceError(f"{uri}: the camera redirects in circles; give the address of the stream")


def _connect_by_udp(
    address: str, uri: str, left_s: float, read_timeout_s: float
) -> tuple[RtspGuard, InputContainer]:
    try:
        return _connect(address, uri, "udp", left_s, read_timeout_s)
    except SourceError as error:
        reason = str(error).removeprefix(f"{uri}: ")
        raise SourceError(
            f"{uri}: the camera does not send over TCP (461), and UDP failed: {reason}; for a"
            " camera of UDP alone set source.transport: udp in the configuration",
            error.cause,
        ) from error


def _guard(address: str, uri: str, left_s: float, open_timeout_s: float) -> RtspGuard:
    try:
        return RtspGuard(address, open_timeout_s=left_s)
    except TimeoutError as error:
        raise SourceError(f"{uri}: {_silence(open_timeout_s)}") from error
    except ConnectionRefusedError as error:
        raise SourceError(
            f"{uri}: the host refuses the connection; is RTSP switched on, and the port right?"
        ) from error
    except socket.gaierror as error:
        hint = "; a / in a password is written %2F" if "@" in urlsplit(address).path else ""
        raise SourceError(
            f"{uri}: the network does not know this host; check its name{hint}"
        ) from error
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise SourceError(f"{uri}: cannot connect: {reason}; check the network") from error


def _open(
    guard: RtspGuard, transport: str, open_timeout_s: float, read_timeout_s: float
) -> InputContainer:
    """Let FFmpeg open the stream. The guard ends a handshake that takes too long."""
    options = {
        "rtsp_transport": transport,
        "allowed_media_types": "video",  # sound that goes on would hide a picture that stopped
        "fflags": "nobuffer",
        "flags": "low_delay",
        "analyzeduration": "300000",  # microseconds; more only delays the first picture
        "fpsprobesize": "2",  # the rate is known from two; FFmpeg would wait for twenty
        "max_pixels": str(MOST_PIXELS),
    }
    container: InputContainer = av.open(
        guard.address,
        "r",
        options=dict(options),
        timeout=(open_timeout_s + read_timeout_s, read_timeout_s),
    )
    return container


def _elsewhere(address: str, location: str) -> str:
    """Return the address that a camera redirects to; a password goes to the same host only."""
    before, after = urlsplit(address), urlsplit(urljoin(address, location))
    if before.hostname != after.hostname or after.scheme not in {"rtsp", "rtsps"}:
        return urlunsplit(after._replace(netloc=after.netloc.rpartition("@")[2]))
    userinfo, at, _ = before.netloc.rpartition("@")
    return urlunsplit(after._replace(netloc=userinfo + at + after.netloc.rpartition("@")[2]))


def _refusal(
    error: FFmpegError, guard: RtspGuard, address: str, uri: str, open_timeout_s: float
) -> SourceError:
    if guard.silent:
        return SourceError(f"{uri}: {_silence(open_timeout_s)}")
    why = guard.problem or _why_not(error, address, guard.last_status, open_timeout_s)
    denied = isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError))
    return SourceError(f"{uri}: {why}", "denied" if denied else "unreachable")


def _silence(open_timeout_s: float) -> str:
    return f"no answer within {open_timeout_s:g} s; check the address, the cable and the firewall"


def _why_not(error: FFmpegError, address: str, status: int | None, open_timeout_s: float) -> str:
    """Say in half a line why a camera does not answer, and what to do."""
    if isinstance(error, (av.error.ExitError, av.error.TimeoutError)):
        return _silence(open_timeout_s)
    if isinstance(error, av.error.HTTPUnauthorizedError):
        given = (
            "refuses this user name or password"
            if urlsplit(address).username
            else "wants a user name and password"
        )
        percent = "%" in urlsplit(address).netloc
        hint = ", with % as %25" if percent else ""
        return f"the camera {given}; write rtsp://user:password@host/path{hint}"
    if status == _UNSUPPORTED_TRANSPORT:
        return "the camera refuses UDP (461); try source.transport: tcp in the configuration"
    if isinstance(error, av.error.HTTPForbiddenError):
        return "the camera forbids this user the stream; check the user's rights on the camera"
    if isinstance(error, av.error.HTTPNotFoundError):
        return "the camera knows no stream of this path; look the path up in the camera's manual"
    if isinstance(error, av.error.InvalidDataError):
        return "what answers there does not speak RTSP; check the address and the port"
    return f"cannot connect: {explain(error)}; check the address and the network"
