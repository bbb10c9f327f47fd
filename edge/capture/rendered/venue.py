"""What stands about the pitch: boards, walls, stands, benches, goals with nets, corner flags."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.rendered.crowd import board_texture, stand_texture
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.people import Bgr
from edge.capture.rendered.planes import Plane
from edge.fields import Field
from edge.types import ImageArray

_BOARD_M, _FOOT_M = 5.0, 9.0
"""Distances behind the lines: of the boards, and of the wall below the stands' lowest row."""
_WALL_M = 1.6
"""Height of that wall."""
_SEATS_M, _RISE_M = 30.0, 17.0
"""Depth of a stand and how much it rises."""
_GOAL_M, _BAR_M, _NET_M, _MESH_M = 7.32, 2.44, 2.0, 0.24
"""IFAB Law 1: between the posts, and to the bar's lower edge; the net's depth and (coarse) mesh."""


class RenderedVenue:
    """All that stands still, drawn back to front."""

    def __init__(
        self, field: Field, px_per_m: float, teams: Sequence[Bgr], rng: np.random.Generator
    ) -> None:
        self._half = np.array([field.length_m / 2, field.width_m / 2])
        self._px_per_m = px_per_m
        self._teams = teams
        self._rng = rng
        self._planes = self._far_side()
        for side in (-1.0, 1.0):
            self._planes += self._end(side)
        self._planes += self._near_side()
        self._goals = [Goal(side * self._half[0]) for side in (-1.0, 1.0)]

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint stands, walls, boards, goals and flags into `picture`; people come later."""
        for plane in self._planes:
            plane.draw(picture, camera)
        for goal in self._goals:
            goal.draw(picture, camera)
        self._draw_flags(picture, camera)

    def _draw_flags(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint the four corner flags."""
        for x, y in self._half * ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            flag = [[x, y, 0], [x, y, 1.5], [x, y, 1.15], [x + 0.42, y, 1.32]]
            pixels, depth = camera.project(flag)
            if depth.min() < 1:
                continue
            fixed = np.rint(pixels * 16).astype(np.int32)
            width = max(1, round(0.04 * camera.focal_px / float(depth[0])))
            cv2.polylines(picture, [fixed[:2]], False, (60, 220, 235), width, cv2.LINE_AA, 4)
            cv2.fillPoly(picture, [fixed[1:]], (40, 60, 225), cv2.LINE_AA, 4)

    def _far_side(self) -> list[Plane]:
        """Roof, stand, wall and boards beyond the far touchline."""
        x, y = self._half + _FOOT_M
        back_x, back_y, top = x + _SEATS_M, y + _SEATS_M, _WALL_M + _RISE_M
        share = _SEATS_M / (2 * back_x)
        mitre = ((0.0, 0.0), (1.0, 0.0), (1 - share, 1.0), (share, 1.0))
        board_x, board_y = self._half + _BOARD_M
        return [
            Plane.between(_roof(), (-400, back_y, 80), (400, back_y, 80), (-400, back_y, 2)),
            Plane.between(
                self._stand(2 * back_x, self._teams),
                (-back_x, back_y, top), (back_x, back_y, top), (-back_x, y, _WALL_M), mitre,
            ),
            Plane.between(_wall(self._teams[0]), (-x, y, _WALL_M), (x, y, _WALL_M), (-x, y, 0)),
            Plane.between(
                self._boards(2 * board_x),
                (-board_x, board_y, 1), (board_x, board_y, 1), (-board_x, board_y, 0),
            ),
        ]  # fmt: skip

    def _end(self, side: float) -> list[Plane]:
        """Stand, wall and boards behind the goal at the left (-1) or right (1) end."""
        x, near, far = side * (self._half[0] + _FOOT_M), -self._half[1] - 4, self._half[1] + _FOOT_M
        back_x, back_y, top = x + side * _SEATS_M, far + _SEATS_M, _WALL_M + _RISE_M
        share = _SEATS_M / (back_y - near)
        # a texture runs from left to right as the field sees it: at the right end from far to near
        if side > 0:
            mitre = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (share, 1.0))
            (top_from, top_to), (from_, to) = (back_y, near), (far, near)
        else:
            mitre = ((0.0, 0.0), (1.0, 0.0), (1 - share, 1.0), (0.0, 1.0))
            (top_from, top_to), (from_, to) = (near, back_y), (near, far)
        board_x, cut = side * (self._half[0] + _BOARD_M), _FOOT_M - _BOARD_M
        board_from, board_to = (min(v, far - cut) for v in (from_, to))
        return [
            Plane.between(
                self._stand(back_y - near, self._teams[::-1]),
                (back_x, top_from, top), (back_x, top_to, top), (x, top_from, _WALL_M), mitre,
            ),
            Plane.between(
                _wall(self._teams[0]), (x, from_, _WALL_M), (x, to, _WALL_M), (x, from_, 0)
            ),
            Plane.between(
                self._boards(far - cut - near),
                (board_x, board_from, 1), (board_x, board_to, 1), (board_x, board_from, 0),
            ),
        ]  # fmt: skip

    def _near_side(self) -> list[Plane]:
        """Span the lowest rows of the main stand, and the teams' benches under their roofs."""
        x, y = self._half[0] + _FOOT_M, -self._half[1] - _FOOT_M - 2.5
        seats = stand_texture(2 * x, 25, 0.8 * self._px_per_m, self._teams, self._rng)
        planes = [Plane.between(seats, (-x, y, 0.4), (x, y, 0.4), (-x, y - 24, 9))]
        roof = np.full((8, 8, 3), (96, 92, 88), np.uint8)
        for side in (-1, 1):
            bench = np.full((8, 64, 3), (30, 28, 28), np.uint8)
            bench[:, ::8] = self._teams[side > 0]
            left, right = side * 15 - 5.0, side * 15 + 5.0
            front, back = y + 4.4, y + 2.8
            planes += [
                Plane.between(bench, (left, front, 1.1), (right, front, 1.1), (left, front, 0)),
                Plane.between(roof, (left, front, 1.7), (right, front, 1.7), (left, back, 1.5)),
                Plane.between(roof // 2, (left, back, 1.5), (right, back, 1.5), (left, back, 0)),
            ]
        return planes

    def _stand(self, length_m: float, teams: Sequence[Bgr]) -> ImageArray:
        depth_m = float(np.hypot(_SEATS_M, _RISE_M))
        return stand_texture(length_m, depth_m, 0.8 * self._px_per_m, teams, self._rng)

    def _boards(self, length_m: float) -> ImageArray:
        return board_texture(length_m, 1.3 * self._px_per_m, self._rng)


class Goal:
    """Posts, bar, stanchions and net at one end."""

    def __init__(self, x_m: float) -> None:
        self.x_m = x_m
        back = x_m + np.sign(x_m) * _NET_M
        y = _GOAL_M / 2
        self._frame = [np.array([[x_m, -y, 0], [x_m, -y, _BAR_M], [x_m, y, _BAR_M], [x_m, y, 0.0]])]
        self._stays = [
            np.array([[x_m, s * y, _BAR_M], [back, s * y, 1.9], [back, s * y, 0.0]])
            for s in (-1, 1)
        ]
        self._net = _net_lines(x_m, float(back), y)

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint the net half transparent, then the frame over it."""
        pixels, depth = camera.project(np.concatenate(self._net))
        if depth.min() < 1:
            return
        height, width = picture.shape[:2]
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 3, (width, height))
        if (high <= low).any():
            return
        part = picture[low[1] : high[1], low[0] : high[0]]
        net = part.copy()
        ends = np.rint((pixels - low) * 16).astype(np.int32).reshape(-1, 2, 2)
        cv2.polylines(net, list(ends), False, (225, 228, 228), 1, cv2.LINE_AA, 4)
        cv2.addWeighted(net, 0.34, part, 0.66, 0, dst=part)
        for lines, thick_m, colour in (
            (self._stays, 0.06, (150, 152, 150)),
            (self._frame, 0.12, (242, 244, 244)),
        ):
            thick = max(1, round(thick_m * camera.focal_px / float(depth.mean())))
            points = [np.rint(camera.project(line)[0] * 16).astype(np.int32) for line in lines]
            cv2.polylines(picture, points, False, colour, thick, cv2.LINE_AA, 4)


def _net_lines(front: float, back: float, y: float) -> list[NDArray[np.float64]]:
    """Each thread of the net as a (2, 3) segment in metres."""
    lines: list[NDArray[np.float64]] = []
    for at in np.arange(-y, y + 0.01, _MESH_M):
        lines += [
            np.array([[front, at, _BAR_M], [back, at, 1.9]]),
            np.array([[back, at, 1.9], [back, at, 0]]),
        ]
    lines += [np.array([[back, -y, z], [back, y, z]]) for z in np.arange(0.0, 1.91, _MESH_M)]
    for share in np.arange(0.0, 1.0, 0.12):
        x, top = front + share * (back - front), _BAR_M + share * (1.9 - _BAR_M)
        lines += [np.array([[x, -y, top], [x, y, top]])]
        lines += [np.array([[x, s * y, 0], [x, s * y, top]]) for s in (-1, 1)]
    for z in np.arange(0.0, 1.91, _MESH_M):
        lines += [np.array([[front, s * y, z], [back, s * y, z]]) for s in (-1, 1)]
    return lines


def _wall(colour: Bgr) -> ImageArray:
    wall = np.empty((8, 64, 3), np.uint8)
    wall[:] = [int(0.5 * c) for c in colour]
    wall[0] = (170, 170, 170)
    return wall


def _roof() -> ImageArray:
    """Draw the dark underside of the roof, a little lighter towards its front edge."""
    light = np.linspace(34, 12, 64).astype(np.uint8)
    return np.repeat(np.repeat(light[:, None, None], 64, axis=1), 3, axis=2)
