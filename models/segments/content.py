"""The programme itself: scenes with dialogue, and all that is easily taken for another part."""

from __future__ import annotations

from models.segments import wording
from models.segments.parts import Desk, Setup, credit
from models.segments.timeline import Piece, TimelineShot

KINDS = {
    "talk": 0.72,
    "montage": 0.07,
    "song": 0.08,
    "action": 0.06,
    "flashback": 0.04,
    "still": 0.03,
}
"""What a scene is."""


def content(desk: Desk, length_s: float, *, opening: bool = False) -> None:
    """Scenes until the time is filled; `opening`: names may stand over the first scene."""
    start, end = desk.now, desk.now + length_s
    first = True
    while desk.now < end - 1e-6:
        length = min(desk.between(12, 55), end - desk.now)
        if end - desk.now - length < 8:
            length = end - desk.now
        at = desk.now
        kind = "talk" if first and opening else _kind(desk)
        {"talk": _talk, "montage": _montage, "song": _song, "action": _action,
         "flashback": _flashback, "still": _wait}[kind](desk, length)  # fmt: skip
        desk.now = at + length
        if kind != "talk":
            desk.notes.append(kind)
        if first and opening and desk.chance(0.35):
            _names(desk, at, length)
        if desk.chance(0.12):
            _caption(desk, at, length)
        if desk.series.narrations and desk.chance(0.25):
            _narrated(desk, at, length)
        if desk.chance(0.15):
            desk.notes.append("black")
            desk.black(
                desk.between(at, at + length), desk.between(0.1, 1.2), desk.between(0.1, 0.7)
            )
        first = False
    if desk.chance(0.12):
        desk.notes.append("theme in content")
        at = desk.between(start, max(start, end - 20))
        desk.music(at, min(desk.between(8, 30), end - at), desk.series.theme,
                   desk.between(-8, 1), desk.series.theme_in_s)  # fmt: skip


def closing(desk: Desk) -> None:
    """What comes last, content too: names on black with music, or what will happen next time."""
    if desk.chance(0.08):
        desk.notes.append("next time")
        _next_time(desk, desk.between(12, 30))
    if not desk.chance(0.3):
        return
    desk.notes.append("end credits")
    start, length = desk.now, desk.between(12, 45)
    if desk.chance(0.75):
        desk.plain(length)
    else:
        desk.shot(length, gain=desk.between(0.4, 1.0))
    climbs, at = desk.chance(0.5), start + 0.3
    x, height = float(desk.rng.choice([0.3, 0.5, 0.7])), desk.between(0.055, 0.085)
    while at < start + length - 2:
        if climbs:
            credit(desk, at, min(9.0, start + length - at), height, (0.5, 1.1), rise=0.15)
            at += desk.between(1.4, 2.0)
        else:
            credit(desk, at, 2.4, height, (x, 0.5))
            at += 2.5
    source = desk.series.theme if desk.chance(0.4) else int(desk.rng.choice(desk.series.beds))
    desk.music(start, length, source, desk.between(-3, 3), desk.between(0, 30))
    desk.now = start + length


def _next_time(desk: Desk, length: float) -> None:
    words = str(desk.rng.choice(wording.NEXT_SHOWN)).format(title=desk.series.title)
    desk.text(desk.now + 0.2, desk.between(2, 4), tuple(desk.series.cased(words).split("\n")),
              desk.between(0.1, 0.18), colour=desk.series.colour, kind="next")  # fmt: skip
    start, end = desk.now, desk.now + length
    while desk.now < end - 1e-6:
        step = min(desk.between(*desk.series.recap_shot_s), end - desk.now)
        if end - desk.now - step < 0.8:
            step = end - desk.now
        desk.shot(step)
        desk.line(desk.now, step * 0.9, cut=True)
        desk.now += step
    desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-8, 0))


def _narrated(desk: Desk, start: float, length: float) -> None:
    """A voice like the one that opens a recap, anywhere in the scene or at its beginning."""
    desk.notes.append("narration")
    source = int(desk.rng.choice(desk.series.narrations))
    said = min(length, desk.library.sources[source].count / 16_000)
    at = desk.between(0, 1) if desk.chance(0.5) else desk.between(0, max(0.1, length - said))
    desk.timeline.sounds.append(Piece(start + at, said, source, gain_db=desk.between(-4, 2)))


def _kind(desk: Desk) -> str:
    draw, total = desk.rng.random(), 0.0
    for kind, p in KINDS.items():
        total += p
        if draw < total:
            return kind
    return "talk"


def _flash(desk: Desk) -> bool:
    return desk.series.flashes and desk.chance(0.06)


def _setups(desk: Desk, count: int) -> list[Setup]:
    group = int(desk.rng.integers(len(desk.series.worlds)))
    made = [desk.setup(group) for _ in range(count)]
    desk.used += made
    return made


def _cut(desk: Desk, end: float, setups: list[Setup], low: float, high: float,
         **how: object) -> None:  # fmt: skip
    """Shots that go from one set-up to another and back, each going on where it was left."""
    start, now, seen = desk.now, desk.now, 0
    while now < end - 1e-6:
        length = float(min(max(desk.rng.gamma(2.2, 2.6), low), high))
        if end - now - length < 0.8:
            length = end - now
        source, in_s, first, last, mirror = setups[seen]
        desk.now = now
        setup = (source, in_s + now - start, first, last, mirror)
        desk.shot(length, setup, flash=_flash(desk), **how)
        now += length
        seen = (
            (seen + 1) % len(setups) if desk.chance(0.85) else int(desk.rng.integers(len(setups)))
        )
    desk.now = end


def _talk(desk: Desk, length: float) -> None:
    start, end = desk.now, desk.now + length
    _cut(desk, end, _setups(desk, int(desk.rng.integers(1, 5))), 1.5, 15.0)
    if desk.chance(0.85):
        _dialogue(desk, start, end, desk.between(0.2, 2.5))
    if desk.chance(0.45):
        desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-20, -6),
                   desk.between(0, 40))  # fmt: skip
    _ambience(desk, start, length)


def _dialogue(desk: Desk, start: float, end: float, gap: float) -> None:
    at = start + desk.between(0.1, 2)
    while at < end - 0.8:
        length = desk.line(at, min(12.0, end - at))
        if desk.series.subtitles:
            desk.text(at, max(0.5, length), (wording.subtitle(desk.rng, desk.words),), 0.075,
                      desk.series.small_font, at=(0.5, 0.89), fade_s=0,
                      kind="subtitle")  # fmt: skip
        at += length + float(desk.rng.exponential(gap))


def _ambience(desk: Desk, start: float, length: float) -> None:
    if desk.chance(0.45):
        source = -1
        if desk.series.ambience and desk.chance(0.5):
            source = int(desk.rng.choice(desk.series.ambience))
        desk.timeline.sounds.append(
            Piece(start, length, source, 0.0, desk.between(-24, -8), 0.5, 0.5, loop=True)
        )


def _montage(desk: Desk, length: float) -> None:
    """Short shots from everywhere with music at full level: neither words nor voices."""
    start, end = desk.now, desk.now + length
    dissolves = desk.chance(0.3)
    while desk.now < end - 1e-6:
        step = desk.between(1.0, 3.2)
        if end - desk.now - step < 0.8:
            step = end - desk.now
        dissolve = desk.between(0.3, 0.8) if dissolves and desk.chance(0.7) else 0.0
        desk.shot(step, dissolve_s=dissolve, flash=_flash(desk))
        desk.now += step
    desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-4, 2),
               desk.between(0, 40))  # fmt: skip


def _song(desk: Desk, length: float) -> None:
    start = desk.now
    _cut(desk, start + length, _setups(desk, 3), 2.0, 9.0)
    desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-5, 2),
               desk.between(0, 40), cold=desk.chance(0.3))  # fmt: skip
    if desk.chance(0.25):
        _dialogue(desk, start, start + length, 4.0)


def _action(desk: Desk, length: float) -> None:
    """Cuts each second, in one place, with noise and shouts."""
    start, end = desk.now, desk.now + length
    setups, seen = _setups(desk, 5), 0
    while desk.now < end - 1e-6:
        step = desk.between(0.6, 1.8)
        if end - desk.now - step < 0.6:
            step = end - desk.now
        source, in_s, *rest = setups[seen % 5]
        desk.shot(step, (source, in_s + desk.now - start, *rest), flash=_flash(desk))  # type: ignore[arg-type]
        seen += int(desk.rng.integers(1, 4))
        desk.now += step
    desk.timeline.sounds.append(Piece(start, length, -1, 0, desk.between(-6, 4), 0.3, 0.3))
    _dialogue(desk, start, end, 2.5)
    if desk.chance(0.5):
        desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-10, -2),
                   desk.between(0, 40))  # fmt: skip


def _flashback(desk: Desk, length: float) -> None:
    start = desk.now
    grey = desk.between(0, 0.5)
    _cut(desk, start + length, _setups(desk, 3), 1.2, 8.0, saturation=grey, vignette=True)
    _dialogue(desk, start, start + length, 1.5)
    if desk.chance(0.6):
        desk.music(start, length, int(desk.rng.choice(desk.series.beds)), desk.between(-14, -4),
                   desk.between(0, 40))  # fmt: skip


def _wait(desk: Desk, length: float) -> None:
    """Silence, one or two long shots."""
    _cut(desk, desk.now + length, _setups(desk, 2), 6.0, 20.0)
    _ambience(desk, desk.now - length, length)


def _names(desk: Desk, start: float, length: float) -> None:
    """Credits over the first scene: still content."""
    desk.notes.append("credits in content")
    at = start + desk.between(1, 4)
    x, y = float(desk.rng.choice([0.08, 0.5, 0.92])), float(desk.rng.choice([0.78, 0.85, 0.5]))
    while at < start + length - 3:
        step = desk.between(2.5, 4.0)
        credit(desk, at, step, desk.between(0.06, 0.1), (x, y))
        at += step + desk.between(0.3, 3.5)


def _caption(desk: Desk, start: float, length: float) -> None:
    """A place, a time, a message or a headline; "Three days earlier" on black."""
    desk.notes.append("caption")
    at, show = start + desk.between(0, 3), min(desk.between(2, 4), length - 0.5)
    if desk.chance(0.3):
        words = str(desk.rng.choice(wording.MESSAGES))
        desk.text(at, show, (words,), desk.between(0.09, 0.16), desk.series.small_font,
                  at=(desk.between(0.3, 0.7), desk.between(0.3, 0.7)), box=True,
                  kind="message")  # fmt: skip
        return
    words = desk.series.cased(str(desk.rng.choice(wording.CAPTIONS[desk.words])))
    if desk.chance(0.35):  # alone on black, before the scene is seen
        desk.timeline.shots.append(TimelineShot(start, start + show, colour=(0, 0, 0)))
        desk.text(start, show, (words,), desk.between(0.12, 0.2), kind="caption")
        return
    left = desk.chance(0.6)
    desk.text(at, show, (words,), desk.between(0.08, 0.12), desk.series.small_font,
              at=(0.07 if left else 0.5, 0.84), align="left" if left else "center",
              kind="caption")  # fmt: skip
