"""Peers that misbehave on TCP: silent, dripping, endless, broken off."""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a peer does with one connection, until it is closed or the event is set."""

BLOCK = b"x" * 65536
XML = b'<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'


def silent(connection: socket.socket, stop: threading.Event) -> None:
    """Say nothing, and keep the connection."""
    stop.wait()


def deaf(connection: socket.socket, stop: threading.Event) -> None:
    """Read nothing either: what is sent fills the buffers."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    stop.wait()


def closing(connection: socket.socket, stop: threading.Event) -> None:
    """Close at once."""


def resetting(connection: socket.socket, stop: threading.Event) -> None:
    """Break off in the middle of an answer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def drip(begin: bytes, drop: bytes, every_s: float = 0.05) -> Behaviour:
    """Say `begin`, then `drop` again and again."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(begin)
        while not stop.wait(every_s):
            connection.sendall(drop)

    return behave


def flood(begin: bytes, block: bytes = BLOCK) -> Behaviour:
    """Say `begin`, then `block` as fast as it is taken, for ever."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(begin)
        while not stop.is_set():
            connection.sendall(block)

    return behave


def say(answer: bytes) -> Behaviour:
    """Give one answer, then keep the connection."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        stop.wait()

    return behave


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@functools.cache
def bomb() -> bytes:
    """Return a gigabyte of blanks, compressed: one packed megabyte, a thousand times."""
    piece = b" " * (1 << 20)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(1024):
        checksum = zlib.crc32(piece, checksum)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + block * 1024 + packer.flush() + struct.pack("<II", checksum, 1 << 30)


def say_bomb(connection: socket.socket, stop: threading.Event) -> None:
    """Give one answer that unpacks to a gigabyte, then keep the connection."""
    say(http(bomb(), "Content-Encoding: gzip"))(connection, stop)


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (c + 1, b"&%c;" % c * 10) for c in range(ord("a"), ord("k")))
    + b"]><b>&k;</b>"
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HTTP_PEERS: dict[str, Behaviour] = {
    "silent": silent,
    "deaf": deaf,
    "closing": closing,
    "resetting": resetting,
    "drips its status line": drip(b"HTTP/1.1 200 ", b"O"),
    "drips headers": drip(OK, b"X-A: b\r\n"),
    "drips one header": drip(OK + b"X-A: ", b"b"),
    "drips its body": drip(OK + b"Content-Length: 200000\r\n\r\n", b" "),
    "drips chunks": drip(CHUNKED, b"1\r\n \r\n"),
    "drips a chunk's size": drip(CHUNKED, b"0"),
    "drips trailers": drip(CHUNKED + b"0\r\n", b"X-A: b\r\n"),
    "drips interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "floods headers": flood(OK, b"X-A: b\r\n" * 4096),
    "floods one header": flood(OK + b"X-A: "),
    "floods interim answers": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2048),
    "floods its body": flood(OK + b"Content-Length: 99999999999\r\n\r\n"),
    "floods a body without end": flood(OK + b"\r\n"),
    "floods chunks": flood(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"),
    "floods chunk extensions": flood(CHUNKED + b"1;"),
    "floods trailers": flood(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 4096),
    "redirects to itself": say(http(b"", "Location: /", status="302 Found")),
    "redirects elsewhere": say(
        http(b"<a/>", "Location: http://127.0.0.1:1/", status="307 Temporary Redirect")
    ),
    "gzip bomb": say_bomb,
    "entity bomb": say(http(ENTITIES)),
    "deep nesting": say(http(XML + b"<a>" * 60_000)),
    "many attributes": say(http(b"<a " + b" ".join(b"b%d=''" % n for n in range(20_000)) + b"/>")),
    "negative length": say(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + XML),
    "speaks TLS": say(b"\x15\x03\x01\x00\x02\x02\x28"),
    "speaks SSH": say(b"SSH-2.0-OpenSSH_9.2\r\n"),
}
"""Devices that an HTTP client may meet."""


@contextmanager
def peer(behave: Behaviour, port: int = 0) -> Iterator[int]:
    """Serve connections with a behaviour on loopback; yields the port."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", port), backlog=64)
    server.settimeout(0.05)

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            behave(connection, stop)

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server.getsockname()[1]
    finally:
        stop.set()
        accepting.join()
        server.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + 10
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
