"""A programme's file: what is in it, and which of its streams are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from typing_extensions import Self

from edge.capture.decode import track_note, video_stream
from edge.capture.video import open_file
from edge.errors import SourceError
from edge.pyav import rational, readable
from edge.segments import matroska
from edge.segments.chapters import Chapter
from edge.segments.ebml import EbmlError
from edge.segments.encryption import encryption_of

_WANTED = "a video with a programme"
_PROBE_PACKETS = 400
"""Packets of a sound track that are decoded to hear whether there is anything on it."""
_FAINT = 3e-4
"""-70 dB of full scale: a track that is quieter holds nothing."""


@dataclass(slots=True)
class Media:
    """An open file. Close it, or use it in a `with`."""

    path: Path
    container: InputContainer
    video: VideoStream | None
    sound: AudioStream | None
    start_s: float
    """When the file begins on the streams' own time line."""
    duration_s: float | None
    """As the header tells; None where it does not."""
    chapters: tuple[Chapter, ...]
    encryption: str | None = None
    """What pictures and sound are encrypted with; its chapters can be read all the same."""
    warnings: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.container.close()

    @property
    def frame_s(self) -> float:
        """How long a picture is shown, seconds; a guess where no header tells."""
        rate = None if self.video is None else self.video.average_rate or self.video.guessed_rate
        return 1 / float(rate) if rate else 0.04


def open_media(path: Path | str) -> Media:
    """Open a file and choose its streams.

    Raises SourceError, one line, for what is no programme: a missing, empty or broken file, a
    text, a picture.
    """
    file = Path(path)
    container, start_s, told_s = _opened(file)
    try:
        video = _video(container, file)
        media = Media(
            file,
            container,
            video,
            None,
            start_s,
            _duration_s(told_s, video),
            chapters_in(container, file),
            encryption_of(file),
        )
        if video is not None and (note := track_note(container, video)) is not None:
            media.warnings.append(note)
        _choose_sound(media)
    except FFmpegError as error:
        container.close()
        raise SourceError(f"{file}: cannot be read: {error.strerror}") from error
    except BaseException:
        container.close()
        raise
    if video is None:
        media.warnings.append("no pictures: judged by the sound alone")
    return media


def _opened(file: Path) -> tuple[InputContainer, float, float | None]:
    """Open a file -> when it begins and how long it is, by what players probe of it, seconds.

    Where no sound comes in the beginning, which is all that is probed, it is opened once more.
    """
    container = open_file(file, wanted=_WANTED)
    start_s, told_s = _seconds(container.start_time) or 0.0, _seconds(container.duration)
    if any(not _can_be_heard(track) for track in container.streams.audio):
        container.close()
        container = open_file(file, wanted=_WANTED, probe_further=True)
    if told_s is not None and "matroska" in container.format.name:
        told_s -= max(start_s, 0.0)  # there it is the time of the end
    return container, start_s, told_s


def _can_be_heard(track: AudioStream) -> bool:
    """Whether the header, or what was probed, tells how to decode a track."""
    return track.codec_context is not None and bool(track.rate)


def _video(container: InputContainer, file: Path) -> VideoStream | None:
    """Return the moving picture; None where there is only sound."""
    video = video_stream(container)
    if container.streams.audio:
        return video
    if video is None:
        raise SourceError(f"{file}: holds neither pictures nor sound; give {_WANTED}")
    if _is_still(container, video):
        raise SourceError(f"{file}: a single picture; give {_WANTED}")
    return video


def _is_still(container: InputContainer, video: VideoStream) -> bool:
    name = container.format.name
    return name == "image2" or name.endswith("_pipe") or video.frames == 1


def _seconds(microseconds: Any) -> float | None:
    """A container's time in seconds; None where no header tells, whatever PyAV's types say."""
    return None if microseconds is None else float(microseconds) / 1e6


def _duration_s(told: float | None, video: VideoStream | None) -> float | None:
    if told is None and video is not None and video.duration and video.time_base:
        told = float(video.duration * video.time_base)
    return told if told is not None and told > 0 else None


def chapters_in(container: InputContainer, path: Path) -> tuple[Chapter, ...]:
    """Return the chapters that players show of an open file, in seconds from its beginning.

    Of Matroska those of the default edition that are neither hidden nor disabled. An ordered
    edition has a time line of its own: its chapters tell nothing of the file's, and are none here.
    """
    start_s = _seconds(container.start_time) or 0.0
    if "matroska" in container.format.name:
        try:
            edition = matroska.shown_edition(path)
        except (EbmlError, OSError):
            pass  # damaged: what FFmpeg finds
        else:
            if edition is None or edition.is_ordered:
                return ()
            end_s = start_s + (_seconds(container.duration) or 0.0)
            return _shifted(matroska.chapters_of(edition, end_s), start_s)
    made = []
    for entry in container.chapters():
        base = rational(entry["time_base"])
        if base is not None:
            title = readable(entry["metadata"].get("title", ""))
            made.append(Chapter(float(entry["start"] * base), float(entry["end"] * base), title))
    return _shifted(made, start_s)


def _shifted(chapters: Iterable[Chapter], start_s: float) -> tuple[Chapter, ...]:
    """Chapters on the time line of a file that begins at `start_s`."""
    moved = [Chapter(c.start_s - start_s, c.end_s - start_s, c.title) for c in chapters]
    return tuple(sorted(moved, key=lambda c: c.start_s))


def _choose_sound(media: Media) -> None:
    """Take the default track, or the first; where there are several, the first that is not mute."""
    tracks = list(media.container.streams.audio)
    default = av.stream.Disposition.default
    tracks.sort(key=lambda t: not t.disposition & default)
    tracks = [t for t in tracks if _can_be_heard(t)]
    if not tracks:
        media.warnings.append("no sound: judged by the pictures alone")
        return
    media.sound = tracks[0]
    if len(tracks) == 1:
        return
    if media.encryption is None:
        media.sound = next((t for t in tracks if _is_heard(media, t)), tracks[0])
    number = list(media.container.streams.audio).index(media.sound) + 1
    language = media.sound.language
    named = f" ({language})" if language and language != "und" else ""
    media.warnings.append(f"{len(tracks)} sound tracks: listened to track {number}{named}")


def _is_heard(media: Media, track: AudioStream) -> bool:
    """Whether a stretch from a third of the way on is not silent; the open file stays where it is.

    A file that cannot be wound is heard from its beginning, and so is one whose length is wrong.
    """
    third_s = (media.duration_s or 0.0) / 3
    loudest = _loudest(media, track, third_s)
    if loudest is None and third_s:
        loudest = _loudest(media, track, 0.0)
    return loudest is not None and loudest > _FAINT


def _loudest(media: Media, track: AudioStream, from_s: float) -> float | None:
    """Return the loudest sample of a stretch, of 1; None where there is no sound."""
    loudest, resampler = None, AudioResampler("flt", "mono")
    with open_file(media.path) as container:
        if from_s:
            with suppress(FFmpegError):
                container.seek(int((media.start_s + from_s) * 1e6))
        try:
            for number, packet in enumerate(container.demux(container.streams[track.index])):
                for mono in _mono(resampler, packet):
                    loudest = max(loudest or 0.0, float(np.abs(mono.to_ndarray()).max()))
                if (loudest or 0.0) > _FAINT or number > _PROBE_PACKETS:
                    break
        except (FFmpegError, ValueError):  # damaged, or its kind of sound changes
            pass
    return loudest


def _mono(resampler: AudioResampler, packet: Packet[AudioStream]) -> list[AudioFrame]:
    return [mono for frame in packet.decode() for mono in resampler.resample(frame)]
