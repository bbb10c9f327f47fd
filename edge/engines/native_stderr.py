"""What native libraries print by themselves while they load: kept from the terminal, and logged."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

_lock = threading.RLock()

CHATTER = re.compile(
    rb"onnxruntime:Default|onnxruntime cpuid_info|Error in cpuinfo|"
    rb"^(INFO|WARNING): .*(XNNPACK|TensorFlow Lite|delegate)"
)
"""Lines about a library's own affairs.

onnxruntime 1.23 warns at its import of each graphics device without a PCI vendor, such as a
Jetson's or a virtual machine's; LiteRT tells which delegate it made.
"""


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and then write it without the chatter.

    Chatter goes to the log, level debug. Lines of other threads come a moment later.
    """
    with _lock:
        try:
            terminal = os.dup(2)
        except OSError:  # a program may be started with it closed
            yield
            return
        held = os.memfd_create("stderr")
        os.dup2(held, 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            try:
                _pass_on(held, terminal)
            finally:
                os.close(terminal)
                os.close(held)


def _pass_on(held: int, terminal: int) -> None:
    """Write what was held to the terminal, but for the chatter."""
    os.lseek(held, 0, os.SEEK_SET)
    with os.fdopen(os.dup(held), "rb") as file:
        for line in file:
            if CHATTER.search(line):
                log.debug("a library says: %s", line.decode("utf-8", "replace").strip())
            else:
                os.write(terminal, line)
