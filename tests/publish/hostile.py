"""A small broker over a real socket that misbehaves as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge.publish import Endpoint
from edge.publish.mqtt.mqtt311 import (
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PUBLISH,
    SUBSCRIBE,
    PacketSplitter,
    packet,
)

ACCEPTED = b"\x00\x00\x00"


@dataclass(frozen=True)
class Published:
    topic: str
    qos: int
    retain: bool
    body: bytes


class HostileBroker:
    """Speaks just enough MQTT 5. What it does may be changed while it runs."""

    def __init__(
        self,
        *,
        connack: bytes | None = ACCEPTED,
        acks: bool = True,
        subacks: bool = True,
        closes_for: Callable[[Published], bool] = lambda _message: False,
    ) -> None:
        self.connack, self.acks, self.subacks, self.closes_for = connack, acks, subacks, closes_for
        self.connects: list[float] = []
        self.published: list[Published] = []
        self.most_in_flight = 0
        """The most messages of QoS 1 that were not acknowledged; acknowledged one tick later."""
        self.ack_after_s = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self._server.getsockname()[1])

    def of(self, end: str) -> list[Published]:
        return [p for p in list(self.published) if p.topic.endswith(end)]

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        splitter, waiting = PacketSplitter(), []
        with suppress(OSError):
            while data := sock.recv(65536):
                for first, body in splitter.feed(data):
                    if not self._answer(sock, first, body, waiting):
                        sock.shutdown(socket.SHUT_RDWR)
                        return
                self.most_in_flight = max(self.most_in_flight, len(waiting))
                if waiting and self.acks:
                    time.sleep(self.ack_after_s)
                    for mid in waiting:
                        sock.sendall(b"\x40\x02" + mid)
                    waiting.clear()

    def _answer(self, sock: socket.socket, first: int, body: bytes, waiting: list[bytes]) -> bool:
        kind = first >> 4
        if kind == CONNECT:
            self.connects.append(time.monotonic())
            if self.connack is not None:
                sock.sendall(packet(0x20, self.connack))
        elif kind == SUBSCRIBE and self.subacks:
            sock.sendall(packet(0x90, body[:2] + b"\x00" + bytes(_filters(body))))
        elif kind == PINGREQ:
            sock.sendall(b"\xd0\x00")
        elif kind == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            qos = first >> 1 & 3
            topic = body[2 : 2 + size].decode()
            message = Published(topic, qos, bool(first & 1), body[2 + size :])
            if self.closes_for(message):
                return False
            self.published.append(message)
            if qos:
                waiting.append(body[2 + size : 4 + size])
        return kind != DISCONNECT


def _filters(subscribe: bytes) -> int:
    """Count the topic filters of a SUBSCRIBE without properties."""
    at, count = 3, 0
    while at < len(subscribe):
        at += 2 + int.from_bytes(subscribe[at : at + 2], "big") + 1
        count += 1
    return count
