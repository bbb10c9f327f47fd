"""What a graph may be, read from its file before any engine parses it.

An engine loads into the box's own process, where nothing bounds it. So a graph from afar is plain:
no control flow, no code of others, no data in other files, and no size that a picture decides.
Then what it took in time and memory in its self-test is what it takes ever after.
"""

from __future__ import annotations

import mmap
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import ModelFile
from edge.errors import BundleError

_MOST_NODES = 20_000
"""Nodes of a graph; those that ship have less than a thousand."""
_MOST_FIELDS = 500_000
"""Protobuf fields that are looked at; those that ship have less than 10,000."""
_MOST_XML_BYTES = 20_000_000
_READERS = {
    ".onnx": {"onnxruntime", "tensorrt", "openvino"},
    ".xml": {"openvino"},
    ".tflite": {"tflite"},
}
"""File suffix -> engines that read it as what the suffix says."""

_STANDARD = {"", "ai.onnx"}
_CONTRIBUTED = {
    "DequantizeLinear", "DynamicQuantizeMatMul", "FusedConv", "FusedGemm", "FusedMatMul", "Gelu",
    "MatMulIntegerToFloat", "NhwcMaxPool", "QGemm", "QLinearAdd", "QLinearAveragePool",
    "QLinearConcat", "QLinearConv", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul",
    "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear",
}  # fmt: skip
"""Operators of `com.microsoft` that only calculate; others load code or files."""
_REFUSED = re.compile(
    r"Loop|Scan|If|Sequence.*|SplitToSequence|ConcatFromSequence|Optional.*|Random.*|Bernoulli|"
    r"Multinomial|String.*|RegexFullMatch|TfIdfVectorizer|ImageDecoder"
)
_XML_LAYER = re.compile(rb"<layer\b[^>]*?\btype\s*=\s*[\"']([^\"']*)")
_XML_REFUSED = {b"Loop", b"If", b"TensorIterator", b"Assign", b"ReadValue", b"RandomUniform"}

_SIZES: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,), "BlackmanWindow": (0,), "CenterCropPad": (1,), "Col2Im": (1, 2),
    "Compress": (0, 1), "ConstantOfShape": (0,), "DFT": (1,), "Expand": (1,), "HammingWindow": (0,),
    "HannWindow": (0,), "MaxUnpool": (1, 2), "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (0, 1, 2, 3, 4), "NonZero": (0,), "OneHot": (1,), "Pad": (1,),
    "Range": (0, 1, 2), "Reshape": (1,), "Resize": (1, 2, 3), "STFT": (1, 3),
    "Slice": (1, 2, 3, 4), "Split": (1,), "Squeeze": (1,), "Tile": (1,), "TopK": (1,),
    "Unique": (0,), "Unsqueeze": (1,), "Upsample": (1,),
}  # fmt: skip
"""Operator -> its inputs whose values decide how large its outputs are."""
_SHAPE_ONLY = {"Shape", "Size"}
"""Operators whose output depends on their input's shape, not on its values."""


def check_graphs(bundle: Bundle) -> None:
    """Check every graph of a bundle; BundleError names the first that is more than plain."""
    for file in bundle.manifest.files:
        path = bundle.path / file.name
        _check_suffix(file, path)
        try:
            if path.suffix == ".onnx":
                _check_onnx(path)
            elif path.suffix == ".xml":
                _check_xml(path)
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def _check_suffix(file: ModelFile, path: Path) -> None:
    readers = _READERS.get(path.suffix)
    if readers is None or not set(file.engines) <= readers:
        engines = "/".join(file.engines) or "no engine"
        raise BundleError(f"{path}: no graph for {engines}, by its suffix; rename or drop it")


def _check_xml(path: Path) -> None:
    if path.stat().st_size > _MOST_XML_BYTES:
        raise BundleError(f"{path}: more than {_MOST_XML_BYTES / 1e6:.0f} MB of XML")
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise BundleError(f"{path}: XML with declarations of its own; a graph has none")
    for kind in _XML_LAYER.findall(text):
        if kind in _XML_REFUSED:
            raise BundleError(f"{path}: {_not_plain(kind.decode('ascii', 'replace'))}")


def _not_plain(kind: str) -> str:
    return f"operator {kind} is not taken from afar: it makes time or memory depend on a picture"


@dataclass(slots=True)
class _Node:
    kind: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def _check_onnx(path: Path) -> None:
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _OnnxScan(data).check()
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
        except ValueError as error:
            raise BundleError(f"{path}: no ONNX graph ({error})") from error


class _OnnxScan:
    """Walks the protobuf fields of an ONNX file (onnx.proto) without building the graph."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._left = _MOST_FIELDS
        self._nodes: list[_Node] = []
        self._inputs: set[str] = set()
        self._constants: set[str] = set()

    def check(self) -> None:
        """Raise BundleError for what is refused, ValueError for what is no ONNX graph."""
        graphs = 0
        for number, at, end in self._fields(0, len(self._data)):
            if number == 7:
                graphs += 1
                self._graph(at, end)
            elif number in {20, 25}:
                raise BundleError("it carries functions or training steps; export a plain graph")
        if not graphs:
            raise ValueError("no graph in it")
        self._check_sizes()

    def _graph(self, at: int, end: int) -> None:
        for number, first, last in self._fields(at, end):
            if number == 1:
                self._nodes.append(self._node(first, last))
                if len(self._nodes) > _MOST_NODES:
                    raise BundleError(f"more than {_MOST_NODES} nodes; no box runs that in time")
            elif number == 5:
                self._constants.update(self._tensor(first, last))
            elif number == 11:
                names = [self._text(a, b) for n, a, b in self._fields(first, last) if n == 1]
                self._inputs.update(names)
            elif number == 15:
                raise BundleError("it has sparse tensors, which grow on loading; export dense ones")

    def _node(self, at: int, end: int) -> _Node:
        node = _Node()
        for number, first, last in self._fields(at, end):
            if number == 1:
                node.inputs.append(self._text(first, last))
            elif number == 2:
                node.outputs.append(self._text(first, last))
            elif number == 4:
                node.kind = self._text(first, last)
            elif number == 7:
                node.domain = self._text(first, last)
            elif number == 5:
                self._attribute(first, last)
        if node.domain in _STANDARD:
            if _REFUSED.fullmatch(node.kind):
                raise BundleError(_not_plain(node.kind))
        elif node.domain != "com.microsoft" or node.kind not in _CONTRIBUTED:
            raise BundleError(f"operator {node.domain}.{node.kind} is not one of ONNX's own")
        return node

    def _attribute(self, at: int, end: int) -> None:
        for number, first, last in self._fields(at, end):
            if number in {5, 10}:
                self._tensor(first, last)
            elif number in {6, 11}:
                raise BundleError(_not_plain("with a graph inside"))
            elif number in {22, 23}:
                raise BundleError("it has sparse tensors, which grow on loading; export dense ones")

    def _tensor(self, at: int, end: int) -> list[str]:
        """Refuse weights that lie in another file; returns the tensor's name."""
        names = []
        for number, first, last in self._fields(at, end):
            if number == 8:
                names.append(self._text(first, last))
            if number == 13 or (number == 14 and (first, last) != (0, 0)):
                raise BundleError("weights lie in another file; export them into the graph")
        return names

    def _check_sizes(self) -> None:
        """Refuse a graph in which values that come from a picture decide how large something is."""
        readers: dict[str, list[tuple[_Node, int]]] = defaultdict(list)
        for node in self._nodes:
            for place, name in enumerate(node.inputs):
                readers[name].append((node, place))
        seen = self._inputs - self._constants  # old exports list their constants as inputs
        waiting = list(seen)
        while waiting:
            for node, place in readers[waiting.pop()]:
                if place in _SIZES.get(node.kind, ()):
                    raise BundleError(_not_plain(node.kind))
                if node.kind not in _SHAPE_ONLY:
                    new = [name for name in node.outputs if name and name not in seen]
                    seen.update(new)
                    waiting += new

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield number, begin and end of each field with a length; a number's value, and 0."""
        data = self._data
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise BundleError(f"more than {_MOST_FIELDS} entries; a graph has fewer")
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = self._varint(at, end)
                yield number, value, 0
            elif wire == 2:
                length, at = self._varint(at, end)
                if length > end - at:
                    raise ValueError("cut off")
                yield number, at, at + length
                at += length
            elif wire in {1, 5}:
                at += 8 if wire == 1 else 4
            else:
                raise ValueError("not protobuf")
        if at > end or not data:
            raise ValueError("cut off")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise ValueError("cut off")

    def _text(self, at: int, end: int) -> str:
        if end - at > 10_000:
            raise ValueError("a name that is too long")
        return self._data[at:end].decode()
