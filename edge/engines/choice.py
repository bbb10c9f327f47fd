"""`engine: auto`: measure what works on this box, and say which was taken and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.engines.protocol import Engine, EngineOptions
from edge.engines.registry import load_named
from edge.engines.timing import Timing, time_in_turns
from edge.errors import EngineError

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
    timings = time_in_turns([entry[0] for entry in loaded], ROUNDS, budget_s=BUDGET_S, clock=clock)
    measured = [
        _measured(engine, path, load_ms, timing)
        for (engine, path, load_ms), timing in zip(loaded, timings, strict=True)
    ]
    ranking = sorted(measured, key=lambda m: m.median_ms)
    if not ranking or ranking[0].error is not None:
        reasons = "; ".join(m.error for m in (*ranking, *failed) if m.error is not None)
        raise EngineError(f"no engine on this box runs this graph: {reasons or 'none was tried'}")
    best = loaded[measured.index(ranking[0])][0]
    for engine, _, _ in loaded:
        if engine is not best:
            engine.close()
    return best, EngineChoice(ranking[0], (*ranking, *failed))


def _measured(engine: Engine, path: Path, load_ms: float, timing: Timing) -> Measured:
    return Measured(
        engine=engine.name,
        file=path.name,
        precision=engine.precision,
        load_ms=load_ms,
        median_ms=timing.median_ms if timing.error is None else float("inf"),
        p95_ms=timing.p95_ms,
        runs=len(timing.runs_ms),
        error=timing.error,
    )
