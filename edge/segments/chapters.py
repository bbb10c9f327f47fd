"""Chapters that a file has already, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.segments.types import Label, Segment


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of a file."""

    start_s: float
    end_s: float
    """Seconds on the file's own time line."""
    title: str


_NAMES = {
    Label.RECAP: re.compile(
        r"\b(recap|previously( on)?|last time( on)?|the story so far|rückblick|was bisher geschah"
        r"|résumé|précédemment|resumen|anteriormente|riassunto|nelle puntate precedenti)\b",
        re.IGNORECASE,
    ),
    Label.INTRO: re.compile(
        r"\b(intro(duction)?|op|opening([ -](credits|titles?|theme|song))?|title sequence"
        r"|main titles?|vorspann|générique( de début)?|sigla( iniziale)?|cabecera|abertura)\b",
        re.IGNORECASE,
    ),
}
_NOT = re.compile(
    r"\b(end(s|e|ing)?|after|before|post|pre|no|without|fin)\b|\d+\s*min", re.IGNORECASE
)
"""`Intro End` begins what is no intro any more."""
_LONGEST_S = 15 * 60.0
"""A chapter that is longer tells by its name where something begins, not that it is all of it."""


def named(title: str) -> Label | None:
    """Tell what a chapter's title calls it; None where it is neither recap nor intro."""
    if _NOT.search(title):
        return None
    return next((label for label, names in _NAMES.items() if names.search(title)), None)


def labelled(chapters: Sequence[Chapter]) -> tuple[Segment, ...]:
    """Segments that chapters name, in order; neighbours of one label are one segment."""
    made: list[Segment] = []
    for chapter in sorted(chapters, key=lambda c: c.start_s):
        label = named(chapter.title)
        if label is None or not 0 < chapter.end_s - chapter.start_s <= _LONGEST_S:
            continue
        if made and made[-1].label is label and chapter.start_s - made[-1].end_s < 0.5:
            made[-1] = Segment(label, made[-1].start_s, chapter.end_s)
        elif not made or chapter.start_s >= made[-1].end_s - 1e-3:
            made.append(Segment(label, chapter.start_s, chapter.end_s))
    return tuple(made)
