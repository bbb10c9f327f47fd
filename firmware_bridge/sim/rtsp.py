"""The simulated camera's picture: a small RTSP server for one H.264 stream over TCP.

Sources: RFC 2326 (RTSP), RFC 3550 (RTP, sender reports), RFC 6184 (H.264 packets, single NAL and
FU-A).
"""

from __future__ import annotations

import base64
import re
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

_MAX_REQUEST, _MAX_CLIENTS, _MAX_RTP = 8192, 4, 1400
_PAYLOAD_TYPE, _CLOCK_HZ = 96, 90_000
_SPS, _PPS, _IDR, _FU_A = 7, 8, 5, 28
_REPORT_EVERY_S = 2.0
_NTP_EPOCH_S = 2_208_988_800


def nal_units(annex_b: bytes) -> list[bytes]:
    """Return the NAL units of an access unit that is separated by start codes."""
    parts = re.split(rb"\x00\x00\x00?\x01", annex_b)
    return [part.rstrip(b"\x00") for part in parts if part.rstrip(b"\x00")]


def rtp_payloads(nal: bytes, limit: int = _MAX_RTP) -> list[bytes]:
    """Return a NAL unit as RTP payloads: itself, or fragments (RFC 6184, 5.8)."""
    if len(nal) <= limit:
        return [nal]
    indicator, kind, body = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F, nal[1:]
    pieces = [body[at : at + limit - 2] for at in range(0, len(body), limit - 2)]
    last = len(pieces) - 1
    return [
        bytes([indicator, kind | (0x80 if i == 0 else 0) | (0x40 if i == last else 0)]) + piece
        for i, piece in enumerate(pieces)
    ]


@dataclass(slots=True)
class _RtspClient:
    """One connection: `channel` set by SETUP, `playing` by PLAY, `flowing` by a key frame."""

    sock: socket.socket
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    channel: int | None = None
    playing: bool = False
    flowing: bool = False
    sequence: int = 0
    packets: int = 0
    octets: int = 0
    reported_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class RtspServer:
    """Serves what `push` gives to a handful of clients; a client that does not read is dropped."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = socket.create_server((host, port))
        self._listener.settimeout(0.2)
        self._host = host
        self._ssrc = secrets.randbits(32)
        self._parameters: dict[int, bytes] = {}
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._clients: list[_RtspClient] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="sim-rtsp", daemon=True)

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"rtsp://{self._host}:{self.port}/live"

    @property
    def watched(self) -> bool:
        """Whether anybody is connected: without, nobody need encode."""
        return bool(self._clients) or not self._ready.is_set()

    def start(self) -> None:
        """Start accepting clients."""
        self._thread.start()

    def close(self) -> None:
        """Drop all clients and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            self._drop(client)
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def push(self, access_unit: bytes, rtp_time: int, utc_ns: int) -> None:
        """Send one encoded picture, taken at `utc_ns`, to everybody who plays."""
        units = nal_units(access_unit)
        for unit in units:
            if unit[0] & 0x1F in {_SPS, _PPS}:
                self._parameters[unit[0] & 0x1F] = unit
        if len(self._parameters) == 2:
            self._ready.set()
        key = any(unit[0] & 0x1F == _IDR for unit in units)
        payloads = [payload for unit in units for payload in rtp_payloads(unit)]
        with self._lock:
            clients = [c for c in self._clients if c.playing]
        for client in clients:
            client.flowing = client.flowing or key
            if client.flowing:
                try:
                    self._send(client, payloads, rtp_time & 0xFFFFFFFF, utc_ns)
                except OSError:
                    self._drop(client)

    def _send(self, client: _RtspClient, payloads: list[bytes], rtp_time: int, utc_ns: int) -> None:
        channel = client.channel or 0
        with client.lock:
            if time.monotonic() - client.reported_s > _REPORT_EVERY_S:
                client.reported_s = time.monotonic()
                client.sock.sendall(
                    _interleaved(channel + 1, self._report(client, rtp_time, utc_ns))
                )
            for index, payload in enumerate(payloads):
                marker = 0x80 if index == len(payloads) - 1 else 0
                head = struct.pack(
                    "!BBHII", 0x80, _PAYLOAD_TYPE | marker, client.sequence, rtp_time, self._ssrc
                )
                client.sequence = (client.sequence + 1) & 0xFFFF
                client.packets += 1
                client.octets += len(payload)
                client.sock.sendall(_interleaved(channel, head + payload))

    def _report(self, client: _RtspClient, rtp_time: int, utc_ns: int) -> bytes:
        """Return a sender report: which UTC time belongs to this RTP time (RFC 3550, 6.4.1)."""
        seconds, nanoseconds = divmod(utc_ns, 10**9)
        fraction = (nanoseconds << 32) // 10**9
        ntp = (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF
        counts = (client.packets & 0xFFFFFFFF, client.octets & 0xFFFFFFFF)
        return struct.pack("!BBHIIIIII", 0x80, 200, 6, self._ssrc, ntp, fraction, rtp_time, *counts)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            sock.settimeout(1.0)
            client = _RtspClient(sock)
            with self._lock:
                if len(self._clients) >= _MAX_CLIENTS:
                    sock.close()
                    continue
                self._clients.append(client)
            thread = threading.Thread(
                target=self._serve, args=(client,), name="sim-rtsp-client", daemon=True
            )
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _serve(self, client: _RtspClient) -> None:
        buffer = b""
        while not self._stop.is_set():
            try:
                data = client.sock.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            buffer = _without_interleaved(buffer + data)
            if not data or len(buffer) > _MAX_REQUEST:
                break
            while b"\r\n\r\n" in buffer:
                request, _, rest = buffer.partition(b"\r\n\r\n")
                buffer = _without_interleaved(rest)
                try:
                    more = self._request(client, request.decode("latin-1"))
                except OSError:
                    more = False
                if not more:
                    self._drop(client)
                    return
        self._drop(client)

    def _request(self, client: _RtspClient, request: str) -> bool:
        """Answer one request; False when the connection should end."""
        lines = request.split("\r\n")
        method, _, rest = lines[0].partition(" ")
        headers = {
            k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])
        }
        url = rest.partition(" ")[0]
        extra, body, status = "", "", "200 OK"
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
        elif method == "DESCRIBE":
            self._ready.wait(5)
            body = self._sdp()
            extra = f"Content-Base: {url.rstrip('/')}/\r\nContent-Type: application/sdp\r\n"
        elif method == "SETUP":
            status, extra = self._setup(client, headers.get("transport", ""))
        elif method == "PLAY":
            extra = f"Session: {client.session}\r\nRange: npt=0.000-\r\n"
        elif method in {"TEARDOWN", "GET_PARAMETER"}:
            extra = f"Session: {client.session}\r\n"
        else:
            status = "501 Not Implemented"
        cseq = re.sub(r"\D", "", headers.get("cseq", "0"))[:9]
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        with client.lock:
            client.sock.sendall(
                f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{extra}{length}\r\n{body}".encode()
            )
        client.playing = client.playing or (method == "PLAY" and client.channel is not None)
        return method != "TEARDOWN"

    def _setup(self, client: _RtspClient, transport: str) -> tuple[str, str]:
        match = re.search(r"RTP/AVP/TCP.*interleaved=(\d{1,3})", transport)
        if match is None:
            return "461 Unsupported Transport", ""
        client.channel = int(match[1]) & 0xFE
        channels = f"{client.channel}-{client.channel + 1}"
        reply = f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n"
        reply += f"Session: {client.session};timeout=60\r\n"
        return "200 OK", reply

    def _sdp(self) -> str:
        sps, pps = self._parameters.get(_SPS, b""), self._parameters.get(_PPS, b"")
        sets = ",".join(base64.b64encode(unit).decode() for unit in (sps, pps))
        mode = f"packetization-mode=1;profile-level-id={sps[1:4].hex()}"
        lines = [
            "v=0",
            f"o=- 0 0 IN IP4 {self._host}",
            "s=simulated camera",
            f"c=IN IP4 {self._host}",
            "t=0 0",
            "a=control:*",
            f"m=video 0 RTP/AVP {_PAYLOAD_TYPE}",
            f"a=rtpmap:{_PAYLOAD_TYPE} H264/{_CLOCK_HZ}",
            f"a=fmtp:{_PAYLOAD_TYPE} {mode};sprop-parameter-sets={sets}",
            "a=control:trackID=0",
        ]
        return "\r\n".join(lines) + "\r\n"

    def _drop(self, client: _RtspClient) -> None:
        with self._lock:
            if client in self._clients:
                self._clients.remove(client)
        client.sock.close()


def _interleaved(channel: int, packet: bytes) -> bytes:
    """Return a packet inside the RTSP connection (RFC 2326, 10.12)."""
    return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet


def _without_interleaved(buffer: bytes) -> bytes:
    """Drop the receiver reports that clients send in between."""
    while buffer[:1] == b"$" and len(buffer) >= 4:
        size = 4 + int.from_bytes(buffer[2:4], "big")
        if len(buffer) < size:
            break
        buffer = buffer[size:]
    return buffer
