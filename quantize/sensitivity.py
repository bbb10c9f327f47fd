"""Which layers lose most in INT8: each one quantized alone, all others in float."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from edge.engines import EngineOptions, load_named
from quantize.compare import compare
from quantize.int8 import Feed, Int8Options, Prepared, prepare, quantize

ENGINE = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What quantizing one layer alone does to the outputs."""

    layer: str
    output: str
    """The output that suffers most."""
    sqnr_db: float
    """Its signal to noise ratio; small is bad."""


def rank_layers(
    source: Path,
    feeds: Callable[[], Iterable[Feed]],
    options: Int8Options | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Sensitivity]:
    """Rank the convolutions of a graph, the most sensitive first.

    `feeds` is called again for calibration and for each layer: a handful of frames is enough.
    `progress` gets the number of layers done and of all. Raises UsageError without feeds.
    """
    # a layer's own float status must not hide what it would lose
    settings = replace(options or Int8Options(), float_outputs={}, float_nodes=())
    prepared = prepare(source, feeds, settings)
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        float_path = Path(folder) / "model.onnx"
        onnx.save(prepared.model, float_path)
        found = []
        layers = prepared.layers()
        for done, layer in enumerate(layers, 1):
            found.append(_one(prepared, settings, layer, float_path, feeds))
            progress(done, len(layers))
    return sorted(found, key=lambda s: s.sqnr_db)


def _one(
    prepared: Prepared,
    options: Int8Options,
    layer: tuple[str, ...],
    float_path: Path,
    feeds: Callable[[], Iterable[Feed]],
) -> Sensitivity:
    path = float_path.with_name("one.int8.onnx")
    quantize(prepared, path, options, only=layer)
    reference = load_named(float_path, ENGINE, EngineOptions())
    alone = load_named(path, ENGINE, EngineOptions())
    try:
        worst = min(compare(reference, alone, feeds()), key=lambda d: d.sqnr_db)
    finally:
        reference.close()
        alone.close()
    return Sensitivity(layer[0], worst.output, worst.sqnr_db)
