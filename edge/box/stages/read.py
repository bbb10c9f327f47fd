"""Readers behind one interface: the newest frame of a live source, every frame of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.box.protocols import FrameReader, LinkStatus
from edge.capture import FrameSource, LiveReader, Outage, ReadAhead
from edge.capture.slot import SlotCounts
from edge.types import Frame

CAMERAS = frozenset({"rtsp", "v4l2"})
"""Kinds of source that are cameras."""


def reader_for(
    source: FrameSource | None,
    reopen: Callable[[], FrameSource],
    *,
    frozen_after_s: float | None = None,
    silent_after_s: float = 1.5,
) -> FrameReader:
    """Read an open source in a thread of its own; `reopen` serves a live one that broke.

    None stands for a live one that is still to be opened. `frozen_after_s` is for cameras; whatever
    else runs live (a film, a rendered match) may well show one picture for long. A live source
    counts as silent `silent_after_s` after its last frame.
    """
    if source is None or source.info.live:
        camera = source is None or source.info.kind in CAMERAS
        limit_s = frozen_after_s if camera else None
        if limit_s is not None:  # a slow camera may repeat a picture before it counts as silent
            limit_s = max(limit_s, silent_after_s)
        reader = LiveReader(reopen, first=source, stall_s=silent_after_s, frozen_after_s=limit_s)
        return LiveFrames(reader)
    return FileFrames(ReadAhead(source))


class LiveFrames:
    """The newest frame of a live source; what it replaces is counted as dropped."""

    def __init__(self, reader: LiveReader) -> None:
        self._reader = reader

    def get(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None when none came in time."""
        return self._reader.get(timeout_s)

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""
        return self._reader.ended

    @property
    def captured(self) -> int:
        """Count what came in, good and corrupt."""
        return self._reader.counts.captured + self._reader.corrupt

    @property
    def dropped(self) -> Mapping[str, int]:
        """Count by cause what came in and was not given on."""
        return {**self._reader.counts.dropped, "corrupt": self._reader.corrupt}

    @property
    def account(self) -> SlotCounts:
        """Return where the frames went at one moment, corrupt ones included."""
        return _with_corrupt(self._reader.counts, self._reader.corrupt)

    @property
    def link(self) -> LinkStatus:
        """Return where the connection stands."""
        reader = self._reader
        outage = reader.outage
        problem = outage.message if outage is not None else None
        return LinkStatus(reader.state.value, reader.failures, problem)

    @property
    def note(self) -> str | None:
        """Return why there is no live picture, or what is odd about those that come."""
        outage = self._reader.outage
        return outage.message if outage is not None else self._reader.note

    @property
    def outage(self) -> Outage | None:
        """Return why there is no live picture now."""
        return self._reader.outage

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()


class FileFrames:
    """Every frame of a file, decoded a little ahead."""

    def __init__(self, reader: ReadAhead) -> None:
        self._reader = reader

    def get(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time (a pipe may wait) or none will."""
        return self._reader.get(timeout_s)

    @property
    def ended(self) -> bool:
        """Whether the last frame was given."""
        return self._reader.ended

    @property
    def captured(self) -> int:
        """Count what was decoded, good and corrupt."""
        return self._reader.counts.captured + self._reader.corrupt

    @property
    def dropped(self) -> Mapping[str, int]:
        """Count what was not given on: frames decoded ahead of a stop, and corrupt ones."""
        return {**self._reader.counts.dropped, "corrupt": self._reader.corrupt}

    @property
    def account(self) -> SlotCounts:
        """Return where the frames went at one moment, corrupt ones included."""
        return _with_corrupt(self._reader.counts, self._reader.corrupt)

    @property
    def link(self) -> LinkStatus:
        """Return `streaming` until the last frame was given; a file does not break."""
        return LinkStatus("ended" if self._reader.ended else "streaming")

    @property
    def note(self) -> str | None:
        """Return what is odd about the file, such as that it was cut short."""
        return self._reader.note

    @property
    def outage(self) -> None:
        """Return None: a file is there or is an error."""
        return

    def close(self) -> None:
        """Stop decoding and close the file."""
        self._reader.close()


def _with_corrupt(counts: SlotCounts, corrupt: int) -> SlotCounts:
    return SlotCounts(
        counts.captured + corrupt,
        counts.processed,
        counts.waiting,
        {**counts.dropped, "corrupt": corrupt},
    )
