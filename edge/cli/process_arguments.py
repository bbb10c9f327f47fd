"""Secrets among the arguments of this process: not for `ps`, nor for what it writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.redaction import redact, secrets_of

_ADDRESS_OPTIONS = ("--broker", "--source", "--url")
"""What follows is an address, with or without a scheme."""
_ARG_START, _ARG_END = 48, 49
"""Fields of /proc/PID/stat, from 1 (proc(5))."""


def hide_secrets(arguments: Sequence[str], *, own: bool) -> None:
    """Learn the secrets in arguments; where they are this process's `own`, overwrite them there.

    Until then, and in the shell's history, they are open: a password belongs into a file.
    """
    found = [secret for address in _addresses(arguments) for secret in secrets_of(address)]
    for secret in found:
        redact.learn(secret)
    if own and found:
        with contextlib.suppress(OSError, ValueError, IndexError):  # no Linux, or no right to it
            _overwrite(found)


def _addresses(arguments: Sequence[str]) -> Iterator[str]:
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if before in _ADDRESS_OPTIONS:
            yield argument
        elif equals and option in _ADDRESS_OPTIONS:
            yield value
        elif "://" in argument:
            yield argument
        before = argument


def _overwrite(secrets: Sequence[str]) -> None:
    """Put stars over secrets in the memory that /proc/PID/cmdline shows."""
    fields = Path("/proc/self/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    start, end = (int(fields[number - 3]) for number in (_ARG_START, _ARG_END))
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        shown = data = memory.read(end - start)
        if data != Path("/proc/self/cmdline").read_bytes():
            return
        for secret in sorted(map(os.fsencode, secrets), key=len, reverse=True):
            shown = shown.replace(secret, b"*" * len(secret))
        memory.seek(start)
        memory.write(shown)
