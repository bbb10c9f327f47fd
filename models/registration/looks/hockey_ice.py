"""The ice of a rink: what is painted under it, and how skates, snow and its own depth fade that."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from models.registration import logos
from models.registration.cameras import Array
from models.registration.floors import Canvas, markings
from models.registration.strokes import random_colour
from models.registration.textures import fractal_noise

TONES_BGR = np.array(
    [
        [246, 243, 240],
        [238, 238, 238],
        [250, 240, 228],
        [240, 226, 208],
        [222, 220, 216],
        [226, 236, 240],
        [205, 200, 192],
    ]
)
"""White, grey, bluish, and yellowish under old lamps."""
REFEREE_CREASE_M = 3.0
"""NHL 1.7: 10 ft; IIHF 1.7: 3 m."""
SCRATCH_SIZE = (1024, 512)


def scratches(rng: np.random.Generator) -> NDArray[np.float32]:
    """(512, 1024) marks of skates, 0..1: long soft bows in bunches, and what was swept together."""
    w, h = SCRATCH_SIZE
    image = np.zeros((h, w), np.uint8)
    busy = rng.uniform(-0.1, 1.1, (6, 2)) * SCRATCH_SIZE
    for _ in range(int(rng.integers(150, 900))):
        start = rng.uniform(0, 1, 2) * SCRATCH_SIZE
        if rng.random() < 0.5:
            start = busy[rng.integers(6)] + rng.normal(0, 60, 2)
        angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.25)
        step = rng.uniform(2, 9)
        turns = angle + bend * np.arange(9)
        path = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1), 0) * step
        ink = int(rng.integers(20, 220))
        points = np.rint(path * 16).astype(np.int32)[:, None]
        cv2.polylines(image, [points], False, ink, 1, cv2.LINE_AA, 4)
    return image.astype(np.float32) / np.float32(255)


def paint(
    rng: np.random.Generator, field: Field, canvas: Canvas, marks: list[NDArray[np.float32]]
) -> None:
    """Paint a whole rink onto an empty canvas."""
    ice = TONES_BGR[rng.integers(len(TONES_BGR))] * rng.uniform(0.86, 1.06)
    ice = np.clip(ice * rng.uniform(0.97, 1.03, 3), 0, 255)
    canvas.image[:] = ice.astype(np.uint8)
    Ice(rng, field, canvas, ice).paint(marks)


class Ice:
    """The painter of one rink."""

    def __init__(self, rng: np.random.Generator, field: Field, canvas: Canvas, ice: Array) -> None:
        self.rng, self.field, self.canvas, self.ice = rng, field, canvas, ice
        self.club = np.array(random_colour(rng), float)
        """The home team's colour, in which logos and zones are often kept."""
        self.blue_x = abs(float(field.marking("right blue line").points_m[0, 0]))
        self.goal_x = abs(float(field.marking("right goal line").points_m[0, 0]))

    def paint(self, marks: list[NDArray[np.float32]]) -> None:
        """Zones, creases, logos and lines, then what ice and skates do to them."""
        rng = self.rng
        self._zones()
        self._regions()
        early = rng.random() < 0.5
        if early:
            self._adverts()
        over = rng.random() < 0.35  # the logo hides the circle
        if not over:
            self._centre()
        self._lines()
        if over:
            self._centre()
        self._centre_line()
        if not early:
            self._adverts()
        if rng.random() < 0.04:
            self._other_lines()
        self._fade(marks)

    def _towards_ice(self, colour: Array, share: float) -> Array:
        return colour + share * (self.ice - colour)

    def _zones(self) -> None:
        """Some rinks tint the neutral zone, the ends or a border."""
        rng, half = self.rng, self.field.width_m / 2 + 1
        if rng.random() > 0.07:
            return
        tint = self._towards_ice(np.array(random_colour(rng), float), rng.uniform(0.4, 0.9))
        x0, x1 = (
            (-self.blue_x, self.blue_x) if rng.random() < 0.5 else (self.goal_x, self.goal_x + 6)
        )
        for s in (-1, 1):
            corners = np.array([[x0, -half], [x1, -half], [x1, half], [x0, half]])
            self.canvas.area(corners * (s, 1), tint)

    def _regions(self) -> None:
        """Creases, and circles that sponsors fill."""
        rng = self.rng
        crease = np.array([rng.uniform(190, 250), rng.uniform(140, 215), rng.uniform(60, 180)])
        if rng.random() < 0.06:
            crease = np.array(random_colour(rng), float)
        empty = rng.random() < 0.08
        filled = rng.random() < 0.12
        tint = self._towards_ice(np.array(random_colour(rng), float), rng.uniform(0, 0.9))
        for region in self.field.regions:
            if region.colour == "crease" and not empty:
                self.canvas.area(region.polygon_m, crease)
            elif filled and region.colour != "crease" and region.name != "centre circle":
                self.canvas.area(region.polygon_m, tint)

    def _inks(self) -> dict[str, Array]:
        """Red and blue of any strength."""
        rng = self.rng
        red = np.array([rng.uniform(15, 95), rng.uniform(10, 75), rng.uniform(120, 225)])
        blue = np.array([rng.uniform(110, 215), rng.uniform(20, 115), rng.uniform(10, 85)])
        if rng.random() < 0.2:
            blue = np.array([rng.uniform(60, 120), rng.uniform(15, 60), rng.uniform(10, 40)])
        return {"red": red, "blue": blue}

    def _lines(self) -> None:
        """The rules' lines, some of which a hall leaves out, and the referee's crease."""
        rng, field = self.rng, self.field
        inks = self._inks()
        pale = rng.uniform(0, 0.4)
        inks = {k: self._towards_ice(v, pale) for k, v in inks.items()}
        missing = ["boards"]
        if rng.random() < (0.1 if field.name == "nhl" else 0.35):
            missing.append("trapezoid")
        if rng.random() < 0.08:
            missing.append(" L ")
        if rng.random() < 0.06:
            missing.append("hash")
        kept = [m for m in field.markings if not any(word in m.name for word in missing)]
        widen = rng.uniform(0.9, 1.3)
        some = type(field)(
            field.name,
            field.sport,
            field.length_m,
            field.width_m,
            field.runoff_m,
            tuple(kept),
            field.regions,
            field.grid,
            field.corner_radius_m,
        )
        markings(self.canvas, some, lambda colour: inks.get(colour, self.ice), widen)
        self._spots(inks["red"])
        if rng.random() < 0.75:
            side = rng.choice([-1, 1])
            turn = np.linspace(0, np.pi, 25)
            bow = np.stack([np.cos(turn), -np.sin(turn)], 1) * REFEREE_CREASE_M
            bow = (bow + np.array([0, field.width_m / 2])) * (1, side)
            self.canvas.stroke(bow, 0.05, inks["red" if rng.random() < 0.7 else "blue"])

    def _spots(self, red: Array) -> None:
        """The bar of ice through a spot, or a sponsor's larger disc about it."""
        rng = self.rng
        kind = rng.random()
        for marking in self.field.markings:
            if marking.kind != "spot" or marking.name == "centre spot":
                continue
            middle = (marking.points_m.min(0) + marking.points_m.max(0)) / 2
            if kind < 0.5:
                for s in (-1, 1):
                    bar = np.array([[-1, 0.22], [1, 0.22], [1, 0.3], [-1, 0.3]]) * (0.26, s)
                    self.canvas.area(middle + bar, self._towards_ice(red, 0.8))
            elif kind < 0.55:
                self.canvas.disc(middle, rng.uniform(0.3, 0.6), red)

    def _centre(self) -> None:
        """A logo in the middle of any size, with or without a ring and words around it."""
        rng, canvas = self.rng, self.canvas
        if rng.random() < 0.12:
            return
        radius = rng.uniform(1.8, 6.5)
        if rng.random() < 0.35:
            canvas.disc(np.zeros(2), radius, self._towards_ice(self.club, rng.uniform(0, 0.5)))
            if rng.random() < 0.7:
                inner = radius * rng.uniform(0.72, 0.97)
                fill = self.ice if rng.random() < 0.6 else self._towards_ice(np.full(3, 128.0), 0.6)
                canvas.disc(np.zeros(2), inner, fill)
        turned = float(rng.choice([0.0, np.pi], p=[0.85, 0.15]))
        opacity = rng.uniform(0.5, 1.0)
        size = (radius * rng.uniform(1.1, 1.9), radius * rng.uniform(0.6, 1.8))
        canvas.stamp(logos.logo(rng), np.zeros(2), size, turned, opacity)
        if rng.random() < 0.6:
            wide = radius * rng.uniform(1.0, 2.0)
            text = logos.word(rng, outline=random_colour(rng) if rng.random() < 0.5 else None)
            place = np.array([0.0, rng.normal(0, 0.3) * radius])
            canvas.stamp(text, place, (wide, wide * rng.uniform(0.2, 0.5)), turned, opacity)
        if rng.random() < 0.4:
            for s in (-1, 1):
                text, wide = logos.word(rng), radius * rng.uniform(0.8, 1.8)
                place = np.array([0.0, s * radius * rng.uniform(1.05, 1.3)])
                canvas.stamp(text, place, (wide, wide * 0.2), turned, opacity)

    def _centre_line(self) -> None:
        """The red line over the logo, with its pattern in the NHL."""
        rng, field = self.rng, self.field
        line = field.marking("centre line")
        red = self._inks()["red"]
        half = line.width_m / 2
        if rng.random() < 0.9:
            self.canvas.stroke(line.points_m, line.width_m, red)
        if rng.random() < (0.8 if field.name == "nhl" else 0.12):
            step, light = rng.uniform(0.18, 0.9), self._towards_ice(red, rng.uniform(0.5, 1.0))
            tall = step * rng.uniform(0.25, 0.6)
            two = rng.random() < 0.6
            for k, y in enumerate(np.arange(-field.width_m / 2, field.width_m / 2, step)):
                x0, x1 = ((-0.9, -0.05), (0.05, 0.9))[k % 2] if two else (-0.5, 0.5)
                x0, x1, top = x0 * half, x1 * half, y + tall
                corners = np.array([[x0, y], [x1, y], [x1, top], [x0, top]])
                self.canvas.area(corners, light)

    def _adverts(self) -> None:
        """Words and emblems in the neutral zone, before the goals, in corners, on blue lines."""
        rng = self.rng
        half = self.field.width_m / 2
        count = int(rng.choice([0, 3, 6, 12], p=[0.15, 0.25, 0.4, 0.2]))
        for _ in range(count):
            zone, side = rng.random(), rng.choice([-1, 1])
            if zone < 0.6:
                x = rng.uniform(1.5, self.blue_x - 0.5)
            elif zone < 0.85:
                x = rng.uniform(self.blue_x + 1, self.goal_x - 2)
            else:
                x = rng.uniform(self.goal_x - 1, self.goal_x + 3)
            y = rng.choice([-1, 1]) * rng.uniform(0.1, 0.85) * half
            turn = float(rng.choice([0, np.pi, np.pi / 2, -np.pi / 2], p=[0.7, 0.1, 0.1, 0.1]))
            turn += rng.normal(0, 0.35) if rng.random() < 0.3 else 0.0
            self._advert(np.array([side * x, y]), turn)
        if rng.random() < 0.12:
            self._on_blue_lines()

    def _advert(self, place: Array, turn: float) -> None:
        """One sponsor: a word or several, or an emblem with a word below it."""
        rng = self.rng
        wide, opacity = rng.uniform(1.5, 7.0), rng.uniform(0.5, 1.0)
        up = np.array([-np.sin(turn), np.cos(turn)])
        if rng.random() < 0.4:
            size = min(wide, 4.5)
            shape = (size, size * rng.uniform(0.5, 1.1))
            self.canvas.stamp(logos.logo(rng), place, shape, turn, opacity)
            if rng.random() < 0.4:
                below = place - up * size * 0.6
                self.canvas.stamp(logos.word(rng), below, (size, size * 0.22), turn, opacity)
            return
        ink = random_colour(rng)
        tall = wide * rng.uniform(0.15, 0.4)
        if rng.random() < 0.15:  # on a panel
            c, s = np.cos(turn), np.sin(turn)
            box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (wide * 0.55, tall * 0.7)
            self.canvas.area(box @ np.array([[c, s], [-s, c]]) + place, random_colour(rng))
        for k in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
            text = logos.word(rng, colour=ink)
            self.canvas.stamp(text, place - up * tall * 1.3 * k, (wide, tall), turn, opacity)

    def _on_blue_lines(self) -> None:
        """White words along the blue lines."""
        rng = self.rng
        for s in (-1, 1):
            for y in np.arange(-0.4, 0.41, 0.2) * self.field.width_m:
                text = logos.word(rng, colour=(255, 255, 255))
                self.canvas.stamp(text, np.array([s * self.blue_x, y]), (2.0, 0.2), np.pi / 2)

    def _other_lines(self) -> None:
        """Curling or short track on the same ice."""
        rng = self.rng
        ink = self._towards_ice(np.array(random_colour(rng), float), rng.uniform(0, 0.6))
        if rng.random() < 0.5:
            turn = np.linspace(0, 2 * np.pi, 60)
            ring = np.stack([np.cos(turn) * 20, np.sin(turn) * 8], 1)
            self.canvas.stroke(ring + rng.normal(0, 1, 2), 0.05, ink)
            return
        for y in rng.uniform(-11, 11, int(rng.integers(1, 4))):
            for x in (-17.4, 17.4):
                for radius in (1.83, 1.22, 0.61):
                    self.canvas.disc(np.array([x, y]), radius, ink if radius != 1.22 else self.ice)

    def _fade(self, marks: list[NDArray[np.float32]]) -> None:
        """Ice and snow over the paint: blends it with their own light tone."""
        rng, canvas = self.rng, self.canvas
        cut = marks[int(rng.integers(len(marks)))]
        cut = np.roll(cut, rng.integers(0, 512, 2), (0, 1))[:: rng.choice([-1, 1])]
        cut = np.ascontiguousarray(cut[:, :: rng.choice([-1, 1])])
        rows, columns = canvas.image.shape[:2]
        cloud = cv2.resize(fractal_noise(rng, 5, roughness=0.75), SCRATCH_SIZE)
        veil = rng.uniform(0, 0.3) + rng.uniform(0, 0.09) * cloud + rng.uniform(0, 0.5) * cut
        veil = np.clip(veil, 0, 0.85).astype(np.float32)
        veil = cv2.resize(veil, (columns, rows), interpolation=cv2.INTER_LINEAR)
        snow = np.empty_like(canvas.image)
        snow[:] = np.clip(self.ice * rng.uniform(0.93, 1.08), 0, 255).astype(np.uint8)
        canvas.image[:] = cv2.blendLinear(canvas.image, snow, 1 - veil, veil)
        tone = rng.uniform(0.0, 0.035) * cloud - rng.uniform(-0.05, 0.09) * cut
        tone = np.clip(128 * (1 + tone), 0, 255).astype(np.uint8)  # 128: as it is
        full = cv2.resize(tone, (columns, rows), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(canvas.image, cv2.merge([full] * 3), canvas.image, scale=1 / 128)
