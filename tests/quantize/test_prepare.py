"""The picture's normalization folded into the first convolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from edge.errors import EngineError
from quantize.prepare import Affine, fold_input, simplify
from tests.engines.graphs import MEAN, STD, dense, encoder, open_axis, picture


def outputs(model: onnx.ModelProto, seed: int) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": picture(seed)[None]}), strict=True))


def test_zero_point_is_the_mean_of_what_padding_means() -> None:
    gain = np.diag(1 / np.array(STD))[:, ::-1]
    affine = Affine(gain, -np.array(MEAN) / np.array(STD))
    assert affine.zero_point() == round(sum(MEAN) / 3)
    assert Affine(np.eye(3), np.full(3, 900.0)).zero_point() == 0
    assert Affine(np.eye(3), np.full(3, -900.0)).zero_point() == 255


def test_folding_changes_the_border_alone(tmp_path: Path) -> None:
    model = simplify(encoder(tmp_path / "model.onnx"))
    wanted = outputs(model, 1)
    assert fold_input(model) == 114
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node][:4] == ["Transpose", "Cast", "Sub", "Conv"]
    given = outputs(model, 1)
    for name, value in wanted.items():
        inner = np.s_[:, :, 6:-6, 6:-6]
        np.testing.assert_allclose(given[name][inner], value[inner], atol=1e-4)
        assert np.abs(given[name] - value).max() < 0.2 * np.abs(value).max()


def test_folding_is_exact_where_padding_means_one_grey(tmp_path: Path) -> None:
    """With one mean for all channels nothing changes, the border included."""
    model = simplify(encoder(tmp_path / "model.onnx"))
    for tensor in model.graph.initializer:
        if tensor.dims == [1, 3, 1, 1] and onnx.numpy_helper.to_array(tensor).max() > 100:
            level = np.full((1, 3, 1, 1), 120, np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(level, tensor.name))
    wanted = outputs(model, 2)
    assert fold_input(model) == 120
    for name, value in outputs(model, 2).items():
        np.testing.assert_allclose(value, wanted[name], atol=1e-4)


def test_what_no_convolution_can_take_over_stays(tmp_path: Path) -> None:
    model = simplify(encoder(tmp_path / "model.onnx", mixing=True))
    before = model.SerializeToString()
    assert fold_input(model) is None
    assert model.SerializeToString() == before


def test_a_graph_without_a_picture_stays(tmp_path: Path) -> None:
    model = simplify(dense(tmp_path / "dense.onnx"))
    assert fold_input(model) is None
    assert fold_input(simplify(open_axis(tmp_path / "open.onnx"))) is None


def test_what_is_no_graph_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(EngineError) as caught:
        simplify(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
