"""Command line of the quantizer; needs the extra `quantize` (and `train` to render frames)."""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge.bundles import Bundle, load_bundle, update_manifest, write_bundle
from edge.bundles.write import existing_files
from edge.engines import EngineOptions, load_named
from edge.errors import TouchlineError, UsageError
from quantize.bundles import GRAPHS, feeds_for, quantize_bundle
from quantize.compare import compare
from quantize.gate import IOU, PROJECTION, VIEWS, GateResult, Row, run_gate
from quantize.halve import halve
from quantize.int8 import METHODS, Int8Options
from quantize.sensitivity import Sensitivity, rank_layers

FRAMES = "models.registration.calibration:frames"
EVALUATE = "models.registration.evaluate:evaluate_forms"
SENSITIVITY_FRAMES = 4

out = Console()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed (also the gate), 2 wrong use."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.func(args)
    except UsageError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return 2
    except TouchlineError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return 1
    return code


def run_int8(args: argparse.Namespace) -> int:
    """Quantize into a scratch folder, gate it there, and only then replace the bundle."""
    bundle = load_bundle(args.bundle)
    target = Path(args.out) if args.out else bundle.path
    options = Int8Options(
        method=args.method, float_nodes=tuple(args.float_node), reduce_range=args.reduce_range
    )
    frames = _frames(args, bundle, args.calibration)
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        fresh = quantize_bundle(
            bundle,
            frames,
            options,
            seed=args.seed,
            target=Path(folder) / bundle.manifest.name,
            tensorrt=args.tensorrt,
            tflite=args.tflite,
            engines=args.engine or (),
        )
        manifest = fresh.manifest
        if not args.no_gate:
            result = _gate(args, fresh)
            if not result.passed:
                _blame(bundle, frames, options)
                return 1
            manifest = manifest.model_copy(update={"measured": result.measurements})
        written = write_bundle(target, manifest, existing_files(fresh))
    out.print(f"{written.path}: {', '.join(f.name for f in written.manifest.files)}")
    return 0


def run_gate_command(args: argparse.Namespace) -> int:
    """Measure a bundle again and record the figures if it passes."""
    bundle = load_bundle(args.bundle)
    result = _gate(args, bundle)
    if not result.passed:
        _blame(bundle, _frames(args, bundle, SENSITIVITY_FRAMES), Int8Options())
        return 1
    if not args.dry_run:
        changes = {"measured": result.measurements, "signature": None}
        update_manifest(bundle, bundle.manifest.model_copy(update=changes))
    return 0


def run_halve(args: argparse.Namespace) -> int:
    """Store the float weights of a bundle as float16, and say what that saves."""
    bundle = load_bundle(args.bundle)
    files = existing_files(bundle)
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        fresh, saved = [], 0
        for file in files:
            if file.precision == "fp32" and file.source.suffix == ".onnx":
                copy = Path(folder) / file.name
                shutil.copyfile(file.source, copy)
                saved += halve(copy)
                fresh.append(replace(file, source=copy))
            else:
                fresh.append(file)
        written = write_bundle(bundle.path, bundle.manifest, fresh)
    out.print(f"{written.path}: {saved / 1e6:.1f} MB less", soft_wrap=True)
    return 0


def run_compare(args: argparse.Namespace) -> int:
    """Print how far INT8 outputs are from FP32's."""
    bundle = load_bundle(args.bundle)
    frames = _frames(args, bundle, args.calibration)
    rows: list[dict[str, Any]] = []
    for graph in GRAPHS:
        engines = (
            load_named(bundle.file(graph, "fp32"), args.on, EngineOptions()),
            load_named(bundle.file(graph, "int8"), args.on, EngineOptions()),
        )
        rows += [
            {
                "output": difference.output,
                "SQNR dB": round(difference.sqnr_db, 1),
                "mean": round(difference.mean_abs, 5),
                "max": round(difference.max_abs, 5),
            }
            for difference in compare(*engines, feeds_for(bundle, graph, frames)())
        ]
        for engine in engines:
            engine.close()
    _show(rows, f"INT8 against FP32, {args.on}, {len(frames)} frames", as_json=args.json)
    return 0


def run_sensitivity(args: argparse.Namespace) -> int:
    """Print the layers that lose most in INT8."""
    bundle = load_bundle(args.bundle)
    frames = _frames(args, bundle, args.calibration)
    for graph in GRAPHS:
        ranked = rank_layers(bundle.file(graph), feeds_for(bundle, graph, frames))
        _show(_layers(ranked[: args.top]), f"{graph}: most sensitive layers", as_json=args.json)
    return 0


def _gate(args: argparse.Namespace, bundle: Bundle) -> GateResult:
    evaluate = _load(args.evaluate)
    result = run_gate(
        bundle,
        evaluate,
        engines=args.engine or None,
        n=args.n,
        seed=args.evaluation_seed,
        threads=args.threads,
    )
    rows = [
        {
            "engine": row.measurement.engine,
            "precision": row.measurement.precision,
            "encoder ms": round(row.measurement.encoder_ms, 2),
            "p95": round(row.measurement.encoder_p95_ms, 2),
            "dense ms": row.measurement.dense_ms and round(row.measurement.dense_ms, 2),
            "IoU whole": round(row.measurement.accuracy[IOU], 4),
            "change": _change(row.measurement.accuracy),
            "projection m": round(row.measurement.accuracy[PROJECTION], 3),
            "gate": _verdict(row),
        }
        for row in result.rows
    ]
    threads = result.rows[0].measurement.threads
    _show(rows, f"{bundle.label}: {args.n} views, {threads} threads", as_json=args.json)
    for row in result.rows:
        if row.failure is not None:
            print(f"quantize: {row.measurement.engine} int8: {row.failure}", file=sys.stderr)
    return result


def _change(accuracy: Mapping[str, float]) -> str | None:
    """Change of the overlap against the first row, with its standard error over the views."""
    if "iou_whole_change" not in accuracy:
        return None
    return f"{accuracy['iou_whole_change']:+.4f} ± {accuracy['iou_whole_change_error']:.4f}"


def _verdict(row: Row) -> str:
    if row.measurement.precision == "fp32":
        return "-"
    return "pass" if row.failure is None else "FAIL"


def _blame(bundle: Bundle, frames: Sequence[Any], options: Int8Options) -> None:
    """Name the layers that a failed gate is likely due to."""
    few = frames[:SENSITIVITY_FRAMES]
    for graph in GRAPHS:
        ranked = rank_layers(bundle.file(graph), feeds_for(bundle, graph, few), options)
        _show(_layers(ranked[:5]), f"{graph}: keep these in float (--float-node)", as_json=False)


def _layers(ranked: Sequence[Sensitivity]) -> list[dict[str, Any]]:
    return [{"layer": s.layer, "output": s.output, "SQNR dB": round(s.sqnr_db, 1)} for s in ranked]


def _frames(args: argparse.Namespace, bundle: Bundle, count: int) -> list[Any]:
    """Fetch `count` calibration pictures, which may take a while to render."""
    source = _load(args.frames)
    pictures = islice(source(bundle.manifest.sport, count, args.seed), count)
    return list(track(pictures, f"{count} frames", total=count, console=out, transient=True))


def _load(spec: str) -> Callable[..., Any]:
    """Import `module:function`; UsageError when there is none."""
    module, _, name = spec.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{spec!r} is no module:function that can be imported: {error}") from error
    return found


def _show(rows: Sequence[dict[str, Any]], title: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"title": title, "rows": list(rows)}))
        return
    table = Table(title=title)
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    out.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quantize", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    int8 = _command(
        commands, "int8", run_int8, "add INT8 graphs to a bundle, if they pass the gate"
    )
    int8.add_argument("--out", help="write another bundle folder instead of replacing this one")
    int8.add_argument(
        "--method", choices=list(METHODS), default="minmax", help="how ranges are set"
    )
    int8.add_argument("--float-node", action="append", default=[], help="keep this node in float")
    int8.add_argument("--reduce-range", action="store_true", help="7-bit weights: no VNNI")
    int8.add_argument("--tensorrt", action="store_true", help="also symmetric graphs for TensorRT")
    int8.add_argument("--tflite", action="store_true", help="also graphs for the tflite engine")
    int8.add_argument("--no-gate", action="store_true", help="write without measuring")
    gate = _command(commands, "gate", run_gate_command, "measure INT8 against FP32, record it")
    gate.add_argument("--dry-run", action="store_true", help="leave the manifest as it is")
    for command in (int8, gate):
        command.add_argument("--evaluate", default=EVALUATE, help="module:function that scores")
        command.add_argument("--n", type=int, default=VIEWS, help=f"held-out views ({VIEWS})")
        command.add_argument("--evaluation-seed", type=int, default=0, help="their seed (0)")
        command.add_argument(
            "--engine", action="append", help="this engine alone: measured, and given INT8"
        )
        command.add_argument("--threads", type=int, help="threads of one inference")
    _command(commands, "halve", run_halve, "store the float weights as float16: half the file")
    check = _command(commands, "compare", run_compare, "how far INT8 outputs are from FP32's")
    check.add_argument("--on", default="onnxruntime", help="engine (onnxruntime)")
    rank = _command(commands, "sensitivity", run_sensitivity, "which layers lose most in INT8")
    rank.add_argument("--top", type=int, default=15, help="layers to show (15)")
    rank.set_defaults(calibration=SENSITIVITY_FRAMES)
    return parser


def _command(
    commands: Any, name: str, func: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("bundle", help="folder of the bundle")
    command.add_argument("--calibration", type=int, default=200, help="frames (200)")
    command.add_argument("--seed", type=int, default=0, help="seed of the frames (0)")
    command.add_argument("--frames", default=FRAMES, help="module:function that makes frames")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(func=func)
    return command


if __name__ == "__main__":
    sys.exit(main())
