"""Weights stored as float16: half the file, for a thousandth of a weight's own size.

The graph computes in float32 as before: each stored tensor goes through a Cast that every engine
folds when it loads the file, so that neither time nor memory of an inference change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 64
"""Elements from which a tensor is worth a node."""


def halve(path: Path) -> int:
    """Rewrite an ONNX file with its float32 weights as float16; returns the bytes saved.

    Tensors with values beyond float16's range stay as they are, and so do small ones.
    """
    before = path.stat().st_size
    model = onnx.load(path)
    graph, casts = model.graph, []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        stored = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_half")
        name = tensor.name
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
        casts.append(
            helper.make_node("Cast", [stored.name], [name], f"{name}_cast", to=TensorProto.FLOAT)
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    onnx.save(model, path)
    return before - path.stat().st_size
