"""A soccer match as points on a field: two teams, officials and a ball, one step after another.

No tactics, only what a camera sees: players keep their formation about the ball, the nearest run
for it, and the ball goes from one to the next by passes, long balls and shots.
"""

# ruff: noqa: RUF005 - these are sums of vectors, not of sequences

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

TEAM_SIZE = 11
OFFICIALS = 3
_FORMATION = np.array(
    # keeper, back four, midfield four, two in front: shares of the half length and half width
    [[-0.95, 0.0], [-0.62, -0.62], [-0.68, -0.22], [-0.68, 0.22], [-0.62, 0.62]]
    + [[-0.28, -0.7], [-0.33, -0.22], [-0.33, 0.22], [-0.28, 0.7], [0.0, -0.25], [0.04, 0.25]]
)
_RUN_MS, _SPRINT_MS, _KEEPER_MS = 4.6, 7.6, 3.5
_ACCELERATION_MS2 = 5.0
_ROLL_FRICTION_MS2 = 3.2
_GRAVITY_MS2 = 9.81
_REACH_M = 1.1
_PUSH_M = 16.0
"""How far the side that has the ball moves up."""
_STEAL = 2.2
"""How many times nearer an opponent must come to take the ball."""


class Match:
    """The state of play; `step` moves it on. The same seed gives the same match."""

    def __init__(self, length_m: float, width_m: float, rng: np.random.Generator) -> None:
        self._half = np.array([length_m / 2, width_m / 2])
        self._rng = rng
        home = _FORMATION * self._half
        away = -home
        officials = np.array([[-6.0, -4.0], [0, -self._half[1] - 1.0], [0, self._half[1] + 1.0]])
        self.people_m: Points = np.concatenate([home, away, officials])
        """(25, 2): the first team, the second, the referee and two assistants."""
        self.velocity_ms: Points = np.zeros_like(self.people_m)
        self.stride = rng.uniform(0, 1, len(self.people_m))
        """(25,) phase of each one's running cycle, in cycles."""
        self.ball_m: Points = np.array([0.0, 0.0, 0.11])
        self.ball_velocity_ms: Points = np.zeros(3)
        self._owner: int | None = TEAM_SIZE - 1
        self._first_attacks = True
        self._kick_in_s = 0.8
        self._mood = rng.uniform(-1, 1, (len(self.people_m), 2))

    def step(self, dt_s: float) -> None:
        """Move everybody and the ball on by `dt_s` seconds."""
        self._run(dt_s)
        if self._owner is None:
            self._fly(dt_s)
            self._receive()
        else:
            self._dribble(dt_s)

    def _run(self, dt_s: float) -> None:
        self._mood += (
            self._rng.normal(0, 0.9 * np.sqrt(dt_s), self._mood.shape) - 0.25 * dt_s * self._mood
        )
        goals, pace = self._intentions()
        way = goals - self.people_m
        far = np.linalg.norm(way, axis=1, keepdims=True)
        wanted = way / np.maximum(far, 1e-6) * np.minimum(pace[:, None], 1.1 * far)
        change = wanted - self.velocity_ms
        size = np.linalg.norm(change, axis=1, keepdims=True)
        self.velocity_ms += change * np.minimum(
            1.0, _ACCELERATION_MS2 * dt_s / np.maximum(size, 1e-6)
        )
        self.people_m += self.velocity_ms * dt_s
        speed = np.linalg.norm(self.velocity_ms, axis=1)
        self.stride = (self.stride + dt_s * np.where(speed > 0.4, 0.7 + 0.28 * speed, 0.0)) % 1.0

    def _intentions(self) -> tuple[Points, Points]:
        """Where everybody wants to be, (25, 2), and how fast they may run, (25,)."""
        ball = self.ball_m[:2]
        lean = ball * (0.52, 0.35)
        home = _FORMATION * self._half * (0.8, 0.85) + lean
        away = -_FORMATION * self._half * (0.8, 0.85) + lean
        if self._first_attacks:
            home = home + (_PUSH_M, 0)
        else:
            away = away - (_PUSH_M, 0)
        goals = np.concatenate([home, away, np.zeros((OFFICIALS, 2))]) + 2.2 * self._mood
        goals = np.clip(goals, -self._half, self._half)
        pace = np.full(len(goals), _RUN_MS)
        for keeper, side in ((0, -1.0), (TEAM_SIZE, 1.0)):
            goals[keeper] = (side * (self._half[0] - 2.5), np.clip(ball[1] * 0.15, -3, 3))
            pace[keeper] = _KEEPER_MS
        for team in (slice(1, TEAM_SIZE), slice(TEAM_SIZE + 1, 2 * TEAM_SIZE)):
            nearest = team.start + int(
                np.argmin(np.linalg.norm(self.people_m[team] - ball, axis=1))
            )
            goals[nearest] = ball + 0.25 * self.ball_velocity_ms[:2]
            pace[nearest] = _SPRINT_MS
        if self._owner is not None:
            side = 1.0 if self._owner < TEAM_SIZE else -1.0
            goals[self._owner] = ball + (6.0 * side, -0.1 * ball[1])
            pace[self._owner] = 5.2
        goals[-3] = ball + (-7.0, -6.0)
        goals[-2] = (np.clip(ball[0] + 4, 0, self._half[0]), -self._half[1] - 1.0)
        goals[-1] = (np.clip(ball[0] - 4, -self._half[0], 0), self._half[1] + 1.0)
        return goals, pace

    def _dribble(self, dt_s: float) -> None:
        assert self._owner is not None
        feet = self.people_m[self._owner] + 0.12 * self.velocity_ms[self._owner]
        # the ball is pushed ahead and runs a little before and behind the feet
        self.ball_m[:2] += (feet - self.ball_m[:2]) * min(1.0, 6 * dt_s)
        self.ball_m[2] = 0.11
        self._kick_in_s -= dt_s
        outside = np.abs(self.ball_m[:2]) > self._half - 1.5
        if self._kick_in_s <= 0 or outside.any():
            self._kick()

    def _kick(self) -> None:
        """Pass to a team-mate, more often forward than back, or shoot from near the goal."""
        assert self._owner is not None
        first = self._owner < TEAM_SIZE
        side = 1.0 if first else -1.0
        ball = self.ball_m[:2]
        mates = np.arange(1, TEAM_SIZE) + (0 if first else TEAM_SIZE)
        mates = mates[mates != self._owner]
        way = self.people_m[mates] - ball
        far = np.linalg.norm(way, axis=1)
        weight = np.exp(-np.abs(far - 16) / 9) * np.exp(side * way[:, 0] / 13)
        mate = int(self._rng.choice(mates, p=weight / weight.sum()))
        target = self.people_m[mate] + 0.6 * self.velocity_ms[mate]
        if side * ball[0] > self._half[0] - 19 and self._rng.random() < 0.6:
            target = np.array([side * (self._half[0] + 1.0), self._rng.uniform(-4.5, 4.5)])
        way2 = np.clip(target, -self._half - (2, -1), self._half + (2, -1)) - ball
        distance = float(np.linalg.norm(way2))
        lofted = distance > 24 and self._rng.random() < 0.8
        speed = np.sqrt(2 * _ROLL_FRICTION_MS2 * distance) + 4.0
        up = 0.0
        if lofted:
            speed = 11.0 + 0.28 * distance
            up = _GRAVITY_MS2 * distance / speed / 2
        self.ball_velocity_ms = np.append(way2 / max(distance, 1e-6) * speed, up)
        self._owner = None
        self._kick_in_s = 0.35  # nobody takes the ball straight off the kicker's foot

    def _fly(self, dt_s: float) -> None:
        self._kick_in_s -= dt_s
        self.ball_m += self.ball_velocity_ms * dt_s
        rolling = self.ball_m[2] <= 0.11 and self.ball_velocity_ms[2] <= 0
        if rolling:
            self.ball_m[2] = 0.11
            self.ball_velocity_ms[2] *= -0.45 if self.ball_velocity_ms[2] < -2 else 0.0
            speed = float(np.linalg.norm(self.ball_velocity_ms[:2]))
            self.ball_velocity_ms[:2] *= max(0.0, 1 - _ROLL_FRICTION_MS2 * dt_s / max(speed, 1e-6))
        else:
            self.ball_velocity_ms[2] -= _GRAVITY_MS2 * dt_s
        limit = self._half + (2.0, 1.0)
        if (np.abs(self.ball_m[:2]) > limit).any():  # the net or a board stops it
            self.ball_m[:2] = np.clip(self.ball_m[:2], -limit, limit)
            self.ball_velocity_ms *= (0.1, 0.1, 1.0)

    def _receive(self) -> None:
        far = np.linalg.norm(self.people_m[: 2 * TEAM_SIZE] - self.ball_m[:2], axis=1)
        against = slice(TEAM_SIZE, None) if self._first_attacks else slice(0, TEAM_SIZE)
        far[against] *= _STEAL  # a pass is meant for the own side
        nearest = int(np.argmin(far))
        if far[nearest] < _REACH_M and self.ball_m[2] < 1.2 and self._kick_in_s <= 0:
            self._owner = nearest
            self._first_attacks = nearest < TEAM_SIZE
            self._kick_in_s = float(self._rng.uniform(0.4, 2.4))
            self.ball_velocity_ms = np.zeros(3)
