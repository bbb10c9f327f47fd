"""An intro: opening titles in the series' style, with its theme."""

from __future__ import annotations

from dataclasses import replace

from models.segments.parts import Desk, credit, title


def intro(desk: Desk, length_s: float) -> None:
    """Pictures in the series' style, credits or only the title, the theme."""
    series, start = desk.series, desk.now
    end = start + length_s
    {"footage": _footage, "plain": _plain, "texture": _texture, "title": _title, "late": _late,
     "panels": _panels, "crawl": _crawl}[series.intro_style](desk, start, end)  # fmt: skip
    desk.now = end
    if not series.intro_silent:
        desk.music(start, length_s, series.theme, desk.between(1, 3), series.theme_in_s,
                   cold=desk.chance(0.4))  # fmt: skip
    if series.intro_speech:
        at = start + desk.between(0.5, 3)
        while at < end - 1:
            at += desk.line(at, min(6.0, end - at)) + desk.between(0.3, 3)
    if desk.chance(0.5):
        desk.black(end - 0.1, desk.between(0.1, 0.5), desk.between(0.2, 0.6))


def _cards(desk: Desk, start: float, end: float, height: float | None = None) -> None:
    at = start + desk.between(0.3, 1.5)
    while at < end - 1.2:
        length = min(desk.between(1.3, 4.0), end - at)
        credit(desk, at, length - 0.15, height or desk.series.credit_height)
        at += length + (0.0 if desk.chance(0.6) else desk.between(0.2, 1.2))


def _shots(desk: Desk, end: float, low: float = 1.5, high: float = 5.0) -> None:
    while desk.now < end - 1e-6:
        length = desk.between(low, high)
        if end - desk.now - length < 1:
            length = end - desk.now
        desk.shot(length, dissolve_s=0.5 if desk.chance(0.25) else 0.0)
        desk.now += length


def _last(desk: Desk, start: float, end: float) -> float:
    """Where the title's own time begins."""
    return max(start, end - min(desk.between(2.0, 5.0), 0.4 * (end - start)))


def _words(desk: Desk, start: float, end: float, height: float) -> None:
    """Credits, and the title after or before them."""
    last = _last(desk, start, end)
    if desk.series.title_first:
        title(desk, start + 0.3, end - last)
        _cards(desk, start + end - last, end, height)
        return
    _cards(desk, start, last, height)
    title(desk, last, end - last)


def _footage(desk: Desk, start: float, end: float) -> None:
    _shots(desk, end)
    _words(desk, start, end, desk.series.credit_height)


def _plain(desk: Desk, start: float, end: float) -> None:
    desk.plain(end - start, desk.series.ground)
    _words(desk, start, end, desk.series.credit_height * 1.3)


def _texture(desk: Desk, start: float, end: float) -> None:
    plates = desk.series.plates
    if plates:
        zoom = desk.between(1.1, 1.5)
        view = (desk.between(0.4, 0.6), 0.5, zoom)
        plate = int(desk.rng.choice(plates))
        desk.shot(end - start, (plate, 0.0, view, (0.5, 0.5, zoom * 1.3), False),
                  gain=desk.between(0.25, 0.6))  # fmt: skip
    else:
        desk.shot(end - start, gain=0.3)
    _words(desk, start, end, desk.series.credit_height * 1.2)


def _title(desk: Desk, start: float, end: float) -> None:
    ground = desk.rng.random()
    if ground < 0.5:
        desk.plain(end - start, desk.series.ground)
    elif ground < 0.8 and desk.series.plates:
        ground_of = (int(desk.series.plates[0]), 0.0, (0.5, 0.5, 1.1), (0.5, 0.5, 1.3), False)
        desk.shot(end - start, ground_of,
                  gain=0.6)  # fmt: skip
    else:
        desk.shot(end - start)
    title(desk, start + desk.between(0.1, 1.0), end - start - 0.3)


def _late(desk: Desk, start: float, end: float) -> None:
    _shots(desk, end, 1.2, 4.0)
    last = max(start, end - desk.between(3.0, 4.0))
    title(desk, last, end - last)


def _panels(desk: Desk, start: float, end: float) -> None:
    last = _last(desk, start, end)
    desk.plain(last - start, desk.series.ground)
    at, side = start, 0
    while at < last - 0.5:
        length = min(desk.between(1.8, 4.0), last - at)
        for k in range(int(desk.rng.integers(2, 4))):
            desk.now = at + 0.3 * k
            desk.shot(
                max(0.3, length - 0.3 * k), place=(0.03 + 0.33 * ((k + side) % 3), 0.12, 0.3, 0.76)
            )
        desk.now = at
        at, side = at + length, side + 1
    desk.now = last
    desk.plain(end - last, desk.series.ground)
    _cards(desk, start, last)
    title(desk, last, end - last)


def _crawl(desk: Desk, start: float, end: float) -> None:
    last = _last(desk, start, end)
    desk.shot(end - start, gain=0.35)
    before = len(desk.timeline.texts)
    at = start
    while at < last - 2:
        credit(desk, at, 8.0, 0.1, (0.5, 1.1))
        at += desk.between(1.6, 2.4)
    for i in range(before, len(desk.timeline.texts)):
        text = desk.timeline.texts[i]
        desk.timeline.texts[i] = replace(
            text, rise=0.18, end_s=min(text.end_s, last), align="center"
        )
    title(desk, last, end - last)
