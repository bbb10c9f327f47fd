"""A match at a venue seen by the main camera: the still picture, then everybody who moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.capture.rendered.ground import Ground
from edge.capture.rendered.light import Light
from edge.capture.rendered.match import TEAM_SIZE, Match
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.panorama import Panorama
from edge.capture.rendered.people import (
    PHASES,
    TALL_M,
    Bgr,
    Figure,
    Kit,
    ball,
    figures,
    mirrored,
    paste,
    scaled,
    shadow,
)
from edge.capture.rendered.ptz import Mount, Ptz
from edge.capture.rendered.venue import RenderedVenue
from edge.fields import Field
from edge.types import ImageArray

_COLOURS: tuple[Bgr, ...] = (
    (38, 38, 190), (220, 222, 224), (150, 70, 30), (60, 150, 210), (60, 60, 60), (110, 40, 120),
    (40, 120, 225), (180, 150, 60),
)  # fmt: skip
_KEEPERS: tuple[Bgr, ...] = ((60, 210, 120), (210, 190, 60))
_BALL_M = 0.11
_HIGH_VIS: Bgr = (60, 225, 215)
_STEWARD = 25
"""Number of the figure that all stewards share: behind the 22 players and the officials."""


class Scene:
    """The main camera's view of a match."""

    def __init__(self, field: Field, size: tuple[int, int], rng: np.random.Generator) -> None:
        self._size = size
        self._rng = rng
        self.half_m = np.array([field.length_m / 2, field.width_m / 2])
        first, second = rng.choice(len(_COLOURS), 2, replace=False)
        self.teams: tuple[Bgr, Bgr] = (_COLOURS[first], _COLOURS[second])
        self.kits = _kits(self.teams, rng)
        self._light = Light.draw(field.width_m, rng)
        self.match = Match(field.length_m, field.width_m, rng)
        self.mount = Mount.draw(field.width_m, rng)
        self.ptz = Ptz(self.mount, size, self.match.ball_m, rng)
        self._poses: dict[int, list[tuple[Figure, Figure]]] = {}
        scale = size[0] / 1280
        self._pose_px = max(12, round(150 * scale))
        self._ball = ball(max(2, round(24 * scale)))
        # textures as fine as the picture can show, but no finer than is worth the memory
        ground = Ground(field, float(np.clip(0.06 / scale, 0.04, 0.25)), self._light, rng)
        venue = RenderedVenue(field, float(np.clip(20 * scale, 6, 28)), self.teams, rng)
        stewards = self._stewards(rng)

        def paint(picture: ImageArray, camera: RenderedCamera) -> None:
            ground.draw(picture, camera)
            venue.draw(picture, camera)
            self._draw_people(
                picture, camera, stewards, np.zeros_like(stewards), [_STEWARD] * len(stewards)
            )

        self._panorama = Panorama(self._extremes(), paint)

    def step(self, dt_s: float) -> RenderedCamera:
        """Move match and camera on by `dt_s` seconds; returns where the camera looks now."""
        self.match.step(dt_s)
        return self.ptz.follow(self.match.ball_m, self.match.ball_velocity_ms, self.half_m, dt_s)

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint the main camera's picture into (height, width, 3) `picture`."""
        self._panorama.draw(picture, camera)
        match = self.match
        self._draw_people(
            picture, camera, match.people_m, match.velocity_ms, range(len(match.people_m))
        )
        self._draw_ball(picture, camera)

    def _extremes(self) -> list[RenderedCamera]:
        """List the views at the ends of what the operator does: the panorama must cover them."""
        views = [self.mount.view_m * share for share in (0.6, 1.2)]
        xs = [side * 0.96 * self.half_m[0] for side in (-1, 0, 1)]
        ys = [side * 0.48 * self.half_m[1] for side in (-1, 1)]
        return [self.ptz.camera(float(x), float(y), view) for x in xs for y in ys for view in views]

    def _stewards(self, rng: np.random.Generator) -> np.ndarray:
        """Where stewards stand before the boards, (n, 2) metres."""
        x = rng.uniform(-self.half_m[0], self.half_m[0], 14)
        return np.column_stack([x, np.full(14, self.half_m[1] + 6.2)])

    def _draw_people(
        self,
        picture: ImageArray,
        camera: RenderedCamera,
        people_m: np.ndarray,
        velocity_ms: np.ndarray,
        who: Sequence[int],
    ) -> None:
        pan = np.radians(camera.pan_deg)
        right = np.array([np.cos(pan), -np.sin(pan)])
        feet, depth = camera.project(np.column_stack([people_m, np.zeros(len(people_m))]))
        heights = TALL_M * camera.focal_px / np.maximum(depth, 1.0)
        seen = (depth > 2) & (feet[:, 0] > -heights) & (feet[:, 0] < camera.width + heights)
        seen &= (feet[:, 1] > 0) & (feet[:, 1] < camera.height + heights)
        shown = [int(i) for i in np.argsort(-depth) if seen[i]]
        speeds = np.linalg.norm(velocity_ms, axis=1)
        chosen = {
            i: self._pose(who[i], float(speeds[i]), float(velocity_ms[i] @ right)) for i in shown
        }
        self._draw_shadows(picture, camera, [(people_m[i], chosen[i]) for i in shown])
        for i in shown:
            paste(
                picture,
                scaled(chosen[i], round(float(heights[i]))),
                (float(feet[i, 0]), float(feet[i, 1])),
            )

    def _pose(self, who: int, speed_ms: float, to_right_ms: float) -> Figure:
        """Choose person `who` at this speed; 22 and above are officials and stewards."""
        if who not in self._poses:
            drawn = figures(self.kits[_kit_of(who)], who * 7 % 9, self._pose_px)
            self._poses[who] = [(figure, mirrored(figure)) for figure in drawn]
        moving = speed_ms > 0.6 and who < len(self.match.stride)
        pose = 1 + int(self.match.stride[who] * PHASES) % PHASES if moving else 0
        return self._poses[who][pose][int(to_right_ms < 0)]

    def _draw_shadows(
        self, picture: ImageArray, camera: RenderedCamera, people: list[tuple[np.ndarray, Figure]]
    ) -> None:
        """Lay everybody's shadow on the ground; those in the stand's shadow have none."""
        pan = np.radians(camera.pan_deg)
        right = np.array([np.cos(pan), -np.sin(pan)])
        top = np.array(self._light.shadow_m) * TALL_M
        ground = []
        for feet_m, figure in people:
            rows, columns = figure.alpha.shape
            half = right * TALL_M * columns / rows / 2
            ground += [feet_m - half, feet_m + half, feet_m - half + top]
        spots = np.array(ground).reshape(-1, 2)
        corners, depth = camera.project(np.column_stack([spots, np.zeros(len(spots))]))
        lit = self._light.lit(spots[::3, 0], spots[::3, 1])
        for i, (_, figure) in enumerate(people):
            three = slice(3 * i, 3 * i + 3)
            if lit[i] > 0.3 and depth[three].min() > 2:
                shadow(picture, figure, corners[three], self._light.strength * float(lit[i]))

    def _draw_ball(self, picture: ImageArray, camera: RenderedCamera) -> None:
        x, y, z = self.match.ball_m
        fall = np.array(self._light.shadow_m) * z
        pixels, depth = camera.project([[x, y, z], [x + fall[0], y + fall[1], 0.0]])
        if depth.min() < 2:
            return
        radius = max(1.6, _BALL_M * camera.focal_px / float(depth[0]))
        spot = np.rint(pixels[1] * 16).astype(int)
        axes = (round(16 * radius), max(1, round(7 * radius)))
        _dim_ellipse(picture, (spot / 16.0), (axes[0] / 16.0, axes[1] / 16.0), 0.45)
        figure = scaled(self._ball, max(3, round(2 * radius)))
        paste(
            picture,
            figure,
            (float(pixels[0, 0]), float(pixels[0, 1]) + 0.47 * figure.alpha.shape[0]),
        )


def _dim_ellipse(
    picture: ImageArray, at: np.ndarray, axes: tuple[float, float], strength: float
) -> None:
    """Darken an axis-parallel ellipse of the picture."""
    left, top = np.floor(at - axes).astype(int) - 1
    right, bottom = np.ceil(at + axes).astype(int) + 2
    left, top = max(0, int(left)), max(0, int(top))
    part = picture[top : max(top, int(bottom)), left : max(left, int(right))]
    if part.size == 0:
        return
    y, x = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    inside = ((x - at[0]) / axes[0]) ** 2 + ((y - at[1]) / axes[1]) ** 2 < 1
    part[inside] = (part[inside] * (1 - strength)).astype(np.uint8)


def _kits(teams: tuple[Bgr, Bgr], rng: np.random.Generator) -> list[Kit]:
    """First team, second team, their keepers, the referees, the stewards."""
    shorts = [
        teams[0] if rng.random() < 0.5 else (225, 225, 225),
        (50, 40, 40) if rng.random() < 0.5 else teams[1],
    ]
    kits = [Kit(team, short, team) for team, short in zip(teams, shorts, strict=True)]
    kits += [Kit(colour, (40, 40, 40), colour) for colour in _KEEPERS]
    dark: Bgr = (34, 32, 32)
    return [*kits, Kit((60, 200, 230), dark, dark), Kit(_HIGH_VIS, dark, dark)]


def _kit_of(who: int) -> int:
    if who >= 2 * TEAM_SIZE:
        return 5 if who == _STEWARD else 4
    if who % TEAM_SIZE == 0:
        return 2 + who // TEAM_SIZE
    return who // TEAM_SIZE
