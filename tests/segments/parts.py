"""A real, tiny bundle whose answers can be foreseen, and its graphs."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.segments.features import FEATURES, LOW

LOUD, RATE = LOW - 2, 6
"""Columns of `low`: mean energy of the sound, pictures in the last ten seconds."""


def _graph(nodes, inputs, outputs, weights):
    def info(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "tiny",
        [info(*i) for i in inputs],
        [info(*o) for o in outputs],
        [numpy_helper.from_array(a, n) for n, a in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def cnn():
    """Features: the mean of each colour in the first three columns."""
    spread = np.zeros((3, FEATURES), np.float32)
    spread[range(3), range(3)] = 1
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "spread"], ["features"]),
    ]
    image, features = ("image", ["n", 3, "h", "w"]), ("features", ["n", FEATURES])
    return _graph(nodes, [image], [features], {"spread": spread})


def head(moves=None):
    """Emissions: red pictures are an intro, blue ones a recap, of other colours content.

    Each second's (3, 3) `moves` are the same, where there are any.
    """
    weight = np.zeros((FEATURES, 3), np.float32)
    weight[0, 1] = weight[2, 2] = 6.0
    weight[1, 0] = 6.0
    nodes = [
        helper.make_node("MatMul", ["visual", "weight"], ["seen"]),
        helper.make_node("ReduceSum", ["sound", "last"], ["heard"], keepdims=1),
        helper.make_node("ReduceSum", ["low", "last"], ["measured"], keepdims=1),
        helper.make_node("Add", ["heard", "measured"], ["rest"]),
        helper.make_node("Mul", ["rest", "nothing"], ["none"]),
        helper.make_node("Add", ["seen", "none"], ["emissions"]),
    ]
    inputs = [("visual", [1, "s", FEATURES]), ("sound", [1, "s", FEATURES]), ("low", [1, "s", LOW])]
    weights = {
        "weight": weight,
        "nothing": np.zeros(1, np.float32),
        "last": np.array([2], np.int64),
    }
    outputs = [("emissions", [1, "s", 3])]
    if moves is not None:
        weights |= {"same": np.asarray(moves, np.float32), "axis": np.array([3], np.int64)}
        nodes += [
            helper.make_node("Unsqueeze", ["none", "axis"], ["wide"]),
            helper.make_node("Add", ["wide", "same"], ["moves"]),
        ]
        outputs.append(("moves", [1, "s", 3, 3]))
    return _graph(nodes, inputs, outputs, weights)


def write_bundle(folder, moves=None, **changes):
    """Write the tiny bundle into a folder; `changes` go into its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for graph, model in (("cnn", cnn()), ("head", head(moves))):
        data = model.SerializeToString()
        (folder / f"{graph}.onnx").write_bytes(data)
        files.append(
            {
                "name": f"{graph}.onnx",
                "graph": graph,
                "precision": "fp32",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
        )
    manifest = {
        "name": "tiny",
        "version": "0.0.1",
        "files": files,
        "crf": {
            "transitions": [[0, -4, -4], [-4, 0, -4], [-4, -4, 0]],
            "start": [0, 0, 0],
            "end": [0, 0, 0],
        },
        "rules": {
            "intro": {"threshold": 0.5, "shortest_s": 4, "longest_s": 180},
            "recap": {"threshold": 0.5, "shortest_s": 8, "longest_s": 300},
        },
    } | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
