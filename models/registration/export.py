"""Write a trained network as a bundle.

`python -m models.registration.export RUN/last.pt FOLDER --decode DECODE.json` exports the averaged
network of a checkpoint to ONNX in float32; `python -m quantize` adds the INT8 files.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.bundles import write_bundle
from edge.bundles.manifest import ImageInput, Manifest, ManifestGrid, Output
from edge.bundles.write import NewFile
from edge.errors import UsageError
from edge.fields import default_field, load_field
from models.registration.commands import one_line_errors, picture_size
from models.registration.looks import SPORTS
from models.registration.network import (
    DENSE_CHANNELS,
    GRID_CHANNELS,
    STRIDE,
    MainGraph,
    RegistrationNet,
)
from models.registration.shared import SportsNet
from quantize.halve import halve

FEATURES = 64


def load_network(checkpoint: Path, sport: str = "soccer") -> tuple[RegistrationNet, dict[str, Any]]:
    """A sport's averaged network of a checkpoint, in evaluation mode, and its training's record.

    Raises UsageError when the file is missing, no checkpoint of this network, or of other sports.
    """
    shared = SportsNet((sport,), pretrained=False)
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        prefixes = ("encoder.", f"branches.{sport}.")
        shared.load_state_dict({k: v for k, v in state["ema"].items() if k.startswith(prefixes)})
        record = {k: state[k] for k in ("images", "step", "elapsed", "settings")}
        settings = record["settings"]
        # names, not this machine's paths
        names: dict[str, Any] = {}
        if "run" in settings:
            names["run"] = Path(settings["run"]).name
        if "start" in settings:
            names["start"] = [Path(f).name for f in _as_list(settings["start"])]
        record["settings"] = settings | names
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"{checkpoint}: no checkpoint of the training: {why}") from error
    return shared.of(sport).eval(), record


def _as_list(start: str | Sequence[str] | None) -> list[str]:
    """One folder, several or none, as runs of different ages recorded it."""
    return [start] if isinstance(start, str) else list(start or ())


def export_graphs(net: RegistrationNet, folder: Path, width: int, height: int) -> None:
    """Write model.onnx and dense.onnx (float32, opset 17, fixed sizes; weights stored in half)."""
    folder.mkdir(parents=True, exist_ok=True)
    net = net.float().to(memory_format=torch.contiguous_format)
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    features = torch.zeros(1, FEATURES, height // STRIDE, width // STRIDE)
    _export(MainGraph(net), image, folder / "model.onnx", "image", ["grid", "features"])
    _export(net.dense, features, folder / "dense.onnx", "features", ["distances"])


def _export(graph: nn.Module, example: Tensor, path: Path, name: str, outputs: list[str]) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # the exporter that writes plain opset 17 is called legacy, on every call
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (example,),
            str(path),
            input_names=[name],
            output_names=outputs,
            opset_version=17,
            dynamo=False,
            do_constant_folding=True,
        )
    halve(path)


def manifest(
    sport: str,
    width: int,
    height: int,
    version: str,
    decode: dict[str, float],
    training: dict[str, Any],
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
        grid=ManifestGrid(columns=field.grid.columns, rows=field.grid.rows),
        decode=decode,
        training=training,
    )


def export_bundle(
    checkpoint: Path,
    folder: Path,
    *,
    sport: str = "soccer",
    width: int = 320,
    height: int = 192,
    version: str = "0.1.0",
    decode: dict[str, float] | None = None,
) -> None:
    """Export a checkpoint as an FP32 bundle; `python -m quantize` adds the INT8 files."""
    net, training = load_network(checkpoint, sport)
    made = manifest(sport, width, height, version, decode or {}, training)
    with tempfile.TemporaryDirectory() as scratch:
        graphs = Path(scratch)
        export_graphs(net, graphs, width, height)
        files = [
            NewFile(graphs / "model.onnx", "model.onnx", "encoder", "fp32"),
            NewFile(graphs / "dense.onnx", "dense.onnx", "dense", "fp32"),
        ]
        write_bundle(folder, made, files)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path, help="the bundle to write")
    parser.add_argument("--sport", default="soccer", choices=SPORTS)
    parser.add_argument(
        "--size", type=picture_size, default=(320, 192), help="WxH of the network's picture"
    )
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--decode", type=Path, help="JSON of decoding parameters (see calibrate)")
    args = parser.parse_args(arguments)
    width, height = args.size
    with one_line_errors(parser):
        export_bundle(
            args.checkpoint,
            args.folder,
            sport=args.sport,
            width=width,
            height=height,
            version=args.version,
            decode=None if args.decode is None else _read_decode(args.decode),
        )


def _read_decode(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text())
        return {str(k): float(v) for k, v in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: no JSON object of numbers: {error}") from error


if __name__ == "__main__":
    main()
