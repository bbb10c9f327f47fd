"""Recorded clips: what the network and the decoder gave, once, for an estimator to run over again.

A clip is a folder: `clip.json` (sport, field, picture size, bundle, engine) and a `frames` folder
with one uncompressed archive a frame. Pictures are kept at the size at which lines are checked
(about 640 wide), in which all homographies of a clip are given.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles.graphs import Graphs
from edge.errors import UsageError
from edge.types import ImageArray

CORNERS, LEAST, SHARE = 400, 25, 0.4
"""Corners of the picture's own motion; how many, and which share, must move together."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What all frames of a clip share."""

    sport: str
    name: str
    bundle: str
    engine: str
    sequence: bool
    """Whether the frames follow each other; else each stands alone."""
    truth: bool
    """Whether there is one: film without a truth shows slip alone."""


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame, as the registrar would have had it."""

    image: ImageArray
    """(h, w, 3) BGR, reduced."""
    grid: NDArray[np.float32]
    """(1, 5, h, w) of the keypoint head."""
    distances: NDArray[np.float32]
    """(1, 2, h, w) of the dense head."""
    pts_s: float | None
    alone: bool
    """Whether it begins a sequence or stands alone."""
    field: str
    field_m: tuple[float, float]
    truth: NDArray[np.float64] | None
    """(3, 3) field from the reduced picture; None in a negative, and on film without a truth."""
    motion: NDArray[np.float64] | None
    """(3, 3) from the picture before to this one; None where it is not sure."""
    name: str


def picture_motion(before: ImageArray, after: ImageArray) -> NDArray[np.float64] | None:
    """(3, 3) homography of the scene from one (h, w, 3) picture to the next; None if not sure.

    Many corners, one way and no camera model: not what the registrar's own motion rests on.
    """
    a, b = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (before, after))
    corners = cv2.goodFeaturesToTrack(a, CORNERS, 0.01, 8)
    if a.shape != b.shape or corners is None or len(corners) < LEAST:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(a, b, corners, None, winSize=(21, 21))
    ok = status[:, 0] == 1
    if ok.sum() < LEAST:
        return None
    h, on = cv2.findHomography(corners[ok], moved[ok], cv2.RANSAC, 1.0)
    if h is None or on.sum() < LEAST or on.mean() < SHARE:
        return None
    return np.asarray(h, np.float64)


def write_clip(folder: Path, info: ClipInfo, frames: Iterator[RecordedFrame]) -> int:
    """Write a clip and return how many frames it has; an older one of its name is replaced."""
    inside = folder / "frames"
    inside.mkdir(parents=True, exist_ok=True)
    for old in inside.glob("*.npz"):
        old.unlink()
    count = 0
    for frame in frames:
        told: dict[str, Any] = {
            "pts_s": frame.pts_s,
            "alone": frame.alone,
            "field": frame.field,
            "field_m": frame.field_m,
            "name": frame.name,
        }
        matrices = {"truth": frame.truth, "motion": frame.motion}
        np.savez(
            inside / f"{count:06d}.npz",
            image=frame.image,
            grid=frame.grid,
            distances=frame.distances,
            told=np.array(json.dumps(told)),
            **{key: m for key, m in matrices.items() if m is not None},
        )
        count += 1
    (folder / "clip.json").write_text(json.dumps(asdict(info), indent=1) + "\n")
    return count


@dataclass(frozen=True, slots=True)
class Clip:
    """A recorded clip on disk."""

    path: Path
    info: ClipInfo

    @property
    def label(self) -> str:
        """Sport and name."""
        return f"{self.info.sport}/{self.info.name}"

    def frames(self) -> Iterator[RecordedFrame]:
        """Its frames in order."""
        for path in sorted((self.path / "frames").glob("*.npz")):
            with np.load(path) as stored:
                told = json.loads(str(stored["told"]))
                yield RecordedFrame(
                    stored["image"],
                    stored["grid"],
                    stored["distances"],
                    told["pts_s"],
                    told["alone"],
                    told["field"],
                    tuple(told["field_m"]),
                    _matrix(stored, "truth"),
                    _matrix(stored, "motion"),
                    told["name"],
                )


def _matrix(stored: Any, key: str) -> NDArray[np.float64] | None:
    return np.asarray(stored[key], np.float64) if key in stored.files else None


def find_clips(folder: Path, only: Sequence[str] = ()) -> list[Clip]:
    """The clips below a folder, those whose label contains one of `only` (all without).

    Raises UsageError for a folder without clips.
    """
    found = [
        Clip(path.parent, ClipInfo(**json.loads(path.read_text())))
        for path in sorted(folder.glob("*/*/clip.json"))
    ]
    kept = [clip for clip in found if not only or any(part in clip.label for part in only)]
    if not kept:
        raise UsageError(f"{folder}: no recorded clip; make some with python -m benchmarks.record")
    return kept


class _Replayed:
    """An engine that gives what was recorded for an input."""

    name, precision, load_s = "replay", "int8", 0.0

    def __init__(self, inputs: Mapping[str, tuple[int, ...]], key: str) -> None:
        self.inputs, self._key = dict(inputs), key
        self._kept: dict[int, Mapping[str, NDArray[np.float32]]] = {}
        self._buffers: dict[str, NDArray[Any]] = {}

    def buffer(self, name: str) -> NDArray[Any]:
        """The input's own array."""
        if name not in self._buffers:
            kind = np.uint8 if name == "image" else np.float32
            self._buffers[name] = np.zeros(self.inputs[name], kind)
        return self._buffers[name]

    def keep(self, number: int, outputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Remember an input's outputs."""
        self._kept[number] = outputs

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[np.float32]]:
        """What was recorded. Raises KeyError for an input that was not."""
        return self._kept[signature(inputs[self._key])]

    def close(self) -> None:
        """Forget all."""
        self._kept.clear()


def signature(array: NDArray[Any]) -> int:
    """A number that tells an input from others."""
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


class RecordedGraphs:
    """A bundle's graphs played from a clip; `add` each frame before it is registered."""

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        self.encoder = _Replayed({"image": (1, height, width, 3)}, "image")
        self.dense = _Replayed({"features": (1, 1, 1, 1)}, "features")
        self.graphs = Graphs(self.encoder, self.dense, None)  # type: ignore[arg-type]
        self._count = 0

    def add(self, prepared: NDArray[np.uint8], frame: RecordedFrame) -> None:
        """Take a frame and the network's (1, h, w, 3) picture of it."""
        self._count += 1
        features = np.full((1, 1, 1, 1), self._count, np.float32)
        self.encoder.keep(signature(prepared), {"grid": frame.grid, "features": features})
        self.dense.keep(signature(features), {"distances": frame.distances})
