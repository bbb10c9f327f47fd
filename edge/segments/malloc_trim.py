"""Freed memory given back to the system between one film and the next."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def give_back() -> None:
    """Let the C library return what it holds of freed memory; nothing where it has no such call.

    Decoders and each film's threads allocate from arenas of their own, which glibc keeps when they
    are freed: without this a folder of odd films holds the most that each arena ever held.
    Source: malloc_trim(3).
    """
    if (trim := _trim()) is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
