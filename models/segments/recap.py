"""A recap: scenes of the series' world, told again in haste."""

from __future__ import annotations

from models.segments import wording
from models.segments.parts import Desk
from models.segments.timeline import Piece


def recap(desk: Desk, length_s: float) -> None:
    """Short shots from all over the pool, clipped dialogue, perhaps words, a voice and a bed."""
    series, start = desk.series, desk.now
    end = start + length_s
    _words(desk)
    if series.recap_voice >= 0:
        said = desk.library.sources[series.recap_voice].count / 16_000
        desk.timeline.sounds.append(
            Piece(start + desk.between(0.1, 0.8), said, series.recap_voice, gain_db=1.5)
        )
    group, room = 0, desk.chance(0.5)
    while desk.now < end - 0.4:
        length = min(desk.between(*series.recap_shot_s), end - desk.now)
        if end - desk.now - length < 0.6:
            length = end - desk.now
        if desk.used and desk.chance(0.5):
            setup = desk.used[int(desk.rng.integers(len(desk.used)))]
            setup = (setup[0], setup[1] + desk.between(-2, 2), *setup[2:])
        else:
            group = (group + int(desk.rng.integers(1, 3))) % len(series.worlds)
            setup = desk.setup(group)
        dissolve = desk.between(0.3, 0.8) if series.recap_dissolves and desk.chance(0.7) else 0.0
        flash = series.flashes and desk.chance(0.2)
        desk.shot(length, setup, saturation=series.recap_grey, dissolve_s=dissolve,
                  flash=flash, vignette=series.recap_grey < 0.6)  # fmt: skip
        quiet = series.recap_voice >= 0 and desk.now - start < 2.5
        if desk.chance(0.8) and not quiet:
            at = desk.now + desk.between(0, 0.3)
            desk.line(at, max(0.5, min(length * desk.between(0.7, 1.2), end - at)), cut=True)
        if room and desk.chance(0.7):  # each scene brings its own room along
            desk.timeline.sounds.append(
                Piece(desk.now, length, -1, 0.0, desk.between(-24, -8), 0.01, 0.01)
            )
        if series.subtitles and desk.chance(0.7):
            words = (wording.subtitle(desk.rng, desk.words),)
            desk.text(desk.now + 0.1, max(0.3, length - 0.2), words,
                      0.075, series.small_font, at=(0.5, 0.89), fade_s=0,
                      kind="subtitle")  # fmt: skip
        desk.now += length
    desk.now = end
    if series.recap_bed >= 0:
        desk.music(start, length_s, series.recap_bed, desk.between(-9, -1),
                   desk.between(0, 30), cold=desk.chance(0.4))  # fmt: skip
    if desk.chance(0.4):
        desk.black(end - 0.1, desk.between(0.1, 0.6), 0.3)


def _words(desk: Desk) -> None:
    """Write "Previously on ..." as the series does."""
    series, how = desk.series, desk.series.recap_text
    if how == "none":
        return
    shown = wording.FAR_RECAP_SHOWN if series.split == "far" else wording.RECAP_SHOWN
    pick = shown[sum(map(ord, series.title)) % len(shown)]
    words = tuple(series.cased(w) for w in pick.format(title=f"\n{series.title}").split("\n"))
    words = tuple(w.strip() for w in words if w.strip())
    length = desk.between(2.0, 4.0)
    if how == "black":
        desk.plain(length, series.ground if sum(series.ground) < 90 else (0, 0, 0))
        desk.text(
            desk.now + 0.1,
            length - 0.2,
            words,
            desk.between(0.12, 0.2),
            colour=series.colour,
            kind="recap",
        )
        desk.now += length
    elif how == "over":
        at = (0.5, 0.5) if desk.chance(0.6) else (0.5, 0.8)
        desk.text(desk.now + 0.3, length, words, desk.between(0.11, 0.18), at=at,
                  colour=series.colour, kind="recap")  # fmt: skip
    else:
        desk.text(desk.now + 0.3, desk.between(6, 25), words[:1], 0.075, at=(0.06, 0.12),
                  align="left", colour=series.colour, kind="recap")  # fmt: skip
