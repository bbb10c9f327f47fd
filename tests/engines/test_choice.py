"""`engine: auto`: the fastest is taken, the reason is told, what fails is passed over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge.engines import EngineOptions, TensorSpec, choose_engine, load_engine, time_in_turns
from edge.engines.protocol import Array
from edge.errors import EngineError
from tests.engines.graphs import encoder, picture


class Clock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Paced:
    """An engine that takes the time it is told to take, on a clock of the test's."""

    precision = "int8"
    outputs: Mapping[str, TensorSpec] = {}

    def __init__(self, name: str, clock: Clock, seconds: float, fails_at: int = -1) -> None:
        self.name = name
        self.inputs = {"x": TensorSpec("x", (1, None), np.dtype(np.float32))}
        self.runs = 0
        self._clock, self._seconds, self._fails_at = clock, seconds, fails_at

    def buffer(self, name: str) -> Array:
        return np.zeros((1, 1), np.float32)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.runs += 1
        if self.runs == self._fails_at:
            raise EngineError(f"{self.name} broke")
        self._clock.now += self._seconds
        return {}

    def close(self) -> None:
        pass


def test_turns_are_fair_and_counted() -> None:
    clock = Clock()
    slow, fast = Paced("slow", clock, 0.03), Paced("fast", clock, 0.01)
    timings = time_in_turns([slow, fast], 10, clock=clock)
    assert [round(t.median_ms, 6) for t in timings] == [30, 10]
    assert slow.runs == fast.runs == 13
    assert [len(t.runs_ms) for t in timings] == [10, 10]


def test_a_slow_engine_stops_at_its_budget() -> None:
    clock = Clock()
    slow, fast = Paced("slow", clock, 0.2), Paced("fast", clock, 0.01)
    timings = time_in_turns([slow, fast], 10, budget_s=0.5, clock=clock)
    assert [len(t.runs_ms) for t in timings] == [3, 10]


def test_an_engine_that_breaks_keeps_its_reason() -> None:
    clock = Clock()
    timings = time_in_turns(
        [Paced("a", clock, 0.01, fails_at=2), Paced("b", clock, 0.01)], 5, clock=clock
    )
    assert timings[0].error == "a broke"
    assert timings[0].median_ms == float("inf")
    assert timings[1].error is None


def test_auto_takes_the_fastest_and_says_why(tmp_path: Path) -> None:
    path = encoder(tmp_path / "model.onnx")
    engine, choice = choose_engine([("onnxruntime", path), ("openvino", path)])
    assert {c.engine for c in choice.candidates} == {"onnxruntime", "openvino"}
    assert choice.chosen.engine == engine.name
    assert choice.chosen.median_ms == min(c.median_ms for c in choice.candidates)
    loser = next(c for c in choice.candidates if c is not choice.chosen)
    assert f"engine {engine.name} (fp32)" in choice.reason
    assert f"{loser.engine} {loser.median_ms:.1f} ms" in choice.reason
    assert engine.run({"image": picture()[None]})["grid"].any()


def test_auto_passes_over_what_does_not_load(tmp_path: Path) -> None:
    good, bad = encoder(tmp_path / "model.onnx"), tmp_path / "bad.onnx"
    bad.write_bytes(b"bad")
    engine, choice = choose_engine([("openvino", bad), ("onnxruntime", good)])
    assert engine.name == "onnxruntime"
    assert "openvino failed" in choice.reason
    assert choice.candidates[-1].error is not None


def test_auto_without_any_that_works_names_each_reason(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"bad")
    with pytest.raises(EngineError) as caught:
        choose_engine([("onnxruntime", path), ("openvino", path)])
    assert "onnxruntime cannot load" in str(caught.value)
    assert "openvino cannot load" in str(caught.value)
    with pytest.raises(EngineError, match="none was tried"):
        choose_engine([], options=EngineOptions())


def test_auto_logs_its_choice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encoder(tmp_path / "model.onnx")
    with caplog.at_level(logging.INFO, logger="edge.engines"):
        engine = load_engine(path)
    assert f"engine {engine.name}" in caplog.text
