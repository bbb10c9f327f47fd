"""TFLite from QDQ: the same integers, so nearly the same answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from edge.bundles import open_graphs
from edge.engines import Engine, load_engine
from edge.errors import EngineError
from edge.types import ImageArray
from quantize.bundles import quantize_bundle
from quantize.int8 import Int8Options, Prepared, prepare, quantize
from quantize.tflite import _out_size, _same, convert
from tests.bundles.parts import bundle
from tests.engines.graphs import FEATURES, GRID, HEIGHT, WIDTH, Builder, encoder, picture, value

FRAMES = [picture(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    path = encoder(tmp_path_factory.mktemp("fp32") / "model.onnx")
    return prepare(path, lambda: ({"image": f[None]} for f in FRAMES), Int8Options())


@pytest.fixture(scope="module")
def files(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("int8") / "model.int8.onnx"
    quantize(prepared, path, Int8Options())
    convert(path, path.with_suffix(".tflite"))
    return path, path.with_suffix(".tflite")


@pytest.fixture
def engine(files: tuple[Path, Path]) -> Engine:
    return load_engine(files[1], "tflite", threads=1)


def test_describes_itself_as_other_engines_do(engine: Engine) -> None:
    assert (engine.name, engine.precision) == ("tflite", "int8")
    assert str(engine.inputs["image"]) == f"image uint8 (1, {HEIGHT}, {WIDTH}, 3)"
    assert engine.outputs["grid"].fixed == (1, GRID, HEIGHT // 4, WIDTH // 4)
    assert engine.outputs["features"].fixed == (1, FEATURES, HEIGHT // 4, WIDTH // 4)


def as_defined(path: Path, image: dict[str, ImageArray]) -> dict[str, NDArray[np.float32]]:
    """What a QDQ graph says in ONNX Runtime, step by step in float.

    Its integer kernels would saturate on processors without VNNI.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, image), strict=True))


@pytest.mark.parametrize("seed", range(30, 33))
def test_answers_as_onnxruntime_does(files: tuple[Path, Path], engine: Engine, seed: int) -> None:
    image = {"image": picture(seed)[None]}
    wanted = as_defined(files[0], image)
    given = engine.run(image)
    assert set(given) == set(wanted)
    for name, array in wanted.items():
        assert given[name].shape == array.shape
        error = np.abs(given[name] - array)
        # engines round differently: single steps of the last layers, not more
        assert error.mean() < 0.02 * array.std()
        assert error.max() < 0.3 * array.std()


def test_layers_kept_in_float(prepared: Prepared, tmp_path: Path) -> None:
    """A float ReLU6 layer between integer ones is converted as such."""
    path = tmp_path / "model.int8.onnx"
    conv, clip = prepared.layers()[1]
    quantize(prepared, path, Int8Options(float_nodes=(conv, clip)))
    convert(path, path.with_suffix(".tflite"))
    image = {"image": picture(40)[None]}
    wanted = as_defined(path, image)["grid"]
    given = load_engine(path.with_suffix(".tflite"), "tflite").run(image)["grid"]
    assert np.abs(given - wanted).mean() < 0.02 * wanted.std()


def test_bundle_runs_on_tflite(tmp_path: Path) -> None:
    plain = bundle(tmp_path / "soccer")
    options = Int8Options()
    made = quantize_bundle(plain, FRAMES, options, seed=0, target=tmp_path / "made", tflite=True)
    lite, other = open_graphs(made, "tflite"), open_graphs(made, "onnxruntime")
    assert lite.encoder.precision == "int8"
    distances = []
    for graphs in (lite, other):
        features = graphs.encoder.run({"image": picture(50)[None]})["features"]
        distances.append(graphs.dense.run({"features": features})["distances"])
    assert distances[0].shape == distances[1].shape
    np.testing.assert_allclose(distances[0], distances[1], atol=0.05)
    assert open_graphs(made, "auto").choice is not None


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [
        (288, 3, 2, (0, 1)),
        (288, 5, 2, (1, 2)),
        (287, 3, 2, (1, 1)),
        (36, 3, 1, (1, 1)),
        (36, 5, 1, (2, 2)),
        (36, 1, 1, (0, 0)),
    ],
)
def test_same_padding(size: int, kernel: int, stride: int, pads: tuple[int, int]) -> None:
    assert _same(size, kernel, stride) == pads
    out = _out_size((size, size), (kernel, kernel), [stride, stride], [pads[0]] * 2 + [pads[1]] * 2)
    assert out == (-(-size // stride), -(-size // stride))


def test_unknown_operator_is_named(tmp_path: Path) -> None:
    b = Builder()
    b.op("Softplus", "x", out="y")
    path = b.save(tmp_path / "m.onnx", [value("x", 1, 2, 3, 4)], [value("y", 1, 2, 3, 4)])
    with pytest.raises(EngineError, match=r"m\.onnx: Softplus \(Softplus_y\) has no TFLite form"):
        convert(path, tmp_path / "m.tflite")
    assert not (tmp_path / "m.tflite").exists()


def test_float_picture_graph_is_refused(tmp_path: Path) -> None:
    path = encoder(tmp_path / "model.onnx")
    with pytest.raises(EngineError, match="does not go into the first layer as bytes"):
        convert(path, tmp_path / "m.tflite")


def test_symmetric_file_is_refused(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "model.tensorrt.int8.onnx"
    quantize(prepared, path, Int8Options(symmetric=True))
    with pytest.raises(EngineError):
        convert(path, tmp_path / "m.tflite")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\0" * 64])
def test_bad_tflite_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.int8.tflite"
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        load_engine(path, "tflite")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_loads_without_a_word_on_stderr(files: tuple[Path, Path]) -> None:
    program = f"from edge.engines import load_engine; load_engine({str(files[1])!r}, 'tflite')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_wrong_input_and_closed_engine(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"uint8 \(1, 2, 2, 3\)"):
        engine.run({"image": np.zeros((1, 2, 2, 3), np.uint8)})
    buffer = engine.buffer("image")
    buffer[:] = picture(1)
    first = engine.run({"image": buffer})["grid"].copy()
    buffer[:] = picture(2)
    assert np.abs(engine.run({"image": buffer})["grid"] - first).max() > 0.01
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run({"image": buffer})


def test_padding_of_its_own(files: tuple[Path, Path]) -> None:
    """The test's graph pads by 1 all around at stride 2, which is not TFLite's SAME."""
    pads = {
        tuple(onnx.helper.get_attribute_value(a))
        for node in onnx.load(files[0]).graph.node
        if node.op_type == "Conv"
        for a in node.attribute
        if a.name == "pads"
    }
    assert (1, 1, 1, 1) in pads
    assert b"padded_" in files[1].read_bytes()
