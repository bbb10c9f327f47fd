"""Bundles for tests."""

from __future__ import annotations

from pathlib import Path

from edge.bundles import Bundle, ImageInput, Manifest, ManifestGrid, NewFile, Output, write_bundle
from tests.engines.graphs import FEATURES, GRID, HEIGHT, WIDTH, dense, encoder


def manifest(sport: str = "soccer") -> Manifest:
    return Manifest(
        name=sport,
        version="0.1.0",
        sport=sport,
        field="soccer",
        input=ImageInput(height=HEIGHT, width=WIDTH),
        outputs={
            "grid": Output(graph="encoder", channels=GRID, stride=4),
            "features": Output(graph="encoder", channels=FEATURES, stride=4),
            "distances": Output(graph="dense", channels=2, stride=4),
        },
        grid=ManifestGrid(columns=13, rows=7),
        decode={"temperature": 0.5},
        training={"images": 3, "note": "none"},
    )


def bundle(folder: Path, sport: str = "soccer") -> Bundle:
    """Write an FP32 bundle with small random graphs."""
    scratch = folder.parent / f"{folder.name}-sources"
    scratch.mkdir(parents=True, exist_ok=True)
    files = [
        NewFile(encoder(scratch / "model.onnx"), "model.onnx", "encoder", "fp32"),
        NewFile(dense(scratch / "dense.onnx"), "dense.onnx", "dense", "fp32"),
    ]
    return write_bundle(folder, manifest(sport), files)
