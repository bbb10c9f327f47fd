"""A QDQ graph as INT8 TFLite: the same integers, scales and layers, pictures and maps NHWC.

No second calibration and no other framework: unsigned activations become signed by moving their
zero points by 128, so that all engines compute the same network. An output (or input) map whose
name ends in `_nhwc` is presented by `edge.engines` as (1, channels, height, width), as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edge.engines.tflite_engine import CHANNELS_LAST
from edge.errors import EngineError
from quantize.flatbuffer import Array, FlatbufferWriter, Scale

SAME, VALID = 0, 1
_SIGNED = 128
"""What separates an unsigned zero point from its signed twin."""


def convert(source: Path, target: Path) -> None:
    """Write the `.tflite` form of a QDQ `.onnx` file.

    Raises EngineError for an operator or a layout that is not known here, and when ai-edge-litert,
    whose schema it uses, is not installed.
    """
    target.write_bytes(_Conversion(onnx.load(source), source.name).run())


class _Conversion:
    """Walks an ONNX graph in its order; `made` maps a tensor's name to its number."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        self.graph = model.graph
        self.name = name
        self.w = FlatbufferWriter()
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.quantizers = {n.input[0]: n for n in model.graph.node if n.op_type == "QuantizeLinear"}
        self.inputs: dict[str, int] = {}
        self.made: dict[str, int] = {}
        self.weights: dict[str, tuple[Array, Scale]] = {}
        """Outputs of DequantizeLinear of a constant: its integers and their scale."""
        self.floats: dict[int, int] = {}
        """Quantized tensor -> its float form, made at most once."""
        self.handlers: dict[str, Callable[[onnx.NodeProto], None]] = {
            "Transpose": self._transpose,
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "Conv": self._conv,
            "Add": self._add,
            "Concat": self._concat,
            "Resize": self._resize,
            "Sigmoid": lambda node: self._float_map(node, "LOGISTIC"),
            "Clip": self._clip,
        }

    def run(self) -> bytes:
        for value in self.graph.input:
            self._input(value)
        for node in self.graph.node:
            handler = self.handlers.get(node.op_type)
            if handler is None:
                raise EngineError(
                    f"{self.name}: {node.op_type} ({node.name}) has no TFLite form here"
                )
            handler(node)
        outputs = {
            f"{value.name}{CHANNELS_LAST}": self._real(self.made[value.name])
            for value in self.graph.output
        }
        return self.w.finish(self.inputs, outputs)

    def _input(self, value: onnx.ValueInfoProto) -> None:
        """Add a picture (uint8, NHWC already) or a float map (NCHW in ONNX, NHWC here)."""
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            scale = self._picture_scale(value.name)
            number = self.w.tensor(value.name, shape, "uint8", scale)
            self.inputs[value.name] = number
            signed = Scale(scale.scale, scale.zero - _SIGNED)
            made = self.w.tensor(f"{value.name}_signed", shape, "int8", signed)
            self.made[value.name] = self.w.operator("QUANTIZE", [number], made, "QuantizeOptions")
            return
        name = f"{value.name}{CHANNELS_LAST}"
        number = self.w.tensor(name, _last(shape), "float32")
        self.inputs[name] = self.made[value.name] = number

    def _picture_scale(self, image: str) -> Scale:
        """Find the scale under which the graph reads the picture's bytes."""
        for transpose in self.graph.node:
            if transpose.op_type == "Transpose" and transpose.input[0] == image:
                for node in self.graph.node:
                    reads = node.op_type == "DequantizeLinear"
                    if reads and node.input[0] == transpose.output[0]:
                        return self._scale(node)
        raise EngineError(f"{self.name}: {image} does not go into the first layer as bytes")

    def _transpose(self, node: onnx.NodeProto) -> None:
        if list(node.attribute[0].ints) != [0, 3, 1, 2]:
            raise EngineError(f"{self.name}: Transpose ({node.name}) is not NHWC to NCHW")
        self.made[node.output[0]] = self.made[node.input[0]]

    def _quantize(self, node: onnx.NodeProto) -> None:
        """Pass on what its maker quantized already; quantize a graph's float input."""
        number = self.made[node.input[0]]
        if self.w.scales[number] is None:
            scale = self._signed_scale(node)
            made = self.w.tensor(node.output[0], self.w.shapes[number], "int8", scale)
            number = self.w.operator("QUANTIZE", [number], made, "QuantizeOptions")
        self.made[node.output[0]] = number

    def _dequantize(self, node: onnx.NodeProto) -> None:
        """Remember a constant's integers; an activation stays quantized until a float is needed."""
        if node.input[0] in self.constants:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            scale = self._scale(node)
            self.weights[node.output[0]] = (
                self.constants[node.input[0]],
                Scale(scale.scale, scale.zero, axis),
            )
        else:
            self.made[node.output[0]] = self.made[node.input[0]]

    def _conv(self, node: onnx.NodeProto) -> None:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        quantized = node.input[1] in self.weights
        x = self.made[node.input[0]] if quantized else self._real(self.made[node.input[0]])
        depthwise = a.get("group", 1) > 1
        weight, scale = self._weight(node.input[1])
        if depthwise and (weight.shape[1] != 1 or a["group"] != len(weight)):
            raise EngineError(f"{self.name}: Conv ({node.name}) has groups that are not depthwise")
        layout, channel = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
        stored = weight.transpose(layout)
        per_channel = None if scale is None else Scale(scale.scale, 0, channel)
        dtype = "int8" if quantized else "float32"
        w = self.w.tensor(node.input[1], stored.shape, dtype, per_channel, stored)
        bias, bias_scale = self._weight(node.input[2])
        kind = "int32" if quantized else "float32"
        b = self.w.tensor(node.input[2], bias.shape, kind, bias_scale, bias)
        height, width = self.w.shapes[x][1:3]
        strides = list(a.get("strides", [1, 1]))
        pads = list(a.get("pads", [0, 0, 0, 0]))
        size = _out_size((height, width), weight.shape[2:], strides, pads)
        x, padding = self._padded(x, weight.shape[2:], strides, pads)
        options: dict[str, Any] = {
            "padding": padding,
            "strideH": strides[0],
            "strideW": strides[1],
            "dilationHFactor": 1,
            "dilationWFactor": 1,
        }
        out = self._out(node, (1, *size, len(weight)), quantized=quantized)
        if depthwise:
            options["depthMultiplier"] = 1
            self.w.operator(
                "DEPTHWISE_CONV_2D", [x, w, b], out, "DepthwiseConv2DOptions", **options
            )
        else:
            self.w.operator("CONV_2D", [x, w, b], out, "Conv2DOptions", **options)

    def _padded(
        self, x: int, kernel: tuple[int, ...], strides: list[int], pads: list[int]
    ) -> tuple[int, int]:
        """Return the input, padded where TFLite's own SAME rule pads otherwise, and the rule."""
        _, height, width, channels = self.w.shapes[x]
        if not any(pads):
            return x, VALID
        same = [_same(n, k, s) for n, k, s in zip((height, width), kernel, strides, strict=True)]
        if pads == [same[0][0], same[1][0], same[0][1], same[1][1]]:
            return x, SAME
        top, left, bottom, right = pads
        amounts = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        table = self.w.tensor(f"pads_{x}_{len(self.w.shapes)}", (4, 2), "int32", value=amounts)
        shape = (1, height + top + bottom, width + left + right, channels)
        scale = self.w.scales[x]
        dtype = "float32" if scale is None else "int8"
        out = self.w.tensor(f"padded_{x}_{len(self.w.shapes)}", shape, dtype, scale)
        return self.w.operator("PAD", [x, table], out, "PadOptions"), VALID

    def _add(self, node: onnx.NodeProto) -> None:
        terms = [self.made[name] for name in node.input]
        quantized = node.output[0] in self.quantizers
        if not quantized:
            terms = [self._real(term) for term in terms]
        out = self._out(node, self.w.shapes[terms[0]], quantized=quantized)
        self.w.operator("ADD", terms, out, "AddOptions")

    def _concat(self, node: onnx.NodeProto) -> None:
        """Join maps along their channels, all brought to the output's scale first."""
        if node.output[0] not in self.quantizers:
            raise EngineError(f"{self.name}: Concat ({node.name}) is kept in float")
        scale = self._signed_scale(self.quantizers[node.output[0]])
        parts = [self._at_scale(name, scale) for name in node.input]
        shape = self.w.shapes[parts[0]]
        channels = sum(self.w.shapes[part][3] for part in parts)
        out = self._out(node, (*shape[:3], channels), quantized=True)
        self.w.operator("CONCATENATION", parts, out, "ConcatenationOptions", axis=3)

    def _at_scale(self, name: str, scale: Scale) -> int:
        if name in self.weights:
            stored, own = self.weights[name]
            real = (stored.astype(np.float64) - own.zero) * own.scale.reshape(-1)[0]
            moved = np.clip(np.rint(real / scale.scale[0]) + scale.zero, -128, 127)
            value = moved.transpose(0, 2, 3, 1).astype(np.int8)
            return self.w.tensor(name, value.shape, "int8", scale, value)
        number = self.made[name]
        if _equal(self.w.scales[number], scale):
            return number
        out = self.w.tensor(f"{name}_rescaled", self.w.shapes[number], "int8", scale)
        return self.w.operator("QUANTIZE", [number], out, "QuantizeOptions")

    def _resize(self, node: onnx.NodeProto) -> None:
        """Enlarge by nearest neighbours; scale and values stay."""
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        mode = (a.get("mode"), a.get("coordinate_transformation_mode"), a.get("nearest_mode"))
        if mode != (b"nearest", b"asymmetric", b"floor") or not node.input[2]:
            raise EngineError(f"{self.name}: Resize ({node.name}) is not by nearest neighbours")
        x = self.made[node.input[0]]
        factors = self.constants[node.input[2]]
        _, height, width, channels = self.w.shapes[x]
        size = np.array([height * factors[2], width * factors[3]], np.int32)
        table = self.w.tensor(f"{node.output[0]}_size", (2,), "int32", value=size)
        scale = self.w.scales[x]
        dtype = "float32" if scale is None else "int8"
        out = self.w.tensor(node.output[0], (1, *size, channels), dtype, scale)
        self.made[node.output[0]] = self.w.operator(
            "RESIZE_NEAREST_NEIGHBOR", [x, table], out, "ResizeNearestNeighborOptions"
        )

    def _clip(self, node: onnx.NodeProto) -> None:
        """Convert a ReLU6 that stayed in float; quantized ones are in their layers' ranges."""
        bounds = [self.constants[name].item() for name in node.input[1:]]
        if bounds != [0.0, 6.0]:
            raise EngineError(f"{self.name}: Clip ({node.name}) is not a ReLU6 but {bounds}")
        self._float_map(node, "RELU6")

    def _float_map(self, node: onnx.NodeProto, code: str) -> None:
        """Convert an operator of one input in float, quantizing after it where the graph does."""
        x = self._real(self.made[node.input[0]])
        out = self.w.tensor(node.output[0], self.w.shapes[x], "float32")
        self.made[node.output[0]] = self.w.operator(code, [x], out)

    def _out(self, node: onnx.NodeProto, shape: tuple[int, ...], *, quantized: bool) -> int:
        """Add an operator's output, quantized as the graph quantizes it afterwards."""
        name = node.output[0]
        after = self.quantizers.get(name)
        if quantized and after is None:
            raise EngineError(f"{self.name}: the output of {node.name} is not quantized")
        scale = self._signed_scale(after) if quantized and after is not None else None
        number = self.w.tensor(name, shape, "int8" if quantized else "float32", scale)
        self.made[name] = number
        return number

    def _real(self, number: int) -> int:
        """Return a tensor's float form."""
        if self.w.scales[number] is None:
            return number
        if number not in self.floats:
            made = self.w.tensor(f"real_{number}", self.w.shapes[number], "float32")
            self.w.operator("DEQUANTIZE", [number], made, "DequantizeOptions")
            self.floats[number] = made
        return self.floats[number]

    def _weight(self, name: str) -> tuple[Array, Scale | None]:
        return self.weights[name] if name in self.weights else (self.constants[name], None)

    def _scale(self, node: onnx.NodeProto) -> Scale:
        """Read scale and zero point of a QuantizeLinear or DequantizeLinear."""
        scale = self.constants[node.input[1]].reshape(-1)
        zero = self.constants[node.input[2]].reshape(-1) if len(node.input) > 2 else np.zeros(1)
        return Scale(scale, int(zero[0]))

    def _signed_scale(self, node: onnx.NodeProto) -> Scale:
        """Read an activation's scale, its zero point moved to signed integers."""
        zero = self.constants[node.input[2]]
        if zero.dtype != np.uint8:
            raise EngineError(
                f"{self.name}: {node.name} is not unsigned: convert the plain INT8 file"
            )
        scale = self._scale(node)
        return Scale(scale.scale, scale.zero - _SIGNED)


def _last(shape: list[int]) -> list[int]:
    """(n, c, h, w) -> (n, h, w, c)."""
    return [shape[0], *shape[2:], shape[1]]


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return what TFLite's SAME pads before and after: in all, enough for ceil(size / stride)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _out_size(
    size: tuple[int, int], kernel: tuple[int, ...], strides: list[int], pads: list[int]
) -> tuple[int, int]:
    """Return height and width of a convolution's output."""
    height = (size[0] + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
    width = (size[1] + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
    return height, width


def _equal(a: Scale | None, b: Scale) -> bool:
    return a is not None and a.zero == b.zero and np.array_equal(a.scale, b.scale)
