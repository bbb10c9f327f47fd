"""Files with keys that a configuration names are files of their own."""

from __future__ import annotations

from pathlib import Path

from edge.config.loader import Problem
from edge.config.models import Config


def key_problems(config: Config, file: Path) -> list[Problem]:
    """Name every trusted key that is the configuration's own file, or one that lies beside it.

    What may be written there from afar must not decide whom the box trusts.
    """
    message = "is a file of the configuration itself: keep the key in a file of its own"
    sections = {"updates.keys": config.updates.keys, "remote.keys": config.remote.keys}
    return [
        Problem(path, None, f"{key} {message}")
        for path, keys in sections.items()
        for key in keys
        if _belongs_to(key, file)
    ]


def _belongs_to(key: Path, file: Path) -> bool:
    for path in (key, _resolved(key)):
        named = path.name == file.name or path.name.startswith(f"{file.name}.")
        if named and _resolved(path.parent) == _resolved(file.parent):
            return True
    try:
        return key.samefile(file)
    except (OSError, ValueError):
        return False


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return path
