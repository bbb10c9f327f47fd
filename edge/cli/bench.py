"""`touchline bench`: how fast each engine and each stage is on this box."""

from __future__ import annotations

import argparse
import importlib.metadata
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.table import Table

from edge import __version__
from edge.bundles import Bundle, find_bundle
from edge.bundles.graphs import reader_of
from edge.capture import open_source, render_clip
from edge.cli.arguments import positive_float, positive_int
from edge.cli.output import note, print_json, stdout
from edge.cli.parser import Subparsers
from edge.engines import (
    Engine,
    EngineOptions,
    available_engines,
    load_named,
    read_cpu,
    time_in_turns,
)
from edge.errors import EngineError, UsageError
from edge.fields import default_field, load_field
from edge.registration import FieldRegistrar

PACKAGES = ("numpy", "opencv-python-headless", "av", "onnxruntime", "openvino", "ai-edge-litert")


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine, precision and number of threads."""

    engine: str
    precision: str
    threads: int
    megabytes: float
    """Size of the encoder's file."""
    load_ms: float
    encoder_ms: float
    """Median."""
    encoder_p95_ms: float
    dense_ms: float
    """Median."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of the pipeline over a clip."""

    stage: str
    frames: int
    """Frames that went through it."""
    median_ms: float
    p95_ms: float
    per_frame_ms: float
    """Its whole time over all frames of the clip."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("bench", help="measure each engine and stage on this box")
    parser.add_argument("--sport", default="soccer", help="whose bundle; default: soccer")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="a bundle of your own")
    parser.add_argument(
        "--engine", action="append", metavar="NAME", help="only this engine; may be repeated"
    )
    parser.add_argument(
        "--threads",
        action="append",
        type=positive_int,
        help="threads of one inference, may be repeated; default: 1 and what auto takes",
    )
    parser.add_argument("--rounds", type=positive_int, default=40, help="runs of each; default: 40")
    parser.add_argument(
        "--source", metavar="URI", help="clip for the stages; default: a rendered one"
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        default=4.0,
        help="length of the rendered clip; default: 4",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    bundle = find_bundle(options.sport, options.bundle)
    threads = options.threads or sorted({1, EngineOptions().thread_count()})
    engines, failures = measure_engines(bundle, options.engine, threads, options.rounds)
    for line in failures:
        note(line)
    if not engines:
        raise EngineError(f"{bundle.path}: no engine on this box ran this bundle")
    stages, summary = measure_stages(
        bundle, min(engines, key=lambda row: row.encoder_ms), options.source, options.seconds
    )
    if options.json:
        print_json(
            {
                "machine": machine(),
                "bundle": bundle.label,
                "engines": [asdict(row) for row in engines],
                "stages": [asdict(row) for row in stages],
                "summary": summary,
            },
            indent=2,
        )
    else:
        _print(bundle, engines, stages, summary)
    return 0


def machine() -> dict[str, Any]:
    """Describe the box and what is installed on it: figures mean nothing without."""
    cpu = read_cpu()
    return {
        "cpu": cpu.name,
        "features": list(cpu.features),
        "cores": cpu.cores,
        "touchline": __version__,
        "packages": dict(_versions()),
    }


def measure_engines(
    bundle: Bundle, wanted: Sequence[str] | None, threads: Sequence[int], rounds: int
) -> tuple[list[EngineRow], list[str]]:
    """Time every engine and precision of a bundle, in turns -> rows, and why others have none."""
    rows: list[EngineRow] = []
    failures: list[str] = []
    for count in threads:
        loaded = []
        for engine in wanted or available_engines():
            for precision in bundle.precisions:
                if not bundle.files("encoder", precision, reader_of(engine)):
                    continue
                try:
                    loaded.append(_Loaded(bundle, engine, precision, EngineOptions(threads=count)))
                except EngineError as error:
                    failures.append(str(error))
        encoders = time_in_turns([item.encoder for item in loaded], rounds)
        denses = time_in_turns([item.dense for item in loaded], rounds)
        for item, encoder, dense in zip(loaded, encoders, denses, strict=True):
            item.close()
            if encoder.error or dense.error:
                failures.append(encoder.error or dense.error or "")
                continue
            rows.append(
                EngineRow(
                    engine=item.encoder.name,
                    precision=item.encoder.precision,
                    threads=count,
                    megabytes=item.megabytes,
                    load_ms=item.load_ms,
                    encoder_ms=encoder.median_ms,
                    encoder_p95_ms=encoder.p95_ms,
                    dense_ms=dense.median_ms,
                )
            )
    return rows, failures


class _Loaded:
    """Both graphs of one candidate, with what loading took."""

    def __init__(self, bundle: Bundle, engine: str, precision: str, options: EngineOptions) -> None:
        path = bundle.file("encoder", precision, reader_of(engine))
        start = time.perf_counter()
        self.encoder: Engine = load_named(path, engine, options)
        self.load_ms = (time.perf_counter() - start) * 1e3
        self.dense: Engine = load_named(
            bundle.file("dense", precision, reader_of(engine)), engine, options
        )
        self.megabytes = path.stat().st_size / 1e6

    def close(self) -> None:
        self.encoder.close()
        self.dense.close()


def measure_stages(
    bundle: Bundle, best: EngineRow, source: str | None, seconds: float
) -> tuple[list[StageRow], dict[str, Any]]:
    """Run the pipeline in one thread, frame by frame, over a clip (None: a rendered one).

    Returns a row a stage, and a summary: frames, frames per second, share of frames by state.
    """
    with tempfile.TemporaryDirectory(prefix="touchline-bench-") as folder:
        if source is None:
            source = str(Path(folder) / "clip.mp4")
            render_clip(source, seconds=seconds)
        registrar = FieldRegistrar(
            bundle,
            load_field(default_field(bundle.manifest.sport)),
            engine=best.engine,
            precision="int8" if best.precision == "int8" else "fp32",
            threads=best.threads,
        )
        times: dict[str, list[float]] = {}
        states: dict[str, int] = {}
        start = time.perf_counter()
        for latency, state in _frames(source, registrar):
            states[state] = states.get(state, 0) + 1
            for stage, ms in latency.items():
                times.setdefault(stage, []).append(ms)
        elapsed = time.perf_counter() - start
        registrar.close()
    frames = sum(states.values())
    if frames == 0:
        raise UsageError(f"{source}: no frame could be read, so there is nothing to measure")
    summary = {
        "engine": f"{best.engine} {best.precision}, {best.threads} threads",
        "frames": frames,
        "fps": frames / elapsed,
        "states": states,
    }
    return [_stage_row(name, taken, frames) for name, taken in times.items()], summary


def _frames(source: str, registrar: FieldRegistrar) -> Iterator[tuple[dict[str, float], str]]:
    """Decode and register each frame -> milliseconds by stage, state."""
    with closing(open_source(source)) as frames:
        while True:
            start = time.perf_counter()
            frame = frames.read()
            decoded = time.perf_counter()
            if frame is None:
                return
            answer = registrar.register(frame.image, pts_s=frame.pts_s)
            yield {"decode": (decoded - start) * 1e3, **answer.latency_ms}, answer.state.value


def _stage_row(stage: str, taken: Sequence[float], frames: int) -> StageRow:
    return StageRow(
        stage=stage,
        frames=len(taken),
        median_ms=float(np.median(taken)),
        p95_ms=float(np.percentile(taken, 95)),
        per_frame_ms=sum(taken) / frames,
    )


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield package, importlib.metadata.version(package)


def _print(
    bundle: Bundle,
    engines: Sequence[EngineRow],
    stages: Sequence[StageRow],
    summary: dict[str, Any],
) -> None:
    console, box = stdout(), machine()
    features = ", ".join(box["features"]) or "no INT8 or bf16 instructions"
    console.print(f"{box['cpu']}, {box['cores']:g} cores, {features}", highlight=False)
    console.print(", ".join(f"{k} {v}" for k, v in box["packages"].items()), highlight=False)
    size = bundle.manifest.input
    table = _table(
        f"bundle {bundle.label}, {size.width}x{size.height}",
        ("engine", "precision", "threads", "encoder ms", "p95", "dense ms", "load ms", "MB"),
    )
    for row in engines:
        table.add_row(
            row.engine,
            row.precision,
            str(row.threads),
            f"{row.encoder_ms:.1f}",
            f"{row.encoder_p95_ms:.1f}",
            f"{row.dense_ms:.2f}",
            f"{row.load_ms:.0f}",
            f"{row.megabytes:.1f}",
        )
    console.print(table)
    table = _table(
        f"stages, {summary['engine']}", ("stage", "frames", "median ms", "p95", "ms a frame")
    )
    for stage in stages:
        figures = (stage.median_ms, stage.p95_ms, stage.per_frame_ms)
        table.add_row(stage.stage, str(stage.frames), *(f"{value:.2f}" for value in figures))
    console.print(table)
    states = ", ".join(f"{count} {state}" for state, count in summary["states"].items())
    console.print(f"{summary['fps']:.0f} frames a second in one thread; {states}", highlight=False)


def _table(title: str, columns: Sequence[str]) -> Table:
    """Make a table that fits 80 columns, words to the left and figures to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for name in columns:
        words = name in {"engine", "precision", "stage"}
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    return table
