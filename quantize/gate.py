"""The accuracy gate: INT8 ships only if it answers as FP32 does, measured in IoU and metres."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.bundles import Bundle, Measurement
from edge.bundles.graphs import reader_of
from edge.engines import (
    ENGINES,
    EngineOptions,
    load_named,
    read_cpu,
    time_in_turns,
)
from edge.engines.registry import split_name
from edge.errors import BundleError, EngineError

REFERENCE = "onnxruntime"
IOU = "iou_whole_mean"
PROJECTION = "proj_m_median"
ROUNDS = 40
VIEWS = 1000
"""A view more or less that is refused moves the mean overlap by a thousandth, and a dozen of 500
change sides with any rounding of the network: fewer views measure chance."""

_PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "tflite": "ai-edge-litert"}


class Evaluate(Protocol):
    """Scores forms of a bundle on held-out views."""

    def __call__(
        self, bundle: Bundle, *, forms: Sequence[tuple[str, str]], n: int, seed: int
    ) -> Sequence[Mapping[str, float]]:
        """Return for each (engine, precision), on the same views, at least two figures.

        They are `iou_whole_mean` (0..1) and `proj_m_median` (metres).
        """


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What INT8 may lose against FP32."""

    iou_loss: float = 0.005
    """Of the mean IoU of the whole field, absolute."""
    projection_growth: float = 0.05
    """Of the median projection error, relative."""


@dataclass(frozen=True, slots=True)
class Row:
    """One engine and precision: what was measured, and what the gate says of it."""

    measurement: Measurement
    failure: str | None = None
    """Why it fails; None for a pass and for FP32."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate found."""

    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether there is INT8 and all of it is good enough."""
        int8 = [row for row in self.rows if row.measurement.precision == "int8"]
        return bool(int8) and all(row.failure is None for row in int8)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What goes into the manifest."""
        return tuple(row.measurement for row in self.rows)


def run_gate(
    bundle: Bundle,
    evaluate: Evaluate,
    *,
    engines: Sequence[str] | None = None,
    n: int = VIEWS,
    seed: int = 0,
    threads: int | None = None,
    limits: GateLimits | None = None,
) -> GateResult:
    """Evaluate and time every engine (None: all installed) with each precision that it has.

    `n` and `seed` choose the held-out views. Raises BundleError when the bundle lacks FP32 or INT8
    for ONNX Runtime, which everything is measured against.
    """
    options = EngineOptions(threads=threads)
    names = [REFERENCE, *(e for e in _names(engines) if e != REFERENCE)]
    combinations = [
        (name, precision)
        for name in names
        for precision in ("fp32", "int8")
        if bundle.files("encoder", precision, reader_of(name))
    ]
    for precision in ("fp32", "int8"):
        if (REFERENCE, precision) not in combinations:
            raise BundleError(f"{bundle.path}: the gate needs {precision} graphs for {REFERENCE}")
    times = _times(bundle, combinations, options)
    rows: list[Row] = []
    found = evaluate(bundle, forms=combinations, n=n, seed=seed)
    for (engine, precision), (encoder, p95, dense), scores in zip(
        combinations, times, found, strict=True
    ):
        measurement = Measurement(
            engine=engine,
            precision="int8" if precision == "int8" else "fp32",
            threads=options.thread_count(),
            cpu=read_cpu().name,
            versions=_version(engine),
            encoder_ms=encoder,
            encoder_p95_ms=p95,
            dense_ms=dense,
            accuracy={key: float(value) for key, value in scores.items()},
            frames=n,
            seed=seed,
        )
        rows.append(Row(measurement, _judge(measurement, rows, limits or GateLimits())))
    return GateResult(tuple(rows))


def _judge(new: Measurement, rows: Sequence[Row], limits: GateLimits) -> str | None:
    """Say what is wrong with an INT8 measurement against FP32 of its engine, or of ONNX Runtime."""
    if new.precision == "fp32":
        return None
    floats = {
        r.measurement.engine: r.measurement for r in rows if r.measurement.precision == "fp32"
    }
    reference = floats.get(new.engine, floats[REFERENCE]).accuracy
    loss = reference[IOU] - new.accuracy[IOU]
    # a comparison with NaN is false: written so that it fails the gate
    if not loss <= limits.iou_loss:
        return f"IoU_whole falls by {loss:.4f}, more than {limits.iou_loss}"
    most = reference[PROJECTION] * (1 + limits.projection_growth)
    if not new.accuracy[PROJECTION] <= most:
        return (
            f"projection error grows from {reference[PROJECTION]:.3f} m to "
            f"{new.accuracy[PROJECTION]:.3f} m, more than {limits.projection_growth:.0%}"
        )
    return None


def _times(
    bundle: Bundle, combinations: Sequence[tuple[str, str]], options: EngineOptions
) -> list[tuple[float, float, float | None]]:
    """Time encoder (median, p95) and dense head (median) of each combination, in turns."""
    columns = []
    for graph in ("encoder", "dense"):
        loaded = [
            load_named(bundle.file(graph, precision, reader_of(engine)), engine, options)
            for engine, precision in combinations
        ]
        timings = time_in_turns(loaded, ROUNDS)
        for engine_object, timing in zip(loaded, timings, strict=True):
            engine_object.close()
            if timing.error is not None:
                raise EngineError(f"{bundle.path}: {graph}: {timing.error}")
        columns.append(timings)
    return [(e.median_ms, e.p95_ms, d.median_ms) for e, d in zip(*columns, strict=True)]


def _names(engines: Sequence[str] | None) -> list[str]:
    if engines is not None:
        return list(engines)
    return [kind.name for kind in ENGINES.values() if kind.installed]


def _version(engine: str) -> dict[str, str]:
    package = _PACKAGES[split_name(engine)[0].name]
    return {package: importlib.metadata.version(package)}
