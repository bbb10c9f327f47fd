"""A bundle's graphs on an engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.engines import (
    Engine,
    EngineChoice,
    EngineOptions,
    available_engines,
    choose_engine,
    load_named,
)
from edge.engines.registry import split_name
from edge.errors import BundleError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Graphs:
    """The two graphs of a registration bundle, loaded on one engine."""

    encoder: Engine
    dense: Engine
    choice: EngineChoice | None
    """Why this engine, when it was chosen by measuring; None when it was named."""

    def close(self) -> None:
        """Free both graphs."""
        self.encoder.close()
        self.dense.close()


def open_graphs(
    bundle: Bundle,
    engine: str = "auto",
    *,
    precision: str = "auto",
    options: EngineOptions | None = None,
) -> Graphs:
    """Load a bundle's encoder and dense head.

    `engine` is `auto` (measured) or a name; `precision` is `auto` (INT8 where the bundle has it for
    the engine), `int8` or `fp32`. Raises BundleError when the bundle has no such files, EngineError
    when none loads, UsageError for an unknown engine.
    """
    settings = options or EngineOptions()
    if engine != "auto":
        reader = reader_of(engine)
        chosen = _precision(bundle, reader, precision)
        encoder = load_named(bundle.file("encoder", chosen, reader), engine, settings)
        choice = None
    else:
        encoder, choice = choose_engine(_candidates(bundle, precision), options=settings)
        reader = reader_of(encoder.name)
        chosen = "int8" if encoder.precision == "int8" else "fp32"
        log.info("%s", choice.reason)
    try:
        dense = load_named(bundle.file("dense", chosen, reader), encoder.name, settings)
    except Exception:
        encoder.close()
        raise
    return Graphs(encoder, dense, choice)


def reader_of(engine: str) -> str:
    """Return the name under which a bundle's files list an engine: `tensorrt`, or its kind's."""
    kind, device = split_name(engine)
    return "tensorrt" if device == "tensorrt" else kind.name


def _precision(bundle: Bundle, engine: str, wanted: str) -> str:
    """Resolve `auto` to INT8 where the bundle has both graphs in INT8 for the engine."""
    if wanted != "auto":
        return wanted
    both = all(bundle.files(graph, "int8", engine) for graph in ("encoder", "dense"))
    return "int8" if both else "fp32"


def _candidates(bundle: Bundle, wanted: str) -> list[tuple[str, Path]]:
    """List the encoders to race: for each engine one precision, INT8 where there is one."""
    found = [
        (engine, bundle.path / file.name)
        for engine in available_engines()
        for file in bundle.files("encoder", _precision(bundle, engine, wanted), engine)[:1]
    ]
    if not found:
        raise BundleError(f"{bundle.path}: no {wanted} encoder that an engine on this box reads")
    return found
