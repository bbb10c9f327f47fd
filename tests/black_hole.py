"""Run a program where a name server takes questions and answers none.

`python -m tests.black_hole FOLDER PROGRAM ARGUMENT…` makes a network namespace of its own, whose
only name server is a socket of this process that nobody reads. FOLDER is for its resolv.conf.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

_SETUP = """
ip link set lo up &&
mount --bind "$1/resolv.conf" /etc/resolv.conf &&
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf &&
shift && exec "$@"
"""


def command(folder: Path, *program: str) -> list[str]:
    """Return the command that runs `program` in the black hole."""
    folder.mkdir(exist_ok=True)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:10 attempts:3\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    inside = [sys.executable, "-m", "tests.black_hole", *program]
    return ["unshare", *user, "--net", "--mount", "sh", "-c", _SETUP, "sh", str(folder), *inside]


def main() -> None:
    """Hold port 53 and become the program; the socket stays open in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        server.set_inheritable(True)
        os.execvp(sys.argv[1], sys.argv[1:])


def run(folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the black hole to its end."""
    return subprocess.run(
        command(folder, *program), check=False, capture_output=True, text=True, timeout=60
    )


if __name__ == "__main__":
    main()
