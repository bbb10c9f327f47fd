"""TensorRT up to the provider call: what this side of it decides."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.engines import EngineOptions, tensorrt_cache
from edge.engines.onnxruntime_engine import providers
from edge.errors import EngineError

ORIN = "NVIDIA Jetson Orin Nano Developer Kit"


def test_key_changes_with_gpu_version_and_model() -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    key = tensorrt_cache.cache_key(ORIN, "10.3.0", digest)
    assert key == f"nvidia_jetson_orin_nano_developer_kit-trt10.3.0-{digest[:16]}"
    others = {
        tensorrt_cache.cache_key("NVIDIA L4", "10.3.0", digest),
        tensorrt_cache.cache_key(ORIN, "10.7.0", digest),
        tensorrt_cache.cache_key(ORIN, "10.3.0", hashlib.sha256(b"b").hexdigest()),
    }
    assert len(others) == 3
    assert key not in others


def test_key_stays_in_its_folder() -> None:
    key = tensorrt_cache.cache_key("../../etc", "1/2", "0" * 64)
    assert "/" not in key
    assert Path(key).name == key


@pytest.mark.parametrize(("name", "int8"), [("model.onnx", "0"), ("model.tensorrt.int8.onnx", "1")])
def test_provider_options(tmp_path: Path, name: str, int8: str) -> None:
    model = tmp_path / name
    model.write_bytes(b"a graph")
    cache = tmp_path / "cache"
    options = tensorrt_cache.provider_options(model, cache, gpu=ORIN, trt="10.3.0")
    folder = Path(options["trt_engine_cache_path"])
    assert folder.is_dir()
    assert folder.parent == cache / "tensorrt"
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_int8_enable"] == int8
    assert tensorrt_cache.provider_options(model, cache, gpu=ORIN, trt="10.3.0") == options
    model.write_bytes(b"another graph")
    again = tensorrt_cache.provider_options(model, cache, gpu=ORIN, trt="10.3.0")
    assert again["trt_engine_cache_path"] != str(folder)


def test_provider_list_falls_back_to_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_cache, "gpu_name", lambda: ORIN)
    monkeypatch.setattr(tensorrt_cache, "tensorrt_version", lambda: "10.3.0")
    model = tmp_path / "model.onnx"
    model.write_bytes(b"a graph")
    listed = providers(model, "tensorrt", EngineOptions(cache=tmp_path))
    assert listed[0][0] == "TensorrtExecutionProvider"
    assert listed[0][1]["trt_fp16_enable"] == "1"
    assert listed[1] == "CPUExecutionProvider"
    assert providers(model, "cuda", EngineOptions()) == [
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ]
    assert providers(model, "cpu", EngineOptions()) == ["CPUExecutionProvider"]


def test_jetson_is_named_by_its_board(tmp_path: Path) -> None:
    tree = tmp_path / "model"
    tree.write_text(ORIN + "\0")
    assert tensorrt_cache.gpu_name(tree) == ORIN


def test_errors_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="no NVIDIA GPU"):
        tensorrt_cache.gpu_name(tmp_path / "none")
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(EngineError, match="set another cache"):
        tensorrt_cache.provider_options(blocked, blocked, gpu="x", trt="1")
    with pytest.raises(EngineError, match="cannot read the graph"):
        tensorrt_cache.file_digest(tmp_path / "none.onnx")


def test_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tensorrt_cache.default_cache() == tmp_path / "touchline"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert tensorrt_cache.default_cache().parts[-2:] == (".cache", "touchline")
