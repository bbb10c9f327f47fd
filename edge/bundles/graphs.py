"""A bundle's graphs on an engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import ModelFile
from edge.engines import (
    ENGINES,
    Cpu,
    Engine,
    EngineChoice,
    EngineOptions,
    Measured,
    RememberedChoices,
    available_engines,
    choice_key,
    choose_engine,
    load_named,
    read_cpu,
    time_in_turns,
)
from edge.engines.registry import split_name
from edge.errors import BundleError, EngineError
from edge.paths import lasting_state_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Graphs:
    """The two graphs of a registration bundle, loaded on one engine."""

    encoder: Engine
    dense: Engine
    choice: EngineChoice | None
    """Why this engine, where `auto` chose it; None when it was named."""

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

    `engine` is a name, or `auto`: the engines of this box are measured once, the fastest is
    remembered. Where an engine fails, a warning says so and the next is taken. `precision` is
    `auto` (INT8 where the bundle has it for the engine), `int8` or `fp32`. Raises BundleError when
    the bundle has no such files, EngineError when none loads, UsageError for an unknown engine.
    """
    settings = options or EngineOptions()
    if engine == "auto":
        return _open_fastest(bundle, precision, settings)
    reader = reader_of(engine)
    chosen = _precision(bundle, reader, precision)
    encoder = load_named(bundle.file("encoder", chosen, reader), engine, settings)
    return _with_dense(bundle, encoder, chosen, settings, choice=None)


def reader_of(engine: str) -> str:
    """Return the name under which a bundle's files list an engine: `tensorrt`, or its kind's."""
    kind, device = split_name(engine)
    return "tensorrt" if device == "tensorrt" else kind.name


def faster_engine(bundle: Bundle, cpu: Cpu) -> str | None:
    """Return the name of an engine that this box lacks and that may run the bundle faster.

    That is OpenVINO on x86-64 with INT8 instructions, for a bundle with INT8 graphs for it
    (docs/decisions/0034-openvino-is-an-extra.md). None where there is no such engine.
    """
    suits = cpu.machine == "x86_64" and cpu.int8_fast
    if not suits or "openvino" in available_engines():
        return None
    return "openvino" if _precision(bundle, "openvino", "auto") == "int8" else None


def _open_fastest(bundle: Bundle, precision: str, settings: EngineOptions) -> Graphs:
    """Load both graphs on the engine that is the fastest here, remembered or measured."""
    candidates = _candidates(bundle, precision)
    remembered = RememberedChoices(lasting_state_folder())
    cpu = read_cpu()
    digests = {f.name: f.sha256 for f in bundle.manifest.files if f.graph in {"encoder", "dense"}}
    key = choice_key(cpu, [*candidates], {**digests, "precision": precision}, settings)
    choice = remembered.recall(key)
    name = choice.chosen.engine if choice is not None else ""
    if choice is not None and name in candidates:
        try:
            graphs = _open_again(bundle, candidates[name], settings, choice)
        except EngineError as error:
            if len(candidates) == 1:
                raise
            log.warning("engine %s worked on %s and fails now: %s", name, choice.measured_on, error)
            del candidates[name]
        else:
            log.info("%s", choice.reason)
            return graphs
    graphs, choice = _open_measured(bundle, candidates, settings)
    log.info("%s", choice.reason)
    if (missing := faster_engine(bundle, cpu)) is not None:
        cure = ENGINES[missing].install
        log.info("engine %s may be faster on this processor: pip install %s", missing, cure)
    if all(c.error is None for c in choice.candidates):  # one that failed is tried at each start
        remembered.keep(key, choice)
    return graphs


def _open_again(
    bundle: Bundle, file: ModelFile, settings: EngineOptions, choice: EngineChoice
) -> Graphs:
    """Load both graphs on the engine that was chosen; raises EngineError where it fails now."""
    encoder = load_named(bundle.path / file.name, choice.chosen.engine, settings)
    return _proven(_with_dense(bundle, encoder, file.precision, settings, choice))


def _open_measured(
    bundle: Bundle, candidates: dict[str, ModelFile], settings: EngineOptions
) -> tuple[Graphs, EngineChoice]:
    """Measure the encoder on each engine and load both graphs on the fastest that runs both."""
    left = dict(candidates)
    failed: list[Measured] = []
    while True:
        named = [(name, bundle.path / file.name) for name, file in left.items()]
        encoder, choice = choose_engine(named, options=settings)
        choice = replace(choice, candidates=(*choice.candidates, *failed))
        precision = left[encoder.name].precision
        try:
            return _proven(_with_dense(bundle, encoder, precision, settings, choice)), choice
        except EngineError as error:
            failed.append(replace(choice.chosen, error=str(error)))
            del left[encoder.name]
            if not left:
                raise
            log.warning("engine %s runs the encoder alone: %s", encoder.name, error)


def _with_dense(
    bundle: Bundle,
    encoder: Engine,
    precision: str,
    settings: EngineOptions,
    choice: EngineChoice | None,
) -> Graphs:
    """Load the dense head on the encoder's engine; the encoder is closed where that fails."""
    try:
        file = bundle.file("dense", precision, reader_of(encoder.name))
        return Graphs(encoder, load_named(file, encoder.name, settings), choice)
    except Exception:
        encoder.close()
        raise


def _proven(graphs: Graphs) -> Graphs:
    """Run both graphs; EngineError, with both closed, where one fails."""
    for timing in time_in_turns([graphs.encoder, graphs.dense], rounds=0):
        if timing.error is not None:
            graphs.close()
            raise EngineError(timing.error)
    return graphs


def _precision(bundle: Bundle, engine: str, wanted: str) -> str:
    """Resolve `auto` to INT8 where the bundle has both graphs in INT8 for the engine."""
    if wanted != "auto":
        return wanted
    both = all(bundle.files(graph, "int8", engine) for graph in ("encoder", "dense"))
    return "int8" if both else "fp32"


def _candidates(bundle: Bundle, wanted: str) -> dict[str, ModelFile]:
    """Return the encoder's file for each engine of this box, in INT8 where there is one."""
    found = {
        engine: file
        for engine in available_engines()
        for file in bundle.files("encoder", _precision(bundle, engine, wanted), engine)[:1]
    }
    if not found:
        raise BundleError(f"{bundle.path}: no {wanted} encoder that an engine on this box reads")
    return found
