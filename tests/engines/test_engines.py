"""Each engine that is installed for tests, on real graphs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.engines import Engine, EngineOptions, load_engine, load_named
from edge.engines.protocol import aligned_zeros, precision_of
from edge.errors import EngineError, TouchlineError, UsageError
from tests.engines.graphs import FEATURES, HEIGHT, WIDTH, encoder, open_axis, picture

pytestmark = pytest.mark.process

ONNX_ENGINES = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder(tmp_path_factory.mktemp("graph") / "model.onnx")


@pytest.fixture(params=ONNX_ENGINES)
def engine(request: pytest.FixtureRequest, graph: Path) -> Engine:
    return load_engine(graph, request.param, threads=1)


def test_describes_its_graph(engine: Engine) -> None:
    assert str(engine.inputs["image"]) == f"image uint8 (1, {HEIGHT}, {WIDTH}, 3)"
    assert engine.outputs["features"].fixed == (1, FEATURES, HEIGHT // 4, WIDTH // 4)
    assert list(engine.outputs) == ["grid", "features"]
    assert engine.precision == "fp32"


def test_engines_agree(graph: Path) -> None:
    image = picture(1)[None]
    first, second = (load_engine(graph, name).run({"image": image}) for name in ONNX_ENGINES)
    for name, value in first.items():
        assert np.std(value) > 0.05
        np.testing.assert_allclose(second[name], value, atol=1e-3)


def test_outputs_are_reused_and_follow_the_input(engine: Engine) -> None:
    first = engine.run({"image": picture(1)[None]})
    kept = first["grid"].copy()
    second = engine.run({"image": picture(2)[None]})
    assert second["grid"] is first["grid"]
    assert np.abs(second["grid"] - kept).max() > 0.01


def test_own_buffer_is_read_anew_at_each_run(engine: Engine) -> None:
    buffer = engine.buffer("image")
    assert buffer is engine.buffer("image")
    buffer[:] = picture(1)
    first = engine.run({"image": buffer})["grid"].copy()
    buffer[:] = picture(2)
    second = engine.run({"image": buffer})["grid"].copy()
    buffer[:] = picture(1)
    np.testing.assert_array_equal(engine.run({"image": buffer})["grid"], first)
    assert np.abs(first - second).max() > 0.01


def test_strided_input_gives_the_same_answer(engine: Engine) -> None:
    image = picture(3)
    wanted = engine.run({"image": image[None]})["grid"].copy()
    mirrored = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    for _ in range(2):
        np.testing.assert_array_equal(engine.run({"image": mirrored[None]})["grid"], wanted)


def test_array_changed_in_place_between_runs(engine: Engine) -> None:
    """An array passed again must be read again, even when its strides forced a copy before."""
    image = np.ascontiguousarray(picture(3)[:, ::-1])[:, ::-1][None]
    engine.run({"image": image})
    image[...] = picture(4)
    changed = engine.run({"image": image})["grid"].copy()
    np.testing.assert_array_equal(engine.run({"image": picture(4)[None]})["grid"], changed)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "was given nothing"),
        ({"picture": np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)}, "was given picture"),
        ({"image": np.zeros((1, 8, 8, 3), np.uint8)}, "uint8 (1, 8, 8, 3)"),
        ({"image": np.zeros((HEIGHT, WIDTH, 3), np.uint8)}, f"uint8 ({HEIGHT}, {WIDTH}, 3)"),
        ({"image": np.zeros((1, HEIGHT, WIDTH, 3), np.float32)}, "float32"),
    ],
)
def test_wrong_inputs_are_refused(engine: Engine, inputs: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine.run(inputs)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arithmetic_of_the_process_stays_as_it_was(engine: Engine) -> None:
    """An engine that flushes subnormal numbers to zero would do so for everybody in its thread."""
    engine.run({"image": picture(0)[None]})
    assert np.float64(np.finfo(np.float64).tiny) / 2 != 0


def test_closed_engine_says_so(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run({"image": picture()[None]})


@pytest.mark.parametrize("name", ONNX_ENGINES)
def test_open_axis_takes_any_length(tmp_path: Path, name: str) -> None:
    engine = load_engine(open_axis(tmp_path / "model.onnx"), name)
    for n in (3, 7):
        sequence = np.arange(n * 4, dtype=np.float32).reshape(1, n, 4)
        np.testing.assert_array_equal(engine.run({"sequence": sequence})["doubled"], sequence * 2)
    with pytest.raises(EngineError, match="no fixed size"):
        engine.buffer("sequence")


def test_unknown_buffer_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="no input 'picture'"):
        engine.buffer("picture")


@pytest.mark.parametrize("options", [EngineOptions(threads=2, pin=True), EngineOptions(spin=True)])
@pytest.mark.parametrize("name", ONNX_ENGINES)
def test_options_do_not_change_the_answer(graph: Path, name: str, options: EngineOptions) -> None:
    image = picture(5)[None]
    wanted = load_engine(graph, name, threads=1).run({"image": image})["grid"]
    given = load_named(graph, name, options).run({"image": image})["grid"]
    np.testing.assert_allclose(given, wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("engine", "kind", "told"),
    [
        ("onnxruntim", UsageError, "did you mean 'onnxruntime'?"),
        ("quantum", UsageError, "there are auto, onnxruntime, openvino, tflite"),
        ("tflite", EngineError, "reads .tflite files"),
        ("onnxruntime:cuda", EngineError, "install onnxruntime-gpu"),
        ("tensorrt", EngineError, "docs/how-to/arm64.md"),
        ("onnxruntime:toaster", EngineError, "knows cpu, cuda, tensorrt"),
        ("openvino:npu", EngineError, "finds no NPU"),
    ],
)
def test_what_cannot_be_had_is_one_line(
    graph: Path, engine: str, kind: type[TouchlineError], told: str
) -> None:
    with pytest.raises(kind) as caught:
        load_engine(graph, engine)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["auto", *ONNX_ENGINES])
@pytest.mark.parametrize("content", [b"", b"not a graph at all", None])
def test_bad_file_is_one_line(tmp_path: Path, engine: str, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        load_engine(path, engine)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unread_suffix_names_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"engines read \.onnx, \.xml, \.tflite"):
        load_engine(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("name", "arithmetic", "precision"),
    [
        ("model.onnx", "f32", "fp32"),
        ("model.int8.onnx", "f32", "int8"),
        ("model.tensorrt.int8.onnx", "f32", "int8"),
        ("int8.onnx", "f32", "int8"),
        ("notint8.onnx", "f32", "fp32"),
        ("model.onnx", "bf16", "bf16"),
        ("model.int8.onnx", "bf16", "int8"),
    ],
)
def test_precision_by_name(name: str, arithmetic: str, precision: str) -> None:
    options = EngineOptions(arithmetic="bf16" if arithmetic == "bf16" else "f32")
    assert precision_of(Path(name), options) == precision


def test_aligned_memory() -> None:
    for shape in ((1,), (3, 5), (1, 7, 11, 3)):
        array = aligned_zeros(shape, np.float32)
        assert array.ctypes.data % 64 == 0
        assert array.shape == shape
        assert array.flags.c_contiguous
        assert not array.any()


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (3, 3), (0, 1), (-2, 1)])
def test_thread_count(asked: int, given: int) -> None:
    assert EngineOptions(threads=asked).thread_count() == given
    assert 1 <= EngineOptions().thread_count() <= 4


def test_openvino_is_loaded_without_its_telemetry() -> None:
    """Importing openvino reports to a server unless its telemetry is kept out."""
    program = (
        "import sys, threading; import edge.engines.openvino_engine as e; e.devices();"
        "print(sys.modules['openvino_telemetry'], threading.active_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["None", "1"], done.stderr
