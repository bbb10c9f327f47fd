"""Whether paths that came from afar are what they say: plain files, and no link on the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from edge.config import Problem
from edge.config.remote_merge import RemotePath

_VIDEO_MAJOR = 81
"""Linux's number of video devices (Documentation/admin-guide/devices.txt)."""


def path_problems(paths: Iterable[RemotePath]) -> list[Problem]:
    """Return what is wrong with each; nothing is opened, so that no device is touched."""
    checked = ((path, _problem(path)) for path in paths)
    return [Problem(path.key, None, problem) for path, problem in checked if problem is not None]


def _problem(remote: RemotePath) -> str | None:
    """Walk from the named folder down; every step is looked at without following it."""
    at = remote.folder
    found: os.stat_result | None = None
    for part in remote.path.relative_to(remote.folder).parts:
        at /= part
        try:
            found = at.lstat()
        except FileNotFoundError:
            may_be_new = remote.kind == "output" and at == remote.path
            return None if may_be_new else f"{at}: no such file or folder"
        except OSError as error:
            return f"{at}: {error.strerror}"
        if stat.S_ISLNK(found.st_mode):
            return f"{at} is a link; a path from afar leads through none"
    return _kind_problem(remote, at.stat() if found is None else found)


def _kind_problem(remote: RemotePath, found: os.stat_result) -> str | None:
    mode = found.st_mode
    if remote.kind == "device":
        is_video = stat.S_ISCHR(mode) and os.major(found.st_rdev) == _VIDEO_MAJOR
        return None if is_video else f"{remote.path} is no video device"
    if remote.kind == "folder":
        return None if stat.S_ISDIR(mode) else f"{remote.path} is no folder"
    if remote.kind == "output" and stat.S_ISDIR(mode):
        return None
    return None if stat.S_ISREG(mode) else f"{remote.path} is no regular file"
