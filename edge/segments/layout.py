"""Chapters of a whole programme: its segments, and between them what was there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge.segments.chapters import Chapter, named
from edge.segments.types import Label, Segment

NAMES = {Label.CONTENT: "Episode", Label.INTRO: "Intro", Label.RECAP: "Recap"}
"""What our own chapters are called: media servers know the two, and skip neither the third."""
_SLIVER_S = 1.0


def is_ours(chapter: Chapter) -> bool:
    """Whether a chapter bears one of our names."""
    return chapter.title.partition(" (")[0] in NAMES.values()


def laid_out(
    segments: Iterable[Segment], duration_s: float, existing: Sequence[Chapter] = ()
) -> list[Chapter]:
    """Chapters of the whole programme: the segments, and between them what was there.

    A chapter that a segment interrupts goes on behind it under its name; one that lies within a
    segment gives it its name in brackets; where none was, `Episode`.
    """
    marked = sorted((s for s in segments if s.label is not Label.CONTENT), key=lambda s: s.start_s)
    own = [Chapter(s.start_s, s.end_s, NAMES[s.label]) for s in marked]
    kept: list[Chapter] = []
    for chapter in sorted(existing, key=lambda c: c.start_s):
        pieces = _outside(chapter, own)
        if pieces:
            kept += pieces
            continue
        at = max(own, key=lambda o: _overlap(o, chapter))
        if named(chapter.title) is not None:  # it says the same
            continue
        own[own.index(at)] = replace(at, title=f"{at.title} ({chapter.title})")
    whole = Chapter(0.0, duration_s, NAMES[Label.CONTENT])
    gaps = _outside(whole, sorted(own + kept, key=lambda c: c.start_s))
    return _without_slivers(sorted(own + kept + gaps, key=lambda c: c.start_s), own, gaps)


def _overlap(a: Chapter, b: Chapter) -> float:
    return min(a.end_s, b.end_s) - max(a.start_s, b.start_s)


def _outside(chapter: Chapter, others: Sequence[Chapter]) -> list[Chapter]:
    """What is left of a chapter beside others in order of time."""
    pieces, at_s = [], chapter.start_s
    for other in others:
        if other.start_s > at_s and other.start_s < chapter.end_s:
            pieces.append(Chapter(at_s, other.start_s, chapter.title))
        if other.end_s > at_s and other.start_s < chapter.end_s:
            at_s = other.end_s
    if at_s < chapter.end_s:
        pieces.append(Chapter(at_s, chapter.end_s, chapter.title))
    return pieces


def _without_slivers(
    chapters: list[Chapter], own: list[Chapter], gaps: list[Chapter]
) -> list[Chapter]:
    """Give pieces of less than a second to the chapter before, unless that is ours."""
    made: list[Chapter] = []
    for chapter in chapters:
        short = chapter.end_s - chapter.start_s < _SLIVER_S and chapter not in own
        again = any(c.title == chapter.title for c in chapters if c is not chapter)
        if short and (again or chapter in gaps) and made and made[-1] not in own:
            made[-1] = replace(made[-1], end_s=chapter.end_s)
        else:
            made.append(chapter)
    return made
