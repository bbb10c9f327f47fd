"""Films that come through a pipe: read once, from beginning to end, and never wound back."""

from __future__ import annotations

import os
import re
import select
import stat
import struct
import threading
from pathlib import Path

from edge.errors import SourceError

STDIN = "-"
"""What a person writes for standard input."""
_DESCRIPTOR = re.compile(r"/dev/fd/(\d+)|/proc/self/fd/(\d+)|(/dev/stdin)")
_LOOK_S = 0.1
_READABLE = select.POLLIN | select.POLLHUP
_MP4_BEGINS = frozenset((b"ftyp", b"wide", b"mdat", b"free", b"skip", b"moov"))
_HEAD_BYTES = 1 << 16
"""How far the beginning of a film is searched for the index of an MP4."""


def is_stream(path: str | Path) -> bool:
    """Whether what lies at a path, or standard input, can be read only once."""
    descriptor = descriptor_of(path)
    try:
        mode = (Path(path).stat() if descriptor is None else os.fstat(descriptor)).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and descriptor is not None)


def descriptor_of(path: str | Path) -> int | None:
    """Return the open file that a name such as `-`, `/dev/stdin` or `/dev/fd/63` means."""
    text = str(path)
    if text == STDIN:
        return 0
    found = _DESCRIPTOR.fullmatch(text)
    return None if found is None else int(found[1] or found[2] or 0)


class Pipe:
    """An input that can be read once, as PyAV reads a Python file; it cannot seek.

    A read waits for the writer without a limit, until `stop` is called by any thread.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "pipe"
        self.path = str(path)
        """As a person wrote it."""
        self._stopped = threading.Event()
        self._head = b""
        descriptor = descriptor_of(path)
        try:
            # a named pipe is opened without waiting for its writer; an open one keeps its flags
            self._fd = (
                os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                if descriptor is None
                else os.dup(descriptor)
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SourceError(f"{path}: cannot be opened: {reason}") from error
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._lock = threading.Lock()
        self._open = True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or none at the end and after `stop`."""
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return self._wait(size if size > 0 else _HEAD_BYTES)

    def peek(self, size: int) -> bytes:
        """Return the first bytes, at least `size` unless the film is shorter; they stay unread."""
        while len(self._head) < size and (more := self._wait(size - len(self._head))):
            self._head += more
        return self._head

    def stop(self) -> None:
        """End a read that waits, and all later ones."""
        self._stopped.set()

    def close(self) -> None:
        """Close the input; may be called twice."""
        self.stop()
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._fd)

    def _wait(self, size: int) -> bytes:
        while not self._stopped.is_set():
            with self._lock:
                events = self._poll.poll(0) if self._open else [(0, select.POLLNVAL)]
                if events:
                    try:
                        return os.read(self._fd, size) if events[0][1] & _READABLE else b""
                    except BlockingIOError:  # another reader of this pipe was faster
                        continue
            self._poll.poll(1000 * _LOOK_S)
        return b""


def check_begins(pipe: Pipe) -> None:
    """Refuse a film that cannot be read from a pipe; raises SourceError.

    An MP4 file whose index comes behind its pictures cannot be read without winding back.
    """
    head = pipe.peek(12)
    name = "standard input" if descriptor_of(pipe.path) == 0 else pipe.path
    if not head:
        raise SourceError(f"{name}: nothing came through the pipe; does its writer work?")
    if head[4:8] not in _MP4_BEGINS:
        return
    at = 0
    while at + 16 <= len(head := pipe.peek(min(at + 16, _HEAD_BYTES))):
        size, kind = struct.unpack_from(">I4s", head, at)
        if size == 1:
            size = struct.unpack_from(">Q", head, at + 8)[0]
        if kind == b"mdat":
            raise SourceError(
                f"{name}: an MP4 whose index comes last cannot be read from a pipe; give the file,"
                " or write it with -movflags +faststart, or as MPEG-TS or Matroska"
            )
        if kind in {b"moov", b"moof"} or size < 8:
            return
        at += size
