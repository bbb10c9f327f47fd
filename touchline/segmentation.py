"""Recap and intro of a programme."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import UsageError
from edge.segments.analyse import analyse
from edge.segments.analysis import Analysis
from edge.segments.manifest import load_segments_bundle


def segments(
    path: str | os.PathLike[str], *, exact: bool = False, use_chapters: bool = True
) -> Analysis:
    """Find the recap and the intro of a film or an episode.

    `.segments` of what is returned lists them in order, each with `label`, `start_s`, `end_s` and
    `probability`. `exact` decodes a picture of each second in place of key frames;
    `use_chapters=False` ignores chapters that name them. Raises UsageError for what is no path,
    SourceError for a file that is no programme, BundleError or EngineError where the model cannot
    be loaded.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"{type(path).__name__} is no film: name one file; call again for another")
    bundle = load_segments_bundle()
    return analyse(Path(os.fsdecode(path)), bundle, exact=exact, use_chapters=use_chapters)
