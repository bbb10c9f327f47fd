"""Room on the disk, asked for before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import BundleError

RESERVE_BYTES = 20_000_000
"""What a bundle leaves free: a box writes its state, its spool and its log there as well."""


def free_bytes(folder: Path) -> int:
    """Return the bytes that this user may still write in a folder; raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_space(folder: Path, wanted_bytes: int) -> None:
    """Refuse what does not fit beside the reserve; raises BundleError, and OSError."""
    free = free_bytes(folder)
    if wanted_bytes + RESERVE_BYTES > free:
        wanted_mb, reserve_mb = wanted_bytes / 1e6, RESERVE_BYTES / 1e6
        raise BundleError(
            f"{folder}: {free / 1e6:.0f} MB are free; {wanted_mb:.1f} MB and a reserve of "
            f"{reserve_mb:.0f} MB are needed"
        )
