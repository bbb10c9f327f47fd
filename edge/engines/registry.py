"""The engines that exist, imported only when asked for."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from edge.engines.protocol import Engine, EngineOptions
from edge.errors import EngineError, TouchlineError, UsageError
from edge.native_stderr import quiet_stderr


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One engine: what it is called, where its code is, and what it needs."""

    name: str
    module: str
    """Module with `load(path, device, options)` and `devices()`."""
    packages: tuple[str, ...]
    """Import names, any one of which is enough."""
    install: str
    """What to install when none is there."""
    formats: tuple[str, ...]
    """File suffixes that it reads."""
    distributions: tuple[str, ...]
    """Names under which its package is released, for its version."""

    @property
    def installed(self) -> bool:
        """Whether its package can be found (it is not imported)."""
        return any(_package_file(package) is not None for package in self.packages)

    @property
    def version(self) -> str:
        """Name and version of its package, `onnxruntime 1.24.1`; without a record its file."""
        for name in self.distributions:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                return f"{name} {importlib.metadata.version(name)}"
        return next(filter(None, map(_package_file, self.packages)), "not installed")

    def code(self) -> ModuleType:
        """Import the engine's module.

        EngineError with what to install when its package is missing or broken.
        """
        if not self.installed:
            raise EngineError(
                f"engine {self.name} needs a package that is missing: pip install {self.install}"
            )
        try:
            with quiet_stderr():
                return importlib.import_module(self.module)
        except Exception as error:  # a damaged package raises anything
            raise EngineError(
                f"engine {self.name} is installed but does not load: {one_line(error)}"
            ) from error

    def devices(self) -> tuple[str, ...]:
        """Return the devices that it drives on this box; EngineError when it cannot say."""
        code = self.code()
        try:
            found: tuple[str, ...] = code.devices()
        except Exception as error:  # a damaged package raises anything
            raise EngineError(
                f"engine {self.name} finds no device on this box: {one_line(error)}"
            ) from error
        return found


ENGINES: dict[str, EngineKind] = {
    kind.name: kind
    for kind in (
        EngineKind(
            "onnxruntime",
            "edge.engines.onnxruntime_engine",
            ("onnxruntime",),
            "onnxruntime",
            (".onnx",),
            ("onnxruntime", "onnxruntime-gpu"),
        ),
        EngineKind(
            "openvino",
            "edge.engines.openvino_engine",
            ("openvino",),
            "touchline[openvino]",
            (".onnx", ".xml"),
            ("openvino",),
        ),
        EngineKind(
            "tflite",
            "edge.engines.tflite_engine",
            ("ai_edge_litert", "tflite_runtime"),
            "touchline[tflite]",
            (".tflite",),
            ("ai-edge-litert", "tflite-runtime"),
        ),
    )
}

_ALIASES = {
    "ort": "onnxruntime",
    "litert": "tflite",
    "tensorrt": "onnxruntime:tensorrt",
    "cuda": "onnxruntime:cuda",
}


def split_name(engine: str) -> tuple[EngineKind, str]:
    """Split `engine` or `engine:device` -> (kind, device).

    UsageError names the nearest known one.
    """
    name, _, device = _ALIASES.get(engine, engine).partition(":")
    if name not in ENGINES:
        known = ["auto", *ENGINES, *_ALIASES]
        near = difflib.get_close_matches(engine, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are auto, {', '.join(ENGINES)}"
        raise UsageError(f"engine {engine!r} is not known: {hint}")
    return ENGINES[name], device or "cpu"


def available_engines(suffix: str | None = None) -> list[str]:
    """List the engines that are installed and, with a `suffix` like `.onnx`, read such files."""
    return [
        kind.name
        for kind in ENGINES.values()
        if kind.installed and (suffix is None or suffix in kind.formats)
    ]


def load_named(path: Path, engine: str, options: EngineOptions) -> Engine:
    """Load a graph on one named engine.

    Raises UsageError for an unknown name and EngineError when the engine is missing or cannot load
    the file.
    """
    kind, device = split_name(engine)
    if path.suffix not in kind.formats:
        raise EngineError(
            f"{path}: engine {kind.name} reads {' and '.join(kind.formats)} files, not this"
        )
    if not path.is_file():
        raise EngineError(f"{path}: there is no such file")
    code = kind.code()
    try:
        with quiet_stderr():
            loaded: Engine = code.load(path, device, options)
    except TouchlineError:
        raise
    except Exception as error:  # a damaged package raises anything
        raise EngineError(
            f"{path}: engine {kind.name} cannot load this graph: {one_line(error)}"
        ) from error
    return loaded


def one_line(error: Exception) -> str:
    """Return an exception of a foreign library in one line: its type and its first line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _package_file(package: str) -> str | None:
    """Return the file of a package that can be imported; None for a mere folder of that name."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: somebody put None in its place
        return None
    return spec.origin if spec is not None else None
