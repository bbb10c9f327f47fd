"""Stands between FFmpeg and a camera: connects with a deadline and bounds each answer.

FFmpeg looks names up without a limit, takes answers of any length into memory, and follows each
redirection. The guard connects by itself and passes on what an RTSP connection may hold: packets of
at most 64 KiB, and answers of bounded size. RTP over UDP does not pass through it.
Sources: RFC 2326 (RTSP; 10.12 for packets inside the connection).
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from edge.name_lookup import connect

_MOST_HEADER, _MOST_BODY = 16 << 10, 64 << 10
"""Bytes of an answer's header, and of its content: an SDP of a camera has two kilobytes."""
_MOST_ANSWERS = 200
"""Answers before the stream plays; a camera with a password gives about eight."""
_PORTS = {"rtsp": 554, "rtsps": 322}
_CHUNK = 64 << 10
_LOOK_S = 0.2
_LEAST_PACKET = 8
"""Bytes of the shortest RTCP packet; FFmpeg takes the content of a shorter one for an answer."""
_END = re.compile(rb"\n\r*\n")
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})")
_LENGTH = re.compile(rb"\ncontent-length\s*:\s*\+?(\d{1,20})", re.IGNORECASE)
_LOCATION = re.compile(rb"\nlocation\s*:\s*(\S{1,1000})", re.IGNORECASE)


class CameraRefused(Exception):  # noqa: N818 - no error of ours: what a peer did
    """A peer sent what no camera sends; `str()` says what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of one RTSP answer."""

    status: int
    location: str | None


class Messages:
    """Cuts what a camera sends into packets and answers, and checks their sizes. Pure."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def take(self, data: bytes) -> list[Answer]:
        """Take what arrived; return the answers that began in it. Raises Refused."""
        answers: list[Answer] = []
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            at += self._begin(data, at, answers)
        return answers

    def _begin(self, data: bytes, at: int, answers: list[Answer]) -> int:
        """Go on with a head; return how many bytes of `data` belong to it."""
        before = len(self._head)
        head = self._head + data[at : at + _MOST_HEADER + 4]
        if head[:1] == b"$":  # a packet: channel and length follow
            if len(head) < 4:
                self._head = head
                return len(data) - at
            self._head, self._left = b"", int.from_bytes(head[2:4], "big")
            if self._left < _LEAST_PACKET:
                raise CameraRefused(f"a packet of {self._left} bytes is shorter than any of RTP")
            return 4 - before
        end = _END.search(head, max(0, before - 3))
        if end is None:
            if len(head) > _MOST_HEADER:
                raise CameraRefused("an answer's header is longer than 16 KiB")
            self._head = head
            return len(data) - at
        self._head = b""
        text = head[: end.end()].replace(b"\r", b"")  # as FFmpeg reads it
        if b"\n$" in text:
            raise CameraRefused("a packet stands inside an answer")
        self._left = max(map(int, _LENGTH.findall(text)), default=0)
        if self._left > _MOST_BODY:
            raise CameraRefused(f"an answer of {self._left} bytes is longer than 64 KiB")
        answers.extend(_answer(text))
        return end.end() - before


def _answer(text: bytes) -> list[Answer]:
    status = _STATUS.match(text.lstrip(b"\n"))
    if status is None:
        return []
    location = _LOCATION.search(text)
    return [Answer(int(status[1]), location[1].decode("latin-1") if location else None)]


class RtspGuard:
    """One connection to a camera, and a port on this host at which FFmpeg finds it.

    Raises OSError (TimeoutError, socket.gaierror among them) where the camera is not reached.
    """

    def __init__(self, address: str, *, open_timeout_s: float) -> None:
        self._deadline_s = time.monotonic() + open_timeout_s
        self._handshake = True
        self._play_sent = False
        self._answers = 0
        self.problem: str | None = None
        """Why the connection was cut; None while it was not."""
        self.silent = False
        """Whether it was cut because the camera was too slow."""
        self.last_status: int | None = None
        self.redirected_to: str | None = None
        parts = urlsplit(address)
        self._camera = _reach(parts, open_timeout_s, self._deadline_s)
        try:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        except BaseException:
            self._camera.close()
            raise
        self._ours: socket.socket | None = None
        self._stopped = threading.Event()
        userinfo = parts.netloc.rpartition("@")[0]
        place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        netloc = f"{userinfo}@{place}" if userinfo else place
        self.address = urlunsplit(parts._replace(scheme="rtsp", netloc=netloc))
        """What FFmpeg opens in the camera's place, with the user and password."""
        self._thread = threading.Thread(target=self._run, name="rtsp-guard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up; a read of FFmpeg ends at once. Any thread may call it, and twice."""
        self._stopped.set()
        for sock in (self._camera, self._ours):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * _LOOK_S)

    def _run(self) -> None:
        try:
            self._relay()
        except CameraRefused as refused:
            self.problem = f"what answers there is no camera: {refused}"
        except OSError:  # one of the two hung up; FFmpeg says so
            pass
        finally:
            for sock in (self._camera, self._ours, self._listener):
                if sock is not None:
                    sock.close()

    def _relay(self) -> None:
        ours = self._accept()
        if ours is None:
            return
        messages = Messages()
        poll = select.poll()
        for sock in (ours, self._camera):
            poll.register(sock, select.POLLIN)
        while not self._stopped.is_set():
            for ready, _ in poll.poll(1000 * _LOOK_S):
                more = self._ask(ours) if ready == ours.fileno() else self._answer(ours, messages)
                if not more:
                    return
            self._check_time()

    def _accept(self) -> socket.socket | None:
        self._listener.settimeout(_LOOK_S)
        while not self._stopped.is_set():
            try:
                self._ours, _ = self._listener.accept()
            except TimeoutError:
                self._check_time()
                continue
            self._listener.close()
            self._ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._ours
        return None

    def _check_time(self) -> None:
        if self._handshake and time.monotonic() > self._deadline_s:
            self.silent = True
            raise CameraRefused("the stream did not begin in time")

    def _ask(self, ours: socket.socket) -> bool:
        """Pass on what FFmpeg sends; False when it hung up."""
        data = ours.recv(_CHUNK)
        self._play_sent = self._play_sent or data.startswith(b"PLAY ")
        if data:
            self._camera.sendall(data)
        return bool(data)

    def _answer(self, ours: socket.socket, messages: Messages) -> bool:
        """Pass on what the camera sends; False when it hung up or sends FFmpeg elsewhere."""
        while True:
            try:
                data = self._camera.recv(_CHUNK)
            except (TimeoutError, ssl.SSLWantReadError):  # a part of a TLS record
                return True
            if not data or not self._may_pass(messages.take(data), data):
                return False
            ours.sendall(data)
            if not (isinstance(self._camera, ssl.SSLSocket) and self._camera.pending()):
                return True

    def _may_pass(self, answers: list[Answer], data: bytes) -> bool:
        for answer in answers:
            self._answers += self._handshake
            self.last_status = answer.status
            if self._answers > _MOST_ANSWERS:
                raise CameraRefused("it answers without end")
            if 300 <= answer.status < 400:
                self.redirected_to = answer.location
                return False
            if self._play_sent and answer.status == 200:
                self._handshake = False
        if self._play_sent and data[:1] == b"$":
            self._handshake = False
        return True


def _reach(parts: SplitResult, open_timeout_s: float, deadline_s: float) -> socket.socket:
    host = parts.hostname or ""
    scheme = parts.scheme.lower()
    sock = connect(host, parts.port or _PORTS[scheme], timeout_s=open_timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "rtsps":
            sock.settimeout(max(deadline_s - time.monotonic(), 0.01))
            sock = _encrypted(sock, host)
        sock.settimeout(2.0)
    except BaseException:
        sock.close()
        raise
    return sock


def _encrypted(sock: socket.socket, host: str) -> ssl.SSLSocket:
    """Begin TLS. Cameras sign their certificates themselves: these are not checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock, server_hostname=host)
