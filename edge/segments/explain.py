"""One picture of an answer: thumbnails, probabilities, cues, segments, on one line of time."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.part_file import write_new
from edge.segments.analysis import Analysis
from edge.segments.cues import LEVELS_HZ
from edge.segments.types import Label, Segment

WIDTH = 1600
_LEFT, _RIGHT = 96, 30
_BACK, _INK, _FAINT = (255, 255, 255), (40, 40, 40), (205, 205, 205)
_COLOURS = {Label.INTRO: (200, 110, 20), Label.RECAP: (40, 90, 215)}
"""BGR."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_THUMB = (128, 72)
_PLOT, _ROW, _GAP = 150, 20, 8
_LOUD = 44
_QUIETEST_DB = -66
_MOST_CLOSE_UPS = 4
_AROUND_S = 20.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)

Picture = NDArray[np.uint8]


def save_picture(analysis: Analysis, path: Path) -> None:
    """Draw an analysis into a PNG file, whole or not at all; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    good, data = cv2.imencode(".png", picture_of(analysis))
    if not good:
        raise OSError(f"{path}: the picture could not be encoded")
    write_new(path, data.tobytes())


def picture_of(analysis: Analysis) -> Picture:
    """Draw the whole programme, then the surroundings of each segment: (h, 1600, 3) BGR."""
    panels = [_head(analysis), _panel(analysis, 0.0, max(analysis.duration_s, 1.0), "whole")]
    for segment in (analysis.segments or analysis.candidates)[:_MOST_CLOSE_UPS]:
        start_s = max(0.0, segment.start_s - _AROUND_S)
        end_s = min(max(analysis.duration_s, 1.0), segment.end_s + _AROUND_S)
        panels.append(_panel(analysis, start_s, end_s, segment.label.text))
    return np.concatenate(panels)


def _head(analysis: Analysis) -> Picture:
    marked = ", ".join(_said(s) for s in analysis.segments) or "nothing"
    looked = "" if analysis.window_s is None else f", first {_clock(analysis.window_s)}"
    how = (
        "named by the file's own chapters"
        if analysis.source == "chapters"
        else f"{analysis.bundle}, {analysis.mode}{looked}"
    )
    unsure = [s for s in analysis.candidates if not _is_marked(analysis, s)]
    lines = [
        (f"{Path(analysis.path).name}   {_clock(analysis.duration_s)}   {how}", 0.62),
        (f"marked: {marked}", 0.55),
        *([(f"too unsure to mark: {', '.join(map(_said, unsure))}", 0.5)] if unsure else []),
        *((f"note: {w}", 0.5) for w in analysis.warnings[:3]),
    ]
    image = _blank(14 + 26 * len(lines))
    for n, (text, size) in enumerate(lines):
        _write(image, text, (14, 28 + 26 * n), size)
    return image


def _panel(analysis: Analysis, start_s: float, end_s: float, name: str) -> Picture:
    """Draw one stretch: thumbnails, probabilities with the segments, cues, time."""
    has_strip = len(analysis.strip) > 0
    top = _GAP + (_THUMB[1] + _GAP if has_strip else 0)
    rows = 4 if analysis.chapters else 3
    below = top + _PLOT + 4 + rows * _ROW
    image = _blank(below + _LOUD + 42)
    axis = _Axis(start_s, end_s)
    _write(image, name, (10, top + 18), 0.5)
    if has_strip:
        _draw_strip(image, analysis, axis)
    _draw_probabilities(image, analysis, axis, top)
    _draw_cues(image, analysis, axis, top + _PLOT + 4)
    if analysis.chapters:
        _draw_chapters(image, analysis, axis, top + _PLOT + 4 + 3 * _ROW)
    _draw_loudness(image, analysis, axis, below)
    _draw_time(image, axis, top, below + _LOUD)
    return image


class _Axis:
    """Seconds to columns."""

    def __init__(self, start_s: float, end_s: float) -> None:
        self.start_s, self.end_s = start_s, max(end_s, start_s + 1e-3)
        self.scale = (WIDTH - _LEFT - _RIGHT) / (self.end_s - self.start_s)

    def x(self, time_s: float) -> int:
        """The column of a time, within the plot."""
        inside = min(max(time_s, self.start_s), self.end_s)
        return _LEFT + round((inside - self.start_s) * self.scale)

    def holds(self, start_s: float, end_s: float | None = None) -> bool:
        """Whether a time or a stretch is to be seen."""
        return start_s <= self.end_s and (start_s if end_s is None else end_s) >= self.start_s


def _draw_strip(image: Picture, analysis: Analysis, axis: _Axis) -> None:
    """As many thumbnails as have room, each beginning at its time."""
    width, height = _THUMB
    free_from = _LEFT
    for time_s, thumb in zip(analysis.strip_s.tolist(), analysis.strip, strict=True):
        x = axis.x(time_s)
        if not axis.holds(time_s) or x < free_from or x + width > WIDTH - 4:
            continue
        shown = cv2.resize(thumb[..., ::-1], _THUMB, interpolation=cv2.INTER_LINEAR)
        image[_GAP : _GAP + height, x : x + width] = shown
        cv2.line(image, (x, _GAP), (x, _GAP + height), _INK, 1)
        free_from = x + width + 4


def _draw_probabilities(image: Picture, analysis: Analysis, axis: _Axis, top: int) -> None:
    bottom = top + _PLOT
    for segment in analysis.segments:
        if axis.holds(segment.start_s, segment.end_s):
            _shade(image, segment, axis, top, bottom)
    for share in (0.0, 0.5, 1.0):
        y = round(bottom - share * (_PLOT - 22))
        cv2.line(image, (_LEFT, y), (WIDTH - _RIGHT, y), _FAINT, 1)
        _write(image, f"{share:g}", (_LEFT - 32, y + 5), 0.42)
    for n, (label, colour) in enumerate(_COLOURS.items()):
        _write(image, label.text, (10, top + 48 + 20 * n), 0.5, colour)
        if analysis.marginals is not None and len(analysis.marginals):
            middles = np.arange(len(analysis.marginals)) + 0.5
            seen = (middles >= axis.start_s - 1) & (middles <= axis.end_s + 1)
            points = [
                (axis.x(t), round(bottom - p * (_PLOT - 22)))
                for t, p in zip(
                    middles[seen].tolist(), analysis.marginals[seen, label].tolist(), strict=True
                )
            ]
            cv2.polylines(image, [np.array(points, np.int32)], False, colour, 2, cv2.LINE_AA)
    if analysis.marginals is None:
        _write(image, "no model was asked", (_LEFT + 10, bottom - 50), 0.5)
    for segment in analysis.segments:
        for time_s in (segment.start_s, segment.end_s):
            if axis.holds(time_s):
                x = axis.x(time_s)
                cv2.line(image, (x, top), (x, bottom + 4 + 3 * _ROW), _COLOURS[segment.label], 1)


def _shade(image: Picture, segment: Segment, axis: _Axis, top: int, bottom: int) -> None:
    colour = np.array(_COLOURS[segment.label])
    x0, x1 = axis.x(segment.start_s), max(axis.x(segment.end_s), axis.x(segment.start_s) + 2)
    area = image[top:bottom, x0:x1]
    area[:] = np.clip(0.82 * area + 0.18 * colour, 0, 255).astype(np.uint8)
    text = f"{segment.label.text} {segment.probability:.2f}"
    wide = f"{text}  {_clock(segment.start_s, 1)} - {_clock(segment.end_s, 1)}"
    for said in (wide, text):
        if _width(said, 0.46) < x1 - x0 - 6 or said is text:
            x = min(x0 + 5, WIDTH - _RIGHT - _width(said, 0.46))
            _write(image, said, (x, top + 15), 0.46)
            return


def _draw_cues(image: Picture, analysis: Analysis, axis: _Axis, top: int) -> None:
    cues = analysis.cues
    for n, (name, spans) in enumerate((("black", cues.black_s), ("silence", cues.silence_s))):
        y = top + (n + 1) * _ROW
        _write(image, name, (10, y + 14), 0.45)
        for start_s, end_s in spans.tolist():
            if axis.holds(start_s, end_s):
                x0, x1 = axis.x(start_s), max(axis.x(end_s), axis.x(start_s) + 2)
                image[y + 4 : y + _ROW - 3, x0:x1] = _INK if name == "black" else (150, 130, 60)
    _write(image, "cuts", (10, top + 14), 0.45)
    for cut_s in cues.cuts_s.tolist():
        if axis.holds(cut_s):
            cv2.line(image, (axis.x(cut_s), top + 4), (axis.x(cut_s), top + _ROW - 4), _INK, 1)


def _draw_chapters(image: Picture, analysis: Analysis, axis: _Axis, top: int) -> None:
    _write(image, "chapters", (10, top + 14), 0.45)
    for chapter in analysis.chapters:
        if not axis.holds(chapter.start_s, chapter.end_s):
            continue
        x0, x1 = axis.x(chapter.start_s), axis.x(chapter.end_s)
        cv2.rectangle(image, (x0, top + 2), (x1, top + _ROW - 2), _FAINT, 1)
        if _width(chapter.title, 0.4) < x1 - x0 - 6:
            _write(image, chapter.title, (x0 + 4, top + 14), 0.4)


def _draw_loudness(image: Picture, analysis: Analysis, axis: _Axis, top: int) -> None:
    """The loudest of each column, from -66 dB up to full scale."""
    _write(image, "loudness", (10, top + _LOUD // 2 + 5), 0.45)
    levels = analysis.levels_db
    columns = np.arange(_LEFT, WIDTH - _RIGHT + 1)
    edges = axis.start_s + (columns - _LEFT) / axis.scale
    places = np.clip((edges * LEVELS_HZ).astype(int), 0, len(levels))
    for x, a, b in zip(columns.tolist(), places[:-1].tolist(), places[1:].tolist(), strict=False):
        if a < len(levels):
            loudest = int(levels[a : max(b, a + 1)].max())
            height = round((_LOUD - 6) * max(0.0, 1 - loudest / _QUIETEST_DB))
            image[top + _LOUD - height : top + _LOUD, x] = (170, 150, 90)


def _draw_time(image: Picture, axis: _Axis, top: int, bottom: int) -> None:
    length_s = axis.end_s - axis.start_s
    step_s = next((s for s in _STEPS_S if length_s / s <= 16), length_s / 8)
    time_s = np.ceil(axis.start_s / step_s) * step_s
    while time_s <= axis.end_s:
        x = axis.x(time_s)
        cv2.line(image, (x, bottom), (x, bottom + 6), _INK, 1)
        text = _clock(time_s)
        _write(image, text, (min(x, WIDTH - _RIGHT) - _width(text, 0.42) // 2, bottom + 22), 0.42)
        time_s += step_s
    cv2.line(image, (_LEFT, bottom), (WIDTH - _RIGHT, bottom), _INK, 1)
    cv2.rectangle(image, (_LEFT, top), (WIDTH - _RIGHT, bottom), _FAINT, 1)


def _is_marked(analysis: Analysis, candidate: Segment) -> bool:
    return any(
        s.label is candidate.label and s.start_s < candidate.end_s and candidate.start_s < s.end_s
        for s in analysis.segments
    )


def _said(segment: Segment) -> str:
    times = f"{_clock(segment.start_s, 1)} - {_clock(segment.end_s, 1)}"
    return f"{segment.label.text} {times} ({segment.probability:.2f})"


def _blank(height: int) -> Picture:
    return np.full((height, WIDTH, 3), _BACK, np.uint8)


def _write(
    image: Picture, text: str, at: tuple[int, int], size: float, colour: Sequence[int] = _INK
) -> None:
    cv2.putText(image, _ascii(text), at, _FONT, size, tuple(colour), 1, cv2.LINE_AA)


def _width(text: str, size: float) -> int:
    measured: Any = cv2.getTextSize(_ascii(text), _FONT, size, 1)
    return int(measured[0][0])


def _ascii(text: str) -> str:
    """OpenCV's letters are ASCII: accents are dropped, the rest becomes a question mark."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    return kept.encode("ascii", "replace").decode()


def _clock(seconds: float, digits: int = 0) -> str:
    tenths = round(seconds * 10**digits)
    whole, rest = divmod(tenths, 10**digits)
    text = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest}" if digits else text
