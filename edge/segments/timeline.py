"""The time stamps of all streams of a film, as broken as they may be, made one time line.

Recordings that were joined keep the stamps of their parts: these restart, leap or jump. Pictures
and sound are moved together, by one map that is made from the packets in their order in the file.
Pure: packets come in as arguments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

MOST_GAP_S = 60.0
"""A longer hole in all streams is a joint of two recordings, not a loss of data."""
_LONGEST_HOLE_S = 3600.0
"""The same for a container whose header counts the hole, and whose stamps never restart."""
_MOST_HOLES_S = 4 * 3600.0
"""Holes that are believed in a film, together: they are filled with work, not with data."""
_LEAST_HOLE_S = 10.0
"""A shorter step is believed in any case."""
_BACK_S = 1.0
"""A shorter step back is a stamp out of order, not a leap."""
_APART_S = 10.0
"""Streams of one recording are interleaved, and begin, no farther apart than this."""
_EARLY_S = 60.0
"""Packets may lie so far before the film's beginning: decoders need them, nobody sees them."""
_GOES_ON_S = 1.0
"""A stream that continues for longer over the leap of another one takes no part in it."""
_MOST_REPEATS = 8
"""A stamp that comes more often in a row is taken as missing."""
_MOST_WAITING, _MOST_WAITING_BYTES = 256, 1 << 25
"""Packets that are held back behind a leap until it is clear which streams leap."""

Item = TypeVar("Item")


class StreamTimeline:
    """Times of one decoded stream in seconds from the film's beginning; they never go back.

    A piece without a time begins where the piece before it ends.
    """

    def __init__(self, start_s: float) -> None:
        self.now_s = 0.0
        """The latest time given."""
        self.end_s = 0.0
        """Where the latest piece ends."""
        self._start_s = start_s

    def at(self, raw_s: float | None, lasts_s: float) -> float:
        """Return the time of the next picture or piece of sound, whose own time is `raw_s`."""
        time_s = self.end_s if raw_s is None else raw_s - self._start_s
        self.now_s = max(self.now_s, time_s)
        self.end_s = self.now_s + lasts_s
        return self.now_s


@dataclass(frozen=True, slots=True)
class Placed(Generic[Item]):
    """A packet on the film's time line."""

    item: Item
    time_s: float
    """From the film's beginning; never less than that of the stream's packet before."""
    stamp_s: float | None
    """What its stamp should be, seconds; None where the stamp is right or missing."""


@dataclass(frozen=True, slots=True)
class _Packet(Generic[Item]):
    stream: int
    raw_s: float | None
    lasts_s: float
    size: int
    item: Item


@dataclass(slots=True)
class _Line:
    """Where one stream is."""

    shift_s: float
    """A stamp minus this is a time."""
    now_s: float | None = None
    """Time of its latest packet by its stamp."""
    given_s: float = 0.0
    end_s: float = 0.0
    raw_s: float | None = None
    repeats: int = 0


class Joints(Generic[Item]):
    """Places the packets of all streams, and mends leaps of their stamps.

    After a leap the time goes on where the part before ends. Streams that leap to about the same
    stamps are moved by the same time. A single wrong stamp moves nothing.
    """

    def __init__(self, start_s: float, told_end_s: float | None, *, may_restart: bool) -> None:
        """Begin before the first packet.

        `start_s` is the stamp of the film's beginning and `told_end_s` its length by the header.
        `may_restart` says that stamps of this container need not run on, whatever a header tells.
        """
        self.jumps = 0
        """Leaps that moved what is behind them."""
        self.wrong = 0
        """Single stamps that were wrong."""
        self._start_s = start_s
        self._told_end_s = None if may_restart else told_end_s
        self._lines: dict[int, _Line] = {}
        self._shift_s = start_s
        self._end_s = 0.0
        self._holes_s = _MOST_HOLES_S
        self._waiting: deque[_Packet[Item]] = deque()
        self._waiting_bytes = 0

    def end_s(self, stream: int) -> float:
        """Where a stream ends so far."""
        line = self._lines.get(stream)
        return 0.0 if line is None else line.end_s

    def push(
        self, stream: int, raw_s: float | None, lasts_s: float, item: Item, size: int = 0
    ) -> Iterator[Placed[Item]]:
        """Take the next packet of the file; gives those whose places are certain."""
        self._waiting.append(_Packet(stream, raw_s, lasts_s, size, item))
        self._waiting_bytes += size
        is_full = len(self._waiting) >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES
        return self._certain(is_last=is_full)

    def finish(self) -> Iterator[Placed[Item]]:
        """Give the packets that are left at the file's end."""
        while self._waiting:
            yield from self._certain(is_last=True)

    def _certain(self, *, is_last: bool) -> Iterator[Placed[Item]]:
        while self._waiting:
            head = self._waiting[0]
            line = self._lines.setdefault(head.stream, _Line(self._shift_s))
            shift_s = line.shift_s
            is_wrong = False
            if head.raw_s is not None and not self._is_repeated(line, head.raw_s):
                fitting = self._fitting(line, head.raw_s)
                if fitting is None:
                    follower = self._follower(head)
                    if follower is None and not is_last:
                        return
                    is_wrong = follower is None or not self._is_joint(line, head.raw_s, follower)
                    if not is_wrong:
                        opened = self._opened(head, head.raw_s, is_last=is_last)
                        if opened is None:
                            return
                        fitting, is_last = opened, False
                if fitting is not None:
                    shift_s = fitting
            self._waiting.popleft()
            self._waiting_bytes -= head.size
            yield self._place(head, line, shift_s, is_wrong=is_wrong)

    def _is_repeated(self, line: _Line, raw_s: float) -> bool:
        return line.raw_s == raw_s and line.repeats >= _MOST_REPEATS

    def _fitting(self, line: _Line, raw_s: float) -> float | None:
        """Of the stream's own shift and the newest one, that which goes on from what there is."""
        shifts = [s for s in {line.shift_s, self._shift_s} if self._fits(line, s, raw_s)]
        return min(shifts, key=lambda s: abs(raw_s - s - self._end_s), default=None)

    def _fits(self, line: _Line, shift_s: float, raw_s: float) -> bool:
        time_s = raw_s - shift_s
        back_s = _BACK_S if shift_s == line.shift_s else _APART_S
        first_s = -_EARLY_S if line.now_s is None else line.now_s - back_s
        end_s = max(self._end_s, line.end_s)
        return first_s <= time_s <= end_s + self._longest_s(time_s)

    def _longest_s(self, time_s: float) -> float:
        """How long a hole before `time_s` is believed."""
        told_s = self._told_end_s
        is_told = told_s is not None and time_s <= told_s + MOST_GAP_S
        return min(_LONGEST_HOLE_S if is_told else MOST_GAP_S, max(self._holes_s, _LEAST_HOLE_S))

    def _follower(self, head: _Packet[Item]) -> float | None:
        """Return the next stamp of the same stream."""
        later = islice(self._waiting, 1, None)
        same = (p.raw_s for p in later if p.stream == head.stream and p.raw_s is not None)
        return next(same, None)

    def _is_joint(self, line: _Line, raw_s: float, follower_s: float) -> bool:
        """Whether the stamp behind a leap goes on from it, not from what was before."""
        is_back = self._fits(line, line.shift_s, follower_s)
        return not is_back and -_BACK_S <= follower_s - raw_s <= MOST_GAP_S

    def _opened(self, head: _Packet[Item], raw_s: float, *, is_last: bool) -> float | None:
        """Return the shift of a new part; None while other streams may leap as well."""
        firsts, ends = {head.stream: raw_s}, {n: line.end_s for n, line in self._lines.items()}
        for packet in self._waiting:
            line = self._lines.get(packet.stream)
            if packet.stream in firsts or packet.raw_s is None:
                continue
            if line is not None and self._fits(line, line.shift_s, packet.raw_s):
                packet_end_s = packet.raw_s - line.shift_s + packet.lasts_s
                ends[packet.stream] = max(ends[packet.stream], packet_end_s)
            elif abs(packet.raw_s - raw_s) <= _APART_S:
                firsts[packet.stream] = packet.raw_s
        others = [n for n in ends if n not in firsts]
        if not is_last and any(ends[n] >= self._end_s - _APART_S for n in others):
            return None
        before_s = [ends.get(n, 0.0) - first_s for n, first_s in firsts.items()]
        over = [ends[n] for n in others if ends[n] <= self._end_s + _GOES_ON_S]
        before_s += [end_s - min(firsts.values()) for end_s in over]
        self.jumps += 1
        self._shift_s = -max(before_s)
        return self._shift_s

    def _place(
        self, packet: _Packet[Item], line: _Line, shift_s: float, *, is_wrong: bool
    ) -> Placed[Item]:
        raw_s, time_s, stamp_s = packet.raw_s, line.end_s, None
        line.repeats = line.repeats + 1 if raw_s is not None and raw_s == line.raw_s else 0
        line.raw_s = line.raw_s if raw_s is None else raw_s
        if is_wrong or (raw_s is not None and line.repeats > _MOST_REPEATS):
            self.wrong += is_wrong
            stamp_s = time_s + self._start_s
        elif raw_s is not None:
            line.shift_s, time_s = shift_s, raw_s - shift_s
            line.now_s = time_s
            if shift_s != self._start_s:
                stamp_s = time_s + self._start_s
        hole_s = time_s - self._end_s
        if hole_s > _LEAST_HOLE_S:
            self._holes_s -= hole_s
        line.given_s = max(line.given_s, time_s)
        line.end_s = max(line.end_s, line.given_s + packet.lasts_s)
        self._end_s = max(self._end_s, line.end_s)
        return Placed(packet.item, line.given_s, stamp_s)
