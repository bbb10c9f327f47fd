"""Write a trained network as a bundle: `python -m models.registration.export RUN/last.pt FOLDER`."""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

from edge.bundles import write_bundle
from edge.bundles.manifest import Grid, ImageInput, Manifest, Output
from edge.bundles.write import NewFile
from edge.fields import default_field, load_field
from models.registration.network import (
    DENSE_CHANNELS,
    GRID_CHANNELS,
    STRIDE,
    MainGraph,
    RegistrationNet,
)

FEATURES = 64


def load_network(checkpoint: Path) -> tuple[RegistrationNet, dict[str, Any]]:
    """The averaged network of a checkpoint, in evaluation mode, and what the checkpoint says of its training."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    net = RegistrationNet(pretrained=False)
    net.load_state_dict(state["ema"])
    net.eval()
    keys = ("images", "step", "elapsed", "settings")
    return net, {k: state[k] for k in keys}


def export_graphs(net: RegistrationNet, folder: Path, width: int, height: int) -> None:
    """Write model.onnx and dense.onnx (float32, opset 17, fixed sizes)."""
    folder.mkdir(parents=True, exist_ok=True)
    net = net.float().to(memory_format=torch.contiguous_format)
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    features = torch.zeros(1, FEATURES, height // STRIDE, width // STRIDE)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            MainGraph(net), (image,), str(folder / "model.onnx"), input_names=["image"],
            output_names=["grid", "features"], opset_version=17, dynamo=False, do_constant_folding=True,
        )  # fmt: skip
        torch.onnx.export(
            net.dense, (features,), str(folder / "dense.onnx"), input_names=["features"],
            output_names=["distances"], opset_version=17, dynamo=False, do_constant_folding=True,
        )  # fmt: skip


def manifest(
    sport: str, width: int, height: int, version: str, decode: dict[str, float], training: dict[str, Any]
) -> Manifest:
    """The manifest of a registration bundle, without its files."""
    field = load_field(default_field(sport))
    return Manifest(
        name=sport.replace("_", "-"),
        version=version,
        sport=sport,
        field=field.name,
        input=ImageInput(height=height, width=width),
        outputs={
            "grid": Output(graph="encoder", channels=len(GRID_CHANNELS), stride=STRIDE),
            "features": Output(graph="encoder", channels=FEATURES, stride=STRIDE),
            "distances": Output(graph="dense", channels=len(DENSE_CHANNELS), stride=STRIDE),
        },
        grid=Grid(columns=field.grid.columns, rows=field.grid.rows),
        decode=decode,
        training=training,
    )


def export_bundle(
    checkpoint: Path, folder: Path, *, sport: str = "soccer", width: int = 320, height: int = 192,
    version: str = "0.1.0", decode: dict[str, float] | None = None,
) -> None:  # fmt: skip
    """Export a checkpoint as an FP32 bundle; `python -m quantize` adds the INT8 files."""
    net, training = load_network(checkpoint)
    made = manifest(sport, width, height, version, decode or {}, training)
    with tempfile.TemporaryDirectory() as scratch:
        graphs = Path(scratch)
        export_graphs(net, graphs, width, height)
        files = [
            NewFile(graphs / "model.onnx", "model.onnx", "encoder", "fp32"),
            NewFile(graphs / "dense.onnx", "dense.onnx", "dense", "fp32"),
        ]
        write_bundle(folder, made, files)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", default="320x192", help="WxH of the network's picture")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--decode", type=Path, help="JSON of decoding parameters (see calibrate)")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    decode = json.loads(args.decode.read_text()) if args.decode else None
    export_bundle(args.checkpoint, args.folder, width=width, height=height, version=args.version, decode=decode)


if __name__ == "__main__":
    main()
