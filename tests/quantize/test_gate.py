"""The gate and the command line, with a stand-in for the evaluation on held-out views."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edge.bundles import Bundle, load_bundle, open_graphs
from edge.engines import EngineOptions
from edge.errors import BundleError, UsageError
from quantize.__main__ import main
from quantize.bundles import quantize_bundle
from quantize.gate import GateLimits, GateResult, run_gate
from quantize.int8 import Int8Options
from quantize.prepare import simplify
from tests.bundles.parts import bundle
from tests.engines.graphs import picture

FRAMES = [picture(seed) for seed in range(4)]
THIS = "stand_in_for_tests"


def frames(sport: str, n: int, seed: int) -> Iterator[np.ndarray]:
    assert sport == "soccer"
    return (picture(seed + i) for i in range(n))


class Scores:
    """Stands for the evaluation: fixed figures for FP32, and losses for INT8."""

    def __init__(self, iou: float = 0.0, metres: float = 1.0) -> None:
        self.iou, self.metres = iou, metres
        self.calls: list[tuple[list[tuple[str, str]], int, int]] = []

    def __call__(
        self, bundle: Bundle, *, forms: Sequence[tuple[str, str]], n: int, seed: int
    ) -> list[dict[str, float]]:
        for engine, precision in forms:
            open_graphs(bundle, engine, precision=precision).close()
        self.calls.append((list(forms), n, seed))
        return [self._of(int8=precision == "int8") for _, precision in forms]

    def _of(self, *, int8: bool) -> dict[str, float]:
        return {
            "iou_whole_mean": 0.9 - (self.iou if int8 else 0),
            "proj_m_median": 0.5 * (self.metres if int8 else 1),
            "reproj_median": 0.01,
        }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("plain") / "soccer")


@pytest.fixture(scope="module")
def quantized(plain: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    target = tmp_path_factory.mktemp("quantized") / "soccer"
    return quantize_bundle(plain, FRAMES, Int8Options(), seed=7, target=target, tensorrt=True)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make a module of this test's functions, as the command line takes them by name."""
    module = ModuleType(THIS)
    module.frames = frames  # type: ignore[attr-defined]
    module.good = Scores()  # type: ignore[attr-defined]
    module.bad = Scores(iou=0.02)  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, THIS, module)
    return module


def test_bundle_gets_int8_files_and_their_record(quantized: Bundle) -> None:
    names = {f.name: f.engines for f in quantized.manifest.files}
    assert set(names) == {
        "model.onnx",
        "dense.onnx",
        "model.int8.onnx",
        "dense.int8.onnx",
        "model.tensorrt.int8.onnx",
        "dense.tensorrt.int8.onnx",
    }
    assert names["model.int8.onnx"] == ("onnxruntime", "openvino")
    assert names["model.tensorrt.int8.onnx"] == ("tensorrt",)
    record = quantized.manifest.quantization
    assert record is not None
    assert (record.calibration_frames, record.calibration_seed) == (4, 7)
    assert record.float_nodes[0] == "encoder:Conv_grid"
    assert quantized.precisions == ("int8", "fp32")
    assert load_bundle(quantized.path) == quantized


def test_int8_for_one_engine_leaves_the_others_in_float(plain: Bundle, tmp_path: Path) -> None:
    target = tmp_path / "soccer"
    engines = ("onnxruntime",)
    made = quantize_bundle(plain, FRAMES, Int8Options(), seed=0, target=target, engines=engines)
    found = {}
    for engine in ("onnxruntime", "openvino"):
        graphs = open_graphs(made, engine, options=EngineOptions(threads=1))
        found[engine] = (graphs.encoder.precision, graphs.dense.precision)
        graphs.close()
    assert found == {"onnxruntime": ("int8", "int8"), "openvino": ("fp32", "fp32")}
    result = run_gate(made, Scores(iou=0.0, metres=1.0), n=9, seed=3, threads=1)
    assert {(m.engine, m.precision) for m in result.measurements} == {
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
        ("openvino", "fp32"),
    }


def test_an_engine_takes_only_files_that_it_reads(plain: Bundle, tmp_path: Path) -> None:
    for number, engines in enumerate((("onnxruntime", "tflite"), ("tflite",))):
        made = quantize_bundle(
            plain,
            FRAMES,
            Int8Options(),
            seed=0,
            target=tmp_path / f"soccer-{number}",
            tflite=True,
            engines=engines,
        )
        readers = {f.name: f.engines for f in made.manifest.files if f.precision == "int8"}
        assert readers["model.int8.onnx"] == ("onnxruntime",)
        assert readers["model.int8.tflite"] == ("tflite",)


def test_frames_of_another_size_are_resized(plain: Bundle, tmp_path: Path) -> None:
    large = [np.repeat(np.repeat(frame, 2, 0), 2, 1) for frame in FRAMES[:2]]
    made = quantize_bundle(plain, large, Int8Options(), seed=0, target=tmp_path / "soccer")
    assert made.precisions == ("int8", "fp32")


def test_gate_measures_each_engine_and_precision(quantized: Bundle) -> None:
    scores = Scores(iou=0.004, metres=1.04)
    result = run_gate(quantized, scores, n=9, seed=3, threads=1)
    assert result.passed
    combinations = [(m.engine, m.precision) for m in result.measurements]
    assert combinations[:4] == [
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
        ("openvino", "fp32"),
        ("openvino", "int8"),
    ]
    ((forms, n, seed),) = scores.calls  # all of them see the same views
    assert (forms, n, seed) == (combinations, 9, 3)
    first = result.measurements[0]
    assert (first.frames, first.seed, first.threads) == (9, 3, 1)
    assert first.encoder_ms > 0
    assert first.encoder_p95_ms >= first.encoder_ms
    assert first.accuracy["reproj_median"] == 0.01
    assert set(first.versions) == {"onnxruntime"}


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (Scores(iou=0.0051), "IoU_whole falls by 0.0051"),
        (Scores(metres=1.06), "projection error grows from 0.500 m to 0.530 m"),
        (Scores(iou=float("nan")), "IoU_whole falls"),
        (Scores(metres=float("nan")), "projection error grows"),
    ],
)
def test_gate_refuses_what_loses_too_much(quantized: Bundle, scores: Scores, told: str) -> None:
    result = run_gate(quantized, scores, engines=["onnxruntime"], n=1)
    assert not result.passed
    assert [row.failure is None for row in result.rows] == [True, False]
    assert told in str(result.rows[1].failure)


def test_limits_can_be_set(quantized: Bundle) -> None:
    limits = GateLimits(iou_loss=0.1)
    assert run_gate(quantized, Scores(iou=0.05), engines=["onnxruntime"], n=1, limits=limits).passed


def test_gate_without_int8_does_not_pass(plain: Bundle) -> None:
    with pytest.raises(BundleError, match="the gate needs int8"):
        run_gate(plain, Scores(), n=1)
    assert not GateResult(()).passed


def run(*args: Any) -> int:
    return main([str(arg) for arg in args])


def test_command_int8_adds_graphs_and_figures(stand_in: ModuleType, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "soccer").path
    common = ("--frames", f"{THIS}:frames", "--calibration", 3, "--n", 2)
    assert run("int8", folder, *common, "--evaluate", f"{THIS}:good") == 0
    loaded = load_bundle(folder)
    assert loaded.precisions == ("int8", "fp32")
    assert len(loaded.manifest.measured) >= 4
    assert (
        run("gate", folder, *common, "--evaluate", f"{THIS}:good", "--engine", "onnxruntime") == 0
    )
    assert len(load_bundle(folder).manifest.measured) == 2


def test_command_int8_leaves_a_bundle_that_fails(
    stand_in: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = bundle(tmp_path / "soccer")
    common = ("--frames", f"{THIS}:frames", "--calibration", 3, "--n", 2)
    assert run("int8", made.path, *common, "--evaluate", f"{THIS}:bad") == 1
    assert load_bundle(made.path) == made
    said = capsys.readouterr()
    assert "onnxruntime int8: IoU_whole falls by 0.0200" in said.err
    assert "Conv_" in said.out


def test_command_compare_and_sensitivity_as_json(
    stand_in: ModuleType, quantized: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (quantized.path, "--frames", f"{THIS}:frames", "--calibration", 2, "--json")
    assert run("compare", *common) == 0
    rows = [row for line in lines(capsys) for row in line["rows"]]
    assert [row["output"] for row in rows] == ["grid", "features", "distances"]
    assert run("sensitivity", *common, "--top", 2) == 0
    assert [len(line["rows"]) for line in lines(capsys)] == [2, 2]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    said = capsys.readouterr().out.splitlines()
    return [json.loads(line) for line in said if line.startswith("{")]


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("compare", "nowhere"), 1, "there is no manifest.json"),
        (("compare", "BUNDLE", "--frames", "no.such:thing"), 2, "'no.such:thing' is no module"),
        (("compare", "BUNDLE", "--frames", f"{THIS}:nothing"), 2, "is no module:function"),
        (("compare", "BUNDLE", "--frames", ":"), 2, "is no module:function"),
        (("gate", "BUNDLE", "--evaluate", "json:nothing"), 2, "is no module:function"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(
    stand_in: ModuleType,
    plain: Bundle,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    assert run(*(plain.path if arg == "BUNDLE" else arg for arg in args)) == code
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("spelt", ["{name}", "{graph}:{name}"])
@pytest.mark.parametrize("graph", ["encoder", "dense"])
def test_a_float_node_is_one_graphs_or_the_others(plain, tmp_path, graph, spelt):
    inner = next(
        node.name
        for node in simplify(plain.file(graph)).graph.node
        if node.op_type == "Conv" and node.name != "Conv_grid"
    )
    options = Int8Options(float_nodes=(spelt.format(graph=graph, name=inner),))
    made = quantize_bundle(plain, FRAMES, options, seed=0, target=tmp_path / "soccer")
    assert f"{graph}:{inner}" in made.manifest.quantization.float_nodes


@pytest.mark.parametrize("name", ["nonesuch", "encoder:nonesuch"])
def test_a_float_node_that_no_graph_has_is_named(plain, tmp_path, name):
    options = Int8Options(float_nodes=(name,))
    with pytest.raises(UsageError, match="nonesuch"):
        quantize_bundle(plain, FRAMES, options, seed=0, target=tmp_path / "soccer")
