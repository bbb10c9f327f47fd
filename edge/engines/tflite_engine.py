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
        signature = _signature(interpreter)
        self._in = _details(interpreter.get_input_details(), signature.get("inputs", []))
        self._out = _details(interpreter.get_output_details(), signature.get("outputs", []))
        self.inputs: Mapping[str, TensorSpec] = by_name(
            [_spec(n, d, raw=True) for n, d in self._in.items()]
        )
        self.outputs: Mapping[str, TensorSpec] = by_name(
            [_spec(n, d, raw=False) for n, d in self._out.items()]
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
                self._interpreter.set_tensor(self._in[key]["index"], array)
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
        raw: Array = self._interpreter.get_tensor(detail["index"])
        scale, zero = detail["quantization"]
        if scale == 0:
            return raw
        real: Array = (raw.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        return real


def _signature(interpreter: Any) -> dict[str, list[str]]:
    """Return the names of the first signature, or {} when the file has none."""
    signatures: dict[str, dict[str, list[str]]] = interpreter.get_signature_list()
    return next(iter(signatures.values()), {})


def _details(details: list[dict[str, Any]], names: list[str]) -> dict[str, dict[str, Any]]:
    """Name tensor details: by the signature where that is clear, else by the tensor itself."""
    own = {_plain(detail["name"]): detail for detail in details}
    if len(names) == 1 and len(details) == 1:
        return {names[0]: details[0]}
    return {name: own[name] for name in names} if names and set(names) == set(own) else own


def _plain(tensor: str) -> str:
    """Strip what converters wrap around a name: `serving_default_image:0` -> `image`."""
    return tensor.removeprefix("serving_default_").partition(":")[0]


def _spec(name: str, detail: dict[str, Any], *, raw: bool) -> TensorSpec:
    shape = tuple(None if n < 0 else int(n) for n in detail["shape_signature"])
    dtype = np.dtype(detail["dtype"])
    if not raw and detail["quantization"][0] != 0:
        dtype = np.dtype(np.float32)
    return TensorSpec(name, shape, dtype)
