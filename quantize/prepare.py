"""Getting an exported graph ready for INT8: simplified, and its input kept in integers."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge.errors import EngineError

FOLDED = "image_integers"
"""Name of the tensor that carries the picture's own integers to the first convolution."""


@dataclass(frozen=True, slots=True)
class Affine:
    """What a graph does to a pixel before its first convolution: y = gain @ x + offset."""

    gain: NDArray[np.float64]
    """(channels of the convolution, channels of the picture)."""
    offset: NDArray[np.float64]
    """(channels of the convolution,)."""

    def zero_point(self) -> int:
        """Return the grey level, 0..255, nearest to what the convolution pads with (y = 0)."""
        black = np.linalg.lstsq(self.gain, -self.offset, rcond=None)[0]
        return int(np.clip(np.rint(black.mean()), 0, 255))


def simplify(path: Path) -> onnx.ModelProto:
    """Load a graph, fold its constants and batch normalizations, infer its shapes.

    Raises EngineError when ONNX Runtime cannot take the graph.
    """
    level, quiet = logging.root.level, logging.ERROR
    logging.root.setLevel(quiet)  # the pre-processing logs through the root logger
    try:
        with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
            out = Path(folder) / "simple.onnx"
            quant_pre_process(path, out, skip_symbolic_shape=True)
            model = onnx.load(out)
    except Exception as error:  # the pre-processing raises whatever its three stages raise
        reason = str(error).splitlines()[0]
        raise EngineError(f"{path}: cannot be prepared for INT8: {reason}") from error
    finally:
        logging.root.setLevel(level)
    _drop_unused_domains(model)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{i}"
    return model


def fold_input(model: onnx.ModelProto, image: str = "image") -> int | None:
    """Fold channel order, scaling and mean of the picture into the first convolution, in place.

    The convolution then takes `picture - z` with one grey level z for all channels, so that INT8
    reads the picture's bytes as they are (scale 1, zero point z). Exact but for the convolution's
    padding, which becomes z in place of each channel's own mean: a border of one pixel that differs
    by a few grey levels. Returns z, or None (and no change) where the graph does something else
    between the picture and its first convolution.
    """
    conv = _first_conv(model, image)
    if conv is None:
        return None
    affine = _probe(model, image, conv.input[0])
    if affine is None:
        return None
    zero = affine.zero_point()
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    w = numpy_helper.to_array(weights[conv.input[1]]).astype(np.float64)
    b = numpy_helper.to_array(weights[conv.input[2]]) if len(conv.input) > 2 else np.zeros(len(w))
    folded_w = np.einsum("ochw,ci->oihw", w, affine.gain).astype(np.float32)
    level = affine.offset + affine.gain.sum(1) * zero
    folded_b = (b + np.einsum("ochw,c->o", w, level)).astype(np.float32)
    _rewire(model, image, conv, zero, folded_w, folded_b)
    return zero


def read_bytes_directly(model: onnx.ModelProto) -> bool:
    """Drop Cast, Sub and QuantizeLinear of a folded input from a QDQ graph, in place.

    QuantizeLinear(x - z, scale 1, zero point z) of whole numbers 0..255 is x itself. Returns
    whether there was a folded input that is quantized.
    """
    nodes = {node.name: node for node in model.graph.node}
    if f"{FOLDED}_sub" not in nodes:
        return False
    quantizers = [
        n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == FOLDED
    ]
    if not quantizers:  # the first convolution stays in float
        return False
    quantize = quantizers[0]
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name == quantize.output[0]:
                node.input[i] = f"{FOLDED}_planar"
    for node in (nodes[f"{FOLDED}_cast"], nodes[f"{FOLDED}_sub"], quantize):
        model.graph.node.remove(node)
    return True


def _first_conv(model: onnx.ModelProto, image: str) -> onnx.NodeProto | None:
    """Return the convolution that the uint8 picture feeds through other nodes, if there is one."""
    inputs = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    if inputs.get(image) != TensorProto.UINT8:
        return None
    reached = {image}
    for node in model.graph.node:
        if reached.intersection(node.input):
            if node.op_type == "Conv":
                return node if node.input[0] in reached else None
            reached.update(node.output)
    return None


def _probe(model: onnx.ModelProto, image: str, tensor: str) -> Affine | None:
    """Find the affine map from picture to `tensor` by feeding flat pictures; None if it is none."""
    shape = [
        d.dim_value
        for value in model.graph.input
        if value.name == image
        for d in value.type.tensor_type.shape.dim
    ]
    if len(shape) != 4 or min(shape) < 1:
        return None
    run = _subgraph(model, image, tensor)
    black = np.zeros(shape, np.uint8)
    offset = run(black)[0, :, 0, 0].astype(np.float64)
    columns = []
    for channel in range(shape[3]):
        flat = black.copy()
        flat[..., channel] = 255
        columns.append((run(flat)[0, :, 0, 0] - offset) / 255)
    affine = Affine(np.stack(columns, 1), offset)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    wanted = np.einsum("ci,nhwi->nchw", affine.gain, noise) + offset[:, None, None]
    given = run(noise)
    same = given.shape == wanted.shape and np.allclose(given, wanted, atol=1e-3)
    return affine if same else None


class _subgraph:  # noqa: N801 - used as a function
    """Run the part of a graph that leads from its picture to one tensor."""

    def __init__(self, model: onnx.ModelProto, image: str, tensor: str) -> None:
        part = onnx.ModelProto()
        part.CopyFrom(model)
        del part.graph.output[:]
        part.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            part.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._image = image

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(1, h, w, c) uint8 -> the tensor's value."""
        return self._session.run(None, {self._image: picture})[0]


def _rewire(
    model: onnx.ModelProto,
    image: str,
    conv: onnx.NodeProto,
    zero: int,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> None:
    """Feed the convolution from Transpose, Cast and Sub, and drop what led to it before."""
    planar, real = f"{FOLDED}_planar", f"{FOLDED}_real"
    level = numpy_helper.from_array(np.float32(zero).reshape(()), f"{FOLDED}_level")
    fresh = [
        helper.make_node("Transpose", [image], [planar], f"{FOLDED}_planar", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [planar], [real], f"{FOLDED}_cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", [real, level.name], [FOLDED], f"{FOLDED}_sub"),
    ]
    w = numpy_helper.from_array(weight, f"{FOLDED}_weight")
    b = numpy_helper.from_array(bias, f"{FOLDED}_bias")
    del conv.input[:]
    conv.input.extend([FOLDED, w.name, b.name])
    model.graph.initializer.extend([level, w, b])
    _drop_dead_nodes(model)
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*fresh, *kept])
    _drop_dead_initializers(model)
    shape = [1, weight.shape[1], *_picture_size(model, image)]
    model.graph.value_info.append(helper.make_tensor_value_info(FOLDED, TensorProto.FLOAT, shape))


def _picture_size(model: onnx.ModelProto, image: str) -> list[int]:
    value = next(v for v in model.graph.input if v.name == image)
    return [d.dim_value for d in value.type.tensor_type.shape.dim][1:3]


def _drop_dead_nodes(model: onnx.ModelProto) -> None:
    wanted = {value.name for value in model.graph.output}
    for node in reversed(list(model.graph.node)):
        if wanted.isdisjoint(node.output):
            model.graph.node.remove(node)
        else:
            wanted.update(node.input)


def _drop_dead_initializers(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    for tensor in list(model.graph.initializer):
        if tensor.name not in used:
            model.graph.initializer.remove(tensor)


def _drop_unused_domains(model: onnx.ModelProto) -> None:
    """Remove operator sets that no node uses: ONNX Runtime declares all it knows."""
    used = {node.domain or "" for node in model.graph.node}
    for entry in list(model.opset_import):
        if (entry.domain or "") not in used:
            model.opset_import.remove(entry)
