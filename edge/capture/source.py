"""What a video source is: a few facts about it, and frames one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from edge.types import Frame

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

Kind = Literal["file", "folder", "picture", "rtsp", "v4l2", "rendered"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open."""

    uri: str
    """Where the frames come from, as a person wrote it, without its password."""
    kind: Kind
    width: int
    """Width of the first picture, pixels; a stream may change its size later."""
    height: int
    """Height of the first picture, pixels."""
    fps: float | None
    """Nominal frames a second; None where the source does not say (a folder of pictures)."""
    frames: int | None
    """How many frames to expect; None where that is unknown. A guide for progress bars only."""
    live: bool
    """Whether frames come at their own pace, so that a late reader loses some."""


class FrameSource(Protocol):
    """Frames one after the other; `open_source` makes one."""

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""

    @property
    def corrupt(self) -> int:
        """Frames or pictures that could not be decoded and were skipped so far."""

    @property
    def note(self) -> str | None:
        """One line about something odd that a person should know, such as a file cut short."""

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end; SourceError where a live source breaks."""

    def close(self) -> None:
        """Release the device, file or connection; may be called twice."""


@runtime_checkable
class Interruptible(Protocol):
    """A source whose read may wait for long, for a pipe or for a camera."""

    def interrupt(self) -> None:
        """End a read that waits, soon; any thread may call it, and `close` still follows."""


def interrupt(source: object) -> None:
    """End a source's read that waits, where it has such."""
    if isinstance(source, Interruptible):
        source.interrupt()


class SourceBase:
    """What all sources share: iteration and `with`."""

    # defaults of the class, so that a source may count before it knows enough for its info
    _corrupt: int = 0
    _note: str | None = None

    def __init__(self, info: SourceInfo) -> None:
        self._info = info

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        return self._info

    @property
    def corrupt(self) -> int:
        """Frames or pictures that could not be decoded and were skipped so far."""
        return self._corrupt

    @property
    def note(self) -> str | None:
        """One line about something odd that a person should know, such as a file cut short."""
        return self._note

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the source holds; may be called twice."""

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
