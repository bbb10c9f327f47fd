"""What an inference engine is: named arrays in, named arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge.engines.hardware import usable_cores
from edge.errors import EngineError

Array: TypeAlias = NDArray[Any]

MOST_THREADS = 4
"""More threads than this cost more in waiting than they bring on a network of about one GMAC."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and type of one input or output of a graph."""

    name: str
    shape: tuple[int | None, ...]
    """One entry per axis; None where the graph leaves the size open."""
    dtype: np.dtype[Any]

    @property
    def fixed(self) -> tuple[int, ...] | None:
        """The shape, or None when an axis is open."""
        sizes = tuple(n for n in self.shape if n is not None)
        return sizes if len(sizes) == len(self.shape) else None

    def __str__(self) -> str:
        """Return e.g. `image uint8 (1, 288, 480, 3)`."""
        sizes = ", ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.name} {self.dtype} ({sizes})"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine runs; the defaults suit a small box that decodes video on the same cores."""

    threads: int | None = None
    """Threads of one inference; None takes the cores this process may use, at most four."""
    spin: bool = False
    """Whether idle threads wait in a busy loop. It takes its core from the decoder: off."""
    pin: bool = False
    """Whether threads are tied to cores.

    The decoder's thread moves, so the scheduler decides: off.
    """
    arithmetic: Literal["f32", "bf16"] = "f32"
    """Arithmetic of what is not INT8, where the processor has bf16.

    f32 gives every box the same answer.
    """
    cache: Path | None = None
    """Folder for what an engine compiles on this box (TensorRT, OpenVINO on GPU and NPU)."""

    def thread_count(self) -> int:
        """Return the number of threads to use, at least one."""
        if self.threads is not None:
            return max(1, self.threads)
        return min(usable_cores(), MOST_THREADS)


class Engine(Protocol):
    """A loaded graph. Not safe for two threads at once: one engine for each thread."""

    @property
    def name(self) -> str:
        """Engine and device, e.g. `openvino` or `onnxruntime:cuda`."""

    @property
    def precision(self) -> str:
        """`int8`, `fp32` or `bf16`."""

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """The graph's inputs by name."""

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """The graph's outputs by name."""

    def buffer(self, name: str) -> Array:
        """Return the engine's own array of an input.

        Filled in place and passed to `run`, it is not copied.
        Raises EngineError for an unknown input or one of open shape.
        """

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph.

        The arrays returned belong to the engine and the next run may overwrite them; copy what is
        to stay. Raises EngineError when an input is missing, unknown, or of the wrong shape or
        type.
        """

    def close(self) -> None:
        """Free the graph; the engine cannot run after it."""


def by_name(specs: list[TensorSpec]) -> dict[str, TensorSpec]:
    """Index tensor specs by their names, order kept."""
    return {spec.name: spec for spec in specs}


def check_inputs(engine: str, specs: Mapping[str, TensorSpec], inputs: Mapping[str, Array]) -> None:
    """Raise EngineError unless `inputs` are exactly what the graph asks for."""
    if inputs.keys() != specs.keys():
        wanted, given = ", ".join(map(str, specs.values())), ", ".join(inputs) or "nothing"
        raise EngineError(f"{engine}: the graph takes {wanted}, but was given {given}")
    for name, spec in specs.items():
        array = inputs[name]
        fits = len(array.shape) == len(spec.shape) and all(
            want is None or want == have for want, have in zip(spec.shape, array.shape, strict=True)
        )
        if not fits or array.dtype != spec.dtype:
            raise EngineError(
                f"{engine}: the graph takes {spec}, but was given {array.dtype} {array.shape}"
            )


def new_buffer(engine: str, specs: Mapping[str, TensorSpec], name: str) -> Array:
    """Return a zeroed array for the named input.

    EngineError when it is unknown or of open shape.
    """
    if name not in specs:
        raise EngineError(
            f"{engine}: the graph has no input {name!r}, its inputs are {', '.join(specs)}"
        )
    shape = specs[name].fixed
    if shape is None:
        raise EngineError(
            f"{engine}: input {specs[name]} has no fixed size, so no buffer; pass an array to run"
        )
    return aligned_zeros(shape, specs[name].dtype)


def aligned_zeros(shape: tuple[int, ...], dtype: DTypeLike, alignment: int = 64) -> Array:
    """Return a zeroed C-contiguous array that starts at a multiple of `alignment` bytes.

    Engines read and write such memory in place; other memory some of them copy first.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(kind).reshape(shape)


def precision_of(path: Path, options: EngineOptions) -> str:
    """Tell a graph's precision from its file name: `*.int8.*` is INT8, anything else is float."""
    if "int8" in path.name.split("."):
        return "int8"
    return "bf16" if options.arithmetic == "bf16" else "fp32"
