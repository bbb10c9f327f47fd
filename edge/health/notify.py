"""What systemd wants to hear: ready, status, alive, stopping. Source: sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class Notifier:
    """Sends datagrams to the service manager's socket; without one it does nothing.

    A message that cannot be sent is dropped: the manager must not be able to hold up the work.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        watchdog_s: float | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watchdog_s = watchdog_s
        """Silence after which the manager kills and restarts the service; None: it does not."""
        self._monotonic_s = monotonic_s
        self._fed_s = float("-inf")
        self._socket: socket.socket | None = None
        if address:
            self._socket = _connected(address)

    @staticmethod
    def from_environment(environment: Mapping[str, str] | None = None) -> Notifier:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        env = os.environ if environment is None else environment
        micros, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
        ours = pid in {"", str(os.getpid())}
        watchdog_s = int(micros) / 1e6 if micros.isdigit() and int(micros) > 0 and ours else None
        return Notifier(env.get("NOTIFY_SOCKET"), watchdog_s=watchdog_s)

    def ready(self) -> None:
        """Say that the start is over: what needs this service may start."""
        self._send("READY=1")

    def status(self, line: str) -> None:
        """Say in one line how it goes, for `systemctl status`."""
        self._send("STATUS=" + " ".join(line.split()))

    def alive(self) -> None:
        """Feed the watchdog; call it at every sign of life, it is sent four times a period."""
        if self.watchdog_s is None:
            return
        now_s = self._monotonic_s()
        if now_s - self._fed_s >= self.watchdog_s / 4:
            self._fed_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service is on its way down."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(message.encode())
        except OSError as error:  # full, or the manager is being restarted
            log.debug("the service manager was not told %s: %s", message, error)


def _connected(address: str) -> socket.socket | None:
    """Connect to a path, or to an abstract name that begins with `@`; never waits later."""
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        out.setblocking(False)
        out.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        out.close()
        log.warning("NOTIFY_SOCKET %s: the service manager is not told: %s", address, error)
        return None
    return out
