"""Runs a service's command as systemd would: as its user, with a notification socket."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

USER = "touchline"
LIMIT_S = 300.0


def main(command: str) -> int:
    """Start it, wait for READY=1 and WATCHDOG=1, stop it, and expect STOPPING=1 and exit code 0."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        address = Path(folder) / "notify"
        manager.bind(str(address))
        Path(folder).chmod(0o755)
        address.chmod(0o666)
        manager.settimeout(1.0)
        environment = {
            "PATH": "/usr/bin:/bin",
            "NOTIFY_SOCKET": str(address),
            "WATCHDOG_USEC": "4000000",
            "STATE_DIRECTORY": "/var/lib/touchline",
            "HOME": "/var/lib/touchline",
        }
        switch = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--no-new-privs"]
        box = subprocess.Popen([*switch, *shlex.split(command)], env=environment, cwd="/")
        try:
            heard = listen(manager, box, {"READY=1", "WATCHDOG=1"})
            owner = Path(f"/proc/{box.pid}").stat().st_uid
            box.send_signal(signal.SIGTERM)
            heard |= listen(manager, box, {"STOPPING=1"})
            code = box.wait(60)
        finally:
            box.kill()
    print(f"uid {owner}, exit code {code}, heard: {', '.join(sorted(heard))}")
    return 0 if code == 0 and owner != 0 else 1


def listen(manager: socket.socket, box: subprocess.Popen[bytes], wanted: set[str]) -> set[str]:
    """Read messages until all that is wanted came."""
    heard: set[str] = set()
    deadline = time.monotonic() + LIMIT_S
    while not wanted <= heard:
        if box.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"heard only {sorted(heard)}; exit code {box.poll()}")
        try:
            heard.add(manager.recv(4096).decode())
        except TimeoutError:
            continue
    return heard


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
