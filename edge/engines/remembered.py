"""What `engine: auto` chose on this box, kept for the next start in `engine-choices.json`.

The key of an entry covers all that the choice depends on: processor, cores, versions of the
engines, digests of the graphs, options. So a new processor, engine or bundle is measured again.
The file holds the newest entries alone and is replaced at once. A file that is damaged or cannot
be written costs a measurement and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.engines.choice import EngineChoice, Measured
from edge.engines.hardware import Cpu
from edge.engines.protocol import EngineOptions
from edge.engines.registry import ENGINES, split_name
from edge.whole_file import sweep, write_whole

log = logging.getLogger(__name__)

NAME = "engine-choices.json"
MOST_ENTRIES = 32
"""Five sports in a few versions each; the oldest make room."""
MOST_BYTES = 256_000
"""A larger file was not written here."""
_FORMAT = 1
_lock = threading.Lock()


def choice_key(
    cpu: Cpu, engines: Sequence[str], digests: Mapping[str, str], options: EngineOptions
) -> str:
    """Return the key of a choice among engines for graphs with these digests."""
    facts = {
        "format": _FORMAT,
        "cpu": [cpu.name, cpu.machine, cpu.cores, sorted(cpu.features)],
        "engines": sorted(f"{name}: {split_name(name)[0].version}" for name in engines),
        "graphs": sorted(f"{name}: {digest}" for name, digest in digests.items()),
        "options": [options.thread_count(), options.spin, options.pin, options.arithmetic],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class RememberedChoices:
    """The choices in a folder; without a folder nothing is remembered. Raises nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / NAME if folder is not None else None

    def recall(self, key: str) -> EngineChoice | None:
        """Return what was chosen under a key; None where nothing usable is kept."""
        return _choice_of(self._entries().get(key))

    def keep(self, key: str, choice: EngineChoice, *, now_s: float | None = None) -> None:
        """Keep a choice as the newest."""
        if self._file is None:
            return
        day = time.strftime("%Y-%m-%d", time.gmtime(now_s))
        entry = {"day": day, "candidates": [_row_of(c) for c in choice.candidates]}
        with _lock:
            kept = {k: e for k, e in self._entries().items() if k != key}
            newest = dict(list(kept.items())[-(MOST_ENTRIES - 1) :]) | {key: entry}
            text = json.dumps({"format": _FORMAT, "choices": newest}, indent=1)
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                sweep(self._file)
                write_whole(self._file, text.encode())
            except OSError as error:
                log.debug("%s: the choice of the engine is not kept: %s", self._file, error)

    def _entries(self) -> dict[str, Any]:
        """Return the entries, the oldest first; {} for a file that is absent or damaged."""
        if self._file is None:
            return {}
        try:
            with self._file.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            found = json.loads(data) if len(data) <= MOST_BYTES else None
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.debug("%s: cannot be read, engines are measured again: %s", self._file, error)
            return {}
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            return {}
        choices = found.get("choices")
        return choices if isinstance(choices, dict) else {}


def _choice_of(entry: Any) -> EngineChoice | None:
    """Read an entry; None where it is not as `keep` writes it."""
    try:
        candidates = tuple(_measured_of(row) for row in entry["candidates"])
        day = time.strptime(entry["day"], "%Y-%m-%d")
    except (KeyError, TypeError, ValueError):
        return None
    if not candidates:
        return None
    return EngineChoice(candidates[0], candidates, time.strftime("%Y-%m-%d", day))


def _row_of(candidate: Measured) -> dict[str, Any]:
    """Return a candidate as JSON has it: null for a time that there is not."""
    row = asdict(candidate)
    return {key: None if value == math.inf else value for key, value in row.items()}


def _measured_of(row: Mapping[str, Any]) -> Measured:
    """Read one candidate; raises KeyError, TypeError or ValueError."""
    name, _, _ = str(row["engine"]).partition(":")
    load_ms, median_ms, p95_ms = (
        math.inf if row[key] is None else float(row[key])
        for key in ("load_ms", "median_ms", "p95_ms")
    )
    if name not in ENGINES or not (load_ms >= 0 and median_ms >= 0 and p95_ms >= 0):
        raise ValueError(f"{row}: no candidate")
    return Measured(
        engine=str(row["engine"]),
        file=str(row["file"]),
        precision=str(row["precision"]),
        load_ms=load_ms,
        median_ms=median_ms,
        p95_ms=p95_ms,
        runs=int(row["runs"]),
    )
