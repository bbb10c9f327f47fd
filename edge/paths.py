"""Where this box keeps what must outlive a run, and what a file is called however it is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

FILE_PROTOCOLS: Mapping[str, str] = MappingProxyType({"protocol_whitelist": "file,crypto,data"})
"""Options for FFmpeg that keep it off the network, also where a file names other addresses."""


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


def ffmpeg_file(path: str | Path) -> str:
    """Return a file's name as FFmpeg takes it: always as a file, whatever characters are in it.

    FFmpeg takes `http:a.mkv` or `Re:Zero.mkv` for an address otherwise. Open with `FILE_PROTOCOLS`.
    """
    return f"file:{os.fspath(path)}"
