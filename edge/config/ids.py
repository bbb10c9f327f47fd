"""What names a box, a site and a camera on the broker: one rule for configuration and topics.

The name of this machine is the default of `device`.
"""

from __future__ import annotations

import hashlib
import re
import socket
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
PREFIX_PATTERN = r"^[a-z0-9_-]+(/[a-z0-9_-]+){0,3}$"

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""1 to 63 of `a-z 0-9 _ -`, starting with a letter or digit: safe as one level of a topic."""

Prefix = Annotated[str, StringConstraints(pattern=PREFIX_PATTERN, max_length=120)]
"""One to four topic levels in front of the contract's version."""

MAX_REVISION = 2**53 - 1
"""Revisions beyond it would not be whole numbers in every reader of JSON."""

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_NO_NAMES = frozenset({"", "localhost", "none", "unknown"})
_MOST = 63


def host_id(host: str | None = None, machine_ids: tuple[Path, ...] = _MACHINE_IDS) -> str:
    """Return a machine's host name, its domain left out, as an id of `a-z 0-9 _ -`.

    A machine without a name of its own is `box-` and eight digits that its machine id gives, so
    that it has the same id at every start; `box` where it has no machine id either.
    """
    name = socket.gethostname() if host is None else host
    label = re.sub(r"[^a-z0-9_-]+", "-", name.partition(".")[0].lower())
    label = label.strip("-_")[:_MOST].rstrip("-_")
    if label not in _NO_NAMES:
        return label
    for path in machine_ids:
        try:
            machine = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError):
            continue
        if machine and machine != "uninitialized":
            return f"box-{hashlib.sha256(machine.encode()).hexdigest()[:8]}"
    return "box"
