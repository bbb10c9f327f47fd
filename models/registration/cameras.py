"""Cameras that look at a field: where venues put them, as random priors, and what they see.

Priors for soccer: World Cup 2014 broadcast poses (percentiles of f/width 1.2/2.4/5.1, 49-149 m
from the field's axis, 9-22 m high), SoccerNet's ranges, and well beyond them for small venues:
near, low, off the middle line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, polylines

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cameras:
    """A batch of n cameras."""

    centre_m: Array
    """(n, 3) positions on the field's axes, metres."""
    rotation: Array
    """(n, 3, 3) camera from field: rows are the picture's right, down and forward directions."""
    focal: Array
    """(n, 2) focal length along x and y, in widths of the *network's* picture."""
    kappa: Array
    """(n,) radial term: undistorted = distorted * (1 + kappa * (radius in half widths)^2)."""

    def __len__(self) -> int:
        return len(self.kappa)

    def take(self, index: NDArray[np.intp]) -> Cameras:
        """The cameras of these numbers."""
        return Cameras(
            self.centre_m[index], self.rotation[index], self.focal[index], self.kappa[index]
        )

    def image_from_field(self, width: int, height: int) -> Array:
        """(n, 3, 3) pinhole homographies, without the radial term."""
        k = np.zeros((len(self), 3, 3))
        k[:, 0, 0], k[:, 1, 1] = self.focal[:, 0] * width, self.focal[:, 1] * width
        k[:, 0, 2], k[:, 1, 2], k[:, 2, 2] = (width - 1) / 2, (height - 1) / 2, 1
        t = -np.einsum("nij,nj->ni", self.rotation, self.centre_m)
        return k @ np.concatenate([self.rotation[:, :, :2], t[:, :, None]], 2)

    def project(self, i: int, points_m: Array, width: int, height: int) -> tuple[Array, Array]:
        """Camera i: (m, 3) points -> (m, 2) pixels with the radial term, (m,) depths in metres."""
        p = (points_m - self.centre_m[i]) @ self.rotation[i].T
        z = p[:, 2]
        safe = np.where(np.abs(z) < 1e-6, 1e-6, z)
        n = p[:, :2] / safe[:, None] * self.focal[i] * 2  # half widths, undistorted
        aspect = self.focal[i, 0] / self.focal[i, 1]
        flat = n * [1, aspect]
        r2u = (flat**2).sum(1)
        s = np.ones(len(n))
        for _ in range(4):  # fixed point: distorted = undistorted / (1 + kappa r_d^2)
            s = 1 + self.kappa[i] * np.minimum(r2u, 4) / (s * s)
        d = n / s[:, None]
        return d * (width / 2) + [(width - 1) / 2, (height - 1) / 2], z


def look_at(centre: Array, target: Array, roll_rad: Array) -> Array:
    """(n, 3) positions and targets -> (n, 3, 3) rotations, camera from field."""
    fwd = target - centre
    fwd /= np.linalg.norm(fwd, axis=1, keepdims=True)
    right = np.cross(fwd, np.array([0.0, 0.0, 1.0]))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    down = np.cross(fwd, right)
    c, s = np.cos(roll_rad)[:, None], np.sin(roll_rad)[:, None]
    return np.stack([c * right + s * down, c * down - s * right, fwd], 1)


Prior = Callable[[np.random.Generator, int, Field], tuple[Array, Array, Array]]
"""rng, n, field -> centres (n, 3), targets (n, 3), focal length over width (n,)."""


def turned(cams: Cameras, pan: float, tilt: float, zoom: float) -> Cameras:
    """The same cameras turned about their centres, radians, and zoomed by e^zoom."""
    (sp, cp), (st, ct) = (np.sin(pan), np.cos(pan)), (np.sin(tilt), np.cos(tilt))
    about_up = np.array([[cp, -sp, 0], [sp, cp, 0], [0, 0, 1.0]])
    about_right = np.array([[1.0, 0, 0], [0, ct, -st], [0, st, ct]])
    rotation = about_right @ cams.rotation @ about_up
    return Cameras(cams.centre_m, rotation, cams.focal * np.exp(zoom), cams.kappa)


def _uniform(rng: np.random.Generator, n: int, *ranges: tuple[float, float]) -> list[Array]:
    return [rng.uniform(a, b, n) for a, b in ranges]


def _log_uniform(rng: np.random.Generator, n: int, a: float, b: float) -> Array:
    return np.exp(rng.uniform(np.log(a), np.log(b), n))


def _targets(rng: np.random.Generator, n: int, field: Field, spread_y: float = 0.22) -> Array:
    """Where cameras look: the whole length, goal areas more often than not."""
    x = rng.uniform(-0.5, 0.5, n)
    ends = rng.random(n) < 0.35
    x = np.where(ends, np.sign(x) * rng.uniform(0.33, 0.52, n), x) * field.length_m
    y = np.clip(rng.normal(0, spread_y, n), -0.5, 0.5) * field.width_m
    return np.stack([x, y, np.zeros(n)], 1)


def broadcast(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """The main camera of a stadium."""
    away = np.clip(rng.lognormal(np.log(82), 0.28, n), 46, 155)
    height = np.clip(away * rng.uniform(0.12, 0.30, n), 7, 32)
    x = np.clip(rng.normal(-0.5, 5.5, n), -20, 20)
    focal = np.clip(rng.lognormal(np.log(2.4), 0.38, n) * (away / 82) ** 0.5, 0.9, 5.5)
    return np.stack([x, -away, height], 1), _targets(rng, n, field), focal


def small_venue(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """A box at a minor-league ground: 5 to 50 m behind the touchline, 3.5 to 16 m high."""
    back, height = _uniform(rng, n, (4, 50), (3.5, 16))
    away = field.width_m / 2 + back
    height = np.maximum(height, 0.09 * away)
    x = np.clip(rng.normal(0, 10, n), -35, 35)
    focal = np.clip(_log_uniform(rng, n, 0.7, 3.2) * away / 70, 0.45, 4.0)
    return np.stack([x, -away, height], 1), _targets(rng, n, field), focal


def anywhere(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Any place along the near side, any lens."""
    x, back, height = _uniform(rng, n, (-45, 45), (2, 95), (3, 40))
    away = field.width_m / 2 + back
    height = np.maximum(height, 0.07 * away)
    return (
        np.stack([x, -away, height], 1),
        _targets(rng, n, field, 0.3),
        _log_uniform(rng, n, 0.5, 5.0),
    )


Mix = tuple[tuple[float, Prior], ...]
"""Weights and the priors they belong to."""
MIX: Mix = ((0.55, broadcast), (0.28, small_venue), (0.17, anywhere))


def sample(
    rng: np.random.Generator,
    n: int,
    field: Field,
    *,
    aspect: float,
    mix: Mix = MIX,
    source_aspect: float = 16 / 9,
    lens: float = 1.0,
) -> Cameras:
    """Draw n cameras that see enough of the field to be registered.

    `aspect` is the network picture's width over height. The source picture (16:9) is squeezed into
    it; some are squeezed further, as badly converted video is. `lens` scales the radial term.
    """
    points = np.concatenate(polylines(field, min(2.0, field.length_m / 50)))
    found: list[Cameras] = []
    have = 0
    while have < n:
        m = max(8, int(1.5 * (n - have)) + 4)
        cams = draw(rng, m, field, aspect=aspect, mix=mix, source_aspect=source_aspect, lens=lens)
        good = np.flatnonzero(_sees_enough(cams, points, field, aspect))
        found.append(cams.take(good))
        have += len(good)
    parts = [np.concatenate([getattr(c, k) for c in found])[:n] for k in Cameras.__slots__]
    return Cameras(*parts)


def draw(
    rng: np.random.Generator,
    n: int,
    field: Field,
    *,
    aspect: float,
    mix: Mix = MIX,
    source_aspect: float = 16 / 9,
    lens: float = 1.0,
) -> Cameras:
    """Draw n cameras of the prior, whatever they see (see `sample`)."""
    weights = np.array([w for w, _ in mix])
    choice = rng.choice(len(mix), n, p=weights / weights.sum())
    drawn = [prior(rng, n, field) for _, prior in mix]
    rows = np.arange(n)
    centre, target, focal = (np.stack([d[k] for d in drawn])[choice, rows] for k in range(3))
    rotation = look_at(centre, target, np.radians(rng.normal(0, 0.8, n)))
    squeeze = np.where(rng.random(n) < 0.35, _log_uniform(rng, n, 0.74, 1.36), 1.0)
    f_y = focal * source_aspect / aspect * squeeze
    wide = focal < 1.2
    kappa = lens * np.where(
        wide & (rng.random(n) < 0.5), rng.uniform(0, 0.10, n), rng.normal(0.003, 0.012, n)
    )
    return Cameras(centre, rotation, np.stack([focal, f_y], 1), kappa)


def _sees_enough(cams: Cameras, points: Array, field: Field, aspect: float) -> NDArray[np.bool_]:
    """Enough line points in the picture, spread over it, and enough of the picture on the field."""
    w, h = 320.0, 320.0 / aspect
    hom = cams.image_from_field(int(w), int(h))
    q = np.einsum("nij,mj->nmi", hom, np.c_[points, np.ones(len(points))])
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = q[..., :2] / q[..., 2:]
    inside = (q[..., 2] > 0) & (xy >= 0).all(-1) & (xy < [w, h]).all(-1)
    count = inside.sum(1)
    spread = np.array(
        [np.prod(np.ptp(p[i], axis=0)) if i.any() else 0.0 for p, i in zip(xy, inside, strict=True)]
    )
    u, v = np.meshgrid(np.linspace(0, w - 1, 16), np.linspace(0, h - 1, 10))
    g = np.einsum("nij,mj->nmi", np.linalg.inv(hom), np.c_[u.ravel(), v.ravel(), np.ones(u.size)])
    with np.errstate(divide="ignore", invalid="ignore"):
        on = g[..., :2] / g[..., 2:]
    front = g[..., 2] * (g[..., 2][:, -1:]) > 0
    share = (front & (np.abs(on) <= [field.length_m / 2, field.width_m / 2]).all(-1)).mean(1)
    return (count >= 14) & (spread > 0.08 * w * h) & (share > 0.18)
