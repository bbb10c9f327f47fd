"""Long sums in a thread beside one that has something urgent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Rest: TypeAlias = Callable[[], object]
"""Called between the parts of a long sum, a few hundred microseconds each."""


def go_on() -> None:
    """Do not rest: nothing else is urgent."""
