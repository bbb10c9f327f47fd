"""Where this box keeps what must outlive a run, and what a file is called however it is named."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return systemd's state folder, or the user's by the XDG base directory specification."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "touchline"


def real_path(path: str | Path) -> Path:
    """Return a file's one absolute path: no `..`, no slash at its end, no links on the way.

    Raises nothing: a link that leads to itself stays as it is.
    """
    return Path(os.path.realpath(path))
