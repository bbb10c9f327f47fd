"""Peers that are no cameras: each holds a client up or fills its memory in its own way."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Peer = Callable[[socket.socket, threading.Event, "Told"], None]
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
)


class Told:
    """What a peer was asked, and how much it could say."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[str] = []
        self.sent = 0


def _requests(client: socket.socket, told: Told) -> Iterator[tuple[str, str]]:
    """Yield the method and the sequence number of each request."""
    while data := client.recv(4096):
        text = data.decode("latin-1")
        told.requests.append(text)
        number = re.search(r"CSeq: *(\d+)", text)
        yield text.split(" ")[0], number[1] if number else "0"


def _flood(client: socket.socket, stop: threading.Event, told: Told, piece: bytes) -> None:
    while not stop.is_set():
        told.sent += client.send(piece)


def _drip(client: socket.socket, stop: threading.Event, text: bytes) -> None:
    for at in range(len(text)):
        if stop.wait(0.1):
            return
        client.send(text[at : at + 1])
    stop.wait(60)


def silent(client: socket.socket, stop: threading.Event, _told: Told) -> None:
    stop.wait(60)


def closes(_client: socket.socket, _stop: threading.Event, _told: Told) -> None:
    pass


def drips(client: socket.socket, stop: threading.Event, _told: Told) -> None:
    _drip(client, stop, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE\r\n" * 50)


def endless_header(client: socket.socket, stop: threading.Event, told: Told) -> None:
    client.send(b"RTSP/1.0 200 OK\r\n")
    _flood(client, stop, told, b"X-More: " + b"y" * 8000 + b"\r\n")


def endless_line(client: socket.socket, stop: threading.Event, told: Told) -> None:
    _flood(client, stop, told, b"z" * 9000)


def endless_answers(client: socket.socket, stop: threading.Event, told: Told) -> None:
    _flood(client, stop, told, b"RTSP/1.0 200 OK\r\nCSeq: 9999\r\n\r\n" * 100)


def _describes(client: socket.socket, told: Told, length: str) -> bool:
    for method, number in _requests(client, told):
        more = f"Content-Type: application/sdp\r\n{length}" if method == "DESCRIBE" else ""
        client.send(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n".encode())
        if method == "DESCRIBE":
            return True
    return False


def endless_sdp(client: socket.socket, stop: threading.Event, told: Told) -> None:
    if _describes(client, told, "Content-Length: 2000000000\r\n"):
        _flood(client, stop, told, _SDP.encode() * 100)


def two_lengths(client: socket.socket, stop: threading.Event, told: Told) -> None:
    lengths = "Content-Length: 5\r\ncontent-length:\t+2000000000\r\n"
    if _describes(client, told, lengths):
        _flood(client, stop, told, _SDP.encode() * 100)


def dripping_sdp(client: socket.socket, stop: threading.Event, told: Told) -> None:
    if _describes(client, told, f"Content-Length: {len(_SDP)}\r\n"):
        _drip(client, stop, _SDP.encode())


def hidden_packets(client: socket.socket, stop: threading.Event, told: Told) -> None:
    _flood(client, stop, told, b"$\0\0\7Content-Length: 2000000000\r\n\r\n" * 100)


def circles(client: socket.socket, _stop: threading.Event, told: Told) -> None:
    for _, number in _requests(client, told):
        where = f"rtsp://127.0.0.1:{told.port}/{told.connections}"
        client.send(f"RTSP/1.0 302 Moved\r\nCSeq: {number}\r\nLocation: {where}\r\n\r\n".encode())


PEERS: tuple[Peer, ...] = (
    silent, closes, drips, endless_header, endless_line, endless_answers, endless_sdp,
    two_lengths, dripping_sdp, hidden_packets, circles,
)  # fmt: skip


@contextmanager
def hostile(peer: Peer) -> Iterator[Told]:
    """A peer on loopback, for any number of connections."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop, told, threads = threading.Event(), Told(), []
    told.port = listener.getsockname()[1]

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(30)
            peer(client, stop, told)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                told.connections += 1
                threads.append(threading.Thread(target=serve, args=(client,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield told
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(30)
        for thread in threads:
            thread.join(30)
