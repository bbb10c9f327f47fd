"""All that FFmpeg reads of a film besides its packets and chapters, to compare two files."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass, field
from typing import Any

from av.container import InputContainer

_OF_STREAM = (
    "type", "name", "time_base", "start_time", "duration", "frames", "language", "metadata",
    "sample_aspect_ratio", "display_aspect_ratio", "average_rate",
)  # fmt: skip
_OF_CODEC = (
    "extradata", "codec_tag", "width", "height", "pix_fmt", "sample_rate", "sample_aspect_ratio",
    "color_range", "color_primaries", "color_trc", "colorspace", "profile", "bit_rate",
)  # fmt: skip


@dataclass(slots=True)
class Packets:
    """What a stream's packets add up to."""

    crc: int = 0
    sizes: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))

    def add(self, packet: Any) -> None:
        """Add the next packet."""
        self.crc = zlib.crc32(packet, self.crc)
        self.sizes.append(packet.size)
        for stamp in (packet.pts, packet.dts):
            self.times.append(-1 if stamp is None else stamp)


def header_of(film: InputContainer) -> dict[str, Any]:
    """Return name -> value of all that its header tells, but for chapters and their track."""
    told: dict[str, Any] = {"tags": film.metadata, "start": film.start_time}
    for number, stream in enumerate(s for s in film.streams if not is_of_chapters(s)):
        values = {name: getattr(stream, name, None) for name in _OF_STREAM}
        values["disposition"] = int(getattr(stream.disposition, "value", stream.disposition))
        values["data"] = getattr(stream, "data", None) if stream.type == "attachment" else None
        context = getattr(stream, "codec_context", None)
        if context is not None:
            values |= {f"codec {n}": getattr(context, n, None) for n in _OF_CODEC}
        told |= {f"{name} of stream {number}": value for name, value in values.items()}
    return told


def packets_of(film: InputContainer) -> dict[int, Packets]:
    """Read a film to its end; index of the stream -> what its packets add up to."""
    streams = [s for s in film.streams if not is_of_chapters(s) and s.type != "attachment"]
    made = {s.index: Packets() for s in streams}
    for packet in film.demux(streams):
        if packet.size:
            made[packet.stream.index].add(packet)
    return made


def is_of_chapters(stream: Any) -> bool:
    """Whether a stream is MPEG-4's own list of chapter names."""
    return bool(stream.type == "data" and stream.name in {None, "bin_data"})
