"""`touchline bench` measures what it says it measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.bench import StageRow, _stage_row, machine, measure_engines
from tests.bundles.parts import bundle


def test_each_engine_and_number_of_threads(tmp_path: Path) -> None:
    made = bundle(tmp_path / "soccer")
    rows, failures = measure_engines(made, None, [1, 2], rounds=3)
    assert failures == []
    assert [(row.engine, row.precision, row.threads) for row in rows] == [
        ("onnxruntime", "fp32", 1),
        ("openvino", "fp32", 1),
        ("onnxruntime", "fp32", 2),
        ("openvino", "fp32", 2),
    ]
    for row in rows:
        assert 0 < row.encoder_ms <= row.encoder_p95_ms
        assert row.dense_ms > 0
        assert row.load_ms > 0
        assert row.megabytes == pytest.approx((made.path / "model.onnx").stat().st_size / 1e6)


def test_an_engine_that_cannot_run_is_told_and_passed_over(tmp_path: Path) -> None:
    made = bundle(tmp_path / "soccer")
    wanted = ["onnxruntime", "onnxruntime:cuda", "tflite"]
    rows, failures = measure_engines(made, wanted, [1], rounds=1)
    assert [row.engine for row in rows] == ["onnxruntime"]
    assert len(failures) == 1
    assert "onnxruntime-gpu" in failures[0]


def test_stage_row_tells_share_of_a_frame() -> None:
    assert _stage_row("dense", [2.0, 4.0], 10) == StageRow("dense", 2, 3.0, 3.9, 0.6)


def test_machine_names_processor_and_versions() -> None:
    box = machine()
    assert box["cpu"]
    assert box["packages"]["numpy"]
    json.dumps(box)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["--bundle", "nowhere"], 1, "there is no manifest.json"),
        (
            ["--sport", "soccer", "--bundle", "MADE", "--engine", "opnvino"],
            2,
            "did you mean 'openvino'",
        ),
        (["--sport", "tennis", "--bundle", "MADE"], 1, "is for soccer, not for tennis"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], code: int, told: str
) -> None:
    made = str(bundle(tmp_path / "soccer").path)
    assert main(["bench", *(made if arg == "MADE" else arg for arg in args)]) == code
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
