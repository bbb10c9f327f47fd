"""The shots between, without a field to register: a player from near, supporters in the stand."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.capture.rendered.crowd import crowd_rows, stand_texture
from edge.capture.rendered.people import (
    PHASES,
    Bgr,
    Figure,
    Kit,
    figures,
    paste,
    rounded,
    scaled,
)
from edge.types import ImageArray


class CloseUp:
    """One player from the knees up before blurred grass or a blurred stand."""

    def __init__(
        self, size: tuple[int, int], kit: Kit, teams: Sequence[Bgr], rng: np.random.Generator
    ) -> None:
        width, height = size
        self._height = height
        drawn = figures(kit, int(rng.integers(9)), round(0.7 * height))
        large = [scaled(figure, round(1.45 * height)) for figure in drawn]
        self._poses = [Figure(rounded(f.colour, f.alpha, 0.035 * height), f.alpha) for f in large]
        self._runs = bool(rng.random() < 0.6)
        self._x = rng.uniform(0.35, 0.65) * width
        wide = (round(1.5 * width), height)
        if rng.random() < 0.5:
            back = stand_texture(14, 8, width / 22, teams, rng)
            back = np.asarray(cv2.resize(back, wide, interpolation=cv2.INTER_LINEAR), np.uint8)
        else:
            back = np.full((height, wide[0], 3), (44, 112, 66), np.uint8)
            tone = rng.normal(0, 14, (9, 16)).astype(np.float32)
            tone = cv2.resize(tone, wide, interpolation=cv2.INTER_CUBIC)[..., None]
            back = np.clip(back + tone, 0, 255).astype(np.uint8)
        blur = max(3, width // 40) | 1
        self._back: ImageArray = np.asarray(cv2.GaussianBlur(back, (blur, blur), 0), np.uint8)

    def draw(self, picture: ImageArray, time_s: float) -> None:
        """Paint the shot as it is `time_s` after its beginning."""
        width = picture.shape[1]
        room = self._back.shape[1] - width
        offset = int(np.clip(room * (0.15 + 0.16 * time_s), 0, room)) if self._runs else room // 3
        np.copyto(picture, self._back[:, offset : offset + width])
        pose = (
            self._poses[1 + int(time_s * 1.4 * PHASES) % PHASES] if self._runs else self._poses[0]
        )
        bob = 0.015 * np.sin(2 * np.pi * 2.8 * time_s) if self._runs else 0.006 * np.sin(2 * time_s)
        drift = 0.02 * width * np.sin(0.9 * time_s)
        paste(picture, pose, (self._x + drift, (1.42 + bob) * self._height))


class CrowdShot:
    """Rows of supporters, each bobbing in its own time."""

    def __init__(
        self, size: tuple[int, int], teams: Sequence[Bgr], rng: np.random.Generator
    ) -> None:
        width, height = size
        self._size = size
        self._rows = crowd_rows(round(1.12 * width), teams, rng)
        self._beat = rng.uniform(0, 2 * np.pi, (len(self._rows), 2))
        self._jump = rng.uniform(0.01, 0.03) * height

    def draw(self, picture: ImageArray, time_s: float) -> None:
        """Paint the shot as it is `time_s` after its beginning."""
        width, height = self._size
        picture[:] = (40, 36, 34)
        for number, (row, mask) in enumerate(self._rows):
            tall = row.shape[0]
            sway, bounce = self._beat[number]
            jump = self._jump * np.sin(7 * time_s + bounce)
            top = round(height * (0.16 * number - 0.06) - 0.25 * tall + jump)
            left = round((row.shape[1] - width) * (0.5 + 0.4 * np.sin(0.5 * time_s + 0.3 * sway)))
            first, last = max(0, -top), min(tall, height - top)
            if last > first:
                cut = (slice(first, last), slice(left, left + width))
                cv2.copyTo(row[cut], mask[cut], picture[top + first : top + last])
