"""Small graphs with the interface of a bundle's: convolutions, ReLU6, a residual, a resize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH, GRID, FEATURES = 64, 96, 5, 16
MEAN = (123.7, 116.3, 103.5)
STD = (58.4, 57.1, 57.4)


class Builder:
    """Collects nodes and weights; each method returns the name of what it makes."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or f"t{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], f"{kind}_{name}", **attributes)
        self.nodes.append(node)
        return name

    def const(self, value: Any, dtype: type = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def conv(
        self,
        x: str,
        cin: int,
        cout: int,
        k: int = 3,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
        out: str = "",
    ) -> str:
        fan = cin // groups * k * k
        w = self.const(self.rng.normal(0, (2 / fan) ** 0.5, (cout, cin // groups, k, k)))
        b = self.const(self.rng.normal(0, 0.2, cout))
        y = self.op(
            "Conv",
            x,
            w,
            b,
            out="" if act else out,
            kernel_shape=[k, k],
            strides=[stride, stride],
            pads=[k // 2] * 4,
            group=groups,
        )
        return self.op("Clip", y, self.const(0.0), self.const(6.0), out=out) if act else y

    def save(self, path: Path, inputs: list[Any], outputs: list[Any]) -> Path:
        graph = helper.make_graph(self.nodes, "test", inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path


def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def picture_input() -> onnx.ValueInfoProto:
    return value("image", 1, HEIGHT, WIDTH, 3, kind=TensorProto.UINT8)


def encoder(path: Path, seed: int = 0, *, mixing: bool = False) -> Path:
    """Write an encoder: uint8 BGR picture -> `grid`, `features`, normalized inside the graph.

    `mixing` puts a squaring into the normalization, which no convolution can take over.
    """
    b = Builder(seed)
    x = b.op("Transpose", "image", perm=[0, 3, 1, 2])
    x = b.op("Cast", x, to=TensorProto.FLOAT)
    x = b.op("Gather", x, b.const([2, 1, 0], np.int64), axis=1)
    x = b.op("Sub", x, b.const(np.reshape(MEAN, (1, 3, 1, 1))))
    x = b.op("Div", x, b.const(np.reshape(STD, (1, 3, 1, 1))))
    if mixing:
        x = b.op("Mul", x, x)
    x = b.conv(x, 3, 16, stride=2)
    x = b.conv(x, 16, 16, groups=16, stride=2)
    skip = b.conv(x, 16, FEATURES, 1)
    y = b.conv(skip, FEATURES, 24, stride=2)
    y = b.conv(y, 24, FEATURES, 1, act=False)
    y = b.op(
        "Resize",
        y,
        "",
        b.const([1, 1, 2, 2]),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    y = b.op("Add", y, skip)
    y = b.conv(y, FEATURES, FEATURES, groups=FEATURES)
    y = b.conv(y, FEATURES, FEATURES, 1, out="features")
    b.conv(y, FEATURES, GRID, 1, act=False, out="grid")
    h, w = HEIGHT // 4, WIDTH // 4
    outputs = [value("grid", 1, GRID, h, w), value("features", 1, FEATURES, h, w)]
    return b.save(path, [picture_input()], outputs)


def dense(path: Path, seed: int = 1) -> Path:
    """Write a dense head: `features` -> `distances`."""
    b = Builder(seed)
    x = b.conv("features", FEATURES, 16)
    x = b.conv(x, 16, 2, 1, act=False)
    b.op("Sigmoid", x, out="distances")
    h, w = HEIGHT // 4, WIDTH // 4
    return b.save(path, [value("features", 1, FEATURES, h, w)], [value("distances", 1, 2, h, w)])


def open_axis(path: Path) -> Path:
    """Write a graph whose input length is open: `sequence` (1, n, 4) -> `doubled`."""
    b = Builder()
    b.op("Mul", "sequence", b.const(2.0), out="doubled")
    return b.save(path, [value("sequence", 1, "n", 4)], [value("doubled", 1, "n", 4)])


def picture(seed: int = 0) -> NDArray[np.uint8]:
    """Make a (HEIGHT, WIDTH, 3) picture of soft blobs, which networks see more often than noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    out = np.full((HEIGHT, WIDTH, 3), 90.0)
    for _ in range(12):
        cy, cx, size = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH), rng.uniform(4, 20)
        blob = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))
        out += blob[..., None] * rng.uniform(-160, 160, 3)
    return np.clip(out, 0, 255).astype(np.uint8)
