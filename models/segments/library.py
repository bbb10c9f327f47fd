"""The library: all raw pictures and sounds decoded once, so that a programme is indexing.

A folder: `pictures.u8` (n, 180, 320, 3) RGB, `stills.u8` (n, 270, 480, 3), `sounds.i16` 16 kHz
mono, `fonts/`, and `index.json` with one row a source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.segments.sound import RATE_HZ
from edge.types import ImageArray
from models.segments.sources import MediaSource, material_split

if TYPE_CHECKING:
    from typing_extensions import Self

MOVING = (320, 180)
"""(width, height) of clips and scenes."""
STILL = (480, 270)
INDEX, PICTURES, STILLS, SOUNDS = "index.json", "pictures.u8", "stills.u8", "sounds.i16"


class Library:
    """Read access; UsageError where the folder holds no library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            rows = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"{folder}: no library here; `python -m models.segments.data` builds one"
            ) from None
        self.sources = tuple(MediaSource(**row) for row in rows)
        self._pictures = _mapped(folder / PICTURES, MOVING)
        self._stills = _mapped(folder / STILLS, STILL)
        sounds = folder / SOUNDS
        self._sounds = (
            np.memmap(sounds, np.int16, "r") if sounds.stat().st_size else np.empty(0, np.int16)
        )

    def of(self, kind: str, split: str) -> dict[str, list[int]]:
        """Numbers of the sources of a kind for a split, by group; groups in order of name."""
        split = material_split(split)
        found: dict[str, list[int]] = {}
        for number, source in enumerate(self.sources):
            if source.kind == kind and source.split == split:
                found.setdefault(source.group, []).append(number)
        return dict(sorted(found.items()))

    def picture(self, number: int, at_s: float) -> ImageArray:
        """(h, w, 3) of a source at a time; played to and fro where it is too short."""
        source = self.sources[number]
        if source.kind == "still":
            return np.asarray(self._stills[source.start])
        return np.asarray(self._pictures[source.start + self._index(source, at_s)])

    def between(self, number: int, at_s: float) -> ImageArray:
        """Like `picture`, mixed from the two pictures around the time."""
        source = self.sources[number]
        if source.kind == "still" or source.count < 2:
            return self.picture(number, at_s)
        place = at_s * source.rate_hz
        part = float(place - np.floor(place))
        a, b = (self.picture(number, (np.floor(place) + k) / source.rate_hz) for k in (0, 1))
        return np.asarray(cv2.addWeighted(a, 1 - part, b, part, 0), np.uint8)

    def sound(self, number: int) -> NDArray[np.int16]:
        """(n,) int16 samples of a source at 16 kHz."""
        source = self.sources[number]
        return np.asarray(self._sounds[source.start : source.start + source.count])

    def font(self, number: int) -> Path:
        """File of a font."""
        return self.folder / "fonts" / self.sources[number].text

    @staticmethod
    def _index(source: MediaSource, at_s: float) -> int:
        if source.count < 2:
            return 0
        place = int(round(at_s * source.rate_hz, 3)) % (2 * source.count - 2)
        return place if place < source.count else 2 * source.count - 2 - place


class LibraryWriter:
    """Writes a library; sources go in one by one, `close` writes the index."""

    def __init__(self, folder: Path) -> None:
        (folder / "fonts").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.sources: list[MediaSource] = []
        self._files = {n: (folder / n).open("wb") for n in (PICTURES, STILLS, SOUNDS)}
        self._ends = dict.fromkeys(self._files, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        if error is None:
            rows = ",\n".join(json.dumps(s.row(), ensure_ascii=False) for s in self.sources)
            (self.folder / INDEX).write_text(f"[\n{rows}\n]\n", encoding="utf-8")

    def pictures(
        self, kind: str, group: str, split: str, origin: str, licence: str,
        frames: Iterable[ImageArray], rate_hz: float,
    ) -> None:  # fmt: skip
        """Add a shot: RGB pictures of any size at a rate; a still is one picture."""
        name, size = (STILLS, STILL) if kind == "still" else (PICTURES, MOVING)
        start, count = self._ends[name], 0
        for frame in frames:
            self._files[name].write(filled(frame, size).tobytes())
            count += 1
        self._ends[name] += count
        if count:
            self.sources.append(
                MediaSource(kind, group, split, origin, licence, start, count, rate_hz)
            )

    def sound(
        self, kind: str, group: str, split: str, origin: str, licence: str,
        samples: NDArray[np.float32], text: str = "",
    ) -> None:  # fmt: skip
        """Add (n,) samples at 16 kHz; they are brought to one loudness."""
        if not len(samples):
            return
        level = float(np.sqrt(np.mean(samples[np.abs(samples) > 0.01] ** 2))) if (
            np.abs(samples).max() > 0.02
        ) else 0.1  # fmt: skip
        made = np.clip(samples * (0.12 / max(level, 1e-3)), -1, 1)
        start = self._ends[SOUNDS]
        self._files[SOUNDS].write((made * 32767).astype(np.int16).tobytes())
        self._ends[SOUNDS] += len(made)
        self.sources.append(
            MediaSource(kind, group, split, origin, licence, start, len(made), RATE_HZ, text)
        )

    def font(self, group: str, split: str, origin: str, licence: str, path: Path) -> None:
        """Add a font's file."""
        (self.folder / "fonts" / path.name).write_bytes(path.read_bytes())
        self.sources.append(MediaSource("font", group, split, origin, licence, text=path.name))


def filled(frame: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Scale a picture so that it fills (width, height), and cut what is over."""
    h, w = frame.shape[:2]
    scale = max(size[0] / w, size[1] / h)
    cw, ch = round(size[0] / scale), round(size[1] / scale)
    x, y = (w - cw) // 2, (h - ch) // 2
    part = frame[y : y + ch, x : x + cw]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)


def _mapped(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    if not path.stat().st_size:
        return np.empty((0, size[1], size[0], 3), np.uint8)
    return np.memmap(path, np.uint8, "r").reshape(-1, size[1], size[0], 3)
