"""The CNN's INT8 form: calibrated on pictures and on sound, compared with FP32, timed.

    python -m models.segments.backbone FOLDER --drawn DRAWN

writes `cnn.fp32.onnx`, `cnn.onnx` (INT8, QDQ) and `cnn.json` (what was measured) to FOLDER, of the
trunk that `models.segments.tune` left there, or of ImageNet's.
Calibration takes seconds of training programmes only; the cosines are of validation programmes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines import Engine, EngineOptions, load_named
from edge.errors import UsageError
from edge.segments.pictures import as_input
from edge.segments.sound import as_picture
from models.registration.commands import one_line_errors
from models.segments.rendered_cache import read, write
from models.segments.series import EPISODES
from models.segments.trunk import Trunk, export
from models.segments.tune import TRUNK, restore
from quantize.int8 import Feed, Int8Options, prepare, quantize

FP32, INT8, RECORD = "cnn.fp32.onnx", "cnn.onnx", "cnn.json"
KNOWN = "known.npz"
"""Directions of the features that name texts and sounds, where the trunk was taught to."""
BATCH = 8
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BackboneMaterial:
    """What the CNN sees: pictures and sound patches, both as it takes them."""

    pictures: Floats
    """(k, 3, 144, 256) in [-1, 1]."""
    patches: Floats
    """(k, 3, 64, 100) in about [-1, 1]."""


def feeds(material: BackboneMaterial, batch: int = BATCH) -> Iterator[Feed]:
    """Batches of pictures, then of patches: one set of ranges has to hold for both."""
    for part in (material.pictures, material.patches):
        for at in range(0, len(part), batch):
            yield {"image": part[at : at + batch]}


def write_int8(fp32: Path, target: Path, material: BackboneMaterial) -> None:
    """Write the INT8 form of the trunk; the average over its last map stays in float."""
    options = Int8Options()
    prepared = prepare(fp32, lambda: feeds(material), options, fold=False)
    quantize(prepared, target, options)


def cosines(fp32: Engine, int8: Engine, part: Floats) -> Floats:
    """Cosine between the two graphs' features, one for each picture or patch."""
    out = []
    for at in range(0, len(part), BATCH):
        a, b = (e.run({"image": part[at : at + BATCH]})["features"].copy() for e in (fp32, int8))
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        out.append((a * b).sum(1) / np.maximum(lengths, 1e-9))
    return np.concatenate(out)


def milliseconds(engine: Engine, part: Floats, batch: int, seconds: float = 1.0) -> float:
    """Median time of one picture or patch in batches of `batch`."""
    feed = {"image": np.ascontiguousarray(part[:batch])}
    engine.run(feed)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken) < 5:
        start = time.perf_counter()
        engine.run(feed)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1e3 / batch


def measure(
    folder: Path, material: BackboneMaterial, *, batches: Sequence[int] = (8, 16)
) -> dict[str, Any]:
    """Cosines FP32/INT8 and milliseconds on one thread, of both graphs and both engines."""
    parts = {"picture": material.pictures, "patch": material.patches}
    options = EngineOptions(threads=1)
    record: dict[str, Any] = {"bytes": {n: (folder / n).stat().st_size for n in (FP32, INT8)}}
    for engine in ("onnxruntime", "openvino"):
        pair = [load_named(folder / name, engine, options) for name in (FP32, INT8)]
        for what, part in parts.items():
            near = cosines(pair[0], pair[1], part)
            record[f"{engine} {what} cosine"] = {
                "mean": float(near.mean()),
                "p5": float(np.quantile(near, 0.05)),
                "min": float(near.min()),
            }
            record[f"{engine} {what} ms"] = {
                f"{precision} batch {batch}": milliseconds(graph, part, batch)
                for precision, graph in zip(("fp32", "int8"), pair, strict=True)
                for batch in batches
            }
        for graph in pair:
            graph.close()
    return record


def build(
    folder: Path,
    calibration: BackboneMaterial,
    held_out: BackboneMaterial,
    *,
    trunk: Callable[[], Trunk] = Trunk,
    batches: Sequence[int] = (8, 16),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Export, quantize and measure the CNN; returns the record that is also written."""
    folder.mkdir(parents=True, exist_ok=True)
    export(trunk(), folder / FP32)
    write_int8(folder / FP32, folder / INT8, calibration)
    record = measure(folder, held_out, batches=batches)
    record |= extra or {}
    record["calibration"] = {
        "pictures": len(calibration.pictures),
        "patches": len(calibration.patches),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return record


def material(files: Sequence[Path], each: int, *, seed: int = 0) -> BackboneMaterial:
    """Take `each` pictures and as many patches from each of these drawn programmes."""
    pictures, patches = [], []
    rng = np.random.default_rng(seed)
    for path in files:
        made = read(path)
        rows = np.sort(rng.permutation(len(made.mel))[:each])
        pictures.append(as_input(made.frames(rows)))
        patches.append(as_picture(made.mel[rows]))
    return BackboneMaterial(np.concatenate(pictures), np.concatenate(patches))


def some(drawn: Path, split: str, most: int) -> list[Path]:
    """Up to so many drawn programmes of a split, each of another series."""
    found = sorted(drawn.glob(f"{split}-*.npz"))[::EPISODES][:most]
    if not found:
        raise UsageError(f"{drawn}: no drawn programme of {split}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.segments.backbone", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the graphs go")
    parser.add_argument("--drawn", type=Path, required=True, help="folder of drawn programmes")
    parser.add_argument("--programmes", type=int, default=16, help="to calibrate with (16)")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        tuned, extra = None, {}
        if (args.folder / TRUNK).exists():
            tuned, record = restore(args.folder / TRUNK)
            write(args.folder / KNOWN, tuned.known())
            extra = {"tuned": record}
        record = build(
            args.folder,
            material(some(args.drawn, "train", args.programmes), 16),
            material(some(args.drawn, "validation", max(1, args.programmes // 3)), 24),
            trunk=Trunk if tuned is None else lambda: tuned.trunk,
            extra=extra,
        )
        print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
