"""Files that survive a power cut: whole with the old content, or whole with the new."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PRIVATE = 0o600
"""Permissions of a file that may hold a password."""


def write_whole(file: Path, data: bytes, *, new_mode: int = PRIVATE) -> None:
    """Put `data` in place of a file's content at once; raises OSError, and then nothing changed.

    Written beside it, brought to the disk, renamed, and the folder brought to the disk: at no
    moment is there a file with half of it. A file that is there keeps its permissions, a new one
    gets `new_mode` less the umask.
    """
    temporary = file.with_name(f"{_stem(file)}{os.getpid()}.part")
    try:
        _write(temporary, data, _mode(file), new_mode)
        temporary.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def rename_whole(source: Path, target: Path) -> None:
    """Give a file that is on the disk another's name, at once; raises OSError."""
    source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk; raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sweep(file: Path) -> None:
    """Remove what writes that were cut short left beside a file."""
    stem = _stem(file)
    with contextlib.suppress(OSError):
        for left in file.parent.iterdir():
            if left.name.startswith(stem) and left.suffix == ".part":
                left.unlink(missing_ok=True)


def _stem(file: Path) -> str:
    return f".{file.name}.whole-"


def _mode(file: Path) -> int | None:
    try:
        return file.stat().st_mode & 0o777
    except OSError:
        return None


def _write(file: Path, data: bytes, mode: int | None, new_mode: int) -> None:
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, new_mode)
    try:
        if mode is not None:
            os.fchmod(number, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(number, view) :]
        os.fsync(number)
    finally:
        os.close(number)
