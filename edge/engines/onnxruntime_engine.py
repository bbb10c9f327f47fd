"""ONNX Runtime: on the CPU, and on NVIDIA GPUs through its CUDA and TensorRT providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from edge.engines import tensorrt_cache
from edge.engines.protocol import (
    Array,
    EngineOptions,
    TensorSpec,
    aligned_zeros,
    by_name,
    check_inputs,
    new_buffer,
    precision_of,
)
from edge.errors import EngineError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Device name -> ONNX Runtime's execution provider."""

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def devices() -> tuple[str, ...]:
    """Return the devices that this build of ONNX Runtime can drive."""
    built_in = ort.get_available_providers()
    return tuple(device for device, provider in PROVIDERS.items() if provider in built_in)


def load(path: Path, device: str, options: EngineOptions) -> OnnxRuntimeEngine:
    """Load an ONNX file; EngineError when the file or the device does not work."""
    if device not in PROVIDERS:
        raise EngineError(f"onnxruntime has no device {device!r}: it knows {', '.join(PROVIDERS)}")
    if device not in devices():
        raise EngineError(
            f"this build of onnxruntime has no {PROVIDERS[device]}: install onnxruntime-gpu in its "
            f"place (docs/how-to/arm64.md), or use engine onnxruntime"
        )
    try:
        session = ort.InferenceSession(
            str(path), session_options(options), providers=providers(path, device, options)
        )
    except Exception as error:  # the library raises a dozen unrelated types
        reason = str(error).splitlines()[0]
        raise EngineError(f"{path}: onnxruntime cannot load this graph: {reason}") from error
    name = "onnxruntime" if device == "cpu" else f"onnxruntime:{device}"
    if PROVIDERS[device] not in session.get_providers():
        raise EngineError(
            f"{path}: {name} fell back to the CPU: its GPU libraries do not load on this box"
        )
    return OnnxRuntimeEngine(session, name, precision_of(path, options))


def providers(path: Path, device: str, options: EngineOptions) -> list[Any]:
    """Return a session's providers: the device's own, then the CPU for what it cannot run."""
    chosen: Any = PROVIDERS[device]
    if device == "tensorrt":
        chosen = (chosen, tensorrt_cache.provider_options(path, options.cache))
    return [chosen] if device == "cpu" else [chosen, PROVIDERS["cpu"]]


def session_options(options: EngineOptions) -> ort.SessionOptions:
    """Translate engine options into ONNX Runtime's."""
    threads = options.thread_count()
    out = ort.SessionOptions()
    out.intra_op_num_threads = threads
    out.inter_op_num_threads = 1
    out.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    out.log_severity_level = 3  # errors only; its warnings are about its own optimizer
    out.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.spin else "0")
    if options.pin and threads > 1:
        # the calling thread is the first worker and keeps its place; cores are counted from 1
        cores = ";".join(str(core + 1) for core in range(1, threads))
        out.add_session_config_entry("session.intra_op_thread_affinities", cores)
    return out


class OnnxRuntimeEngine:
    """A session whose inputs and outputs are bound to arrays that are kept between runs."""

    def __init__(self, session: ort.InferenceSession, name: str, precision: str) -> None:
        self.name = name
        self.precision = precision
        self.inputs: Mapping[str, TensorSpec] = by_name(_specs(session.get_inputs()))
        self.outputs: Mapping[str, TensorSpec] = by_name(_specs(session.get_outputs()))
        self._session: ort.InferenceSession | None = session
        self._buffers: dict[str, Array] = {}
        self._bound: dict[str, Array] = {}
        self._results = self._fixed_results()
        self._binding = session.io_binding()
        for key, array in self._results.items():
            self._binding.bind_ortvalue_output(key, ort.OrtValue.ortvalue_from_numpy(array))

    def buffer(self, name: str) -> Array:
        """Return the engine's own array of an input."""
        if name not in self._buffers:
            self._buffers[name] = new_buffer(self.name, self.inputs, name)
        return self._buffers[name]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph; the arrays returned are overwritten by the next run."""
        if self._session is None:
            raise EngineError(f"{self.name}: the engine is closed")
        check_inputs(self.name, self.inputs, inputs)
        try:
            if not self._results:
                names = list(self.outputs)
                return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
            self._bind(inputs)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # the library raises a dozen unrelated types
            raise EngineError(
                f"{self.name}: the graph failed: {str(error).splitlines()[0]}"
            ) from error
        return dict(self._results)

    def close(self) -> None:
        """Free the session."""
        self._session = None
        self._binding = None
        self._bound.clear()

    def _bind(self, inputs: Mapping[str, Array]) -> None:
        """Bind input arrays in place (no copy); one that is bound already stays so."""
        for key, array in inputs.items():
            if self._bound.get(key) is not array:
                held = np.ascontiguousarray(array)
                self._binding.bind_ortvalue_input(key, ort.OrtValue.ortvalue_from_numpy(held))
                # a copy is not remembered: the caller's array may change before the next run
                self._bound[key] = held

    def _fixed_results(self) -> dict[str, Array]:
        """Allocate the outputs once, or return {} when one of them has no fixed size."""
        shapes = {key: spec.fixed for key, spec in self.outputs.items()}
        if None in shapes.values():
            return {}
        return {
            key: aligned_zeros(shape, self.outputs[key].dtype)
            for key, shape in shapes.items()
            if shape is not None
        }


def _specs(nodes: Sequence[ort.NodeArg]) -> list[TensorSpec]:
    specs = []
    for node in nodes:
        if node.type not in _DTYPES:
            raise EngineError(
                f"onnxruntime: tensor {node.name} is a {node.type}, which is not supported here"
            )
        shape = tuple(n if isinstance(n, int) else None for n in node.shape)
        specs.append(TensorSpec(node.name, shape, np.dtype(_DTYPES[node.type])))
    return specs
