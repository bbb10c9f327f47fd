"""The frame ledger: every frame that a source gave is accounted for under one cause."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge.types import Registration, RegistrationState, RejectionReason


@dataclass(frozen=True, slots=True)
class Balance:
    """A ledger at one moment; `captured` is what the source gave, good and corrupt."""

    captured: int
    processed: int
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Frames that were captured and not processed, by cause."""

    @property
    def unaccounted(self) -> int:
        """Frames under no cause; anything but 0 once a run has ended is a defect."""
        return self.captured - self.processed - sum(self.dropped.values())


class FrameLedger:
    """Counts what became of each frame; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._dense = 0
        self._cuts = 0

    def add(self, registration: Registration) -> None:
        """Count one processed frame under its state and, where it has one, its reason."""
        with self._lock:
            self._states[registration.state.value] += 1
            if registration.reason is not RejectionReason.NONE:
                self._reasons[registration.reason.value] += 1
            self._dense += registration.dense_ran
            self._cuts += registration.cut

    @property
    def processed(self) -> int:
        """Frames that got an answer, `lost` included."""
        with self._lock:
            return self._states.total()

    def states(self) -> dict[str, int]:
        """Count processed frames by state, in the order of `RegistrationState`."""
        with self._lock:
            return {state.value: self._states[state.value] for state in RegistrationState}

    def reasons(self) -> dict[str, int]:
        """Count refused frames by reason, the most frequent first."""
        with self._lock:
            return dict(self._reasons.most_common())

    @property
    def cuts(self) -> int:
        """Count the cuts between shots."""
        with self._lock:
            return self._cuts

    @property
    def dense_share(self) -> float:
        """Share of the processed frames, 0..1, for which the dense head was asked."""
        with self._lock:
            total = self._states.total()
            return self._dense / total if total else 0.0
