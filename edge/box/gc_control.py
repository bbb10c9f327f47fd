"""Python's collector, kept from stopping a frame."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Leave what has been made so far out of collections until the end.

    A full collection looks at every object: 55 ms for the 78 thousand of a running box, every
    twenty seconds or so, in which frames wait or drop. What start-up made stays to the end anyway.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
