"""INT8 graphs: close to FP32, the same on each engine, and in the form that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.engines import load_engine
from edge.errors import UsageError
from quantize.compare import OutputDifference, compare
from quantize.int8 import Feed, Int8Options, Prepared, prepare, quantize
from quantize.sensitivity import rank_layers
from tests.engines.graphs import dense, encoder, picture

FRAMES = [picture(seed)[None] for seed in range(6)]
HELD_OUT = [{"image": picture(seed)[None]} for seed in range(20, 24)]


def feeds() -> Iterable[Feed]:
    return ({"image": frame} for frame in FRAMES)


def feature_feeds(source: Path) -> Callable[[], Iterable[Feed]]:
    engine = load_engine(source, "onnxruntime")
    return lambda: ({"features": engine.run(feed)["features"].copy()} for feed in feeds())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder(tmp_path_factory.mktemp("fp32") / "model.onnx")


@pytest.fixture(scope="module")
def prepared(source: Path) -> Prepared:
    return prepare(source, feeds, Int8Options())


def differences(a: Path, b: Path, engine: str) -> dict[str, OutputDifference]:
    found = compare(load_engine(a, "onnxruntime"), load_engine(b, engine), HELD_OUT)
    return {d.output: d for d in found}


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_close_to_fp32(source: Path, prepared: Prepared, tmp_path: Path, engine: str) -> None:
    path = tmp_path / "model.int8.onnx"
    quantize(prepared, path, Int8Options())
    onnx.checker.check_model(onnx.load(path))
    found = differences(source, path, engine)
    assert found["features"].sqnr_db > 20
    assert found["grid"].sqnr_db > 20
    assert found["grid"].sqnr_db < 60, "INT8 that equals FP32 was not quantized"
    assert load_engine(path, engine).precision == "int8"


def test_bytes_go_straight_into_the_first_convolution(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "model.int8.onnx"
    quantize(prepared, path, Int8Options())
    model = onnx.load(path)
    first = model.graph.node[0]
    reader = next(n for n in model.graph.node if first.output[0] in n.input)
    assert (first.op_type, reader.op_type) == ("Transpose", "DequantizeLinear")
    assert "Cast" not in kinds(path)
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert weights[reader.input[1]] == 1.0
    assert weights[reader.input[2]] == prepared.zero_point == 114


def test_coordinates_stay_in_float(prepared: Prepared, source: Path, tmp_path: Path) -> None:
    """Each further convolution in float before the coordinates takes error away."""
    ratios = []
    for depth in (0, 1, 3):
        path = tmp_path / f"{depth}.int8.onnx"
        kept = quantize(prepared, path, Int8Options(float_outputs={"grid": depth}))
        assert [name.partition("_")[0] for name in kept].count("Conv") == depth
        assert kept[:1] == ("Conv_grid",)[:depth]
        ratios.append(differences(source, path, "onnxruntime")["grid"].sqnr_db)
    assert ratios == sorted(ratios)
    assert ratios[2] > ratios[0] + 1


def test_named_nodes_stay_in_float(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "model.int8.onnx"
    layer = prepared.layers()[2][0]
    assert layer in quantize(prepared, path, Int8Options(float_nodes=(layer,)))
    plain = tmp_path / "plain.int8.onnx"
    quantize(prepared, plain, Int8Options())
    assert kinds(path)["DequantizeLinear"] < kinds(plain)["DequantizeLinear"]
    with pytest.raises(UsageError, match="no node is called 'nonesuch'"):
        quantize(prepared, path, Int8Options(float_nodes=("nonesuch",)))


def test_symmetric_for_tensorrt(prepared: Prepared, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tensorrt.int8.onnx"
    quantize(prepared, path, Int8Options(symmetric=True))
    model = onnx.load(path)
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert weights[node.input[2]].dtype == np.int8
            assert not weights[node.input[2]].any()
    assert differences(source, path, "onnxruntime")["features"].sqnr_db > 15


def test_graph_without_a_picture(source: Path, tmp_path: Path) -> None:
    plain, path = dense(tmp_path / "dense.onnx"), tmp_path / "dense.int8.onnx"
    made = feature_feeds(source)
    prepared = prepare(plain, made, Int8Options())
    assert prepared.zero_point is None
    kept = quantize(prepared, path, Int8Options())
    assert [name.partition("_")[0] for name in kept] == ["Sigmoid", "Conv"]
    found = compare(load_engine(plain, "onnxruntime"), load_engine(path, "onnxruntime"), made())
    assert [d.output for d in found] == ["distances"]
    assert 25 < found[0].sqnr_db < 90


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_each_method_works(source: Path, tmp_path: Path, method: str) -> None:
    options = Int8Options(method=method)
    path = tmp_path / "model.int8.onnx"
    quantize(prepare(source, feeds, options), path, options)
    assert differences(source, path, "onnxruntime")["features"].sqnr_db > 12


def test_no_frames_is_wrong_use(source: Path) -> None:
    with pytest.raises(UsageError, match="at least one frame"):
        prepare(source, list, Int8Options())


def test_a_graph_equals_itself(source: Path) -> None:
    for difference in differences(source, source, "onnxruntime").values():
        assert difference.max_abs == difference.mean_abs == 0
        assert difference.sqnr_db == float("inf")


def test_sensitivity_finds_the_layer_that_was_made_bad(tmp_path: Path) -> None:
    """One channel a thousand times as strong as the others leaves them no levels."""
    path = encoder(tmp_path / "model.onnx")
    model = onnx.load(path)
    conv = [node for node in model.graph.node if node.op_type == "Conv"][4]
    weight = next(t for t in model.graph.initializer if t.name == conv.input[1])
    array = onnx.numpy_helper.to_array(weight).copy()
    array[0] *= 1000
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    onnx.save(model, path)
    done: list[tuple[int, int]] = []
    ranked = rank_layers(path, feeds, progress=lambda i, n: done.append((i, n)))
    assert len(ranked) == len(done) == done[-1][1] == 8
    # the layer that reads its output suffers as much: the two stand before all others
    assert conv.name in {ranked[0].layer, ranked[1].layer}
    assert ranked[1].sqnr_db < ranked[2].sqnr_db - 3
