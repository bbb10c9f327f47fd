"""`engine: auto`: measure what works on this box, and say which was taken and why."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.engines.protocol import Array, Engine, EngineOptions
from edge.engines.registry import load_named
from edge.errors import EngineError

WARM_UP = 3
ROUNDS = 12
BUDGET_S = 0.4
"""Measuring stops after this long for each candidate, whatever the number of rounds."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate: its times, or why it did not run."""

    engine: str
    file: str
    """File name of the graph."""
    precision: str
    load_ms: float = 0.0
    median_ms: float = float("inf")
    p95_ms: float = float("inf")
    runs: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine was taken, and the table that says why."""

    chosen: Measured
    candidates: tuple[Measured, ...]
    """All that were tried, the fastest first, those that failed last."""

    @property
    def reason(self) -> str:
        """One line for a log."""
        best = self.chosen
        what = f"engine {best.engine} ({best.precision})"
        line = f"{what}: {best.median_ms:.1f} ms median of {best.runs} runs"
        others = [c for c in self.candidates if c is not best]
        told = [
            f"{c.engine} {c.median_ms:.1f} ms" if c.error is None else f"{c.engine} failed"
            for c in others
        ]
        return f"{line}; {', '.join(told)}" if told else f"{line}; the only one that was tried"


def choose_engine(
    candidates: Sequence[tuple[str, Path]],
    *,
    options: EngineOptions | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Engine, EngineChoice]:
    """Load each candidate, time them in turns, keep the fastest and close the others.

    A candidate is an engine's name and a file; the files are forms of one graph. Raises
    EngineError, with the reason of each candidate, when none works.
    """
    settings = options or EngineOptions()
    loaded: list[tuple[Engine, Path, float]] = []
    failed: list[Measured] = []
    for name, path in candidates:
        start = clock()
        try:
            engine = load_named(path, name, settings)
        except EngineError as error:
            failed.append(Measured(name, path.name, "", error=str(error)))
        else:
            loaded.append((engine, path, (clock() - start) * 1e3))
    measured = _race(loaded, clock) if loaded else []
    ranking = sorted(measured, key=lambda m: m.median_ms)
    if not ranking or ranking[0].error is not None:
        reasons = "; ".join(m.error for m in (*ranking, *failed) if m.error is not None)
        raise EngineError(f"no engine on this box runs this graph: {reasons or 'none was tried'}")
    best = next(entry[0] for entry, m in zip(loaded, measured, strict=True) if m is ranking[0])
    for engine, _, _ in loaded:
        if engine is not best:
            engine.close()
    return best, EngineChoice(ranking[0], (*ranking, *failed))


def sample_inputs(engine: Engine, seed: int = 0) -> dict[str, Array]:
    """Make one input for a graph: noise, since flat pictures run faster on some processors.

    Open axes become 1.
    """
    rng = np.random.default_rng(seed)
    out: dict[str, Array] = {}
    for name, spec in engine.inputs.items():
        shape = tuple(1 if n is None else n for n in spec.shape)
        if np.issubdtype(spec.dtype, np.integer):
            out[name] = rng.integers(0, 128, shape).astype(spec.dtype)
        else:
            out[name] = rng.random(shape).astype(spec.dtype)
    return out


def _race(
    loaded: Sequence[tuple[Engine, Path, float]], clock: Callable[[], float]
) -> list[Measured]:
    """Time the engines in turns: what else the box does meanwhile falls on all of them alike."""
    samples = [sample_inputs(engine) for engine, _, _ in loaded]
    times: list[list[float]] = [[] for _ in loaded]
    errors: list[str | None] = [None for _ in loaded]
    for turn in range(WARM_UP + ROUNDS):
        for i, (engine, _, _) in enumerate(loaded):
            if errors[i] is not None or sum(times[i]) > BUDGET_S:
                continue
            start = clock()
            try:
                engine.run(samples[i])
            except EngineError as error:
                errors[i] = str(error)
                continue
            if turn >= WARM_UP:
                times[i].append(clock() - start)
    return [
        _measured(engine, path, load_ms, taken, error)
        for (engine, path, load_ms), taken, error in zip(loaded, times, errors, strict=True)
    ]


def _measured(
    engine: Engine, path: Path, load_ms: float, taken: list[float], error: str | None
) -> Measured:
    if error is not None or not taken:
        return Measured(
            engine.name, path.name, engine.precision, load_ms, error=error or "not measured"
        )
    return Measured(
        engine.name,
        path.name,
        engine.precision,
        load_ms,
        median_ms=statistics.median(taken) * 1e3,
        p95_ms=float(np.percentile(taken, 95)) * 1e3,
        runs=len(taken),
    )
