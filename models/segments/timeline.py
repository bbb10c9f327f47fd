"""A programme as a list of what is shown and heard when: drawn at any size and rate."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.segments.types import Segment

Colour = tuple[int, int, int]
View = tuple[float, float, float]
"""Centre x, centre y (0..1 of the source) and magnification (from 1)."""
WHOLE = (0.0, 0.0, 1.0, 1.0)
TEXTS = ("credit", "title", "recap", "subtitle", "caption", "message", "slate", "next")
"""Kinds of text: names and roles, the series' title, "Previously on", dialogue, a place or time,
something to read in the scene, a producer's sign, "Next time"."""


@dataclass(frozen=True, slots=True)
class TimelineShot:
    """One shot, times in seconds of the programme."""

    start_s: float
    end_s: float
    source: int = -1
    """Number in the library; -1: a plain colour."""
    in_s: float = 0.0
    """Where in the source it begins."""
    speed: float = 1.0
    first: View = (0.5, 0.5, 1.0)
    last: View = (0.5, 0.5, 1.0)
    mirror: bool = False
    colour: Colour = (0, 0, 0)
    gain: float = 1.0
    saturation: float = 1.0
    vignette: bool = False
    dissolve_s: float = 0.0
    """It comes in over the shot before for so long."""
    flash: bool = False
    """Begins with a white frame that fades within 0.4 s."""
    place: tuple[float, float, float, float] = WHOLE
    """x, y, width, height on the screen, 0..1; others than the whole lie over the shot before."""

    @property
    def whole(self) -> bool:
        """That it fills the screen."""
        return self.place == WHOLE


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of text on the screen."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    font: int
    """Number in the library."""
    height: float
    """Of the letters' line, as a part of the screen's height."""
    at: tuple[float, float] = (0.5, 0.5)
    """Its middle, 0..1; the x that it is aligned to where it is not centred."""
    align: str = "center"
    colour: Colour = (255, 255, 255)
    fade_s: float = 0.3
    shadow: bool = True
    box: bool = False
    rise: float = 0.0
    """Screens that it moves up in a second."""
    kind: str = "other"
    """One of `TEXTS`: what a reader takes it for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of sound."""

    start_s: float
    length_s: float
    source: int
    """Number in the library; -1: noise of a room."""
    in_s: float = 0.0
    gain_db: float = 0.0
    fade_in_s: float = 0.02
    fade_out_s: float = 0.02
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Fade:
    """The picture goes to black, stays and comes back."""

    start_s: float
    black_s: float
    fade_s: float


@dataclass(frozen=True, slots=True)
class ShotLook:
    """A series' picture."""

    gamma: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lift: float = 0.0
    saturation: float = 1.0
    letterbox: float = 0.0
    """Height of each bar, as a part of the screen's."""
    pillarbox: float = 0.0
    logo: str = ""
    """A channel's sign in the corner, throughout."""
    logo_font: int = -1


@dataclass(frozen=True, slots=True)
class VideoEncoding:
    """What copying did to picture and sound."""

    jpeg: int = 95
    detail: float = 1.0
    """Resolution that was left, as a part of the full."""
    gain_db: float = 0.0
    band_hz: float = 8000.0
    hiss_db: float = -90.0
    speed: float = 1.0
    """Music and clips run at so much of their own speed."""


@dataclass(slots=True)
class ProgrammeTimeline:
    """A whole programme."""

    length_s: float = 0.0
    shots: list[TimelineShot] = field(default_factory=list)
    """In order of their starts."""
    texts: list[Text] = field(default_factory=list)
    sounds: list[Piece] = field(default_factory=list)
    fades: list[Fade] = field(default_factory=list)
    spans: list[Segment] = field(default_factory=list)
    look: ShotLook = field(default_factory=ShotLook)
    encoding: VideoEncoding = field(default_factory=VideoEncoding)
    begin_s: float = 0.0
    """So much of the head was cut off: where the file begins; the other times stay."""
    seed: int = 0

    def cuts_s(self) -> list[float]:
        """Times in the file at which a shot begins that fills the screen."""
        found = {s.start_s - self.begin_s for s in self.shots if s.whole}
        return sorted(t for t in found if 0 < t < self.length_s - self.begin_s)

    def level(self, now: float) -> float:
        """0..1: how bright the picture is left by fades to black, at a time of the timeline."""
        level = 1.0
        for fade in self.fades:
            before, after = fade.start_s - now, now - fade.start_s - fade.black_s
            level = min(level, max(before, after, 0.0) / max(fade.fade_s, 1e-3))
        return level

    def labelled(self) -> tuple[Segment, ...]:
        """The segments in the file's time."""
        return tuple(
            Segment(s.label, max(0.0, s.start_s - self.begin_s), s.end_s - self.begin_s)
            for s in self.spans
            if s.end_s > self.begin_s
        )
