"""In what order frames are registered: one after the other, or overlapping."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from edge.box.interfaces import Registrar
from edge.types import CameraPrior, Frame, Image, Reason, Registration, State

_FROZEN = Registration(State.LOST, Reason.FROZEN)

Answer: TypeAlias = tuple[Frame, Registration, float]
"""A frame, its registration, and the milliseconds that it waited before its turn."""


@runtime_checkable
class Overlapping(Protocol):
    """A registrar whose network can run over one frame while another is finished."""

    def begin(self, image_bgr: Image, *, prior: CameraPrior | None = None) -> Any:
        """Send a picture into the network; returns what `finish` takes."""

    def finish(self, flight: Any) -> Registration:
        """Answer for a picture that was begun, in the order of beginning."""


class FrameOrder(Protocol):
    """Takes frames in their order and gives their answers in the same order."""

    @property
    def held(self) -> int:
        """Frames that were taken and have no answer yet."""

    def take(self, frame: Frame, prior: CameraPrior | None) -> Iterator[Answer]:
        """Take a frame; yields the answers that are ready then."""

    def rest(self) -> Iterator[Answer]:
        """Yield the answers of the frames that are held."""


class OneByOne:
    """Each frame is answered before the next is taken: the least delay."""

    held = 0

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar

    def take(self, frame: Frame, prior: CameraPrior | None) -> Iterator[Answer]:
        """Answer a frame."""
        waited_ms = ms_since(frame.monotonic_ns)
        known = {} if prior is None else {"prior": prior}
        if frame.frozen:
            yield frame, _FROZEN, waited_ms
        else:
            answer = self._registrar.register(frame.image, pts_s=frame.pts_s, **known)
            yield frame, answer, waited_ms

    def rest(self) -> Iterator[Answer]:
        """Nothing is held."""
        yield from ()


@dataclass(frozen=True, slots=True)
class _Begun:
    frame: Frame
    flight: Any
    waited_ms: float


class Overlapped:
    """While a frame is read off, the network runs over the next one: more frames a second.

    Each answer comes a frame later, which a file does not mind.
    """

    def __init__(self, registrar: Overlapping) -> None:
        self._registrar = registrar
        self._begun: _Begun | None = None

    @property
    def held(self) -> int:
        """Frames that were taken and have no answer yet."""
        return int(self._begun is not None)

    def take(self, frame: Frame, prior: CameraPrior | None) -> Iterator[Answer]:
        """Begin a frame and answer the one before."""
        waited_ms = ms_since(frame.monotonic_ns)
        flight = self._registrar.begin(frame.image, prior=prior)
        before, self._begun = self._begun, _Begun(frame, flight, waited_ms)
        if before is not None:
            yield self._finished(before)

    def rest(self) -> Iterator[Answer]:
        """Answer the frame that was begun last."""
        before, self._begun = self._begun, None
        if before is not None:
            yield self._finished(before)

    def _finished(self, begun: _Begun) -> Answer:
        return begun.frame, self._registrar.finish(begun.flight), begun.waited_ms


def ms_since(monotonic_ns: int) -> float:
    """Milliseconds since a time of the monotonic clock."""
    return (time.monotonic_ns() - monotonic_ns) / 1e6
