"""Files that are being written: beside their target, locked, removed once their writer is dead.

A part is called `.NAME.PID-TOKEN.touchline.part`. Its writer holds a lock (flock(2)) on it, which
the kernel releases when the process ends, however it ends. A part whose lock is free is therefore
left over, whatever process has its number now.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from edge.paths import real_path
from edge.whole_file import sync_folder

_ENDING = ".touchline.part"
_PART = re.compile(rb"\..+\.(\d+)-[0-9a-f]{8}\.touchline\.part", re.DOTALL)
_LONGEST_STEM = 200
"""Bytes of the target's name in a part's; a file's name has 255 at most, the rest needs 40."""
_ATTEMPTS = 100

_open: set[Path] = set()
"""The parts that this process writes."""


class PartFile:
    """A file under a temporary name, until `publish` gives it its own; `stream` writes to it.

    A link is followed: the file that it leads to is the target. Without `overwrite`, a target that
    exists stays as it is, also one that comes while the part is written (FileExistsError). Raises
    OSError.
    """

    def __init__(self, target: Path, *, overwrite: bool = True) -> None:
        self.target = real_path(target)
        self._overwrite = overwrite
        self._path, number = _create(self.target)
        self._named = False
        self.stream: BinaryIO = os.fdopen(number, "w+b")

    def publish(self, *, sync: bool = True) -> None:
        """Give the file its name; it stays open. `sync` brings it to the disk before."""
        self.stream.flush()
        if sync:
            os.fsync(self.stream.fileno())
        if self._overwrite:
            _take_permissions(self.stream.fileno(), self.target)
            self._path.replace(self.target)
        else:
            _rename_to_free_name(self._path, self.target)
        _open.discard(self._path)
        self._named = True
        if sync:
            with contextlib.suppress(OSError):  # a folder that is not synchronized still has it
                sync_folder(self.target.parent)

    @property
    def path(self) -> Path:
        """Where the file is while it is written."""
        return self._path

    @property
    def is_in_place(self) -> bool:
        """Whether the target is this file: it has its name, and nobody replaced it since."""
        return self._named and _leads_to(self.target, self.stream.fileno())

    def close(self) -> None:
        """Close the file; may be called twice. Raises OSError where the last bytes do not fit."""
        self.stream.close()

    def discard(self) -> None:
        """Close the file, and remove it if it has no name yet; may be called twice."""
        with contextlib.suppress(OSError):  # a full disk: the file goes in any case
            self.stream.close()
        if not self._named:
            _remove(self._path)


def write_new(target: Path, data: bytes, *, overwrite: bool = True, sync: bool = True) -> None:
    """Write a file, whole or not at all; without `overwrite` never over one that is there.

    Raises OSError.
    """
    part = PartFile(target, overwrite=overwrite)
    try:
        part.stream.write(data)
        part.publish(sync=sync)
        part.close()
    finally:
        part.discard()


class SetAside:
    """A second, hidden name of a file that is about to be replaced, to bring it back by."""

    def __init__(self, target: Path) -> None:
        """Raises OSError where the file system has no hard links."""
        self._target = real_path(target)
        self._path = _part_name(self._target)
        os.link(self._target, self._path)
        _open.add(self._path)
        self._lock = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        _try_lock(self._lock)

    def restore(self) -> None:
        """Put the file back in its place."""
        self._path.replace(self._target)
        self.drop()

    def drop(self) -> None:
        """Let the file go; may be called twice."""
        _remove(self._path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep_parts(folder: Path) -> None:
    """Remove the parts in a folder whose writers are dead; never another's, never a living one's.

    A file counts as such a part if it has the name of one, is a regular file of this user, and its
    lock is free. Raises nothing.
    """
    for path in _parts_in(folder):
        with contextlib.suppress(OSError):
            _remove_if_left(path)


def writer_of(target: Path) -> int | None:
    """Return the process that is writing a file now, None if there is none."""
    target = real_path(target)
    head = os.fsencode(f".{_stem(target)}.")
    for path in _parts_in(target.parent):
        match = _PART.fullmatch(os.fsencode(path.name))
        same = match is not None and os.fsencode(path.name)[: match.start(1)] == head
        if match is not None and same and _is_locked(path):
            return int(match.group(1))
    return None


def discard_open_parts() -> None:
    """Remove all parts that this process writes, for an end without delay; raises nothing."""
    for path in tuple(_open):
        with contextlib.suppress(OSError):
            path.unlink()


def _create(target: Path) -> tuple[Path, int]:
    """Make a part and lock it -> its path, its file descriptor."""
    for _ in range(_ATTEMPTS):
        path = _part_name(target)
        _open.add(path)
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            _open.discard(path)
            continue
        except BaseException:
            _open.discard(path)
            raise
        _try_lock(number)
        if _leads_to(path, number):  # nobody swept it in the moment before the lock
            return path, number
        os.close(number)
        _open.discard(path)
    raise FileExistsError(errno.EEXIST, "no name is free for a temporary file", str(target))


def _part_name(target: Path) -> Path:
    return target.with_name(f".{_stem(target)}.{os.getpid()}-{secrets.token_hex(4)}{_ENDING}")


def _stem(target: Path) -> str:
    name = os.fsencode(target.name)
    if len(name) <= _LONGEST_STEM:
        return target.name
    digest = hashlib.sha256(name).hexdigest()[:16]
    return f"{os.fsdecode(name[: _LONGEST_STEM - 17])}-{digest}"


def _rename_to_free_name(path: Path, target: Path) -> None:
    """Rename, but not over a file; link(2) refuses that without a moment in between."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise _exists(target) from None
        path.rename(target)
    else:
        path.unlink()


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(
        errno.EEXIST, "another program made this file in the meantime", str(target)
    )


def _take_permissions(number: int, target: Path) -> None:
    with contextlib.suppress(OSError):
        os.fchmod(number, stat.S_IMODE(target.stat().st_mode))


def _parts_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(e.path) for e in entries if _PART.fullmatch(os.fsencode(e.name))]
    except OSError:
        return []


def _remove_if_left(path: Path) -> None:
    number = _open_part(path)
    try:
        facts = os.fstat(number)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            return
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: its writer lives
        if _leads_to(path, number):
            path.unlink()
    finally:
        os.close(number)


def _is_locked(path: Path) -> bool:
    try:
        number = _open_part(path)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks there: nobody can tell
        return False
    finally:
        os.close(number)
    return False


def _open_part(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _try_lock(number: int) -> None:
    """Lock a file; where the file system has no locks, it stays, as nobody can take one either."""
    with contextlib.suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _leads_to(path: Path, number: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(number))
    except OSError:
        return False


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _open.discard(path)
