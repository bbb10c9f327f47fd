"""The engines that exist, imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from edge.engines.protocol import Engine, EngineOptions
from edge.errors import EngineError, UsageError
from edge.native_stderr import quiet_stderr

log = logging.getLogger(__name__)


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

    @property
    def installed(self) -> bool:
        """Whether its package can be found (it is not imported)."""
        return any(importlib.util.find_spec(package) is not None for package in self.packages)

    def code(self) -> ModuleType:
        """Import the engine's module.

        EngineError with what to install when its package is missing.
        """
        if not self.installed:
            raise EngineError(
                f"engine {self.name} needs a package that is missing: pip install {self.install}"
            )
        try:
            with quiet_stderr():
                return importlib.import_module(self.module)
        except (ImportError, OSError) as error:  # a shared library that does not load on this box
            raise EngineError(
                f"engine {self.name} is installed but does not load: {error}"
            ) from error


ENGINES: dict[str, EngineKind] = {
    kind.name: kind
    for kind in (
        EngineKind(
            "onnxruntime",
            "edge.engines.onnxruntime_engine",
            ("onnxruntime",),
            "touchline",
            (".onnx",),
        ),
        EngineKind(
            "openvino",
            "edge.engines.openvino_engine",
            ("openvino",),
            "touchline[openvino]",
            (".onnx", ".xml"),
        ),
        EngineKind(
            "tflite",
            "edge.engines.tflite_engine",
            ("ai_edge_litert", "tflite_runtime"),
            "touchline[tflite]",
            (".tflite",),
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
    with quiet_stderr():
        loaded: Engine = code.load(path, device, options)
    return loaded


def load_engine(
    path: Path | str,
    engine: str = "auto",
    threads: int | None = None,
    *,
    options: EngineOptions | None = None,
) -> Engine:
    """Load a graph on an engine, or with `auto` on the fastest here (see `choose_engine`).

    `threads` None takes the cores at hand; `options` (which then also names the threads) sets the
    rest. Raises UsageError for an unknown engine, EngineError when it cannot load the file.
    """
    settings = options or EngineOptions(threads=threads)
    if engine != "auto":
        return load_named(Path(path), engine, settings)
    from edge.engines.choice import choose_engine  # noqa: PLC0415 - choice imports this module

    file = Path(path)
    names = available_engines(file.suffix)
    if not names:
        wanted = [kind.install for kind in ENGINES.values() if file.suffix in kind.formats]
        cure = f"pip install {wanted[0]}" if wanted else f"engines read {', '.join(_formats())}"
        raise EngineError(f"{file}: no engine on this box reads such a file: {cure}")
    loaded, choice = choose_engine([(name, file) for name in names], options=settings)
    log.info("%s", choice.reason)
    return loaded


def _formats() -> list[str]:
    """List every file suffix that some engine reads."""
    return list(dict.fromkeys(suffix for kind in ENGINES.values() for suffix in kind.formats))
