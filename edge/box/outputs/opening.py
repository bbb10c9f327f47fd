"""The output files that a run was asked for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edge.box.outputs.atomic_file import is_special
from edge.box.outputs.output_check import NO_INPUTS, Inputs, PictureOutput, check_outputs
from edge.box.outputs.overlay import Drawer, OverlaySink, contact_sheet
from edge.box.outputs.worker import SinkThread
from edge.box.outputs.writers import JsonLinesSink, PictureSink
from edge.box.protocols import Sink
from edge.capture import SourceInfo
from edge.config import Config
from edge.errors import UsageError
from edge.fields import Field
from edge.part_file import writer_of

_DEFAULT_FPS = 25.0
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where outputs go; None: not wanted."""

    out: Path | None = None
    """JSON Lines."""
    overlay: Path | None = None
    """Video."""
    pictures: Path | None = None
    """Folder."""
    overwrite: bool = False
    """Whether to replace what is there; otherwise it is refused."""

    @property
    def any(self) -> bool:
        """Whether anything is to be written."""
        return any((self.out, self.overlay, self.pictures))

    def or_configured(self, config: Config) -> OutputPaths:
        """Fill what was not asked for from the configuration.

        A service starts with its former outputs there: the configuration's names get the time of
        the start where they are taken.
        """
        jsonl, overlay, pictures = config.output.jsonl, config.output.overlay, None
        if overlay is not None and overlay.suffix.lower() not in VIDEO_SUFFIXES:
            overlay, pictures = None, overlay
        configured = OutputPaths(jsonl, overlay, pictures, self.overwrite).at_free_names()
        return OutputPaths(
            self.out or configured.out,
            self.overlay or configured.overlay,
            self.pictures or configured.pictures,
            self.overwrite,
        )

    def at_free_names(self) -> OutputPaths:
        """Return names that no file has: these, or these with the time of this moment added.

        `frames.jsonl` becomes `frames-20260301T190500Z.jsonl`, a folder `drawn` becomes
        `drawn/20260301T190500Z`. With `overwrite` they stay.
        """
        if self.overwrite:
            return self
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        return replace(
            self,
            out=_free_file(self.out, now),
            overlay=_free_file(self.overlay, now),
            pictures=_free_folder(self.pictures, now),
        )

    def check(self, inputs: Inputs = NO_INPUTS) -> None:
        """Refuse what cannot or must not be written, before anything is opened (UsageError)."""
        if self.overlay is not None and self.overlay.suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"{self.overlay}: an overlay is a video; name it something.mp4")
        if self.overlay is not None and is_special(self.overlay) and not self.overlay.is_dir():
            raise UsageError(f"{self.overlay}: a video needs a file, no device or pipe")
        drawn = None
        if self.pictures is not None:
            drawn = PictureOutput(self.pictures, PictureSink.writes)
        files = [file for file in (self.out, self.overlay) if file is not None]
        check_outputs(files, inputs, pictures=drawn, overwrite=self.overwrite)


def _free_file(path: Path | None, now: str) -> Path | None:
    if path is None or is_special(path):
        return path
    stem, ending = path.stem, path.suffix
    names = itertools.chain(
        (path.name, f"{stem}-{now}{ending}"),
        (f"{stem}-{now}-{number}{ending}" for number in itertools.count(2)),
    )
    return next(p for p in map(path.with_name, names) if not _is_taken(p))


def _is_taken(path: Path) -> bool:
    return os.path.lexists(path) or writer_of(path) is not None


def _free_folder(folder: Path | None, now: str) -> Path | None:
    if folder is None or not _has_pictures(folder):
        return folder
    names = itertools.chain((now,), (f"{now}-{number}" for number in itertools.count(2)))
    return next(p for p in (folder / name for name in names) if not os.path.lexists(p))


def _has_pictures(folder: Path) -> bool:
    try:
        return any(PictureSink.writes(path.name) for path in folder.iterdir())
    except OSError:
        return False


@contextmanager
def open_outputs(
    paths: OutputPaths, config: Config, field: Field, source: SourceInfo
) -> Iterator[SinkThread | None]:
    """Give a thread that writes the outputs; finished at the end, removed when the run fails.

    Where a second signal cuts the end short, what is whole stays: JSON lines, drawn pictures.
    """
    sinks = _sinks(paths, config, field, source)
    if not sinks:
        yield None
        return
    thread = SinkThread(sinks, wait=not source.live)
    try:
        yield thread
        thread.close()
    except KeyboardInterrupt:
        thread.abort(keep_whole=True)
        raise
    except BaseException:
        thread.abort()
        raise


def _sinks(paths: OutputPaths, config: Config, field: Field, source: SourceInfo) -> list[Sink]:
    sinks: list[Sink] = []
    fps = source.fps or _DEFAULT_FPS
    if paths.out is not None:
        sinks.append(
            JsonLinesSink(
                paths.out,
                source=source.uri,
                field=field,
                far_side=config.field.camera_side == "far",
                overwrite=paths.overwrite,
            )
        )
    if paths.overlay is not None:
        sinks.append(OverlaySink(paths.overlay, field, fps=fps, overwrite=paths.overwrite))
    if paths.pictures is not None:
        every = max(1, round(fps))
        sinks.append(
            PictureSink(
                paths.pictures,
                Drawer(field),
                contact_sheet,
                every_frames=every,
                overwrite=paths.overwrite,
            )
        )
    return sinks
