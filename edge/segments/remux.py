"""Chapters written into a film: nothing else of it changes, and a failure changes nothing."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace as with_values
from pathlib import Path

from av.error import FFmpegError

from edge.capture.video import open_file
from edge.errors import SourceError
from edge.part_file import sweep_parts
from edge.segments import matroska, matroska_edit, mp4_edit
from edge.segments.chapters import Chapter
from edge.segments.film_header import header_of, packets_of
from edge.segments.media import chapters_in
from edge.segments.replacement import (
    Change,
    Refused,
    check_may_change,
    check_room,
    replace,
)

_SPARE_BYTES = 16 * 2**20
_NEAR_S = 0.002
"""How far off a chapter may be: a container counts in milliseconds or finer."""
_LONG_TITLE = 250
"""Bytes of a name from which on a container may cut it off."""
_SUFFIXES = ".mkv .mka .webm .mp4 .m4v .m4a .mov"


def write_chapters(
    path: Path,
    chapters: Sequence[Chapter],
    progress: Callable[[float], None] = lambda _share: None,
) -> None:
    """Give a Matroska or MPEG-4 file these chapters in place of those that players show.

    Times are seconds from the file's beginning. The file is copied with its chapters exchanged; the
    copy is read back and compared before it takes the file's name. `progress` is told a share of
    0..1. Raises SourceError, one line, and then the file is what it was.
    """
    target = path.resolve()
    try:
        _write(target, chapters, progress)
    except (OSError, FFmpegError, ValueError, struct.error) as error:
        raise SourceError(
            f"{path}: chapters were not written: {_reason(error)}; the file is as it was"
        ) from error


def _reason(error: Exception) -> str:
    """Say why in plain words."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, (OSError, FFmpegError)):
        return (getattr(error, "strerror", None) or "it cannot be read").lower()
    return "the film is damaged"


def _write(target: Path, chapters: Sequence[Chapter], progress: Callable[[float], None]) -> None:
    if not chapters:
        raise Refused("there are none to write")
    number = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(number)
        check_may_change(target, status)
        read = matroska.reader_of(number)
        head = read(0, 12)
        is_mp4 = mp4_edit.is_mp4(head)
        if not is_mp4 and not matroska.is_matroska(head):
            what = target.suffix or "a file without suffix"
            raise Refused(f"{what} cannot hold chapters: of {_SUFFIXES} only; use --format edl")
        check_room(target, _SPARE_BYTES)
        with open_file(target) as film:
            start_s = (film.start_time or 0) / 1e6
        placed = [
            with_values(c, start_s=max(0.0, c.start_s + start_s), end_s=c.end_s + start_s)
            for c in chapters
        ]
        changes: list[Change]
        if is_mp4:
            changes = mp4_edit.changes(read, status.st_size, placed)
        else:
            layout = matroska.layout_of(read, status.st_size)
            changes = matroska_edit.changes(read, layout, placed)
    finally:
        os.close(number)
    sweep_parts(target.parent)

    def check(copy: Path) -> None:
        _compare(target, copy, placed, is_mp4=is_mp4)

    replace(target, changes, check, progress)


def _compare(film: Path, copy: Path, chapters: Sequence[Chapter], *, is_mp4: bool) -> None:
    """Read the copy; Refused for what is not in it as it should be."""
    with open_file(film) as given, open_file(copy) as made:
        before, after = header_of(given), header_of(made)
        lost = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
        if lost:
            raise Refused(f"the copy would lose the film's {', '.join(lost[:3])}")
        start_s = (made.start_time or 0) / 1e6
        found = chapters_in(made, copy)
        if len(found) != len(chapters) or any(
            abs(f.start_s + start_s - c.start_s) > _NEAR_S or not _is_title(f.title, c.title)
            for f, c in zip(found, chapters, strict=True)
        ):
            raise Refused("the copy's chapters are not those asked for")
        if is_mp4 and packets_of(given) != packets_of(made):
            raise Refused("the copy's pictures or sound are not the film's")


def _is_title(found: str, wanted: str) -> bool:
    """Whether a title is the requested one: MP4 cuts off long ones."""
    return found == wanted or (len(found.encode()) > _LONG_TITLE and wanted.startswith(found))
