"""A VISCA controller: Sony's UDP framing, raw UDP, or raw TCP; one exchange at a time.

Rules kept (Sony SRG-300H manual p. 31): the sequence number grows by one a message; a message
without a reply is sent again with the same number; an "abnormal sequence" answer to such a
repetition means that the first one had arrived.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from edge.errors import ProtocolError
from firmware_bridge.codecs import visca

if TYPE_CHECKING:
    from typing_extensions import Self

TIMEOUT_S = 0.25
RETRIES = 2
BUSY_S = 5.0
_LOOK_S = 0.1
"""How soon a wait notices that the connection is given up."""
_TAKEN = {visca.ReplyKind.ACK, visca.ReplyKind.COMPLETION}


class ViscaError(ProtocolError):
    """The camera answered, and its answer is an error."""

    def __init__(self, reply: visca.Reply) -> None:
        super().__init__(f"VISCA: the camera refused: {reply.error_name}")
        self.code = reply.error


class ViscaClient:
    """Ask and command one camera.

    Safe to call from several threads; a call takes at most a second or so.
    """

    def __init__(
        self, host: str, port: int, transport: str = "udp", *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._address = (host, port)
        self._transport = transport
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._splitter = visca.ViscaSplitter()
        self._pending: list[bytes] = []
        self._sequence = 0
        self._aborted = False
        self.retransmitted = 0
        self.strays = 0
        """Valid messages that answered nothing we were waiting for."""
        self.malformed = 0
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self._sock = socket.socket(socket.AF_INET, kind)
        try:
            self._sock.settimeout(max(timeout_s, 1.0))
            # a connected UDP socket takes datagrams from this peer alone
            self._sock.connect(self._address)
        except OSError:
            self._sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the socket."""
        self._sock.close()

    def abort(self) -> None:
        """End whatever waits for the camera, with an OSError; any thread."""
        self._aborted = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def reset(self) -> bool:
        """Set the sequence number back (Sony's framing only); whether the camera answered."""
        if self._transport != "udp":
            return True
        with self._exchange():
            self._sequence = 0
            packet = visca.Packet(visca.PayloadType.CONTROL, 0, visca.RESET)
            self._sock.send(visca.encode_packet(packet))
            deadline = time.monotonic() + self._timeout_s
            while (data := self._receive(deadline)) is not None:
                if data.type is visca.PayloadType.CONTROL_REPLY:
                    return True
        return False

    def inquire(self, body: bytes) -> bytes:
        """Return the data of an inquiry's answer.

        Raises TimeoutError, ViscaError, or OSError for a dead link.
        """
        reply = self._ask(visca.PayloadType.INQUIRY, body, {visca.ReplyKind.ANSWER})
        if reply is None:
            # our repetition was refused: the inquiry had arrived and its answer was lost, so ask
            # again
            reply = self._ask(visca.PayloadType.INQUIRY, body, {visca.ReplyKind.ANSWER})
        if reply is None:
            raise TimeoutError("VISCA: the answer was lost twice")
        return reply.data

    def command(self, body: bytes) -> None:
        """Send a command and wait until it is acknowledged. Raises as `inquire` does.

        A camera carries out two at a time: while it is busy, the command is offered again.
        """
        deadline = time.monotonic() + BUSY_S
        while not self._offer(body, last=time.monotonic() > deadline):
            time.sleep(0.05)

    def _offer(self, body: bytes, *, last: bool) -> bool:
        """Whether the camera took a command; that it is busy is an error only the last time."""
        try:
            self._ask(visca.PayloadType.COMMAND, body, _TAKEN)
        except ViscaError as error:
            if error.code != visca.BUFFER_FULL or last:
                raise
            return False
        return True

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        with self._lock:
            self._pending.clear()
            yield

    def _ask(
        self, kind: visca.PayloadType, body: bytes, wanted: set[visca.ReplyKind]
    ) -> visca.Reply | None:
        """Return the wanted reply; None when the camera says that it already had this message."""
        with self._exchange():
            sequence = self._sequence
            self._sequence = (self._sequence + 1) & 0xFFFFFFFF
            message = body
            if self._transport == "udp":
                message = visca.encode_packet(visca.Packet(kind, sequence, body))
            # TCP repeats lost segments by itself: a second message would be a second command
            tries = 1 if self._transport == "tcp" else 1 + RETRIES
            for attempt in range(tries):
                self.retransmitted += attempt > 0
                self._sock.send(message)
                answered, reply = self._await(sequence, wanted)
                if answered:
                    return reply
        raise TimeoutError(f"VISCA: no reply from {self._address[0]}:{self._address[1]}")

    def _await(
        self, sequence: int, wanted: set[visca.ReplyKind]
    ) -> tuple[bool, visca.Reply | None]:
        deadline = time.monotonic() + self._timeout_s
        while (packet := self._receive(deadline)) is not None:
            framed = self._transport == "udp"
            if framed and packet.sequence != sequence:
                self.strays += 1
                continue
            if packet.type in {visca.PayloadType.CONTROL, visca.PayloadType.CONTROL_REPLY}:
                if packet.payload == visca.SEQUENCE_ABNORMAL:
                    return True, None
                self.strays += 1
                continue
            try:
                reply = visca.decode_reply(packet.payload)
            except ProtocolError:
                self.malformed += 1
                continue
            if reply.kind is visca.ReplyKind.ERROR and reply.error != visca.CANCELLED:
                raise ViscaError(reply)
            if reply.kind in wanted:
                return True, reply
            # an ACK, completion or cancellation of an earlier command
            self.strays += 1
        return False, None

    def _receive(self, deadline: float) -> visca.Packet | None:
        """Return the next message before the deadline, malformed ones counted.

        None when there is none.
        """
        take: Callable[[], bytes | None] = (
            self._next_body if self._transport == "tcp" else self._next_datagram
        )
        while True:
            if self._aborted:
                raise ConnectionAbortedError("VISCA: the connection was given up")
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._sock.settimeout(min(left, _LOOK_S))
            try:
                data = take()
            except TimeoutError:
                continue
            if data is None:
                continue
            if self._transport != "udp":
                return visca.Packet(visca.PayloadType.REPLY, 0, data)
            try:
                return visca.decode_packet(data)
            except ProtocolError:
                self.malformed += 1

    def _next_datagram(self) -> bytes | None:
        return self._sock.recv(2048)

    def _next_body(self) -> bytes | None:
        if not self._pending:
            data = self._sock.recv(2048)
            if not data:
                raise ConnectionResetError("the camera closed the connection")
            self._pending.extend(self._splitter.feed(data))
        return self._pending.pop(0) if self._pending else None
