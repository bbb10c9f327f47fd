"""Graphs that do harm: each writes an encoder's file with the interface of a good one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.engines.graphs import FEATURES, GRID, HEIGHT, WIDTH, encoder, picture_input, value


def saved(path: Path, nodes: list[Any], constants: list[Any], **more: Any) -> Path:
    """Write an encoder whose two outputs also wait for the tensor `harm`, () float."""
    h, w = HEIGHT // 4, WIDTH // 4
    shapes = {"grid": [1, GRID, h, w], "features": [1, FEATURES, h, w]}
    outputs = [value(name, *shape) for name, shape in shapes.items()]
    constants = [
        *constants,
        *(numpy_helper.from_array(np.zeros(s, np.float32), f"{n}_0") for n, s in shapes.items()),
    ]
    nodes = [*nodes, *(helper.make_node("Add", [f"{n}_0", "harm"], [n]) for n in shapes)]
    graph = helper.make_graph(nodes, "hostile", [picture_input()], outputs, constants, **more)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("stranger", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def number(name: str, array: Any, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(array, dtype), name)


def endless_loop(path: Path) -> Path:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["still_on"]),
            helper.make_node("Sin", ["x"], ["y"]),
        ],
        "body",
        [
            value("i", kind=TensorProto.INT64),
            value("on", kind=TensorProto.BOOL),
            value("x"),
        ],
        [value("still_on", kind=TensorProto.BOOL), value("y")],
    )
    # the picture starts it, so that no optimizer runs it on loading
    nodes = [
        helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["f"], ["first"], keepdims=0),
        helper.make_node("Loop", ["most", "true", "first"], ["harm"], body=body),
    ]
    return saved(path, nodes, [number("most", 2**62, np.int64), number("true", True, np.bool_)])


def gigabytes(path: Path) -> Path:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["harm"], keepdims=0),
    ]
    return saved(path, nodes, [number("shape", [8, 1024, 1024, 1024], np.int64)])


def many_nodes(path: Path) -> Path:
    names = ["start", *(f"n{i}" for i in range(30_000)), "harm"]
    pairs = itertools.pairwise(names)
    nodes = [helper.make_node("Sin", [a], [b]) for a, b in pairs]
    return saved(path, nodes, [number("start", 1.0, np.float32)])


def outside_data(path: Path) -> Path:
    tensor = TensorProto(name="harm", data_type=TensorProto.FLOAT, dims=[])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", "/etc/passwd"), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return saved(path, [], [tensor])


def custom_operator(path: Path) -> Path:
    node = helper.make_node("Evil", ["image"], ["harm"], domain="stranger")
    return saved(path, [node], [])


def compiled_code(path: Path) -> Path:
    node = helper.make_node(
        "EPContext", ["image"], ["harm"], domain="com.microsoft", ep_cache_context="/tmp/x.so"
    )
    return saved(path, [node], [])


def size_of_the_picture(path: Path) -> Path:
    """Ask for as much memory as the brightest pixel says: golden frames need not show it."""
    nodes = [
        helper.make_node("Cast", ["image"], ["long"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["long"], ["one"], keepdims=0),
        helper.make_node("Mul", ["one", "many"], ["count"]),
        helper.make_node("Reshape", ["count", "vector"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["harm"], keepdims=0),
    ]
    return saved(path, nodes, [number("many", 2**30, np.int64), number("vector", [1], np.int64)])


def sparse_bomb(path: Path) -> Path:
    values = number("harm_large", [1.0], np.float32)
    sparse = helper.make_sparse_tensor(values, number("at", [0], np.int64), [2**33])
    nodes = [helper.make_node("ReduceMax", ["harm_large"], ["harm"], keepdims=0)]
    return saved(path, nodes, [], sparse_initializer=[sparse])


def functions(path: Path) -> Path:
    good = onnx.load(encoder(path))
    node = helper.make_node("Sin", ["x"], ["y"])
    opset = [helper.make_opsetid("", 17)]
    good.functions.append(helper.make_function("stranger", "F", ["x"], ["y"], [node], opset))
    path.write_bytes(good.SerializeToString())
    return path


def not_a_graph(path: Path) -> Path:
    path.write_bytes(b"<net name='x'><layers></layers></net>")
    return path


def endless_entries(path: Path) -> Path:
    path.write_bytes(b"\x08\x01" * 600_000)
    return path
