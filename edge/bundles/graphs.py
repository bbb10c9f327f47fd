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
        kind, _ = split_name(engine)
        chosen = _precision(bundle, kind.name, precision)
        encoder = load_named(bundle.file("encoder", chosen, kind.name), engine, settings)
        choice = None
    else:
        encoder, choice = choose_engine(_candidates(bundle, precision), options=settings)
        kind, chosen = (
            split_name(encoder.name)[0],
            "int8" if encoder.precision == "int8" else "fp32",
        )
        log.info("%s", choice.reason)
    try:
        dense = load_named(bundle.file("dense", chosen, kind.name), encoder.name, settings)
    except Exception:
        encoder.close()
        raise
    return Graphs(encoder, dense, choice)


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
