"""Weights stored as float16: the same answers from every engine, half the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.bundles import find_bundle, load_bundle
from edge.engines import EngineOptions, load_named
from quantize.__main__ import main
from quantize.halve import halve
from quantize.int8 import Int8Options, prepare, quantize
from quantize.tflite import convert
from tests.bundles.parts import bundle
from tests.engines.graphs import picture


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A graph with float32 weights and its halved twin."""
    folder = tmp_path_factory.mktemp("halved")
    whole = bundle(folder / "soccer").file("encoder")
    twin = folder / "half.onnx"
    shutil.copyfile(whole, twin)
    assert halve(twin) > 0
    return whole, twin


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_outputs_stay_within_a_thousandth(both: tuple[Path, Path], engine: str) -> None:
    loaded = [load_named(path, engine, EngineOptions(threads=1)) for path in both]
    feed = {"image": picture(3)[None]}
    whole, half = ({k: v.copy() for k, v in e.run(feed).items()} for e in loaded)
    for one in loaded:
        one.close()
    for name, value in whole.items():
        assert value.std() > 0
        assert np.abs(half[name] - value).max() < 4e-3 * np.abs(value).max()


def test_weights_take_half_and_small_ones_stay(both: tuple[Path, Path]) -> None:
    tensors = {t.name: t for t in onnx.load(both[1]).graph.initializer}
    large = [t for t in tensors.values() if np.prod(t.dims) >= 64]
    assert large
    assert all(t.data_type != onnx.TensorProto.FLOAT for t in large)
    assert halve(both[1]) == 0  # nothing is left to do


def test_values_beyond_float16_stay(both: tuple[Path, Path], tmp_path: Path) -> None:
    model = onnx.load(both[0])
    tensor = next(
        t
        for t in model.graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) >= 64
    )
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e6
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    path = tmp_path / "large.onnx"
    onnx.save(model, path)
    halve(path)
    kept = {t.name: t for t in onnx.load(path).graph.initializer}
    assert onnx.numpy_helper.to_array(kept[tensor.name]).flat[0] == 1e6


def test_a_halved_graph_quantizes_and_converts(both: tuple[Path, Path], tmp_path: Path) -> None:
    def feeds():
        return ({"image": picture(k)[None]} for k in range(3))

    options = Int8Options()
    path = tmp_path / "model.int8.onnx"
    quantize(prepare(both[1], feeds, options), path, options)
    convert(path, path.with_suffix(".tflite"))
    found = {}
    for name, file in (("onnxruntime", both[0]), ("onnxruntime", path)):
        engine = load_named(file, name, EngineOptions(threads=1))
        found[file] = engine.run({"image": picture(1)[None]})["grid"].copy()
        engine.close()
    error = np.abs(found[path] - found[both[0]]).mean()
    assert error < 0.1 * found[both[0]].std()


def test_the_command_rewrites_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = bundle(tmp_path / "soccer")
    before = sum(f.size for f in made.manifest.files)
    assert main(["halve", str(made.path)]) == 0
    after = load_bundle(made.path)  # checks the digests
    assert sum(f.size for f in after.manifest.files) < before
    assert "MB less" in capsys.readouterr().out


def test_what_ships_is_halved() -> None:
    shipped = find_bundle("soccer")
    assert shipped.file("encoder").stat().st_size < 7e6
