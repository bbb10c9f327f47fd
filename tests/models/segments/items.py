"""Programmes in memory whose rows tell where they are from."""

from __future__ import annotations

import numpy as np

from edge.segments.features import LOW
from edge.segments.types import Label, Segment
from models.segments.dataset import Item
from models.segments.scoring import seconds_of

COUNT = 160


def item(number: int, spans: tuple[Segment, ...], series: str = "one") -> Item:
    """A programme whose rows tell where they are from: programme, second, and cut."""
    cuts_s = np.sort(np.random.default_rng(number).uniform(0, COUNT, 60))
    inside = seconds_of(spans, COUNT)
    visual = np.zeros((COUNT + len(cuts_s), 96), np.float32)
    visual[:, 0], visual[:COUNT, 1] = number, np.arange(COUNT)
    visual[COUNT:, 1], visual[COUNT:, 2] = cuts_s, 1
    visual[:COUNT, 3] = inside == Label.RECAP
    sound = np.tile(np.arange(COUNT, dtype=np.float32)[:, None], (1, 16))
    return Item(
        name=f"train-{number:05d}",
        series=series,
        visual=visual,
        sound=sound,
        low=np.tile(np.arange(COUNT, dtype=np.float32)[:, None], (1, LOW)),
        measures=np.repeat(visual[:, 1:2], 3, 1),
        thumbs=np.zeros((len(visual), 18, 32), np.uint8),
        cuts_s=cuts_s,
        spans=spans,
        labels=inside,
        recipe={},
    )


ITEMS = [
    item(1, (Segment(Label.RECAP, 3.0, 33.0), Segment(Label.INTRO, 33.0, 50.0))),
    item(2, (Segment(Label.INTRO, 40.0, 60.0),)),
    item(3, ()),
    item(4, (Segment(Label.RECAP, 0.0, 30.0),), series="other"),
]
