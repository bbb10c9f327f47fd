"""The service manager's end of the notification socket."""

from __future__ import annotations

import socket
from pathlib import Path


class Manager:
    """Hears what a service says; `address` is a path, or an abstract name that begins with `@`."""

    def __init__(self, address: Path | str) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if self.address[:1] == "@" else self.address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Return what came since the last time."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()
