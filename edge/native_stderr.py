"""What native libraries print on file descriptor 2: kept from the terminal, logged, and heard.

Engines print while they load, the decoders of pictures (libjpeg, libpng, libtiff, OpenCV's own log)
about what they find in a file. They offer no other way to hear of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

_lock = threading.RLock()
_PIECE_BYTES = 4096
"""PIPE_BUF: so much a pipe takes without blocking once it is writable (pipe(7))."""
_WAIT_MS = 100

ENGINES = re.compile(
    rb"onnxruntime:Default|onnxruntime cpuid_info|Error in cpuinfo|"
    rb"^(INFO|WARNING): .*(XNNPACK|TensorFlow Lite|delegate)"
)
"""Lines of inference engines about their own affairs.

onnxruntime 1.23 warns at its import of each graphics device without a PCI vendor, such as a
Jetson's or a virtual machine's; LiteRT tells which delegate it made.
"""
DECODERS = re.compile(
    rb"^(libpng (warning|error): |"
    rb"\[ ?(FATAL|ERROR|WARN|INFO|DEBUG)\S*:\d+@|OpenCV[(:]|> |TIFF\w*: |"
    rb"Corrupt JPEG data: |Premature end of JPEG|Inconsistent progression sequence|"
    rb"Invalid SOS parameters|Application transferred too|Unknown Adobe color|"
    rb"Warning: unknown JFIF|Unsupported (marker|JPEG)|Bogus )|^\s*$"
)
"""Lines of the decoders of pictures.

They are libpng's default handlers (pngerror.c), OpenCV's log and libjpeg's table of messages
(jerror.h). An empty line, or lines that begin with >, follow each message of OpenCV.
"""


@contextlib.contextmanager
def quiet_stderr(foreign: re.Pattern[bytes] = ENGINES) -> Iterator[list[str]]:
    """Hold back what is written to file descriptor 2, and then write it without foreign lines.

    Lines that match `foreign` go to the log, level debug, and, at the end, into the list that is
    given. Lines of other threads come a moment later. One thread at a time is inside.
    """
    with _lock:
        heard: list[str] = []
        try:
            terminal = os.dup(2)
        except OSError:  # a program may be started with it closed
            terminal = None
        held = os.memfd_create("stderr")
        if held == 2:  # the lowest free number: it may not become a file that others write to
            held = os.dup(held)
        os.dup2(held, 2)
        try:
            yield heard
        finally:
            if terminal is None:
                os.close(2)
            else:
                os.dup2(terminal, 2)
            try:
                _pass_on(held, terminal, foreign, heard)
            finally:
                os.close(held)
                if terminal is not None:
                    os.close(terminal)


def _pass_on(held: int, terminal: int | None, foreign: re.Pattern[bytes], heard: list[str]) -> None:
    """Write what was held to the terminal, but for the foreign lines."""
    if not os.lseek(held, 0, os.SEEK_END):
        return
    os.lseek(held, 0, os.SEEK_SET)
    with os.fdopen(os.dup(held), "rb") as file:
        for line in file:
            if foreign.search(line):
                text = line.decode("utf-8", "replace").strip()
                if text:
                    heard.append(text)
                    log.debug("a library says: %s", text)
            elif terminal is not None:
                _write(terminal, line)


def _write(terminal: int, line: bytes) -> None:
    """Write a line; a reader that stands still, or is gone, loses the rest of it."""
    poll = select.poll()
    poll.register(terminal, select.POLLOUT)
    with contextlib.suppress(OSError):
        while line and poll.poll(_WAIT_MS):
            line = line[os.write(terminal, line[:_PIECE_BYTES]) :]
