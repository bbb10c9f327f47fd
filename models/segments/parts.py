"""The parts of a programme, laid one after the other on a timeline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.segments.types import Label, Segment
from models.segments import wording
from models.segments.library import Library
from models.segments.series import Series
from models.segments.sources import material_split
from models.segments.timeline import Fade, Piece, ProgrammeTimeline, Text, TimelineShot, View

Rng = np.random.Generator
Setup = tuple[int, float, View, View, bool]
"""Source, in-point, view at the start and at the end, mirrored."""


class Desk:
    """Where a programme is put together: a timeline and the place that has been reached."""

    def __init__(
        self, rng: Rng, series: Series, library: Library, timeline: ProgrammeTimeline
    ) -> None:
        self.rng, self.series, self.library, self.timeline = rng, series, library, timeline
        self.words = material_split(series.split)
        self.now = 0.0
        self.used: list[Setup] = []
        """Set-ups of the content, which a recap shows again."""
        self.notes: list[str] = []
        """What the programme has that is meant to mislead."""

    def chance(self, p: float) -> bool:
        """True with a probability."""
        return bool(self.rng.random() < p)

    def between(self, low: float, high: float) -> float:
        """A number of a range."""
        return float(self.rng.uniform(low, high))

    # -- pictures

    def setup(self, group: int | None = None) -> Setup:
        """A camera's place in the series' world."""
        series = self.series
        still = bool(series.stills) and self.chance(0.22)
        if group is None:
            group = int(self.rng.integers(len(series.worlds)))
        source = int(self.rng.choice(series.stills if still else series.worlds[group]))
        kept = self.library.sources[source]
        length = kept.count / kept.rate_hz if kept.rate_hz else 0.0
        zoom = self.between(1.15, 1.9) if still or self.chance(0.5) else 1.0
        first = (self.between(0.3, 0.7), self.between(0.35, 0.65), zoom)
        last = first
        if still or self.chance(0.25):
            last = (self.between(0.3, 0.7), self.between(0.35, 0.65),
                    zoom * self.between(0.85, 1.25))  # fmt: skip
        last = (last[0], last[1], max(1.0, last[2]))
        return source, self.between(0, max(0.0, length - 1)), first, last, self.chance(0.3)

    def shot(self, length_s: float, setup: Setup | None = None, **how: object) -> TimelineShot:
        """Put a shot at the place reached; the place stays."""
        source, in_s, first, last, mirror = setup or self.setup()
        end = self.now + length_s
        made = TimelineShot(self.now, end, source, in_s, 1.0, first, last, mirror, **how)  # type: ignore[arg-type]
        self.timeline.shots.append(made)
        return made

    def plain(self, length_s: float, colour: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Put a plain ground at the place reached, which stays."""
        self.timeline.shots.append(TimelineShot(self.now, self.now + length_s, colour=colour))

    def text(self, start_s: float, length_s: float, lines: tuple[str, ...], height: float,
             font: int | None = None, **how: object) -> None:  # fmt: skip
        """Write on the screen."""
        font = self.series.title_font if font is None else font
        self.timeline.texts.append(
            Text(start_s, start_s + length_s, lines, font, height, **how)  # type: ignore[arg-type]
        )

    # -- sound

    def music(self, start_s: float, length_s: float, source: int, gain_db: float,
              in_s: float = 0.0, *, cold: bool = False) -> None:  # fmt: skip
        """Music from one time on, repeated where it is too short."""
        self.timeline.sounds.append(
            Piece(
                start_s,
                length_s,
                source,
                in_s,
                gain_db,
                self.between(0.02, 0.8),
                0.05 if cold else self.between(0.4, 2.0),
                loop=True,
            )
        )

    def line(self, start_s: float, most_s: float, *, cut: bool = False) -> float:
        """A line of dialogue; `cut`: a part out of one. Returns how long it is."""
        speaker = self.series.voices[int(self.rng.integers(len(self.series.voices)))]
        source = int(self.rng.choice(speaker))
        kept = self.library.sources[source].count / 16_000
        in_s = self.between(0, max(0.0, kept - most_s)) if cut or kept > most_s else 0.0
        if not cut and kept > most_s:
            in_s = 0.0
        length = min(kept - in_s, most_s)
        fade = 0.02 if cut else 0.05
        gain = self.between(-2, 2)
        self.timeline.sounds.append(Piece(start_s, length, source, in_s, gain, fade, fade))
        return length

    def black(self, at_s: float, black_s: float, fade_s: float) -> None:
        """A fade through black."""
        self.timeline.fades.append(Fade(at_s, black_s, fade_s))

    def labelled(self, label: Label, make: Callable[[Desk, float], None], length_s: float) -> None:
        """Make a part and write down its span."""
        start = self.now
        make(self, length_s)
        self.timeline.spans.append(Segment(label, start, self.now))


def head(desk: Desk) -> None:
    """Black, a producer's sign or silence before anything, labelled content."""
    if desk.chance(0.4):
        return
    length = desk.between(0.3, 5.0)
    colour = (0, 0, 0) if desk.chance(0.7) else (235, 235, 235)
    desk.plain(length, colour)
    if length > 2 and desk.chance(0.6):
        desk.notes.append("slate")
        words = str(desk.rng.choice(wording.SLATES)).format(
            title=desk.series.title, n=int(desk.rng.integers(101, 899)),
            name=wording.name(desk.rng, desk.words).split()[1],
        )  # fmt: skip
        ink = (240, 240, 240) if colour[0] < 128 else (20, 20, 20)
        desk.text(desk.now + 0.2, length - 0.4, (words,), desk.between(0.1, 0.18), colour=ink,
                  shadow=False, kind="slate")  # fmt: skip
        if desk.chance(0.5):
            desk.music(desk.now, length, int(desk.rng.choice(desk.series.beds)), -3)
    desk.now += length


def credit(desk: Desk, start_s: float, length_s: float, height: float,
           at: tuple[float, float] | None = None, rise: float = 0.0) -> None:  # fmt: skip
    """One card of credits: names, or a role and names."""
    series, rng = desk.series, desk.rng
    names = [wording.name(rng, desk.words) for _ in range(int(rng.integers(1, 4)))]
    role = [str(rng.choice(wording.ROLES))] if desk.chance(0.65) else []
    lines = tuple(series.cased(w) for w in role + (names[:1] if role else names))
    x, y = at or series.credit_at
    align = "left" if x < 0.3 else "right" if x > 0.7 else "center"
    desk.text(start_s, length_s, lines, height, series.credit_font, at=(x, y), align=align,
              colour=series.colour, rise=rise, kind="credit")  # fmt: skip


def title(desk: Desk, start_s: float, length_s: float) -> None:
    """The series' title, large."""
    words = desk.series.cased(desk.series.title).split()
    tall = 0.3 if max(map(len, words)) < 8 else 0.24
    lines = (" ".join(words),) if desk.series.credit_at[1] == 0.5 else tuple(words)
    desk.text(start_s, length_s, lines, tall, colour=desk.series.colour, fade_s=0.4, kind="title")
