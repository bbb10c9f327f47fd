"""A timeline's pictures, at any time and size."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from edge.types import ImageArray
from models.segments.library import Library
from models.segments.timeline import ProgrammeTimeline, Text, TimelineShot

_OVERLAP_S = 40.0
"""Longest shot that may lie below another one."""


@lru_cache(maxsize=64)
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


class Painter:
    """Draws one timeline; `smooth` mixes pictures in time, for files of many frames a second."""

    def __init__(
        self,
        library: Library,
        timeline: ProgrammeTimeline,
        size: tuple[int, int],
        *,
        smooth: bool = False,
    ) -> None:
        self._library, self._timeline = library, timeline
        self._width, self._height = size
        self._read = library.between if smooth else library.picture
        self._starts = [s.start_s for s in timeline.shots]
        self._masks: dict[Text, tuple[int, int, NDArray[np.float32], NDArray[np.float32]]] = {}
        self._graded = _grade(timeline)
        y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
        self._vignette = np.clip(1.25 - 0.6 * (x**2 + y**2), 0, 1).astype(np.float32)[:, :, None]
        self._logo = self._sign()

    def picture(self, at_s: float) -> ImageArray:
        """(h, w, 3) RGB at a time of the file."""
        now = at_s + self._timeline.begin_s
        canvas = self._shots(now)
        canvas = self._framed(self._looked(canvas))
        for text in self._timeline.texts:
            if text.start_s <= now < text.end_s:
                self._write(canvas, text, now)
        if self._logo is not None:
            self._write(canvas, self._logo, now)
        level = self._timeline.level(now)
        if level < 1:
            canvas = np.asarray(canvas * np.float32(level), np.uint8)
        return self._copied(canvas)

    def _shots(self, now: float) -> ImageArray:
        last = bisect_right(self._starts, now)
        active = [
            i for i in range(max(0, last - 40), last)
            if self._timeline.shots[i].end_s > now > self._timeline.shots[i].start_s - _OVERLAP_S
        ]  # fmt: skip
        canvas = np.zeros((self._height, self._width, 3), np.uint8)
        for i in active:
            shot = self._timeline.shots[i]
            if not shot.whole:
                self._inset(canvas, shot, now)
                continue
            canvas = self._shot(shot, now, self._width, self._height)
            age = now - shot.start_s
            if age < shot.dissolve_s and i:
                before = self._shot(self._timeline.shots[i - 1], now, self._width, self._height)
                part = age / shot.dissolve_s
                canvas = np.asarray(cv2.addWeighted(canvas, part, before, 1 - part, 0), np.uint8)
        return canvas

    def _inset(self, canvas: ImageArray, shot: TimelineShot, now: float) -> None:
        x, y, w, h = shot.place
        left, top = round(x * self._width), round(y * self._height)
        wide, high = max(2, round(w * self._width)), max(2, round(h * self._height))
        part = canvas[top : top + high, left : left + wide]
        part[:] = self._shot(shot, now, wide, high)[: part.shape[0], : part.shape[1]]

    def _shot(self, shot: TimelineShot, now: float, width: int, height: int) -> ImageArray:
        if shot.source < 0:
            made = np.full((height, width, 3), shot.colour, np.uint8)
        else:
            age = now - shot.start_s
            speed = shot.speed * self._timeline.encoding.speed
            image = self._read(shot.source, max(0.0, shot.in_s + age * speed))
            made = _viewed(image, shot, age / max(1e-3, shot.end_s - shot.start_s), width, height)
        if shot.gain != 1:
            made = cv2.convertScaleAbs(made, alpha=shot.gain)
        if shot.saturation != 1:
            made = _saturated(made, shot.saturation)
        if shot.vignette and made.shape[:2] == self._vignette.shape[:2]:
            made = (made * self._vignette).astype(np.uint8)
        if shot.flash and now - shot.start_s < 0.4:
            part = 1 - (now - shot.start_s) / 0.4
            made = cv2.addWeighted(made, 1 - part, np.full_like(made, 255), part, 0)
        return np.asarray(made, np.uint8)

    def _looked(self, canvas: ImageArray) -> ImageArray:
        look = self._timeline.look
        if look.saturation != 1:
            canvas = _saturated(canvas, look.saturation)
        return np.asarray(cv2.LUT(canvas, self._graded), np.uint8)

    def _framed(self, canvas: ImageArray) -> ImageArray:
        look = self._timeline.look
        if look.pillarbox:
            side = round(look.pillarbox * self._width)
            inner = canvas[:, side : self._width - side].copy()
            canvas = np.zeros_like(canvas)
            canvas[:, side : self._width - side] = inner
        if look.letterbox:
            bar = round(look.letterbox * self._height)
            canvas = canvas.copy()
            canvas[:bar] = 0
            canvas[self._height - bar :] = 0
        return canvas

    def _copied(self, canvas: ImageArray) -> ImageArray:
        encoding = self._timeline.encoding
        if encoding.detail < 1:
            size = (round(self._width * encoding.detail), round(self._height * encoding.detail))
            small = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
            canvas = np.asarray(cv2.resize(small, (self._width, self._height)), np.uint8)
        if encoding.jpeg < 95:
            _, data = cv2.imencode(".jpg", canvas, (cv2.IMWRITE_JPEG_QUALITY, encoding.jpeg))
            canvas = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return canvas

    def _sign(self) -> Text | None:
        look = self._timeline.look
        if not look.logo:
            return None
        return Text(-1e9, 1e9, (look.logo,), look.logo_font, 0.07, (0.93, 0.09), fade_s=0)

    def _write(self, canvas: ImageArray, text: Text, now: float) -> None:
        if text not in self._masks:
            self._masks[text] = self._mask(text)
        left, top, ink, shade = self._masks[text]
        fade = 1.0
        if text.fade_s:
            fade = min(1.0, (now - text.start_s + 0.05) / text.fade_s,
                       (text.end_s - now + 0.05) / text.fade_s)  # fmt: skip
        top -= round(text.rise * (now - text.start_s) * self._height)
        y0, y1 = max(0, top), min(self._height, top + len(ink))
        x0, x1 = max(0, left), min(self._width, left + ink.shape[1])
        if y0 >= y1 or x0 >= x1:
            return
        cut = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        part = canvas[y0:y1, x0:x1].astype(np.float32)
        part *= 1 - shade[cut][:, :, None] * np.float32(fade)
        a = ink[cut][:, :, None] * np.float32(fade)
        part += (np.array(text.colour, np.float32) - part) * a
        canvas[y0:y1, x0:x1] = part.astype(np.uint8)

    def _mask(self, text: Text) -> tuple[int, int, NDArray[np.float32], NDArray[np.float32]]:
        size = max(7, round(text.height * self._height))
        words = "\n".join(text.lines)
        font_path = self._library.font(text.font)
        while True:
            face = _face(font_path, size)
            pad = 2 + size // 6
            probe = ImageDraw.Draw(Pillow.new("L", (1, 1)))
            box = probe.multiline_textbbox(
                (0, 0), words, font=face, align=text.align, spacing=size // 4
            )
            width, height = int(box[2] - box[0]) + 2 * pad, int(box[3] - box[1]) + 2 * pad
            if width <= self._width * 0.96 or size <= 7:
                break
            size -= 1
        image = Pillow.new("L", (width, height))
        ImageDraw.Draw(image).multiline_text(
            (pad - box[0], pad - box[1]), words, 255, font=face, align=text.align, spacing=size // 4
        )
        ink = np.asarray(image, np.float32) / np.float32(255)
        shade = np.zeros_like(ink)
        if text.box:
            shade += np.float32(0.65)
        elif text.shadow:
            wide = cv2.dilate(ink, np.ones((3, 3), np.uint8), iterations=max(1, size // 24))
            shade = np.asarray(
                cv2.GaussianBlur(wide, (0, 0), max(0.6, size / 24)) * 0.8, np.float32
            )
        x = text.at[0] * self._width
        left = {"center": x - width / 2, "left": x, "right": x - width}[text.align]
        return round(left), round(text.at[1] * self._height - height / 2), ink, shade


def _viewed(
    image: ImageArray, shot: TimelineShot, part: float, width: int, height: int
) -> ImageArray:
    """What of a source is seen, at the size of the screen."""
    a, b = np.array(shot.first), np.array(shot.last)
    cx, cy, zoom = a + (b - a) * part
    h, w = image.shape[:2]
    fit = min(w / width, h / height)
    cw, ch = width * fit / zoom, height * fit / zoom
    x = float(np.clip(cx * w - cw / 2, 0, w - cw))
    y = float(np.clip(cy * h - ch / 2, 0, h - ch))
    if abs(cw / width - 1) > 0.35 and width < 400:  # made much smaller: averaged, not sampled
        cut = image[int(y) : int(y) + max(2, int(ch)), int(x) : int(x) + max(2, int(cw))]
        made = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    else:
        scale = cw / width
        matrix = np.array([[scale, 0, x + (scale - 1) / 2], [0, scale, y + (scale - 1) / 2]])
        made = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE,
                              flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)  # fmt: skip
    return np.asarray(made[:, ::-1].copy() if shot.mirror else made, np.uint8)


def _saturated(image: ImageArray, amount: float) -> ImageArray:
    grey = np.array([0.299, 0.587, 0.114], np.float32)
    matrix = np.eye(3, dtype=np.float32) * amount + grey * np.float32(1 - amount)
    return np.asarray(cv2.transform(image, matrix), np.uint8)


def _grade(timeline: ProgrammeTimeline) -> NDArray[np.uint8]:
    """(1, 256, 3) table of the series' gamma, gains and lift."""
    look = timeline.look
    x = np.linspace(0, 1, 256)[None, :, None]
    y = look.lift + (1 - look.lift) * x**look.gamma * np.array(look.gains)
    return np.clip(y * 255, 0, 255).astype(np.uint8)
