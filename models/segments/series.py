"""What the episodes of one series share: its world, look, theme, fonts, styles and voices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.errors import UsageError
from models.segments.library import Library
from models.segments.sources import SPLITS, material_split
from models.segments.timeline import Colour, ShotLook
from models.segments.wording import titles

EPISODES = 4
"""Of each series."""
INTRO_STYLES = {"footage": 0.4, "plain": 0.15, "texture": 0.15, "title": 0.15, "late": 0.15}
"""Credits over footage, on a plain ground, on a texture; a title card alone; the title at last."""
FAR_INTRO_STYLES = {"panels": 0.5, "crawl": 0.5}
"""Only in `far`: pictures in moving panels; text that climbs."""
RECAP_TEXTS = {"black": 0.2, "over": 0.3, "corner": 0.1, "none": 0.4}
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers are those of the library's sources."""

    name: str
    split: str
    title: str
    look: ShotLook
    worlds: tuple[tuple[int, ...], ...]
    """Moving sources, by group."""
    stills: tuple[int, ...]
    plates: tuple[int, ...]
    """Stills that serve as grounds of titles only."""
    theme: int
    theme_in_s: float
    beds: tuple[int, ...]
    """Other music of the series."""
    title_font: int
    credit_font: int
    small_font: int
    colour: Colour
    ground: Colour
    capitals: bool
    credit_at: tuple[float, float]
    credit_height: float
    intro_style: str
    intro_s: float
    intro_speech: bool
    intro_silent: bool
    title_first: bool
    """The title opens the intro; it closes it otherwise."""
    recap_text: str
    recap_voice: int
    """-1: nobody says "Previously on"."""
    recap_bed: int
    recap_shot_s: tuple[float, float]
    recap_dissolves: bool
    recap_grey: float
    """Saturation of a recap's pictures."""
    voices: tuple[tuple[int, ...], ...]
    """Lines of the speakers."""
    ambience: tuple[int, ...]
    narrations: tuple[int, ...]
    """What a synthetic voice says in the content: announcements, a narrator, the radio."""
    flashes: bool
    """White flashes at cuts, in recaps and in content alike."""
    subtitles: bool

    def cased(self, words: str) -> str:
        """As the series writes its titles."""
        return words.upper() if self.capitals else words


def choice(rng: Rng, weights: dict[str, float]) -> str:
    """One key, by weight."""
    keys, p = list(weights), np.array(list(weights.values()))
    return keys[int(rng.choice(len(keys), p=p / p.sum()))]


def some(rng: Rng, items: list[int] | tuple[int, ...], count: int) -> tuple[int, ...]:
    """Up to so many, without repetition."""
    order = rng.permutation(len(items))[:count]
    return tuple(items[int(i)] for i in order)


def series(number: int, split: str, library: Library) -> Series:
    """The n-th series of a split; UsageError where the library lacks material for it."""
    rng = np.random.default_rng((11, SPLITS.index(split), number))
    words = titles(material_split(split))
    title = words[number % len(words)]
    worlds = _worlds(rng, split, library)
    stills = [n for group in library.of("still", split).values() for n in group]
    music = _needed(library, "music", split)
    theme = _one(rng, music)
    fonts = [n for group in _needed(library, "font", split).values() for n in group]
    title_font, credit_font, small_font = (int(n) for n in rng.choice(fonts, 3))
    voices = [n for group in library.of("voice", split).values() for n in group]
    narrations = [n for group in library.of("narration", split).values() for n in group]
    style = choice(rng, FAR_INTRO_STYLES if split == "far" else INTRO_STYLES)
    chosen = some(rng, stills, int(rng.integers(4, 11)))
    return Series(
        name=f"{split}-{number}",
        split=split,
        title=title,
        look=_look(rng, title, small_font),
        worlds=worlds,
        stills=chosen,
        plates=some(rng, [s for s in stills if s not in chosen], 2),
        theme=theme,
        theme_in_s=float(rng.uniform(0, 20)),
        beds=tuple(_one(rng, music) for _ in range(4)),
        title_font=title_font,
        credit_font=credit_font if rng.random() < 0.6 else title_font,
        small_font=small_font,
        colour=_ink(rng),
        ground=_ground(rng),
        capitals=bool(rng.random() < 0.5),
        credit_at=(float(rng.choice([0.08, 0.5, 0.92])), float(rng.choice([0.35, 0.5, 0.8]))),
        credit_height=float(rng.uniform(0.07, 0.12)),
        intro_style=style,
        intro_s=float(rng.uniform(5, 12)) if style == "title" or rng.random() < 0.08
        else float(np.clip(rng.lognormal(3.4, 0.45), 12, 90)),
        intro_speech=bool(rng.random() < 0.15),
        intro_silent=bool(rng.random() < 0.06),
        title_first=bool(rng.random() < 0.2),
        recap_text=choice(rng, RECAP_TEXTS),
        recap_voice=int(rng.choice(voices)) if voices and rng.random() < 0.4 else -1,
        recap_bed=(theme if rng.random() < 0.15 else _one(rng, music))
        if rng.random() < 0.7 else -1,
        recap_shot_s=(2.5, 6.0) if rng.random() < 0.15 else (1.0, float(rng.uniform(2.2, 3.4))),
        recap_dissolves=bool(rng.random() < 0.25),
        recap_grey=float(rng.uniform(0, 0.6)) if rng.random() < 0.2 else 1.0,
        voices=_speakers(rng, split, library),
        ambience=tuple(n for g in library.of("ambience", split).values() for n in g),
        narrations=some(rng, narrations, 3) if rng.random() < 0.45 else (),
        flashes=bool(rng.random() < 0.3),
        subtitles=bool(rng.random() < 0.3),
    )  # fmt: skip


def _needed(library: Library, kind: str, split: str) -> dict[str, list[int]]:
    found = library.of(kind, split)
    if not found:
        raise UsageError(f"{library.folder}: no {kind} for {split}; build the library anew")
    return found


def _one(rng: Rng, groups: dict[str, list[int]]) -> int:
    names = list(groups)
    return int(rng.choice(groups[names[int(rng.integers(len(names)))]]))


def _worlds(rng: Rng, split: str, library: Library) -> tuple[tuple[int, ...], ...]:
    clips, scenes = library.of("clip", split), library.of("scene", split)
    if not clips and not scenes:
        raise UsageError(f"{library.folder}: no clip or scene for {split}; build the library anew")
    chosen: list[tuple[int, ...]] = []
    for groups, count in ((clips, int(rng.integers(2, 5))), (scenes, int(rng.integers(1, 3)))):
        names = list(groups)
        for i in rng.permutation(len(names))[:count]:
            chosen += [some(rng, groups[names[int(i)]], 6)]
    return tuple(chosen)


def _speakers(rng: Rng, split: str, library: Library) -> tuple[tuple[int, ...], ...]:
    groups = list(_needed(library, "speech", split).values())
    order = rng.permutation(len(groups))[: int(rng.integers(1, 4))]
    return tuple(some(rng, groups[int(i)], 60) for i in order)


def _look(rng: Rng, title: str, font: int) -> ShotLook:
    boxed = rng.random()
    return ShotLook(
        gamma=float(rng.uniform(0.75, 1.4)),
        gains=tuple(float(g) for g in rng.uniform(0.82, 1.12, 3)),  # type: ignore[arg-type]
        lift=float(rng.uniform(0, 0.06)),
        saturation=0.0 if rng.random() < 0.05 else float(rng.uniform(0.55, 1.25)),
        letterbox=float(rng.uniform(0.06, 0.13)) if boxed < 0.25 else 0.0,
        pillarbox=0.125 if boxed > 0.9 else 0.0,
        logo=title.rpartition(" ")[2][:3].upper() if rng.random() < 0.2 else "",
        logo_font=font,
    )


def _ink(rng: Rng) -> Colour:
    if rng.random() < 0.6:
        return (245, 245, 245)
    r, g, b = (int(v) for v in rng.uniform(120, 255, 3))
    return (r, g, b)


def _ground(rng: Rng) -> Colour:
    if rng.random() < 0.6:
        return (0, 0, 0)
    r, g, b = (int(v) for v in rng.uniform(0, 70, 3))
    return (r, g, b)
