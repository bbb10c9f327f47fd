"""Timing engines fairly on a box that does other things meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.engines.protocol import Array, Engine
from edge.errors import EngineError

WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one engine's runs, or why it has none."""

    runs_ms: tuple[float, ...]
    error: str | None = None

    @property
    def median_ms(self) -> float:
        """Median, milliseconds; inf without runs."""
        return float(np.median(self.runs_ms)) if self.runs_ms else float("inf")

    @property
    def p95_ms(self) -> float:
        """95th percentile, milliseconds; inf without runs."""
        return float(np.percentile(self.runs_ms, 95)) if self.runs_ms else float("inf")


def time_in_turns(
    engines: Sequence[Engine],
    rounds: int,
    *,
    budget_s: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
) -> list[Timing]:
    """Run the engines one after the other, again and again, each on noise of its own.

    What else the box does meanwhile falls on all of them alike. An engine stops after `rounds` runs
    or when its runs add up to `budget_s`; one that fails has its error in its timing.
    """
    samples = [sample_inputs(engine) for engine in engines]
    runs: list[list[float]] = [[] for _ in engines]
    errors: list[str | None] = [None for _ in engines]
    for turn in range(WARM_UP + rounds):
        for i, engine in enumerate(engines):
            if errors[i] is not None or sum(runs[i]) > budget_s * 1e3:
                continue
            start = clock()
            try:
                engine.run(samples[i])
            except EngineError as error:
                errors[i] = str(error)
                continue
            except Exception as error:  # noqa: BLE001 - a damaged package raises anything
                errors[i] = f"{engine.name}: the graph failed: {type(error).__name__}: {error}"
                continue
            if turn >= WARM_UP:
                runs[i].append((clock() - start) * 1e3)
    return [Timing(tuple(taken), error) for taken, error in zip(runs, errors, strict=True)]


def sample_inputs(engine: Engine, seed: int = 0) -> dict[str, Array]:
    """Make inputs for a graph: noise, since flat pictures run faster on some processors.

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
