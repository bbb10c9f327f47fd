"""OpenVINO: Intel and AMD processors, ARM, and by name Intel's GPUs and NPUs.

Reads ONNX files as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

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


@lru_cache(maxsize=1)
def core() -> Any:
    """Return the one core object of this process; it holds the loaded device plugins."""
    return ov.Core()


def devices() -> tuple[str, ...]:
    """Return the devices that OpenVINO finds on this box, in lower case: `cpu`, `gpu`, `npu`."""
    return tuple(device.lower() for device in core().available_devices)


def load(path: Path, device: str, options: EngineOptions) -> OpenVinoEngine:
    """Compile a graph (`.onnx` or OpenVINO's `.xml`) for a device.

    EngineError when that does not work.
    """
    if device not in devices():
        raise EngineError(
            f"openvino finds no {device.upper()} on this box, only {', '.join(devices()).upper()}"
        )
    try:
        compiled = core().compile_model(str(path), device.upper(), properties(device, options))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineError(f"{path}: openvino cannot load this graph: {reason}") from error
    name = "openvino" if device == "cpu" else f"openvino:{device}"
    return OpenVinoEngine(compiled, name, precision_of(path, options))


def properties(device: str, options: EngineOptions) -> dict[str, Any]:
    """Translate engine options into OpenVINO's properties."""
    out: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if device == "cpu":
        out["INFERENCE_NUM_THREADS"] = options.thread_count()
        out["NUM_STREAMS"] = 1
        out["ENABLE_CPU_PINNING"] = options.pin
        # its own default is bf16 where the processor has it: other answers on other boxes
        out["INFERENCE_PRECISION_HINT"] = options.arithmetic
    elif options.cache is not None:
        out["CACHE_DIR"] = str(options.cache / "openvino")
    return out


class OpenVinoEngine:
    """A compiled graph with one request, whose tensors lie in arrays that are kept between runs."""

    def __init__(self, compiled: Any, name: str, precision: str) -> None:
        self.name = name
        self.precision = precision
        self.inputs: Mapping[str, TensorSpec] = by_name([_spec(port) for port in compiled.inputs])
        self.outputs: Mapping[str, TensorSpec] = by_name([_spec(port) for port in compiled.outputs])
        self._request: Any = compiled.create_infer_request()
        self._buffers: dict[str, Array] = {}
        self._bound: dict[str, Array] = {}
        self._results: dict[str, Array] = {}
        for key, spec in self.outputs.items():
            if spec.fixed is not None:
                self._results[key] = aligned_zeros(spec.fixed, spec.dtype)
                self._request.set_tensor(key, ov.Tensor(self._results[key], shared_memory=True))

    def buffer(self, name: str) -> Array:
        """Return the engine's own array of an input."""
        if name not in self._buffers:
            self._buffers[name] = new_buffer(self.name, self.inputs, name)
        return self._buffers[name]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph; the arrays returned are overwritten by the next run."""
        request = self._request
        if request is None:
            raise EngineError(f"{self.name}: the engine is closed")
        check_inputs(self.name, self.inputs, inputs)
        try:
            for key, array in inputs.items():
                if self._bound.get(key) is not array:
                    held = np.ascontiguousarray(array)
                    request.set_tensor(key, ov.Tensor(held, shared_memory=True))
                    self._bound[key] = held
            request.infer()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"{self.name}: the graph failed: {reason}") from error
        return {key: self._result(request, key) for key in self.outputs}

    def close(self) -> None:
        """Free the compiled graph."""
        self._request = None
        self._bound.clear()

    def _result(self, request: Any, key: str) -> Array:
        kept = self._results.get(key)
        return np.asarray(request.get_tensor(key).data) if kept is None else kept


def _spec(port: Any) -> TensorSpec:
    """Describe an input or output port of a compiled graph."""
    shape = tuple(None if n.is_dynamic else int(n.get_length()) for n in port.partial_shape)
    return TensorSpec(port.any_name, shape, np.dtype(port.element_type.to_dtype()))
