"""Newest-wins slots between the pipeline and the network, with every drop counted. Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """What became of the frames that were offered; `offered` is the sum of the rest."""

    offered: int = 0
    published: int = 0
    pending: int = 0
    """In the slot, or handed to the network and not yet written."""
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By cause: `offline`, `slow_link` (newer came first), `expired`, `link_lost`, `stopped`,
    `unmade` (a defect, told in the log).
    """

    @property
    def unaccounted(self) -> int:
        """Frames under no cause; anything but 0 is a defect."""
        return self.offered - self.published - self.pending - sum(self.dropped.values())


class Slots(Generic[T]):
    """One place for each key: putting replaces what was not taken, and counts it as dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[Hashable, T] = {}
        self._offered = 0
        self._published = 0
        self._in_flight = 0
        self._dropped: Counter[str] = Counter()

    def put(self, key: Hashable, item: T, cause: str) -> None:
        """Offer an item; an older one under the same key is dropped for `cause`."""
        with self._lock:
            self._offered += 1
            if self._items.pop(key, None) is not None:
                self._dropped[cause] += 1
            self._items[key] = item

    def take(self) -> T | None:
        """Take the item that has waited longest; it counts as in flight until settled."""
        with self._lock:
            if not self._items:
                return None
            self._in_flight += 1
            return self._items.pop(next(iter(self._items)))

    def settle(self, cause: str | None = None) -> None:
        """Say what became of a taken item: published, or dropped for `cause`."""
        with self._lock:
            self._in_flight -= 1
            if cause is None:
                self._published += 1
            else:
                self._dropped[cause] += 1

    def clear(self, cause: str) -> None:
        """Drop what waits, for `cause`."""
        with self._lock:
            self._dropped[cause] += len(self._items)
            self._items.clear()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._items)

    def counts(self) -> FrameCounts:
        """Return the counts of one moment."""
        with self._lock:
            dropped = {cause: n for cause, n in self._dropped.items() if n}
            pending = len(self._items) + self._in_flight
            return FrameCounts(self._offered, self._published, pending, dropped)
