"""What the pipeline needs of its parts: one or two methods each, so that a test can stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from edge.capture import Outage
from edge.capture.slot import SlotCounts
from edge.types import CameraPrior, Frame, ImageArray, Registration


class FrameRegistrar(Protocol):
    """Answers where the field is in a picture."""

    def register(
        self,
        image_bgr: ImageArray,
        *,
        pts_s: float | None = None,
        prior: CameraPrior | None = None,
        spare_ms: float | None = None,
    ) -> Registration:
        """Register one (height, width, 3) uint8 BGR picture; at worst it is `lost`.

        `prior`, what the camera's telemetry tells, and `spare_ms`, what the answer may take, are
        given only where there is something to say.
        """

    def reset(self) -> None:
        """Forget the frames before: what comes next is another shot."""

    def close(self) -> None:
        """Release the engine."""


@runtime_checkable
class DefersWork(Protocol):
    """A registrar that can put work off until its answer was given."""

    def mend(self, *, refine: bool) -> bool:
        """Do what was put off, for the frames to come; refinement only if `refine`.

        Returns whether there was anything to refine.
        """


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """Where the connection to a source stands."""

    state: str
    """`connecting`, `streaming`, `waiting` or `ended`."""
    failures: int = 0
    """How often it broke or could not be made; grows with each attempt that fails."""
    problem: str | None = None
    """Why there is no live picture; None while there is."""
    outages: Mapping[str, int] = field(default_factory=dict)
    """How often there was none, by cause."""


class Stop(Protocol):
    """Says when a run is to end; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether it is to end now."""


class FrameReader(Protocol):
    """Gives frames to the pipeline, with a thread behind it that captures or decodes."""

    def get(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time or none will come (`ended`)."""

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""

    @property
    def captured(self) -> int:
        """Count what the source gave so far, good and corrupt."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Count the captured frames that `get` never gave, by cause."""

    @property
    def account(self) -> SlotCounts:
        """Return where the frames went at one moment, corrupt ones included; it adds up."""

    @property
    def link(self) -> LinkStatus:
        """Return where the connection to the source stands."""

    @property
    def note(self) -> str | None:
        """Return one line about something odd that a person should know."""

    @property
    def outage(self) -> Outage | None:
        """Return why there is no live picture now; None while there is, and for a file."""

    def close(self) -> None:
        """Stop the thread and close the source."""


class Outlet(Protocol):
    """Takes each answer for publication; never raises, and never holds a live source up."""

    def publish(self, frame: Frame, registration: Registration) -> None:
        """Hand one answer over."""


class Sink(Protocol):
    """An output file that is complete when closed and absent when aborted."""

    @property
    def path(self) -> Path:
        """Return where the result will lie."""

    def write(self, frame: Frame, registration: Registration) -> None:
        """Add one frame; raises OSError or TouchlineError when it cannot."""

    def close(self) -> None:
        """Finish the file under its own name."""

    def abort(self) -> None:
        """Remove what was written."""

    def interrupt(self) -> None:
        """End at once; what is whole may stay, no part does."""
