"""What a broadcaster lays over the picture: score, channel mark, and the wipe before a replay."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.capture.rendered.people import Bgr
from edge.types import ImageArray

_FONT = cv2.FONT_HERSHEY_DUPLEX


class Graphics:
    """Score bug and wipe of one broadcast, scaled to the picture."""

    def __init__(
        self, size: tuple[int, int], teams: Sequence[Bgr], rng: np.random.Generator
    ) -> None:
        self._size = size
        self._teams = teams
        self._unit = size[0] / 1280
        names = [
            str(n)
            for n in rng.choice(
                ["NOR", "HAL", "KES", "AUR", "TID", "MAR", "VEL", "PEL"], 2, replace=False
            )
        ]
        self._names = (names[0], names[1])
        self._score = f"{int(rng.integers(0, 4))}-{int(rng.integers(0, 3))}"
        self._clock_s = float(rng.integers(60, 5000))
        self._bug: ImageArray | None = None
        self._shown = -1

    def draw_score(self, picture: ImageArray, time_s: float) -> None:
        """Lay the score and clock over the top left, the channel's mark over the top right."""
        second = int(self._clock_s + time_s)
        if self._bug is None or second != self._shown:
            self._bug, self._shown = self._make_bug(second), second
        top, left = round(36 * self._unit), round(60 * self._unit)
        part = picture[top : top + self._bug.shape[0], left : left + self._bug.shape[1]]
        bug = self._bug[: part.shape[0], : part.shape[1]]
        cv2.addWeighted(bug, 0.92, part, 0.08, 0, dst=part)
        self._draw_mark(picture)

    def draw_wipe(self, picture: ImageArray, progress: float) -> None:
        """Sweep a slanted band in the home team's colours across, `progress` 0..1."""
        width, height = self._size
        middle = (-0.9 + 2.8 * progress) * width
        slant = 0.35 * height
        stripes = ((0.55, self._teams[0]), (0.38, (235, 235, 235)), (0.33, (32, 30, 30)))
        for share, colour in stripes:
            x0, x1 = middle - share * width, middle + share * width
            polygon = np.array(
                [[x0 + slant, 0], [x1 + slant, 0], [x1 - slant, height], [x0 - slant, height]]
            )
            cv2.fillConvexPoly(
                picture, np.rint(polygon * 16).astype(np.int32), colour, cv2.LINE_AA, 4
            )
        at = (round(middle - 150 * self._unit), round(height / 2 + 20 * self._unit))
        cv2.putText(
            picture,
            "REPLAY",
            at,
            _FONT,
            2.4 * self._unit,
            (235, 235, 235),
            max(1, round(4 * self._unit)),
            cv2.LINE_AA,
        )

    def _draw_mark(self, picture: ImageArray) -> None:
        scale = 0.8 * self._unit
        at = (self._size[0] - round(170 * self._unit), round(64 * self._unit))
        (wide, tall), below = cv2.getTextSize("TL SPORT", _FONT, scale, 1)
        rows = slice(max(0, at[1] - tall - 2), at[1] + below)
        columns = slice(max(0, at[0] - 2), at[0] + wide + 2)
        part = picture[rows, columns]
        marked = part.copy()
        cv2.putText(
            marked,
            "TL SPORT",
            (2, part.shape[0] - below),
            _FONT,
            scale,
            (250, 250, 250),
            max(1, round(1.6 * self._unit)),
            cv2.LINE_AA,
        )
        cv2.addWeighted(marked, 0.6, part, 0.4, 0, dst=part)

    def _make_bug(self, second: int) -> ImageArray:
        unit = self._unit
        bug = np.empty((max(2, round(34 * unit)), max(8, round(310 * unit)), 3), np.uint8)
        bug[:] = (38, 28, 24)
        texts = (
            (6, f"{second // 60:02d}:{second % 60:02d}"),
            (98, self._names[0]),
            (166, self._score),
            (238, self._names[1]),
        )
        bug[:, round(158 * unit) : round(222 * unit)] = (215, 210, 205)
        for left, colour in ((84, self._teams[0]), (302, self._teams[1])):
            bug[:, round(left * unit) : round((left + 7) * unit)] = colour
        for left, text in texts:
            ink = (20, 20, 20) if left == 166 else (240, 240, 240)
            at = (round(left * unit), round(25 * unit))
            cv2.putText(
                bug, text, at, _FONT, 0.78 * unit, ink, max(1, round(1.4 * unit)), cv2.LINE_AA
            )
        return bug


class Lens:
    """What the camera itself adds: darker corners, grain, and the smear of a fast pan."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        width, height = size
        x = np.linspace(-1, 1, width)[None] ** 2
        y = np.linspace(-1, 1, height)[:, None] ** 2 * (height / width) ** 2
        fall = 255 * (1 - 0.17 * (x + y) ** 1.5)
        self._corners: ImageArray = np.repeat(fall.astype(np.uint8)[..., None], 3, axis=2)
        shape = (height + 64, width + 64, 3)
        self._grain: ImageArray = np.clip(rng.normal(3.5, 2.0, shape), 0, 12).astype(np.uint8)
        self._rng = rng

    def expose(self, picture: ImageArray, smear_px: float) -> None:
        """Finish `picture` in place; `smear_px` is how far it moved during the exposure."""
        smear = round(smear_px)
        if smear >= 2:
            cv2.blur(picture, (smear, 1), dst=picture)
        cv2.multiply(picture, self._corners, dst=picture, scale=1 / 255)
        height, width = picture.shape[:2]
        top, left = self._rng.integers(0, 64, 2)
        cv2.subtract(picture, self._grain[top : top + height, left : left + width], dst=picture)
