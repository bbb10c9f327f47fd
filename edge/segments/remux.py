"""Chapters written into a film: a copy beside it with every stream as it was, checked, renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from edge.errors import SourceError
from edge.pyav import EXACT_TAGS
from edge.segments.chapters import Chapter
from edge.whole_file import rename_whole

_SPARE_BYTES = 16 * 2**20
_TOLERANCE_S = 0.002
_NEAR_S = 0.1
"""How far off a chapter may be: a container may move its first instant by a block of sound."""
_BY_SUFFIX = {
    ".mkv": "matroska", ".mka": "matroska", ".webm": "webm",
    ".mp4": "mp4", ".m4v": "mp4", ".m4a": "mp4", ".mov": "mov",
}  # fmt: skip
_MOV = {"mp4", "mov"}


@dataclass(slots=True)
class _Sum:
    """What a stream's packets add up to."""

    size: int = 0
    crc: int = 0
    times_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, packet: Any) -> None:
        data = bytes(packet)
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        pts = packet.pts if packet.pts is not None else packet.dts
        self.times_s.append(-1.0 if pts is None else float(pts * packet.time_base))

    def like(self, other: _Sum) -> bool:
        """Whether the other has the same bytes at the same times, but for one shift of them all."""
        if (self.size, self.crc, len(self.times_s)) != (other.size, other.crc, len(other.times_s)):
            return False
        off = np.asarray(self.times_s) - np.asarray(other.times_s)
        return not len(off) or bool(np.ptp(off) <= _TOLERANCE_S)


def write_chapters(
    path: Path,
    chapters: Sequence[Chapter],
    progress: Callable[[float], None] = lambda _share: None,
) -> None:
    """Give a Matroska or MPEG-4 file these chapters in place of its own.

    Streams, attachments and metadata are copied; the copy is read back and compared before it takes
    the file's name. `progress` is told a share of 0..1. Raises SourceError, one line, and then the
    file is what it was.
    """
    target = path.resolve()
    kind = _BY_SUFFIX.get(target.suffix.lower())
    if kind is None:
        known = " ".join(_BY_SUFFIX)
        raise SourceError(
            f"{path}: {target.suffix or 'a file without suffix'} cannot hold chapters: of "
            f"{known} only; use --format edl"
        )
    _check_room(path, target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        sums = _copy(target, temporary, kind, chapters, progress)
        _compare(target, temporary, sums, chapters)
        shutil.copymode(target, temporary)
        with contextlib.suppress(OSError):
            os.chown(temporary, target.stat().st_uid, target.stat().st_gid)
        _to_disk(temporary)
        rename_whole(temporary, target)
    except (OSError, FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            f"{path}: chapters were not written: {why.lower()}; the file is as it was"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _check_room(path: Path, target: Path) -> None:
    try:
        needed = target.stat().st_size + _SPARE_BYTES
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if free < needed:
        raise SourceError(
            f"{path}: chapters were not written: a copy needs {needed // 10**6} MB and "
            f"{free // 10**6} MB are free in {target.parent}"
        )


def _copy(
    source: Path,
    copy: Path,
    kind: str,
    chapters: Sequence[Chapter],
    progress: Callable[[float], None],
) -> dict[int, _Sum]:
    """Copy all packets; what the streams of the copy add up to."""
    options = {"movflags": "use_metadata_tags"} if kind in _MOV else {}
    with (
        av.open(str(source), **EXACT_TAGS) as given,
        av.open(str(copy), "w", format=kind, options=options, **EXACT_TAGS) as made,
    ):
        made.metadata.update(_kept(given.metadata, kind))
        streams = {s.index: _added(made, s, kind) for s in given.streams if not _is_titles(s, kind)}
        start_s = (given.start_time or 0) / 1e6
        made.set_chapters([_raw(n, c, start_s) for n, c in enumerate(chapters, 1)])
        sums = {stream.index: _Sum() for stream in streams.values()}
        length_s = (given.duration or 0) / 1e6
        for packet in given.demux():
            stream = streams.get(packet.stream.index)
            if stream is None or (packet.dts is None and not packet.size):
                continue
            if length_s and packet.dts is not None:
                progress(min(1.0, float(packet.dts * packet.time_base) / length_s))
            sums[stream.index].add(packet)
            packet.stream = stream
            made.mux_one(packet)
    return sums


def _added(made: Any, stream: Any, kind: str) -> Any:
    """A stream of the copy, as a stream is."""
    if stream.type == "attachment":
        named = stream.metadata.get("filename", "attachment")
        mime = stream.metadata.get("mimetype", "application/octet-stream")
        return made.add_attachment(named, mime, stream.data)
    copy = made.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition.value  # PyAV 16 takes no flags
    if kind in _MOV and getattr(copy, "codec_context", None) is not None:
        tag = stream.codec_context.codec_tag
        if "\x00" not in tag:
            copy.codec_context.codec_tag = tag
    return copy


def _is_titles(stream: Any, kind: str) -> bool:
    """Whether a stream is MPEG-4's own list of chapter names, which is written anew."""
    return kind in _MOV and stream.type == "data" and stream.name in {None, "bin_data"}


def _kept(metadata: dict[str, str], kind: str) -> dict[str, str]:
    """The file's tags, but not those that its container writes by itself."""
    own = {"major_brand", "minor_version", "compatible_brands"} if kind in _MOV else set()
    return {key: value for key, value in metadata.items() if key.lower() not in own | {"encoder"}}


def _raw(number: int, chapter: Chapter, start_s: float) -> dict[str, Any]:
    return {
        "id": number,
        "start": max(0, round((start_s + chapter.start_s) * 1000)),
        "end": round((start_s + chapter.end_s) * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": chapter.title},
    }


def _compare(source: Path, copy: Path, sums: dict[int, _Sum], chapters: Sequence[Chapter]) -> None:
    """Read the copy; ValueError for what is not in it as it should be."""
    with (
        av.open(str(source), **EXACT_TAGS) as given,
        av.open(str(copy), **EXACT_TAGS) as made,
    ):
        kind = _BY_SUFFIX[source.suffix.lower()]
        wanted = [_likeness(s) for s in given.streams if not _is_titles(s, kind)]
        found = [_likeness(s) for s in made.streams if not _is_titles(s, kind)]
        if wanted != found:
            raise ValueError(f"the copy's streams are not the file's: {wanted} and {found}")
        if missing := _kept(given.metadata, kind).keys() - made.metadata.keys():
            raise ValueError(f"the copy lacks the tags {', '.join(sorted(missing))}")
        start_s = (made.start_time or 0) / 1e6
        times = [float(c["start"] * c["time_base"]) - start_s for c in made.chapters()]
        if len(times) != len(chapters) or any(
            abs(t - c.start_s) > _NEAR_S for t, c in zip(times, chapters, strict=True)
        ):
            raise ValueError("the copy's chapters are not those asked for")
        read = {index: _Sum() for index in sums}
        for packet in made.demux():
            if packet.stream.index in read and packet.size:
                read[packet.stream.index].add(packet)
    if any(not read[index].like(total) for index, total in sums.items()):
        raise ValueError("the copy's pictures or sound are not the file's")


def _likeness(stream: Any) -> tuple[Any, ...]:
    """What must be the same of a stream."""
    extradata = None
    if stream.type in {"video", "audio"}:
        extradata = stream.codec_context.extradata
    elif stream.type == "attachment":
        extradata = stream.data
    language = stream.metadata.get("language", "und")
    return (stream.type, stream.name, extradata, language, stream.disposition.value)


def _to_disk(file: Path) -> None:
    number = os.open(file, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
