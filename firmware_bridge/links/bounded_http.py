"""HTTP with a device that nobody vouches for: one deadline and one budget of bytes an exchange.

`http.client` bounds each single read in time, and a header in bytes. A device that drips, or sends
headers, interim answers or trailers without end, stays within both for ever. Here the socket itself
keeps the deadline and counts, so that no part of an answer escapes.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import Any

from edge.errors import ProtocolError
from edge.name_lookup import connect

_LOOK_S = 0.1
"""How soon a wait notices that the connection is given up."""


class _BoundedSocket(socket.socket):
    """A socket whose calls share a deadline, and which takes only so many bytes until then."""

    deadline_s = float("inf")
    budget = 0
    aborted: threading.Event

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive; raises TimeoutError after the deadline, ProtocolError beyond the budget."""
        count = self._received(*args, **kwargs)
        self.budget -= count
        if self.budget < 0:
            raise ProtocolError("HTTP: the device sends more than an answer may have")
        return count

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send all; raises TimeoutError after the deadline."""
        self._arm()
        super().sendall(*args, **kwargs)

    def _received(self, *args: Any, **kwargs: Any) -> int:
        while True:
            self._arm(_LOOK_S)
            with contextlib.suppress(TimeoutError):
                return super().recv_into(*args, **kwargs)

    def _arm(self, most_s: float = float("inf")) -> None:
        if self.aborted.is_set():
            raise InterruptedError("HTTP: the connection was given up")
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("HTTP: the device took too long")
        self.settimeout(min(left_s, most_s))


class BoundedConnection(http.client.HTTPConnection):
    """A connection to one device; call `bound` before each exchange.

    `abort` may be called from another thread: a wait for the device then ends with an OSError.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._deadline_s = float("-inf")
        self._budget = 0
        self._aborted = threading.Event()

    def bound(self, deadline_s: float, most_bytes: int) -> None:
        """Give the next exchange until a time of the monotonic clock, and so many bytes."""
        self._deadline_s, self._budget = deadline_s, most_bytes
        if isinstance(self.sock, _BoundedSocket):
            self.sock.deadline_s, self.sock.budget = deadline_s, most_bytes

    def connect(self) -> None:
        """Look the name up and connect, within the deadline."""
        left_s = self._deadline_s - time.monotonic()
        made = connect(self.host, self.port, timeout_s=max(left_s, 0.0), cancelled=self._aborted)
        self.sock = sock = _BoundedSocket(fileno=made.detach())
        sock.aborted = self._aborted
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bound(self._deadline_s, self._budget)
        if self._aborted.is_set():
            self.close()
            raise InterruptedError("HTTP: the connection was given up")

    def abort(self) -> None:
        """Wake whoever waits for the device; any thread."""
        self._aborted.set()
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
