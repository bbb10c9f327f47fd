"""How much of what was sent still lies in the kernel, and whether a frame would be late behind it.

Bytes that the kernel has taken cannot be called back. On a slow link its buffer alone holds seconds
of frames, so a frame is handed over only where what lies before it leaves in time.
Sources: tcp(7), SIOCOUTQ; struct tcp_info of <linux/tcp.h>.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass

_SIOCOUTQ = 0x5411
_ACKED_AT, _MIN_RTT_AT = 120, 148
"""Offsets of tcpi_bytes_acked (u64) and tcpi_min_rtt (u32, microseconds)."""
_INFO_BYTES = 152
_WINDOW_S = 1.0
"""The rate of the link is that of the last second."""
_SPARSE_S = 0.02
"""Readings closer together than this are not all kept."""


@dataclass(frozen=True, slots=True)
class QueueReading:
    """A connection's send queue at one moment."""

    queued_bytes: int
    """Taken by the kernel and not acknowledged by the peer's."""
    acked_bytes: int
    """Acknowledged since the connection began."""
    min_rtt_s: float


def read(sock: socket.socket) -> QueueReading | None:
    """Ask the kernel; None where it does not tell (not Linux, or the socket is closed)."""
    if sys.platform != "linux":
        return None
    import fcntl  # noqa: PLC0415 - not there on every system

    try:
        raw = fcntl.ioctl(sock.fileno(), _SIOCOUTQ, b"\0" * 4)
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except (OSError, ValueError):
        return None
    if len(info) < _INFO_BYTES:  # an old kernel
        return None
    (acked,) = struct.unpack_from("=Q", info, _ACKED_AT)
    (min_rtt_us,) = struct.unpack_from("=I", info, _MIN_RTT_AT)
    rtt_s = 0.0 if min_rtt_us == 0xFFFFFFFF else min_rtt_us / 1e6  # all ones: not measured yet
    return QueueReading(struct.unpack("=i", raw)[0], acked, rtt_s)


class SendQueue:
    """Says whether the link carries another frame in time. Pure: readings and times come in."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def clear(self) -> None:
        """Begin again on a fresh connection."""
        self._samples.clear()

    def takes(self, reading: QueueReading, size: int, within_s: float, now_s: float) -> bool:
        """Whether `size` bytes handed over now reach the peer about `within_s` seconds later.

        What is on the wire anyway (a round trip's worth) counts as no delay. Nothing in the queue
        takes a frame always: that is how the rate of a link is found.
        """
        self._note(reading, now_s)
        if reading.queued_bytes <= 0:
            return True
        allowed = self._rate(now_s, within_s) * (within_s + reading.min_rtt_s)
        return reading.queued_bytes + size <= allowed

    def _note(self, reading: QueueReading, now_s: float) -> None:
        samples = self._samples
        if not samples or now_s - samples[-1][0] >= _SPARSE_S:
            samples.append((now_s, reading.acked_bytes))
        while len(samples) > 1 and now_s - samples[0][0] > _WINDOW_S:
            samples.popleft()
        self._acked = reading.acked_bytes

    _acked = 0

    def _rate(self, now_s: float, at_least_s: float) -> float:
        """Return the bytes a second that the peer acknowledged lately.

        The time counts as `at_least_s` seconds: a burst into the peer's buffer is no rate.
        """
        begun_s, acked = self._samples[0]
        return (self._acked - acked) / max(now_s - begun_s, at_least_s)
