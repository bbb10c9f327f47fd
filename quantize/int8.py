"""Static INT8 in QDQ form: one file that ONNX Runtime, OpenVINO and TensorRT read.

Weights per channel and symmetric; activations per tensor, unsigned (symmetric for TensorRT).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    create_calibrator,
)
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from edge.errors import UsageError
from quantize.prepare import FOLDED, fold_input, read_bytes_directly, simplify

Method = Literal["minmax", "percentile", "entropy"]
Feed = Mapping[str, NDArray[Any]]

METHODS: dict[str, CalibrationMethod] = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
OPERATORS = ("Conv", "Add", "Concat", "Resize", "MaxPool", "AveragePool", "Relu", "Clip", "Mul")
"""Operators that run in integers on every engine."""

_CLIPS = ("Clip", "Relu")
_ONE_WAY = (*_CLIPS, "Sigmoid")
"""What stands between a convolution and an output, or the next convolution."""


@dataclass(frozen=True, slots=True)
class Int8Options:
    """How a graph is quantized."""

    method: Method = "minmax"
    """How the calibration's values become a range; ReLU6 bounds most of them already."""
    float_outputs: Mapping[str, int] = field(default_factory=lambda: {"grid": 3, "distances": 1})
    """Outputs before which so many convolutions stay in float: coordinates want more than 256
    levels. Three before `grid` are its whole head: a third less error for 5 % of the time.
    """
    float_nodes: tuple[str, ...] = ()
    """Further nodes, by name, that stay in float."""
    symmetric: bool = False
    """Signed symmetric activations, the only ones TensorRT takes."""
    reduce_range: bool = False
    """7-bit weights, for x86 processors without VNNI, whose INT8 products saturate."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A simplified graph with its calibration, from which INT8 variants are cut quickly."""

    model: onnx.ModelProto
    ranges: Any
    zero_point: int | None
    """Grey level of a folded picture input (see `fold_input`)."""

    def layers(self) -> list[tuple[str, ...]]:
        """Name each convolution with the activation that follows it, in the order they run.

        The two are one layer in integers: the activation's range is the convolution's.
        """
        after = {
            node.input[0]: node.name for node in self.model.graph.node if node.op_type in _CLIPS
        }
        return [
            (node.name, *([after[node.output[0]]] if node.output[0] in after else []))
            for node in self.model.graph.node
            if node.op_type == "Conv"
        ]


def prepare(
    source: Path,
    feeds: Callable[[], Iterable[Feed]],
    options: Int8Options,
    *,
    fold: bool = True,
) -> Prepared:
    """Simplify a graph and measure the range of each of its tensors over the feeds.

    Raises UsageError without feeds, EngineError when the graph cannot be prepared.
    """
    stream = iter(feeds())
    first = next(stream, None)
    if first is None:
        raise UsageError("calibration needs at least one frame, but was given none")
    model = simplify(source)
    zero = fold_input(model) if fold else None
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            list(OPERATORS),
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=METHODS[options.method],
            providers=["CPUExecutionProvider"],
        )
        calibrator.collect_data(_CalibrationReader(chain([first], stream)))
        ranges = calibrator.compute_data()
        del calibrator
    return Prepared(model, ranges, zero)


def quantize(
    prepared: Prepared, target: Path, options: Int8Options, *, only: Iterable[str] = ()
) -> tuple[str, ...]:
    """Write the INT8 form of a prepared graph; returns the names of the layers kept in float.

    `only` quantizes just these nodes (for sensitivity). Raises UsageError for an unknown node.
    """
    model = onnx.ModelProto()
    model.CopyFrom(prepared.model)
    kept = _float_nodes(model, options)
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=options.reduce_range,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if options.symmetric else QuantType.QUInt8,
        tensors_range=prepared.ranges,
        nodes_to_quantize=list(only),
        nodes_to_exclude=list(kept),
        op_types_to_quantize=list(OPERATORS),
        extra_options=_extra(prepared, options),
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    result = quantizer.model.model
    if prepared.zero_point is not None and not options.symmetric:
        read_bytes_directly(result)
    result.producer_name = "touchline"
    onnx.save(result, target)
    return kept


def _extra(prepared: Prepared, options: Int8Options) -> dict[str, Any]:
    extra: dict[str, Any] = {"WeightSymmetric": True, "ActivationSymmetric": options.symmetric}
    if prepared.zero_point is not None and not options.symmetric:
        extra["TensorQuantOverrides"] = {
            FOLDED: [
                {
                    "quant_type": QuantType.QUInt8,
                    "scale": np.array(1.0, np.float32),
                    "zero_point": np.array(prepared.zero_point, np.uint8),
                }
            ]
        }
    return extra


def _float_nodes(model: onnx.ModelProto, options: Int8Options) -> tuple[str, ...]:
    """Name the nodes to keep in float: those asked for, and the last convolution of each output."""
    names = {node.name for node in model.graph.node}
    unknown = [name for name in options.float_nodes if name not in names]
    if unknown:
        raise UsageError(
            f"no node is called {unknown[0]!r}; `python -m quantize sensitivity` lists them"
        )
    kept = list(options.float_nodes)
    makers = {output: node for node in model.graph.node for output in node.output}
    for value in model.graph.output:
        kept += _back_from(makers, value.name, options.float_outputs.get(value.name, 0))
    return tuple(dict.fromkeys(kept))


def _back_from(makers: Mapping[str, onnx.NodeProto], tensor: str, depth: int) -> Iterator[str]:
    """Name the nodes from an output back over `depth` convolutions, as long as there is one way.

    The activation before the last of them stays in integers: it is the quantized input.
    """
    pending: list[str] = []
    while depth > 0 and tensor in makers:
        node = makers[tensor]
        pending.append(node.name)
        if node.op_type == "Conv":
            yield from pending
            pending.clear()
            depth -= 1
        elif node.op_type not in _ONE_WAY:
            return
        tensor = node.input[0]


class _CalibrationReader(CalibrationDataReader):
    """Hands feeds to the calibrator one at a time, so that they need not fit in memory."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next feed, or None at the end."""
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)
