"""The output files that a run was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.box.drawing import Drawer, OverlaySink, contact_sheet
from edge.box.files import check_folder, check_writable
from edge.box.interfaces import Sink
from edge.box.sink_thread import SinkThread
from edge.box.sinks import JsonLinesSink, PictureSink
from edge.capture import SourceInfo
from edge.config import Config
from edge.errors import UsageError
from edge.fields import Field

_DEFAULT_FPS = 25.0
_VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where outputs go; None: not wanted."""

    out: Path | None = None
    """JSON Lines."""
    overlay: Path | None = None
    """Video."""
    pictures: Path | None = None
    """Folder."""

    def or_configured(self, config: Config) -> OutputPaths:
        """Fill what was not asked for from the configuration."""
        overlay, pictures = self.overlay, self.pictures
        configured = config.output.overlay
        if configured is not None and configured.suffix.lower() in _VIDEO_SUFFIXES:
            overlay = overlay or configured
        elif configured is not None:
            pictures = pictures or configured
        return OutputPaths(self.out or config.output.jsonl, overlay, pictures)

    def check(self) -> None:
        """Refuse what cannot be written, before any work is done (UsageError)."""
        if self.overlay is not None and self.overlay.suffix.lower() not in _VIDEO_SUFFIXES:
            raise UsageError(f"{self.overlay}: an overlay is a video; name it something.mp4")
        for file in (self.out, self.overlay):
            if file is not None:
                check_writable(file)
        if self.pictures is not None:
            check_folder(self.pictures)


@contextmanager
def open_outputs(
    paths: OutputPaths, config: Config, field: Field, source: SourceInfo
) -> Iterator[SinkThread | None]:
    """Give a thread that writes the outputs; finished at the end, removed when the run fails."""
    sinks = _sinks(paths, config, field, source)
    if not sinks:
        yield None
        return
    thread = SinkThread(sinks, wait=not source.live)
    try:
        yield thread
    except BaseException:
        thread.abort()
        raise
    thread.close()


def _sinks(paths: OutputPaths, config: Config, field: Field, source: SourceInfo) -> list[Sink]:
    sinks: list[Sink] = []
    fps = source.fps or _DEFAULT_FPS
    if paths.out is not None:
        sinks.append(
            JsonLinesSink(
                paths.out,
                source=source.uri,
                sport=config.sport,
                half_turn=config.field.camera_side == "far",
            )
        )
    if paths.overlay is not None:
        sinks.append(OverlaySink(paths.overlay, field, fps=fps))
    if paths.pictures is not None:
        every = max(1, round(fps))
        sinks.append(PictureSink(paths.pictures, Drawer(field), contact_sheet, every_frames=every))
    return sinks
