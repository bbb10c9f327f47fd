"""TFLite graphs through ai-edge-litert, or tflite-runtime where somebody has it already."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from edge.engines.protocol import (
    Array,
    EngineOptions,
    TensorSpec,
    by_name,
    check_inputs,
    new_buffer,
    precision_of,
)
from edge.errors import EngineError

MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""Where an interpreter may come from, the better one first."""


CHANNELS_LAST = "_nhwc"
"""End of the names of maps that lie (1, h, w, c) in the file; other engines have (1, c, h, w)."""


def devices() -> tuple[str, ...]:
    """Return the devices of this engine: the CPU alone."""
    return ("cpu",)


def load(path: Path, device: str, options: EngineOptions) -> TfliteEngine:
    """Load a `.tflite` file; EngineError when the file does not work."""
    if device != "cpu":
        raise EngineError(f"tflite has no device {device!r}: it runs on the CPU")
    try:
        interpreter = _interpreter_class()(model_path=str(path), num_threads=options.thread_count())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise EngineError(
            f"{path}: tflite cannot load this graph: {str(error).splitlines()[0]}"
        ) from error
    return TfliteEngine(interpreter, precision_of(path, options))


def _interpreter_class() -> Any:
    for module in MODULES:
        with suppress(ModuleNotFoundError):
            return importlib.import_module(module).Interpreter
    raise EngineError("engine tflite needs a package: pip install touchline[tflite]")


class TfliteEngine:
    """An interpreter with tensors found by the names of its signature."""

    name = "tflite"

    def __init__(self, interpreter: Any, precision: str) -> None:
        self.precision = precision
        self._interpreter: Any = interpreter
        self._in, self._out = _details(interpreter)
        self.inputs: Mapping[str, TensorSpec] = by_name(
            [_spec(name, detail, raw=True) for name, detail in self._in.items()]
        )
        self.outputs: Mapping[str, TensorSpec] = by_name(
            [_spec(name, detail, raw=False) for name, detail in self._out.items()]
        )
        self._buffers: dict[str, Array] = {}

    def buffer(self, name: str) -> Array:
        """Return an array for an input, kept between runs (the interpreter copies it in)."""
        if name not in self._buffers:
            self._buffers[name] = new_buffer(self.name, self.inputs, name)
        return self._buffers[name]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph; integer outputs come dequantized to float32."""
        if self._interpreter is None:
            raise EngineError(f"{self.name}: the engine is closed")
        check_inputs(self.name, self.inputs, inputs)
        try:
            for key, array in inputs.items():
                detail = self._in[key]
                given = array.transpose(0, 2, 3, 1) if _is_map(detail) else array
                self._interpreter.set_tensor(detail["index"], np.ascontiguousarray(given))
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise EngineError(
                f"{self.name}: the graph failed: {str(error).splitlines()[0]}"
            ) from error
        return {key: self._result(detail) for key, detail in self._out.items()}

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None

    def _result(self, detail: dict[str, Any]) -> Array:
        value: Array = self._interpreter.get_tensor(detail["index"])
        scale, zero = detail["quantization"]
        if scale != 0:
            value = (value.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        return value.transpose(0, 3, 1, 2) if _is_map(detail) else value


def _details(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Name the details of inputs and outputs: by the signature, or by the tensors without one."""
    if interpreter.get_signature_list():
        runner = interpreter.get_signature_runner()
        return _named(runner.get_input_details()), _named(runner.get_output_details())
    inputs = {detail["name"]: detail for detail in interpreter.get_input_details()}
    outputs = {detail["name"]: detail for detail in interpreter.get_output_details()}
    return _named(inputs), _named(outputs)


def _named(details: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key tensor details by the names that the outside knows; their own stays as `key`."""
    return {_plain(name): {**detail, "key": name} for name, detail in details.items()}


def _plain(name: str) -> str:
    """Strip what is wrapped around a name: `serving_default_image:0`, `grid_nhwc` -> `grid`."""
    bare = name.removeprefix("serving_default_").partition(":")[0]
    return bare.removesuffix(CHANNELS_LAST)


def _is_map(detail: dict[str, Any]) -> bool:
    """Tell whether a tensor is (1, h, w, c) in the file and (1, c, h, w) to the outside."""
    return bool(detail["key"].endswith(CHANNELS_LAST))


def _spec(name: str, detail: dict[str, Any], *, raw: bool) -> TensorSpec:
    shape = tuple(None if n < 0 else int(n) for n in detail["shape_signature"])
    if _is_map(detail):
        shape = (shape[0], shape[3], shape[1], shape[2])
    dtype = np.dtype(detail["dtype"])
    if not raw and detail["quantization"][0] != 0:
        dtype = np.dtype(np.float32)
    return TensorSpec(name, shape, dtype)
