"""One frame's answer: read off what the network saw, or registered from the picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edge.box.protocols import DefersWork, FrameRegistrar
from edge.box.stages.prefetch import PendingFrame
from edge.box.stages.refinement_budget import RefinementBudget
from edge.types import CameraPrior, Frame, Registration, RegistrationState, RejectionReason

FlightOf = Callable[[Frame], "PendingFrame | None"]
"""What the network saw in a frame; None where it has not run over it."""

_FROZEN = Registration(RegistrationState.LOST, RejectionReason.FROZEN)


class RegisterStage:
    """Answers frames in their order.

    `flight_of` tells what the network saw in a frame already (for a registrar whose `register`
    takes a `flight`), `allowance` how long the rest may take; None: nothing, and as long as it
    needs.
    """

    def __init__(
        self,
        registrar: FrameRegistrar,
        *,
        flight_of: FlightOf | None = None,
        allowance: RefinementBudget | None = None,
    ) -> None:
        self._registrar = registrar
        self._flight_of = flight_of
        self._allowance = allowance

    def answer(self, frame: Frame, prior: CameraPrior | None) -> tuple[Registration, float]:
        """Return a frame's registration, and the milliseconds that it waited for it."""
        flight = None if self._flight_of is None else self._flight_of(frame)
        waited_ms = ms_since(frame.monotonic_ns) - (0.0 if flight is None else flight.took_ms)
        if frame.frozen:
            return _FROZEN, waited_ms
        spare_ms = None if self._allowance is None else self._allowance.of(frame, waited_ms)
        hints: dict[str, Any] = {"prior": prior, "spare_ms": spare_ms, "flight": flight}
        given = {name: hint for name, hint in hints.items() if hint is not None}
        answer = self._registrar.register(frame.image, pts_s=frame.pts_s, **given)
        if self._allowance is not None and answer.dense_ran:
            self._allowance.refined(frame)
        return answer, waited_ms

    def given(self, frame: Frame) -> None:
        """Run the work deferred for the last frame; call it once its answer is handed on."""
        allowance, registrar = self._allowance, self._registrar
        if allowance is None or not isinstance(registrar, DefersWork):
            return
        if registrar.mend(refine=allowance.mends):
            allowance.refined(frame)


def ms_since(monotonic_ns: int) -> float:
    """Milliseconds since a time of the monotonic clock."""
    return (time.monotonic_ns() - monotonic_ns) / 1e6
