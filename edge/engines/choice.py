"""`engine: auto`: measure what works on this box, and say which was taken and why."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.engines.protocol import Engine, EngineOptions
from edge.engines.registry import ENGINES, available_engines, load_named
from edge.engines.timing import Timing, time_in_turns
from edge.errors import EngineError

log = logging.getLogger(__name__)

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
    """Timed runs; 0 where nothing else was there to compare with."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine was taken, and the table that says why."""

    chosen: Measured
    candidates: tuple[Measured, ...]
    """All that were tried, the fastest first, those that failed last."""
    measured_on: str | None = None
    """Day on which an earlier run of this box measured this, `2026-03-01`; None: just now."""

    @property
    def reason(self) -> str:
        """One line for a log."""
        best = self.chosen
        what = f"engine {best.engine} ({best.precision})"
        others = [_in_words(c) for c in self.candidates if c is not best]
        if not best.runs:
            line = f"{what}: the only one here that runs this bundle"
        else:
            line = f"{what}: {best.median_ms:.1f} ms median of {best.runs} runs"
            if self.measured_on is not None:
                line += f" on {self.measured_on}"
        return "; ".join([line, ", ".join(others)] if others else [line])


def choose_engine(
    candidates: Sequence[tuple[str, Path]],
    *,
    options: EngineOptions | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Engine, EngineChoice]:
    """Load each candidate, time them in turns, keep the fastest and close the others.

    A candidate is an engine's name and a file; the files are forms of one graph. One that works
    alone is run, but not timed. A warning names each engine that fails. Raises EngineError, with
    the reason of each candidate, when none works.
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
    rounds = ROUNDS if len(loaded) > 1 else 0
    timings = time_in_turns([entry[0] for entry in loaded], rounds, budget_s=BUDGET_S, clock=clock)
    measured = [
        _measured(engine, path, load_ms, timing)
        for (engine, path, load_ms), timing in zip(loaded, timings, strict=True)
    ]
    ranking = sorted(measured, key=lambda m: (m.error is not None, m.median_ms))
    taken = ranking[0] if ranking and ranking[0].error is None else None
    for engine, one in zip((entry[0] for entry in loaded), measured, strict=True):
        if one is not taken:
            engine.close()
    if taken is None:
        reasons = "; ".join(m.error for m in (*ranking, *failed) if m.error is not None)
        raise EngineError(f"no engine on this box runs this graph: {reasons or 'none was tried'}")
    for one in (*ranking, *failed):
        if one.error is not None:
            log.warning(
                "engine %s does not work here, %s is used: %s", one.engine, taken.engine, one.error
            )
    return loaded[measured.index(taken)][0], EngineChoice(taken, (*ranking, *failed))


def load_engine(
    path: Path | str,
    engine: str = "auto",
    threads: int | None = None,
    *,
    options: EngineOptions | None = None,
) -> Engine:
    """Load a graph on an engine, or with `auto` on the fastest here (see `choose_engine`).

    `threads` None takes the cores at hand; `options` (which then also names the threads) sets the
    rest. Raises UsageError for an unknown engine, EngineError when it cannot load the file.
    """
    settings = options or EngineOptions(threads=threads)
    file = Path(path)
    if engine != "auto":
        return load_named(file, engine, settings)
    names = available_engines(file.suffix)
    if not names:
        wanted = [kind.install for kind in ENGINES.values() if file.suffix in kind.formats]
        formats = dict.fromkeys(suffix for kind in ENGINES.values() for suffix in kind.formats)
        cure = f"pip install {wanted[0]}" if wanted else f"engines read {', '.join(formats)}"
        raise EngineError(f"{file}: no engine on this box reads such a file: {cure}")
    loaded, choice = choose_engine([(name, file) for name in names], options=settings)
    log.info("%s", choice.reason)
    return loaded


def _in_words(candidate: Measured) -> str:
    if candidate.error is not None:
        return f"{candidate.engine} failed"
    return f"{candidate.engine} {candidate.median_ms:.1f} ms"


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
