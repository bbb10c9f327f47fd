"""Where outputs may go, and a file of JSON lines that grows under its own name.

A pipe, a device and an open file such as /dev/stdout are written as they are: never replaced, so
that nobody has to allow it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.errors import UsageError
from edge.part_file import PartFile, SetAside

STDOUT = Path("/dev/stdout")
_OPEN_FILE = re.compile(r"/dev/(?:(stdout)|(stderr)|fd/(\d+))|/proc/self/fd/(\d+)")
_READER_S = 4.0
"""How long a named pipe waits for the program that reads it; shorter than a stop may take."""
_LOOK_S = 0.05


def check_writable(path: Path) -> None:
    """Refuse, before any work is done, a file that could not be written (UsageError)."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file to write")
    if not is_special(path):
        check_folder(path.parent)
    elif _open_number(path) is None and not os.access(path, os.W_OK):
        raise UsageError(f"{path}: no permission to write to it; name another output")


def check_folder(folder: Path) -> None:
    """Make a folder for outputs, or say why that cannot be (UsageError)."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: no permission to write there; choose another folder")


def is_special(path: Path) -> bool:
    """Whether a path is a pipe, a device or an open file, which is written and never replaced."""
    return _open_number(path) is not None or (path.exists() and not path.is_file())


def _open_number(path: Path) -> int | None:
    """Return the open file that a name such as /dev/stdout means."""
    found = _OPEN_FILE.fullmatch(str(path))
    if found is None:
        return None
    if found[1] or found[2]:
        return 1 if found[1] else 2
    return int(found[3] or found[4])


def _open_special(path: Path) -> int:
    """Open what is written as it is -> its file descriptor; raises UsageError, OSError."""
    number = _open_number(path)
    if number is not None:
        try:
            return os.dup(number)  # opened again, a file would be written from its beginning
        except OSError:
            raise UsageError(f"{path}: nothing is connected there; name another output") from None
    if not stat.S_ISFIFO(path.stat().st_mode):
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    until = time.monotonic() + _READER_S
    while (number := _open_pipe(path)) is None:
        if time.monotonic() > until:
            raise UsageError(f"{path}: a pipe that no program reads; start the reader first")
        time.sleep(_LOOK_S)
    return number


def _open_pipe(path: Path) -> int | None:
    """Open a named pipe to write; None while no program reads it."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    os.set_blocking(number, True)
    return number


class LineFile:
    """A file of JSON lines that appears with its first line and grows by whole lines.

    Each line is written at once, so that whatever ends the process, the file holds all lines up to
    then. A line that does not fit on the disk is removed before OSError is raised. With
    `overwrite`, a file that is there is replaced by the first line, and comes back on `abort`.
    """

    def __init__(self, path: Path, *, overwrite: bool = True) -> None:
        self.path = path
        self._overwrite = overwrite
        self._number: int | None = None
        self._part: PartFile | None = None
        self._before: SetAside | None = None
        self._size = 0
        self._ended = False
        if is_special(path):
            self._number = _open_special(path)

    def write_json(self, item: Mapping[str, Any]) -> None:
        """Add one object as a line of JSON."""
        line = (json.dumps(item, separators=(",", ":")) + "\n").encode()
        if self._number is None:
            self._begin(line)
        else:
            self._append(self._number, line)
        self._size += len(line)

    def close(self) -> None:
        """Bring the lines to the disk; may be called twice. Without a line there is no file."""
        if self._ended or self._number is None:
            return
        if self._part is not None:
            os.fsync(self._number)
        self._end()

    def abort(self) -> None:
        """Remove the lines, and put back what they replaced; nothing after `close`."""
        if self._ended:
            return
        if self._part is not None and self._part.is_in_place:
            if self._before is not None:
                self._before.restore()
            else:
                self._part.target.unlink(missing_ok=True)
        self._end()

    def _begin(self, line: bytes) -> None:
        part = PartFile(self.path, overwrite=self._overwrite)
        try:
            self._append(part.stream.fileno(), line)
            if self._overwrite and part.target.exists():
                with contextlib.suppress(OSError):  # no hard links there: it cannot come back
                    self._before = SetAside(part.target)
            part.publish(sync=False)
        except BaseException:
            part.discard()
            if self._before is not None:
                self._before.drop()
            raise
        self._part, self._number = part, part.stream.fileno()

    def _append(self, number: int, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(number, view) :]
        except OSError as error:
            if self._part is None:
                raise
            with contextlib.suppress(OSError):
                os.ftruncate(number, self._size)
            self._end()
            why = f"{error.strerror}; the lines before are kept"
            raise OSError(error.errno, why, str(self.path)) from error

    def _end(self) -> None:
        self._ended = True
        if self._before is not None:
            self._before.drop()
        if self._part is not None:
            self._part.close()
        elif self._number is not None:
            os.close(self._number)
