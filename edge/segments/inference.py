"""The bundle's graphs at work: pictures and sound become features, features become scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from edge.engines import EngineOptions, load_named
from edge.engines.protocol import Array, Engine
from edge.errors import BundleError
from edge.segments import pictures, sound
from edge.segments.features import FEATURES, LOW, Floats, Track
from edge.segments.manifest import SegmentsBundle
from edge.segments.types import Emissions
from edge.types import FloatArray

BATCH = 4
"""Pictures or patches at a time: larger ones are no faster and take more memory."""


class SegmentsNetwork:
    """A bundle's CNN and head. Not safe for two threads at once.

    Raises BundleError or EngineError when the graphs cannot be loaded.
    """

    def __init__(
        self,
        bundle: SegmentsBundle,
        *,
        engine: str = "onnxruntime",
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.bundle = bundle
        options = EngineOptions(threads=threads)
        self._cnn: Engine = load_named(bundle.file("cnn", precision), engine, options)
        self._head: Engine = load_named(bundle.file("head"), engine, options)
        takes = self._head.inputs["low"].shape[-1]
        if takes != LOW:
            self.close()
            raise BundleError(
                f"{bundle.path}: the head of {bundle.label} takes {takes} low-level features, this "
                f"version of touchline makes {LOW}; install a bundle that goes with it"
            )

    def close(self) -> None:
        """Free the engines."""
        self._cnn.close()
        self._head.close()

    def see(self, shown: NDArray[np.uint8]) -> Floats:
        """(k, 144, 256, 3) uint8 RGB pictures -> (k, 1280) features."""
        return self._features(
            len(shown), (pictures.as_input(shown[at]) for at in _batches(len(shown)))
        )

    def hear(self, patches: Floats) -> Floats:
        """(s, 64, 100) log-mel patches -> (s, 1280) features."""
        return self._features(
            len(patches), (sound.as_picture(patches[at]) for at in _batches(len(patches)))
        )

    def judge(self, track: Track) -> Emissions:
        """Features of s seconds -> emissions, moves, and evidence where the bundle has verifiers.

        BundleError where the head's moves or evidence are not what the manifest says.
        """
        inputs = {"visual": track.visual, "sound": track.sound, "low": track.low}
        given = {name: array[None] for name, array in inputs.items()}
        made = self._head.run(given)
        emissions = made["emissions"][0].astype(np.float64)
        judged = Emissions(emissions, self._evidence(made, len(emissions)), self._moves(made))
        return judged.scaled(self.bundle.manifest.crf.temperature)

    def _moves(self, made: Mapping[str, Array]) -> FloatArray | None:
        told = "moves" in made
        if told is not self.bundle.manifest.crf.moves:
            raise BundleError(
                f"{self.bundle.path}: manifest and head of {self.bundle.label} do not agree "
                "on whether that scores steps; reinstall the bundle"
            )
        return made["moves"][0].astype(np.float64) if told else None

    def _evidence(self, made: Mapping[str, Array], seconds: int) -> FloatArray:
        verifiers = self.bundle.manifest.verifiers
        if not verifiers:
            return np.empty((seconds, 0))
        evidence = made["evidence"][0] if "evidence" in made else np.empty((seconds, 0))
        if any(evidence.shape[1] != v.columns for v in verifiers.values()):
            raise BundleError(
                f"{self.bundle.path}: the head of {self.bundle.label} gives "
                f"{evidence.shape[1]} columns of evidence, its verifiers take another number; "
                "reinstall the bundle"
            )
        return np.asarray(evidence, np.float64)

    def _features(self, n: int, batches: Iterator[Floats]) -> Floats:
        made = np.empty((n, FEATURES), np.float32)
        for at, batch in zip(_batches(n), batches, strict=True):
            made[at] = self._cnn.run({"image": batch})["features"]
        return made


def _batches(n: int) -> list[slice]:
    return [slice(first, min(first + BATCH, n)) for first in range(0, n, BATCH)]
