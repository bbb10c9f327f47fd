"""INT8 graphs for a whole bundle."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, NewFile, Quantization, write_bundle
from edge.bundles.write import existing_files
from edge.engines import EngineOptions, load_named
from edge.engines.registry import split_name
from edge.errors import UsageError
from quantize.int8 import Feed, Int8Options, prepare, quantize
from quantize.prepare import simplify
from quantize.tflite import convert

GRAPHS = {"encoder": "model", "dense": "dense"}
"""Graph -> stem of its file names."""

Image = NDArray[np.uint8]


def quantize_bundle(
    bundle: Bundle,
    frames: Sequence[Image],
    options: Int8Options,
    *,
    seed: int,
    target: Path,
    tensorrt: bool = False,
    tflite: bool = False,
    engines: Sequence[str] = (),
) -> Bundle:
    """Write `target`, a copy of the bundle with INT8 graphs made from its FP32 ones.

    `frames` are (height, width, 3) uint8 pictures in the bundle's colour order, resized when they
    are of another size; `seed` is only recorded. `tensorrt` adds symmetric graphs for TensorRT,
    `tflite` the INT8 graphs as `.tflite`; with `engines` only these take the INT8 graphs, all that
    read them unless told. A float node may be any graph's, or say whose it is, as
    the manifest does: `encoder:/blocks.0/Conv`. The gate has not run yet: see `quantize.gate`.
    Raises UsageError without frames and for a node that no graph has, BundleError without FP32
    graphs.
    """
    if not frames:
        raise UsageError("calibration needs at least one frame, but was given none")
    own = _own_options(bundle, options)
    kept: list[str] = []
    with TemporaryDirectory(prefix="quantize-") as folder:
        fresh = [f for f in existing_files(bundle) if f.precision != "int8"]
        for graph, stem in GRAPHS.items():
            source = bundle.file(graph)
            prepared = prepare(source, feeds_for(bundle, graph, frames), own[graph])
            out = Path(folder) / f"{stem}.int8.onnx"
            kept += [f"{graph}:{name}" for name in quantize(prepared, out, own[graph])]
            fresh.append(NewFile(out, out.name, graph, "int8", _readers(engines)))
            if tflite:
                lite = out.with_suffix(".tflite")
                convert(out, lite)
                fresh.append(NewFile(lite, lite.name, graph, "int8"))
            if tensorrt:
                out = Path(folder) / f"{stem}.tensorrt.int8.onnx"
                quantize(prepared, out, replace(own[graph], symmetric=True))
                fresh.append(NewFile(out, out.name, graph, "int8", ("tensorrt",)))
        record = Quantization(
            calibration_frames=len(frames),
            calibration_seed=seed,
            method=options.method,
            float_nodes=tuple(kept),
            versions={name: importlib.metadata.version(name) for name in ("onnx", "onnxruntime")},
        )
        # figures of other INT8 files would be untrue for these
        measured = tuple(m for m in bundle.manifest.measured if m.precision != "int8")
        changes = {"quantization": record, "measured": measured}
        return write_bundle(target, bundle.manifest.model_copy(update=changes), fresh)


def _readers(engines: Sequence[str]) -> tuple[str, ...]:
    """Those of `engines` that read ONNX files; without any the one that all are measured against.

    Empty, for all that read them, where none was named.
    """
    named = tuple(name for name in engines if ".onnx" in split_name(name)[0].formats)
    return named or (("onnxruntime",) if engines else ())


def _own_options(bundle: Bundle, options: Int8Options) -> dict[str, Int8Options]:
    """The options of each graph: of the float nodes those that are its own."""
    nodes = {
        graph: {node.name for node in simplify(bundle.file(graph)).graph.node} for graph in GRAPHS
    }
    own: dict[str, list[str]] = {graph: [] for graph in GRAPHS}
    for wanted in options.float_nodes:
        graph, _, name = wanted.partition(":")
        places = [(graph, name)] if graph in nodes else [(graph, wanted) for graph in nodes]
        found = [(place, node) for place, node in places if node in nodes[place]]
        if not found:
            raise UsageError(
                f"no node is called {wanted!r}; `python -m quantize sensitivity` lists them"
            )
        for place, node in found:
            own[place].append(node)
    return {graph: replace(options, float_nodes=tuple(names)) for graph, names in own.items()}


def feeds_for(bundle: Bundle, graph: str, frames: Sequence[Image]) -> Callable[[], Iterable[Feed]]:
    """Return a source of feeds for a graph: the frames, or what the FP32 encoder makes of them."""
    if graph == "encoder":
        return lambda: (
            {"image": fit(frame, bundle.manifest.input.height, bundle.manifest.input.width)}
            for frame in frames
        )
    return lambda: _features(bundle, frames)


def fit(frame: Image, height: int, width: int) -> Image:
    """Return a (h, w, 3) picture as (1, height, width, 3), resized when its size differs."""
    if frame.shape[:2] != (height, width):
        frame = np.asarray(cv2.resize(frame, (width, height)), np.uint8)
    return frame[None]


def _features(bundle: Bundle, frames: Sequence[Image]) -> Iterator[Feed]:
    engine = load_named(bundle.file("encoder"), "onnxruntime", EngineOptions())
    try:
        for feed in feeds_for(bundle, "encoder", frames)():
            yield {"features": engine.run(feed)["features"].copy()}
    finally:
        engine.close()
