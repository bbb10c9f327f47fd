"""A file replaced by one that differs in a few places: whole the old or whole the new, at any time.

The new file has the old one's mode, owner, extended attributes and times.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.part_file import PartFile

_BLOCK = 8 * 2**20
_OF_CONTENT = frozenset(("security.ima", "security.evm"))
"""Attributes that are sums of the content: a kernel that uses them makes new ones."""
_NO_COPY = frozenset((errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM))


class Refused(ValueError):  # noqa: N818 - a reason in words, for a person
    """What cannot be kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes of a file from `start` to `end` that become `data`; of equal places it is put in."""

    start: int
    end: int
    data: bytes


def pieces(changes: Sequence[Change], size: int) -> Iterator[tuple[int, int] | bytes]:
    """Give the new file's parts in order: ranges of the old one, and new bytes.

    ValueError for changes that overlap, or that are not in the file's order.
    """
    at = 0
    for change in changes:
        if not at <= change.start <= change.end <= size:
            raise ValueError(f"changes overlap at byte {change.start}")
        if change.start > at:
            yield at, change.start
        yield change.data
        at = change.end
    if at < size:
        yield at, size


def check_may_change(file: Path, status: os.stat_result) -> None:
    """Raise Refused for a file that this user may not write, or that is none."""
    if not stat.S_ISREG(status.st_mode):
        raise Refused("it is no regular file")
    if not os.access(file, os.W_OK):
        raise Refused("this user may not write the file (is it read-only?)")


def replace(
    file: Path,
    changes: Sequence[Change],
    check: Callable[[Path], None],
    progress: Callable[[float], None],
) -> None:
    """Copy a file with its changes, let `check` look at the copy, give it the file's name.

    `progress` is told a share of 0..1. Raises Refused, OSError and whatever `check` raises; the
    file is what it was then.
    """
    with file.open("rb") as source:
        before = os.fstat(source.fileno())
        check_may_change(file, before)
        part = PartFile(file)
        try:
            made = part.stream.fileno()
            _copy(source.fileno(), made, changes, before.st_size, progress)
            check(part.path)
            _keep_attributes(source.fileno(), made, before)
            if _identity(file.stat()) != _identity(before):
                raise Refused("another program changed the file meanwhile")
            part.publish()
            part.close()
        finally:
            part.discard()


def _copy(
    source: int,
    made: int,
    changes: Sequence[Change],
    size: int,
    progress: Callable[[float], None],
) -> None:
    for piece in pieces(changes, size):
        if isinstance(piece, bytes):
            _write(made, piece)
            continue
        at, end = piece
        while at < end:
            at += _copied(source, made, at, min(_BLOCK, end - at))
            progress(at / size)


def _copied(source: int, made: int, at: int, length: int) -> int:
    """Copy a range to the end of the copy, in the kernel where that is possible; bytes copied."""
    try:
        done = os.copy_file_range(source, made, length, at)
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise
        done = 0
    if done:
        return done
    data = os.pread(source, length, at)
    if not data:
        raise OSError(errno.EIO, "the file became shorter")
    _write(made, data)
    return len(data)


def _write(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _keep_attributes(source: int, made: int, before: os.stat_result) -> None:
    """Give the copy owner, mode, extended attributes and times; Refused for what it cannot have."""
    new = os.fstat(made)
    if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(made, before.st_uid, before.st_gid)
        except OSError as error:
            raise Refused(
                f"the file's owner or group ({before.st_uid}:{before.st_gid}) cannot be kept; "
                "run as its owner"
            ) from error
    os.fchmod(made, stat.S_IMODE(before.st_mode))
    for name, value in _attributes(source).items():
        if _attributes(made).get(name) != value:
            try:
                os.setxattr(made, name, value)
            except OSError as error:
                raise Refused(f"the file's attribute {name} cannot be kept") from error
    os.utime(made, ns=(before.st_atime_ns, before.st_mtime_ns))


def _attributes(number: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(number)
    except OSError:  # a file system without them
        return {}
    return {name: os.getxattr(number, name) for name in names if name not in _OF_CONTENT}


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def check_room(file: Path, spare_bytes: int) -> None:
    """Raise Refused where no copy of a file fits beside it; raises OSError."""
    needed = file.stat().st_size + spare_bytes
    free = shutil.disk_usage(file.parent).free
    if free < needed:
        raise Refused(
            f"a copy needs {needed // 10**6} MB and {free // 10**6} MB are free in {file.parent}"
        )
