"""TensorRT engines are built on the box that runs them: where they are kept, and under which key.

An engine is tied to the GPU, the TensorRT version and the model it was built from, so it is never
shipped. The cache is a folder per key; a new driver or model gets a new folder, and old ones may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.errors import EngineError
from edge.paths import cache_folder


def provider_options(
    path: Path, cache: Path | None, *, gpu: str | None = None, trt: str | None = None
) -> dict[str, str]:
    """Return ONNX Runtime's TensorRT provider options for a model file.

    `gpu` and `trt` are the GPU's name and TensorRT's version; None asks this box. INT8 is on for a
    file with quantization nodes (`*.int8.onnx`): its scales are used, no calibration runs on the
    box. Raises EngineError when the cache folder cannot be made.
    """
    key = cache_key(gpu or gpu_name(), trt or tensorrt_version(), file_digest(path))
    folder = (cache or default_cache()) / "tensorrt" / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"{folder}: cannot keep TensorRT engines here: {error.strerror}; set another cache"
        ) from error
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
        "trt_fp16_enable": "1",
        "trt_int8_enable": "1" if "int8" in path.name.split(".") else "0",
    }


def cache_key(gpu: str, trt: str, digest: str) -> str:
    """Name the cache folder of a GPU, a TensorRT version and a model digest (hex sha256)."""
    return "-".join((_slug(gpu), "trt" + _slug(trt), digest[:16]))


def default_cache() -> Path:
    """Return the per-user cache folder, `XDG_CACHE_HOME` respected."""
    return cache_folder()


def file_digest(path: Path) -> str:
    """Return the hex sha256 of a file; EngineError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        raise EngineError(f"{path}: cannot read the graph: {error.strerror}") from error
    return digest.hexdigest()


def gpu_name(device_tree: Path = Path("/proc/device-tree/model")) -> str:
    """Return the GPU's name: the board's on a Jetson, whose GPU has no other, else nvidia-smi's."""
    try:
        return device_tree.read_text().strip("\0\n ")
    except OSError:
        pass
    tool = shutil.which("nvidia-smi")
    if tool is None:
        raise EngineError(
            "no NVIDIA GPU found on this box (no /proc/device-tree/model, no nvidia-smi)"
        )
    query = [tool, "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    answer = subprocess.run(  # noqa: S603
        query, capture_output=True, text=True, timeout=20, check=False
    )
    if answer.returncode != 0 or not answer.stdout.strip():
        raise EngineError("nvidia-smi finds no GPU on this box")
    return answer.stdout.splitlines()[0]


def tensorrt_version() -> str:
    """Return the version of TensorRT's Python package, released together with its library."""
    for package in ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"):
        with suppress(PackageNotFoundError):
            return version(package)
    raise EngineError("TensorRT is not installed on this box: see docs/how-to/arm64.md")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")
