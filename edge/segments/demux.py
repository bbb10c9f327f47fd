"""One pass over a programme: sound in blocks, and key frames or a picture a second.

Nothing but the piece at hand is kept, however long the programme is. Sound may be decoded in
another thread than the pictures.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edge.capture.decode import QUARTER_TURNS, explain
from edge.engines.hardware import usable_cores
from edge.errors import SourceError
from edge.segments.media import Media
from edge.segments.pictures import HEIGHT, WIDTH
from edge.segments.scaling import Scaler
from edge.segments.sound import HOP, RATE_HZ, WINDOW
from edge.segments.stamps import Stamper
from edge.segments.timeline import StreamTimeline
from edge.types import ImageArray

BLOCK_S = 20
"""Seconds of sound handed on at a time."""
SPACING_S = 0.4
"""Key frames that follow closer are passed over: some codecs have nothing else."""
_LATE_S = 30.0
"""How far one stream is read beyond the end of what was asked for while the other is not there."""
_GAP_S = 0.1
"""A gap in the sound that is longer is filled with silence."""
_MOST_DAMAGES = 500
"""Damaged places of a container after which the rest of it is given up."""
NONREF_FPS = 10.0
"""Below this rate each picture counts, referred to by others or not."""


_PACKETS, _PACKETS_BYTES = 64, 1 << 18
"""Packets of sound that are handed on together, and their size, at least one of both."""
_BLOCK, _OVER = BLOCK_S * RATE_HZ, WINDOW - HOP
_CHUNK = RATE_HZ // 10
"""Samples that the resampler gives at a time: fewer cost more for each, more save nothing."""


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A picture of the programme."""

    time_s: float
    image: ImageArray
    """(144, 256, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Sound as it lies in the file, in its order."""

    packets: list[Packet[AudioStream]]


@dataclass(frozen=True, slots=True)
class Sound:
    """Whole seconds of sound."""

    first_s: int
    seconds: int
    samples: NDArray[np.float32]
    """(n,) mono at 16 kHz; may go on a little beyond the seconds, or end before them."""


class Shrinker:
    """Makes decoded frames the pictures that the network sees."""

    def __init__(self) -> None:
        self._scaler = Scaler()

    def __call__(self, frame: VideoFrame) -> ImageArray:
        """Squash a frame to (144, 256, 3) uint8 RGB, turned upright."""
        turn = QUARTER_TURNS.get(round(frame.rotation) % 360)
        across = turn in {cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE}
        image = self._scaler(frame, (HEIGHT, WIDTH) if across else (WIDTH, HEIGHT), "rgb24")
        return image if turn is None else np.asarray(cv2.rotate(image, turn), np.uint8)


class Reader:
    """Reads a file once, from the beginning; what was odd is noted in `media.warnings`."""

    def __init__(self, media: Media, *, exact: bool = False, until_s: float | None = None) -> None:
        self._media = media
        self._until_s = float("inf") if until_s is None else until_s
        self._exact = exact
        self._corrupt = self._corrupt_sound = 0
        self._stamper, self._shown = Stamper(media), StreamTimeline(media.start_s)
        self._listener = _Listener(StreamTimeline(media.start_s))
        self._seconds = EverySecond()
        self._shrink = Shrinker()
        self._key_s = -float("inf")
        self._unheard: list[Packet[AudioStream]] = []
        self._unheard_bytes = 0
        self._ended_s: float | None = None
        self.pictures = 0
        """Pictures handed on."""
        self.packets = 0
        """Pictures that the file holds, decoded or not."""

    @property
    def end_s(self) -> float:
        """Where what was read so far ends, at most at the end of what was asked for."""
        if self._ended_s is not None:
            return self._ended_s
        return min(max(self._stamper.pictures_end_s, self._listener.end_s), self._until_s)

    @property
    def jumps(self) -> int:
        """Leaps of the time stamps that were mended: the file cannot be wound to its times."""
        return self._stamper.jumps

    def pieces(self) -> Generator[DecodedPicture | Sound, None, None]:
        """Read to the end, or to `until_s`.

        Raises SourceError where the file cannot be read on.
        """
        yield from self.opened(self.parts())

    def parts(self) -> Generator[DecodedPicture | Packed, None, None]:
        """Read, with the sound left as it is; what comes must go through `opened`.

        Raises SourceError where the file cannot be read on.
        """
        if self._media.video is not None:
            self._set_up(self._media.video)
        with self._explained():
            for packet, time_s in self._placed():
                if packet.stream is self._media.video:
                    for picture in self._look(packet, time_s):
                        yield from self._packed()
                        yield picture
                else:
                    self._unheard.append(packet)
                    self._unheard_bytes += packet.size
                    if len(self._unheard) >= _PACKETS or self._unheard_bytes >= _PACKETS_BYTES:
                        yield from self._packed()
                if self._is_done():
                    break
        yield from self._packed()

    def opened(
        self, parts: Iterable[DecodedPicture | Packed]
    ) -> Generator[DecodedPicture | Sound, None, None]:
        """Decode the sound of all `parts`, in this thread or another.

        Raises SourceError where that is not possible.
        """
        for part in parts:
            if isinstance(part, DecodedPicture):
                yield part
                continue
            for packet in part.packets:
                with self._explained():
                    frames, corrupt = _decoded(packet)
                self._corrupt_sound += corrupt
                for frame in frames:
                    yield from self._listener.push(frame)
        self._ended_s = self.end_s  # silence that fills up the last second is none of it
        if self._exact:  # here, where all the sound has come: it may go on behind the last picture
            yield from self._hand_on(self._seconds.finish(self.end_s))
        if self._media.sound is not None:
            yield from self._listener.finish(whole_seconds(self.end_s))
        self._note()

    def _packed(self) -> Iterator[Packed]:
        if self._unheard:
            packets, self._unheard, self._unheard_bytes = self._unheard, [], 0
            yield Packed(packets)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FFmpegError as error:
            raise SourceError(
                f"{self._media.path}: reading stopped: {explain(error)}; check the disk"
            ) from error

    def _set_up(self, video: VideoStream) -> None:
        context = video.codec_context
        # frames in threads of their own come late, take memory, and on two cores gain nothing over
        # decoding beside the rest of the work
        by_frame = self._exact and usable_cores() > 2
        context.thread_type = "AUTO" if by_frame else "SLICE"
        context.thread_count = min(4, usable_cores()) if self._exact else 1
        if not self._exact:
            context.skip_frame = "NONKEY"
        elif 1 / self._media.frame_s >= NONREF_FPS:
            context.skip_frame = "NONREF"

    def _placed(self) -> Iterator[tuple[Packet[Any], float]]:
        """Read packets with their times, whose stamps are those of one time line."""
        for packet in self._packets():
            yield from self._stamper.push(packet)
        yield from self._stamper.finish()

    def _packets(self) -> Iterator[Packet[Any]]:
        """Read packets, on and on behind places where the container's own structure is damaged."""
        streams = [s for s in (self._media.video, self._media.sound) if s is not None]
        for _ in range(_MOST_DAMAGES):
            try:
                yield from self._media.container.demux(streams)
            except InvalidDataError:  # noqa: PERF203 - each damage ends the generator: start again
                self._corrupt += 1
            else:
                return

    def _is_done(self) -> bool:
        ends = [self._stamper.pictures_end_s] if self._media.video is not None else []
        if self._media.sound is not None:
            ends.append(self._listener.end_s)
        # a stream that has ended before the other does not keep it from being enough
        return min(ends) > self._until_s + 1 or max(ends) > self._until_s + _LATE_S

    def _look(self, packet: Packet[VideoStream], sent_s: float) -> Iterator[DecodedPicture]:
        if packet.size and not self._is_wanted(packet, sent_s):
            return
        frames, corrupt = _decoded(packet)
        self._corrupt += corrupt
        for frame in frames:
            time_s = self._shown.at(frame.time, self._media.frame_s)
            if self._exact:
                yield from self._hand_on(self._seconds.push(time_s, frame))
            else:
                yield from self._hand_on([(time_s, frame)])

    def _is_wanted(self, packet: Packet[VideoStream], sent_s: float) -> bool:
        """Whether a packet is to be decoded."""
        self.packets += 1
        if self._exact:
            return True
        if not packet.is_keyframe or sent_s < self._key_s + SPACING_S:
            return False
        self._key_s = sent_s
        return True

    def _hand_on(self, shown: Iterable[tuple[float, VideoFrame]]) -> Iterator[DecodedPicture]:
        for time_s, frame in shown:
            if time_s < self._until_s:
                self.pictures += 1
                yield DecodedPicture(time_s, self._shrink(frame))

    def _note(self) -> None:
        """Put what was odd into the warnings."""
        warn, told = self._media.warnings.append, self._media.duration_s
        if corrupt := self._corrupt + self._corrupt_sound:
            warn(f"{corrupt} damaged pieces were passed over")
        if self._media.video is not None and not self.pictures:
            warn("not a single picture can be decoded")
        if self._media.sound is not None and not self._listener.came:
            warn("nothing of the sound can be decoded")
        if self.jumps:
            joints = "a place" if self.jumps == 1 else f"{self.jumps} places"
            warn(f"the time stamps leap at {joints}, as in joined recordings: time is what plays")
        if self._stamper.wrong:
            warn(f"wrong time stamps that were put in order: {self._stamper.wrong}")
        if self.jumps or self._stamper.wrong:
            return  # FFmpeg may have made the header's length of such stamps
        wanted = self._until_s if told is None else min(told, self._until_s)
        if told is not None and self.end_s < 0.95 * wanted - 2:
            warn(f"ends after {self.end_s:.0f} s of {told:.0f} s: the file is cut off or damaged")


def _decoded(packet: Packet[Any]) -> tuple[list[Any], int]:
    """The whole frames of a packet, and how many pieces of it were damaged."""
    try:
        frames = packet.decode()
    except InvalidDataError:
        return [], 1
    whole = [frame for frame in frames if not frame.is_corrupt]
    return whole, len(frames) - len(whole)


def whole_seconds(end_s: float) -> int:
    """Seconds of a programme that are judged: those whose middle is a part of it, at least one."""
    return max(1, int(end_s + 0.5))


class EverySecond:
    """Of all frames, those that are shown in the middle of a second, from the `first` one on."""

    def __init__(self, first: int = 0) -> None:
        self._first = self._next = first
        self._held: VideoFrame | None = None

    def push(self, time_s: float, frame: VideoFrame) -> Iterator[tuple[float, VideoFrame]]:
        """Take the next frame; gives what was shown until it came."""
        held = self._held or frame
        while self._next + 0.5 < time_s:
            yield self._next + 0.5, held
            self._next += 1
        self._held = frame

    def finish(self, end_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Give what is shown until the end, of a short programme at least one."""
        while self._held is not None and (self._next + 0.5 <= end_s or self._next == self._first):
            yield self._next + 0.5, self._held
            self._next += 1


class _Listener:
    """Sound of any kind to 16 kHz mono in blocks; gaps are silent."""

    def __init__(self, times: StreamTimeline) -> None:
        self._times = times
        self._resampler: AudioResampler | None = None
        self._parts: list[NDArray[np.float32]] = []
        self._held = 0
        self._inside = 0.0
        """Samples that the resampler holds."""
        self._first_s = 0
        self.came = False
        """Whether any sound came."""

    @property
    def end_s(self) -> float:
        """Where the sound ends that came so far."""
        return self._first_s + (self._held + self._inside) / RATE_HZ

    def push(self, frame: AudioFrame) -> Iterator[Sound]:
        """Take the next frame; gives the blocks that it completes."""
        self.came = True
        lasts_s = frame.samples / frame.sample_rate if frame.sample_rate else 0.0
        time_s = self._times.at(frame.time, lasts_s)
        if time_s + lasts_s < self.end_s - _GAP_S:
            return
        if time_s > self.end_s + _GAP_S:
            self._drain()
            yield from self._fill(time_s)
        self._resample(frame)
        self._inside += lasts_s * RATE_HZ
        yield from self._whole_blocks()

    def finish(self, seconds: int) -> Iterator[Sound]:
        """Fill up with silence to so many seconds, and give what is left of them."""
        self._drain()
        yield from self._whole_blocks()
        yield from self._fill(float(seconds))
        if seconds > self._first_s:
            yield Sound(self._first_s, seconds - self._first_s, np.concatenate(self._parts))

    def _fill(self, until_s: float) -> Iterator[Sound]:
        while (missing := round((until_s - self.end_s) * RATE_HZ)) > 0:
            self._add(np.zeros(min(missing, _BLOCK), np.float32))
            yield from self._whole_blocks()

    def _resample(self, frame: AudioFrame) -> None:
        frame.pts = None  # times are kept here; the resampler would fill and cut by its own
        try:
            if self._resampler is not None:
                self._take(self._resampler.resample(frame))
                return
        except ValueError:  # another rate or layout from here on
            self._drain()
        self._resampler = AudioResampler("flt", "mono", RATE_HZ, _CHUNK)
        self._take(self._resampler.resample(frame))

    def _take(self, made: Iterable[AudioFrame]) -> None:
        for frame in made:
            self._add(frame.to_ndarray()[0])
            self._inside -= frame.samples

    def _drain(self) -> None:
        """Take what the resampler holds; the next frame gets another one."""
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
        self._resampler, self._inside = None, 0.0

    def _add(self, samples: NDArray[np.float32]) -> None:
        self._parts.append(samples)
        self._held += len(samples)

    def _whole_blocks(self) -> Iterator[Sound]:
        """Give what is complete with the windows that reach beyond it."""
        while self._held >= _BLOCK + _OVER:
            joined = np.concatenate(self._parts)
            yield Sound(self._first_s, BLOCK_S, joined[: _BLOCK + _OVER])
            self._parts = [joined[_BLOCK:].copy()]
            self._held -= _BLOCK
            self._first_s += BLOCK_S
