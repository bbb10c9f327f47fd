"""Whoever works the main camera: follows the ball, zooms, and eases in and out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.capture.rendered.match_camera import RenderedCamera


class Eased:
    """A value that follows its target as a critically damped spring does: no jump, no overshoot."""

    def __init__(self, value: float, time_s: float) -> None:
        self.value = value
        self.rate = 0.0
        self._time_s = time_s

    def follow(self, target: float, dt_s: float) -> float:
        """Move on by `dt_s` seconds towards `target`; returns the new value."""
        # exact solution of x'' = w^2 (target - x) - 2 w x', stable for any step
        w = 2.0 / self._time_s
        gap = self.value - target
        decay = float(np.exp(-w * dt_s))
        lean = self.rate + w * gap
        self.value = target + (gap + lean * dt_s) * decay
        self.rate = (self.rate - w * lean * dt_s) * decay
        return self.value


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the main camera stands and how tightly it frames the play."""

    position_m: tuple[float, float, float]
    view_m: float
    """Width of what it shows at the ball's distance in midfield, metres."""
    roll_deg: float

    @staticmethod
    def draw(width_m: float, rng: np.random.Generator) -> Mount:
        """Draw a main-stand position: 40-70 m behind the near touchline, 15-25 m high."""
        back = rng.uniform(40, 70)
        place = (float(rng.uniform(-6, 6)), float(-width_m / 2 - back), float(rng.uniform(15, 25)))
        return Mount(place, float(rng.uniform(46, 60)), float(rng.normal(0, 0.15)))


class Ptz:
    """The main camera, following the ball frame by frame."""

    def __init__(
        self, mount: Mount, size: tuple[int, int], ball_m: np.ndarray, rng: np.random.Generator
    ) -> None:
        self._mount = mount
        self._size = size
        self._aim_x = Eased(float(ball_m[0]), 1.0)
        self._aim_y = Eased(float(ball_m[1]) * 0.4, 1.8)
        self._view = Eased(mount.view_m, 2.6)
        self._shake = rng.uniform(0, 2 * np.pi, (2, 4))
        self._time_s = 0.0

    def follow(
        self, ball_m: np.ndarray, ball_ms: np.ndarray, half_m: np.ndarray, dt_s: float
    ) -> RenderedCamera:
        """Move on by `dt_s` seconds and aim at the ball."""
        self._time_s += dt_s
        lead = np.clip(ball_m[:2] + 0.45 * ball_ms[:2], -half_m, half_m)
        x = self._aim_x.follow(float(lead[0]) * 0.93, dt_s)
        y = self._aim_y.follow(float(lead[1]) * 0.45 + 3.0, dt_s)
        near_goal = np.clip(abs(ball_m[0]) / half_m[0] * 2.2 - 1.2, 0, 1)
        pace = min(1.0, float(np.hypot(*ball_ms[:2])) / 22)
        view = self._view.follow(self._mount.view_m * (1 - 0.34 * near_goal + 0.16 * pace), dt_s)
        return self.camera(x, y, view)

    def camera(self, x: float, y: float, view_m: float) -> RenderedCamera:
        """Aim at the field point (x, y) so that `view_m` metres across are seen there."""
        to = np.array([x, y, 0.0]) - self._mount.position_m
        ground = float(np.hypot(to[0], to[1]))
        distance = float(np.hypot(ground, to[2]))
        width, height = self._size
        focal = float(np.clip(distance / view_m, 1.2, 4.0)) * width
        pan_shake, tilt_shake = self._unrest()
        return RenderedCamera(
            position_m=self._mount.position_m,
            pan_deg=float(np.degrees(np.arctan2(to[0], to[1]))) + pan_shake,
            tilt_deg=float(np.degrees(np.arctan2(ground, -to[2]))) + tilt_shake,
            roll_deg=self._mount.roll_deg,
            focal_px=focal,
            width=width,
            height=height,
        )

    def _unrest(self) -> tuple[float, float]:
        """Shake as a hand on the head does, in degrees: slow sways and a little tremor."""
        rates = np.array([0.37, 0.83, 2.1, 5.3])
        sizes = np.array([0.03, 0.014, 0.005, 0.0015])
        pan, tilt = (sizes * np.sin(2 * np.pi * rates * self._time_s + self._shake)).sum(axis=1)
        return float(pan), float(tilt)
