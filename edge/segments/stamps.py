"""Packets of a film get the stamps of one time line, before anything decodes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from statistics import median
from typing import Any

from av.packet import Packet

from edge.pyav import rational
from edge.segments.media import Media
from edge.segments.timeline import Joints, Placed

_MAY_RESTART = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT: stamps of such a container may restart and leap."""
_LONGEST_S = 60.0
"""A piece lasts no longer, whatever a header tells."""
_MOST_REORDER_S = 10.0
"""A picture is shown no longer after its decoding: then one of the two stamps is wrong."""


class _Pace:
    """The usual step from one stamp of a stream to the next."""

    def __init__(self) -> None:
        self._raw_s: float | None = None
        self._steps_s: deque[float] = deque(maxlen=9)

    def step_s(self, raw_s: float | None) -> float:
        """Take the next stamp; gives the median of the latest steps, 60 s at most."""
        if raw_s is not None and self._raw_s is not None and raw_s > self._raw_s:
            self._steps_s.append(raw_s - self._raw_s)
        self._raw_s = raw_s
        return min(_LONGEST_S, median(self._steps_s or (_LONGEST_S,)))


class Stamper:
    """Rewrites the stamps of packets that come in the file's order; right ones stay as they are."""

    def __init__(self, media: Media) -> None:
        self._media = media
        may_restart = bool(media.container.format.flags & _MAY_RESTART)
        self._joints: Joints[Packet[Any]] = Joints(
            media.start_s, media.duration_s, may_restart=may_restart
        )
        self._paces: dict[int, _Pace] = {}

    @property
    def jumps(self) -> int:
        """Leaps that were mended."""
        return self._joints.jumps

    @property
    def wrong(self) -> int:
        """Single wrong stamps that were mended."""
        return self._joints.wrong

    @property
    def pictures_end_s(self) -> float:
        """Where the pictures end that came so far."""
        video = self._media.video
        return 0.0 if video is None else self._joints.end_s(video.index)

    def push(self, packet: Packet[Any]) -> Iterator[tuple[Packet[Any], float]]:
        """Take a packet; gives packets with right stamps, and their times in seconds."""
        base = rational(packet.time_base)
        stamp = packet.pts if packet.dts is None else packet.dts
        raw_s = None if stamp is None or base is None else float(stamp * base)
        lasts_s = self._lasts_s(packet, raw_s) if packet.size else 0.0  # nothing: a stream's end
        placed = self._joints.push(packet.stream_index, raw_s, lasts_s, packet, packet.size)
        return map(self._stamped, placed)

    def finish(self) -> Iterator[tuple[Packet[Any], float]]:
        """Give what was held back."""
        return map(self._stamped, self._joints.finish())

    def _lasts_s(self, packet: Packet[Any], raw_s: float | None) -> float:
        """As long as the file tells, but no longer than usual: headers count a leap as length."""
        base = rational(packet.time_base)
        if packet.stream is self._media.video:
            told_s = self._media.frame_s
        else:
            told_s = float(packet.duration * base) if packet.duration and base is not None else 0.0
        usual_s = self._paces.setdefault(packet.stream_index, _Pace()).step_s(raw_s)
        return max(0.0, min(told_s, usual_s))

    def _stamped(self, placed: Placed[Packet[Any]]) -> tuple[Packet[Any], float]:
        packet, base = placed.item, rational(placed.item.time_base)
        if packet.size and base is not None:
            later = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
            if abs(later) * base > _MOST_REORDER_S:
                packet.pts, later = packet.dts, 0
            if placed.stamp_s is not None:
                packet.dts = round(placed.stamp_s / base)
                packet.pts = packet.dts + later
            elif packet.pts is None and packet.stream is self._media.video:
                at_s = placed.time_s + self._media.start_s
                packet.pts = packet.dts if packet.dts is not None else round(at_s / base)
        return packet, placed.time_s
