from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from edge.bundles import load_bundle
from edge.engines.hardware import Cpu
from edge.errors import UsageError
from models.registration.export import export_bundle, load_network, main
from models.registration.network import MainGraph, mixed_precision, normalize

W, H = 128, 96
FRIENDLY = {"Conv", "Clip", "Add", "Resize", "Concat"}
"""What an INT8 engine runs without leaving INT8."""
BEFORE = {"Transpose", "Slice", "Cast", "Sub", "Div"}
"""What makes channels and numbers of the picture's bytes; folded into the first convolution."""


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (1, H, W, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise[0], (0, 0), 6)[None]
    return [noise, smooth, np.zeros_like(noise), np.full_like(noise, 255)]


@pytest.fixture(scope="module")
def sessions(bundle_folder):
    made = {}
    for name in ("model", "dense"):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        made[name] = ort.InferenceSession(
            bundle_folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"]
        )
    return made


def test_shapes(network):
    image = torch.zeros(2, 64, 96, 3, dtype=torch.uint8)
    with torch.no_grad():
        out = network(image)
        features = network.features(image)
    assert out.grid.shape == (2, 5, 16, 24)
    assert out.distances.shape == (2, 2, 16, 24)
    assert features.shape == (2, 64, 16, 24)
    assert float(out.distances.min()) >= 0
    assert float(out.distances.max()) <= 1


def test_normalization_takes_blue_green_red():
    image = torch.zeros(1, 1, 1, 3, dtype=torch.uint8)
    image[0, 0, 0] = torch.tensor([10, 20, 30])
    red, green, blue = normalize(image)[0, :, 0, 0].tolist()
    assert red == pytest.approx((30 / 255 - 0.485) / 0.229, abs=1e-5)
    assert green == pytest.approx((20 / 255 - 0.456) / 0.224, abs=1e-5)
    assert blue == pytest.approx((10 / 255 - 0.406) / 0.225, abs=1e-5)


def test_onnx_runtime_gives_what_torch_gives(network, sessions, pictures):
    for picture in pictures:
        with torch.no_grad():
            grid, features = MainGraph(network)(torch.from_numpy(picture))
            distances = network.dense(features)
        found_grid, found_features = sessions["model"].run(None, {"image": picture})
        (found,) = sessions["dense"].run(None, {"features": found_features})
        for ours, theirs in ((grid, found_grid), (features, found_features), (distances, found)):
            assert ours.shape == theirs.shape
            scale = float(ours.abs().max())
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-4 * max(scale, 1.0))


def operators(path, tmp_path):
    """Kinds of nodes that are left when constants are folded."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / path.name)
    options.intra_op_num_threads = 1
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(tmp_path / path.name).graph.node]


def test_only_operators_that_quantize_well(bundle_folder, tmp_path):
    model = operators(bundle_folder / "model.onnx", tmp_path)
    assert set(model) <= FRIENDLY | BEFORE
    assert [model.count(name) for name in sorted(BEFORE)] == [1] * len(BEFORE)
    assert set(operators(bundle_folder / "dense.onnx", tmp_path)) == {"Conv", "Clip", "Sigmoid"}


def test_resizing_is_nearest_neighbour(bundle_folder):
    nodes = onnx.load(bundle_folder / "model.onnx").graph.node
    modes = [
        attribute.s
        for node in nodes
        if node.op_type == "Resize"
        for attribute in node.attribute
        if attribute.name == "mode"
    ]
    assert modes == [b"nearest"] * 3


def test_a_bundle_says_what_it_holds(bundle_folder):
    bundle = load_bundle(bundle_folder)
    m = bundle.manifest
    assert (m.sport, m.version, m.field) == ("soccer", "1.2.3", "soccer")
    assert (m.input.width, m.input.height) == (W, H)
    assert m.outputs["grid"].channels == 5
    assert m.outputs["distances"].graph == "dense"
    assert m.decode == {"x": 0.5}
    assert m.training["step"] == 7
    assert bundle.file("encoder", "fp32", "onnxruntime").is_file()


def test_a_checkpoint_gives_the_averaged_network(checkpoint, network):
    loaded, record = load_network(checkpoint)
    assert not loaded.training
    assert record == {
        "images": 84,
        "step": 7,
        "elapsed": 60.0,
        "settings": {"run": "soccer", "seed": 1},  # no folder of the machine it was trained on
    }
    for k, v in network.state_dict().items():
        assert torch.equal(v, loaded.state_dict()[k])


def test_what_is_no_checkpoint_is_named(tmp_path):
    cases = {"missing.pt": None, "text.pt": b"hello", "empty.pt": b""}
    for name, data in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=f"{name}: no checkpoint of the training"):
            load_network(tmp_path / name)
    torch.save({"ema": {"a": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: no checkpoint of the training"):
        export_bundle(tmp_path / "other.pt", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.pt", "out"], "missing.pt: no checkpoint"),
        (["missing.pt", "out", "--size", "320"], "'320' is no size"),
        (["missing.pt", "out", "--size", "320x200"], "multiples of 32"),
        (["missing.pt", "out", "--decode", "none.json"], "none.json: no JSON object of numbers"),
    ],
)
def test_the_command_ends_with_one_line_and_two(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_bundle_with_its_decoding(checkpoint, tmp_path):
    decode = tmp_path / "decode.json"
    decode.write_text(json.dumps({"score.bias": 1.5}))
    out = tmp_path / "soccer"
    main([str(checkpoint), str(out), "--size", "64x64", "--decode", str(decode)])
    manifest = load_bundle(out).manifest
    assert manifest.decode == {"score.bias": 1.5}
    assert (manifest.input.width, manifest.input.height) == (64, 64)


@pytest.mark.parametrize(
    ("features", "halves"),
    [(("AVX2",), False), (("AVX2", "AVX512-VNNI"), False), (("AVX512-BF16",), True)],
)
def test_learning_is_in_bfloat16_only_where_the_processor_computes_in_it(
    monkeypatch, features, halves
):
    cpu = Cpu(name="", machine="x86_64", cores=2, features=features)
    monkeypatch.setattr("models.registration.network.read_cpu", lambda: cpu)
    with mixed_precision(torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") is halves
