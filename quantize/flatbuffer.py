"""Writing a `.tflite` file: tensors, operators, one signature."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EngineError

Array = NDArray[Any]

VERSION = 3
"""Version of the TFLite format; its file identifier is TFL3."""

_TYPES = {"float32": "FLOAT32", "int8": "INT8", "uint8": "UINT8", "int32": "INT32"}
_OPERATOR_VERSION = {
    "ADD": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "PAD": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
}
"""First version of each operator that takes INT8; 1 for the others."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Affine quantization: real = (stored - zero) * scale."""

    scale: Array
    """(1,) or, per channel, (channels,) float32."""
    zero: int
    axis: int = 0
    """Axis of the channels."""


class FlatbufferWriter:
    """Collects a graph; tensors are known by their number."""

    def __init__(self) -> None:
        self.schema = _schema()
        self.shapes: list[tuple[int, ...]] = []
        self.scales: list[Scale | None] = []
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [self.schema.BufferT()]  # number 0 is empty by convention
        self._operators: list[Any] = []
        self._codes: list[str] = []

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        scale: Scale | None = None,
        value: Array | None = None,
    ) -> int:
        """Add a tensor, constant when it has a value -> its number."""
        made = self.schema.TensorT()
        made.name = name
        made.shape = [int(n) for n in shape]
        made.type = getattr(self.schema.TensorType, _TYPES[dtype])
        if scale is not None:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = np.asarray(scale.scale, np.float32).reshape(-1)
            zeros = np.full(made.quantization.scale.shape, scale.zero, np.int64)
            made.quantization.zeroPoint = zeros
            made.quantization.quantizedDimension = scale.axis
        if value is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(value, dtype).tobytes(), np.uint8)
            made.buffer = len(self._buffers)
            self._buffers.append(buffer)
        self._tensors.append(made)
        self.shapes.append(tuple(made.shape))
        self.scales.append(scale)
        return len(self._tensors) - 1

    def operator(
        self, code: str, inputs: Sequence[int], output: int, kind: str = "", **options: Any
    ) -> int:
        """Add an operator with options of a `kind`, e.g. `Conv2DOptions` -> its output's number."""
        made = self.schema.OperatorT()
        if code not in self._codes:
            self._codes.append(code)
        made.opcodeIndex = self._codes.index(code)
        made.inputs, made.outputs = list(inputs), [output]
        if kind:
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            made.builtinOptions = getattr(self.schema, f"{kind}T")()
            for key, value in options.items():
                setattr(made.builtinOptions, key, value)
        self._operators.append(made)
        return output

    def finish(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> bytes:
        """Return the file's content; the names are those of the signature."""
        s = self.schema
        graph = s.SubGraphT()
        graph.name = "main"
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = list(inputs.values()), list(outputs.values())
        signature = s.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.inputs = [self._entry(*item) for item in inputs.items()]
        signature.outputs = [self._entry(*item) for item in outputs.items()]
        model = s.ModelT()
        model.version = VERSION
        model.description = "touchline"
        model.operatorCodes = [self._code(name) for name in self._codes]
        model.subgraphs, model.buffers, model.signatureDefs = [graph], self._buffers, [signature]
        builder = importlib.import_module("flatbuffers").Builder(1 << 20)  # comes with the schema
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _entry(self, name: str, tensor: int) -> Any:
        entry = self.schema.TensorMapT()
        entry.name, entry.tensorIndex = name, tensor
        return entry

    def _code(self, name: str) -> Any:
        made = self.schema.OperatorCodeT()
        made.builtinCode = getattr(self.schema.BuiltinOperator, name)
        made.deprecatedBuiltinCode = min(made.builtinCode, 127)
        made.version = _OPERATOR_VERSION.get(name, 1)
        return made


def _schema() -> Any:
    """Import the format's schema, which comes with ai-edge-litert."""
    try:
        from ai_edge_litert import schema_py_generated  # noqa: PLC0415 - optional package
    except ImportError as error:
        raise EngineError(
            "writing .tflite needs a package: pip install touchline[tflite]"
        ) from error
    return schema_py_generated
