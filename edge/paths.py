"""Where this box keeps what must outlive a run, where the shipped bundles lie, and file names."""

from __future__ import annotations

import functools
import logging
import os
import pwd
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

log = logging.getLogger(__name__)

FILE_PROTOCOLS: Mapping[str, str] = MappingProxyType({"protocol_whitelist": "file,crypto,data"})
"""Options for FFmpeg that keep it off the network, also where a file names other addresses."""
_PACKAGE = Path(__file__).resolve().parent
_NOWHERE = Path(os.devnull)
"""A place in which nothing can be written, and whose users say so."""


def state_folder() -> Path:
    """Return systemd's state folder, or the user's by the XDG base directory specification.

    Where that is not there and cannot be made (no home, a read-only one), a private folder among
    the temporary files stands in, which a warning says once. Raises nothing.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    return _usable(_xdg_folder("XDG_STATE_HOME", ".local/state"), "state")


def lasting_state_folder() -> Path | None:
    """Return the state folder where it lasts; None where temporary files would stand in for it.

    For what is worth keeping and not worth a warning. Raises nothing.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    folder = Path(given) if given else _xdg_folder("XDG_STATE_HOME", ".local/state")
    return folder if folder is not None and _can_be(folder) else None


def cache_folder() -> Path:
    """Return the user's cache folder by the XDG base directory specification; as `state_folder`."""
    return _usable(_xdg_folder("XDG_CACHE_HOME", ".cache"), "cache")


def shipped_bundles(package: Path = _PACKAGE) -> Path:
    """Return the folder with the model bundles that ship, one folder a sport.

    In a wheel they lie inside the package, in a checkout in `models` beside it. A folder called
    `models` in site-packages or in the current directory is another project's: it is never taken.
    The folder may be missing where an installation is damaged.
    """
    return _shipped(package, "bundles", "bundles")


def shipped_segments_bundle(package: Path = _PACKAGE) -> Path:
    """Return the folder of the segments bundle that ships, found as `shipped_bundles` are."""
    return _shipped(package, "segments", "segments/bundle")


def _shipped(package: Path, installed: str, in_checkout: str) -> Path:
    inside = package / "shipped" / installed
    root = package.parent
    if not inside.is_dir() and (root / "pyproject.toml").is_file():
        return root / "models" / in_checkout
    return inside


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


def _xdg_folder(variable: str, below_home: str) -> Path | None:
    """Return the folder of this program; None where the user has no home."""
    base = os.environ.get(variable, "")
    if base.startswith("/"):  # a relative one is to be ignored
        return Path(base) / "touchline"
    home = os.environ.get("HOME") or _passwd_home()
    return Path(home) / below_home / "touchline" if home.startswith("/") else None


def _passwd_home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a container's user
        return ""


@functools.lru_cache(maxsize=16)
def _usable(folder: Path | None, what: str) -> Path:
    """Return a folder that is there or can be made, or what stands in for it."""
    if folder is not None and _can_be(folder):
        return folder
    instead = _temporary()
    why = "this user has no home folder" if folder is None else f"{folder}: cannot be made"
    where = f"{what} is kept in {instead}" if instead != _NOWHERE else f"no {what} is kept"
    log.warning("%s; %s", why, where)
    return instead / what


def _can_be(folder: Path) -> bool:
    """Whether a folder is there, or the first of its parents that is lets it be made."""
    if folder.is_dir():
        return True
    above = next((p for p in folder.parents if os.path.lexists(p)), None)
    return above is not None and above.is_dir() and os.access(above, os.W_OK | os.X_OK)


@functools.lru_cache(maxsize=1)
def _temporary() -> Path:
    """Return a folder that only this user can write to: models are loaded from it.

    It has one name, so that a later run finds it, unless somebody else took that.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"touchline-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            facts = folder.lstat()
            private = stat.S_ISDIR(facts.st_mode) and not facts.st_mode & 0o077
            if not private or facts.st_uid != os.getuid():
                return Path(tempfile.mkdtemp(prefix="touchline-"))
    except OSError:
        return _NOWHERE
    return folder
