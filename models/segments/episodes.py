"""Episodes: synthetic programmes with known segments, each a function of its seed and split.

    library = Library(Path("runs/segments/library"))
    made = episode(17, "train", library)

Four seeds after one another are one series. What `far` holds (a recap after the intro, intros in
moving panels or that climb, recaps announced in other words) no other split has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.segments.pictures import HEIGHT, WIDTH
from edge.segments.types import Label, Segment
from models.segments.annotate import heard, shown
from models.segments.change import change
from models.segments.content import closing, content
from models.segments.draw import Painter
from models.segments.intro import intro
from models.segments.library import Library
from models.segments.mix import mixed
from models.segments.parts import Desk, head
from models.segments.recap import recap
from models.segments.series import EPISODES, Series, choice, series
from models.segments.sources import SPLITS
from models.segments.timeline import ProgrammeTimeline, VideoEncoding

LAYOUTS = {"RIC": 0.20, "CIC": 0.25, "RCIC": 0.10, "IC": 0.10, "RC": 0.09, "CRIC": 0.05, "C": 0.21}
"""R: recap, I: intro, C: content, in order; and how often."""
FAR_LAYOUTS = {"IRC": 0.5, "CIRC": 0.2, "IC": 0.1, "C": 0.2}
SHORTEST_S, LONGEST_S = 150.0, 360.0
LONG_S, LONG = 600.0, 0.1
"""One programme in ten is longer, up to `LONG_S`, and what comes before its intro may be."""
FIRST_S = 0.02
"""So long after a cut the first picture of a shot is drawn."""
GENERATOR = 5
"""Raised when the same seed gives another programme."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A programme of S seconds and what it is."""

    frames: NDArray[np.uint8]
    """(S, 144, 256, 3) RGB, shown at s + 0.5."""
    cut_frames: NDArray[np.uint8]
    """(C, 144, 256, 3) RGB, the first picture of each shot, at `cuts_s`."""
    sound: NDArray[np.float32]
    """(S * 16000,) mono in -1..1."""
    spans: tuple[Segment, ...]
    cuts_s: NDArray[np.float64]
    """(C,) times of the shots' cuts."""
    shown: NDArray[np.bool_]
    """(S + C, 8): which of `timeline.TEXTS` each of the frames and cut frames shows."""
    heard: NDArray[np.float32]
    """(S, 5): the share of each second in which each of `annotate.SOUNDS` is heard."""
    series: str
    split: str
    recipe: dict[str, Any]


def episode(seed: int, split: str, library: Library, changed: str = "") -> Episode:
    """Make one programme, with a cue taken out where one of `change.CHANGES` is named.

    ValueError for an unknown split or change, UsageError for a library that lacks material.
    """
    timeline, recipe = plan(seed, split, library)
    if changed:
        change(changed, timeline, _series(seed // EPISODES, split, library), library)
    seconds = int(timeline.length_s - timeline.begin_s)
    painter = Painter(library, timeline, (WIDTH, HEIGHT))
    frames = np.empty((seconds, HEIGHT, WIDTH, 3), np.uint8)
    for s in range(seconds):
        frames[s] = painter.picture(s + 0.5)
    cuts_s = timeline.cuts_s()
    first = np.empty((len(cuts_s), HEIGHT, WIDTH, 3), np.uint8)
    for i, cut_s in enumerate(cuts_s):
        first[i] = painter.picture(cut_s + FIRST_S)
    return Episode(
        frames=frames,
        cut_frames=first,
        sound=mixed(library, timeline)[: seconds * 16_000],
        spans=timeline.labelled(),
        cuts_s=np.array(cuts_s),
        shown=shown(timeline, [*(np.arange(seconds) + 0.5), *(c + FIRST_S for c in cuts_s)]),
        heard=heard(library, timeline, seconds),
        series=str(recipe["series"]),
        split=split,
        recipe=recipe,
    )


def labels(spans: Sequence[Segment], seconds: int) -> NDArray[np.int8]:
    """(S,) label of each second: that at its middle."""
    made = np.full(seconds, Label.CONTENT, np.int8)
    middle = np.arange(seconds) + 0.5
    for span in spans:
        made[(middle >= span.start_s) & (middle < span.end_s)] = span.label
    return made


def plan(seed: int, split: str, library: Library) -> tuple[ProgrammeTimeline, dict[str, Any]]:
    """The programme's timeline and its recipe, with nothing drawn or mixed."""
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split: {', '.join(SPLITS)}")
    rng = np.random.default_rng((13, SPLITS.index(split), seed))
    of = _series(seed // EPISODES, split, library)
    timeline = ProgrammeTimeline(look=of.look, seed=seed, encoding=_encoding(rng))
    desk = Desk(rng, of, library, timeline)
    layout = choice(rng, FAR_LAYOUTS if split == "far" else LAYOUTS)
    target = desk.between(SHORTEST_S, LONGEST_S)
    if desk.chance(LONG):
        target = desk.between(LONGEST_S, LONG_S)
    _lay(desk, layout, target)
    timeline.shots.sort(key=lambda s: s.start_s)
    recipe = {
        "generator": GENERATOR, "seed": seed, "split": split, "series": of.name, "title": of.title,
        "layout": layout, "intro_style": of.intro_style, "recap_text": of.recap_text,
        "recap_voice": of.recap_voice >= 0, "recap_bed": of.recap_bed >= 0,
        "intro_silent": of.intro_silent, "intro_speech": of.intro_speech,
        "subtitles": of.subtitles, "notes": sorted(set(desk.notes)),
        "begin_s": timeline.begin_s, "encoding": asdict(timeline.encoding),
        "groups": sorted({library.sources[s.source].group for s in timeline.shots if s.source >= 0}),  # noqa: E501
    }  # fmt: skip
    return timeline, recipe


@lru_cache(maxsize=64)
def _series(number: int, split: str, library: Library) -> Series:
    return series(number, split, library)


def _lay(desk: Desk, layout: str, target: float) -> None:
    """Put the parts of a layout on the timeline, and cut off some of the head."""
    timeline, of = desk.timeline, desk.series
    head(desk)
    if layout[0] == "R":  # what the recap shows again was seen in earlier episodes
        desk.used = [desk.setup() for _ in range(12)]
    for place, part in enumerate(layout):
        last = place == len(layout) - 1
        if part == "R":
            length = desk.between(15, 60) if desk.chance(0.9) else desk.between(60, 90)
            desk.labelled(Label.RECAP, recap, length)
        elif part == "I":
            desk.labelled(Label.INTRO, intro, of.intro_s)
        elif last:
            content(desk, max(desk.between(45, 70), target - desk.now), opening="I" in layout)
            closing(desk)
        else:
            content(desk, _cold_open(desk, target))
        if part == "C" and place == 0 and desk.chance(0.3):
            timeline.begin_s = desk.between(0, min(30.0, desk.now - 10))
    if layout[0] != "C" and desk.chance(0.2):
        first = timeline.spans[0]
        timeline.begin_s = desk.between(0, first.start_s + (first.end_s - first.start_s) / 4)
    timeline.length_s = float(np.floor(desk.now - timeline.begin_s)) + timeline.begin_s


def _cold_open(desk: Desk, target: float) -> float:
    return float(min(20 * np.exp(desk.rng.exponential(0.9)), 0.65 * target))


def _encoding(rng: np.random.Generator) -> VideoEncoding:
    bands = (3400.0, 4000.0, 5500.0, 8000.0)
    return VideoEncoding(
        jpeg=int(rng.integers(35, 92)) if rng.random() < 0.5 else 95,
        detail=float(rng.uniform(0.5, 0.9)) if rng.random() < 0.25 else 1.0,
        gain_db=float(rng.uniform(-8, 6)),
        band_hz=float(rng.choice(bands, p=(0.08, 0.08, 0.12, 0.72))),
        hiss_db=float(rng.uniform(-65, -42)) if rng.random() < 0.2 else -90.0,
        speed=float(rng.uniform(0.95, 1.05)) if rng.random() < 0.5 else 1.0,
    )
