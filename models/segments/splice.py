"""Other programmes of the same episodes: their recaps, intros and content in another order.

What stands before an intro is a recap in two programmes of five, a cold open in three: a head
learns that sooner than how a recap looks. Here where a part stands tells nothing of what it is.
Everything is cut where the programmes have cuts, and joined within a series, so that a join looks
like any other cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from edge.segments.types import Label, Segment
from models.segments.dataset import Item

COLD_S, BODY_S = (8.0, 90.0), (60.0, 200.0)
"""How long content before and after what is marked may be, at least and at most."""
_HEAD_S = 10
"""Content that comes before a recap and is not longer is what a programme begins with."""


@dataclass(frozen=True, slots=True)
class SplicePart:
    """Seconds `first` to `last` (not included) of a programme, all of one label."""

    item: Item
    label: Label
    first: int
    last: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.last - self.first


def parts_of(item: Item) -> list[SplicePart]:
    """The runs of one label, in order."""
    edges = np.flatnonzero(np.diff(item.labels)) + 1
    bounds = [0, *edges.tolist(), len(item.labels)]
    return [SplicePart(item, Label(int(item.labels[a])), a, b) for a, b in pairwise(bounds)]


def joined(parts: Sequence[SplicePart]) -> Item:
    """One programme of these parts, one after the other; ValueError for none."""
    if not parts:
        raise ValueError("nothing to join")
    at, cuts, spans, rows, cut_rows = 0, [], [], [], []
    for part in parts:
        item, count = part.item, len(part.item.labels)
        inside = np.flatnonzero((item.cuts_s >= part.first) & (item.cuts_s < part.last))
        cuts.append(item.cuts_s[inside] - part.first + at)
        rows.append(np.arange(part.first, part.last))
        cut_rows.append(count + inside)
        if part.label is not Label.CONTENT:
            spans.append(Segment(part.label, float(at), float(at + part.seconds), 1.0))
        at += part.seconds
    own = [p.item for p in parts]
    taken = list(zip(own, rows, strict=True))
    first = [(i, r) for i, r in zip(own, cut_rows, strict=True)]
    return replace(
        own[0],
        visual=np.concatenate([i.visual[r] for i, r in taken + first]),
        sound=np.concatenate([i.sound[r] for i, r in taken]),
        low=np.concatenate([i.low[r] for i, r in taken]),
        measures=np.concatenate([i.measures[r] for i, r in taken + first]),
        thumbs=np.concatenate([i.thumbs[r] for i, r in taken + first]),
        cuts_s=np.concatenate(cuts),
        spans=tuple(spans),
        labels=np.concatenate([i.labels[r] for i, r in taken]),
        mel=None if own[0].mel is None
        else np.concatenate([i.mel[r] for i, r in taken if i.mel is not None]),
    )  # fmt: skip


class Splicer:
    """Lays programmes out anew from the parts of their series."""

    def __init__(self, items: Sequence[Item]) -> None:
        """Of these programmes."""
        self._parts: dict[str, dict[Label, list[SplicePart]]] = {}
        for item in items:
            kept = self._parts.setdefault(item.series, {label: [] for label in Label})
            for part in parts_of(item):
                kept[part.label].append(part)

    def spliced(self, rng: np.random.Generator, item: Item) -> Item:
        """Another programme of the same series; the same one where it has too little content."""
        kept = self._parts[item.series]
        recaps = [p for p in kept[Label.RECAP] if p.seconds >= COLD_S[0]]
        intros = kept[Label.INTRO]
        body = self._content(rng, kept[Label.CONTENT], BODY_S)
        if body is None:
            return item
        before: list[SplicePart] = []
        if recaps and rng.random() < 0.5:
            before += _with_head(rng, recaps[int(rng.integers(len(recaps)))])
        cold = self._content(rng, kept[Label.CONTENT], COLD_S) if rng.random() < 0.5 else None
        if cold is not None:
            before = [cold, *before] if rng.random() < 0.5 else [*before, cold]
        laid = before
        if intros and rng.random() < 0.6:
            laid = [*laid, intros[int(rng.integers(len(intros)))]]
            if recaps and len(before) == 0 and rng.random() < 0.15:
                laid = [*laid, recaps[int(rng.integers(len(recaps)))]]
        return joined([*laid, body])

    def _content(
        self, rng: np.random.Generator, content: Sequence[SplicePart], length_s: tuple[float, float]
    ) -> SplicePart | None:
        """Content from one cut to another, of about a length between these; None without any."""
        fit = [p for p in content if p.seconds >= length_s[0]]
        if not fit:
            return None
        part = fit[int(rng.integers(len(fit)))]
        most = min(length_s[1], part.seconds)
        length = np.exp(rng.uniform(np.log(length_s[0]), np.log(most)))
        first = part.first + rng.uniform(0, part.seconds - length)
        cuts = part.item.cuts_s
        cuts = np.append(cuts[(cuts > part.first) & (cuts < part.last)], [part.first, part.last])
        ends = [int(cuts[np.abs(cuts - at).argmin()]) for at in (first, first + length)]
        return replace(part, first=ends[0], last=ends[1]) if ends[1] - ends[0] >= 4 else None


def _with_head(rng: np.random.Generator, recap: SplicePart) -> list[SplicePart]:
    """A recap, and most often what its programme began with."""
    if 0 < recap.first <= _HEAD_S and rng.random() < 0.7:
        return [SplicePart(recap.item, Label.CONTENT, 0, recap.first), recap]
    return [recap]
