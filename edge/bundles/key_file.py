"""Reading a file that decides whom this box obeys: nobody else may be able to change it.

The file is regular, belongs to root or to this user, and only the owner writes it. The same holds
for each folder and each link on the way to it, from the root on: who may rename one of them decides
what the name means.
"""

from __future__ import annotations

import grp
import os
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import UsageError

_MOST_BYTES = 4096
_MOST_LINKS = 20
_SERVICE_GROUP = "touchline"
"""Group of the installed service, which may write its configuration's folder."""
_WRITE_ALL = stat.S_IWGRP | stat.S_IWOTH


def read_key_file(path: Path) -> bytes:
    """Return the content of a key file; raises UsageError, one line that says what to change."""
    try:
        real = _checked_path(path)
        # a FIFO or a device is not waited for, and a link that came meanwhile is not followed
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        number = os.open(real, flags)
        with os.fdopen(number, "rb") as file:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise UsageError(f"{path}: not a regular file; name the key's own file")
            _check_owner(found, path, real)
            if found.st_mode & _WRITE_ALL:
                raise UsageError(
                    f"{path}: its group or others may write it; chmod go-w {real}, and check the "
                    "key in it"
                )
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path!r}: the key cannot be read: {error}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: longer than a key; a key's file holds nothing beside it")
    return data


def _checked_path(path: Path) -> Path:
    """Return the real path, each folder and link on the way checked; raises OSError as well."""
    place, rest = Path("/"), list(path.absolute().parts[1:])
    links = 0
    _check_folder(place, path)
    while rest:
        part = rest.pop(0)
        if part == "..":
            place = place.parent
            continue
        following = place / part
        found = following.lstat()
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise UsageError(f"{path}: too many links; name the key's own file")
            _check_owner(found, path, following)
            target = following.readlink()
            rest[:0] = target.parts[1:] if target.is_absolute() else target.parts
            place = Path("/") if target.is_absolute() else place
            continue
        place = following
        if rest:
            _check_folder(place, path)
    return place


def _check_folder(folder: Path, path: Path) -> None:
    """Refuse a folder in which another could put a file of his own in the key's place.

    This user's own group and the service's may write it. In a folder with the sticky bit nobody
    renames the files of others.
    """
    found = folder.stat()
    _check_owner(found, path, folder)
    if found.st_mode & stat.S_ISVTX:
        return
    group = found.st_mode & stat.S_IWGRP and found.st_gid not in _groups()
    if group or found.st_mode & stat.S_IWOTH:
        raise UsageError(f"{path}: others may write the folder {folder}; chmod go-w {folder}")


def _check_owner(found: os.stat_result, path: Path, place: Path) -> None:
    if found.st_uid not in _owners():
        raise UsageError(
            f"{path}: {place} belongs to another user ({found.st_uid}); chown root {place}"
        )


def _owners() -> set[int]:
    """Return who may own a key: root, this user, and who became root by sudo."""
    owners = {0, os.geteuid()}
    behind = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and behind.isdigit():
        owners.add(int(behind))
    return owners


def _groups() -> set[int]:
    """Return whose groups may write a folder on the way."""
    groups = {0, os.getegid()}
    with suppress(KeyError):  # not installed as a service
        groups.add(grp.getgrnam(_SERVICE_GROUP).gr_gid)
    return groups
