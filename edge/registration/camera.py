"""The camera behind a homography: what lenses and tripods allow, used as a prior.

A homography has eight free elements, a camera with square pixels, the principal point in the
middle and a level horizon has six, and one whose place is known four. What a picture's lines leave
open (how far the field goes on beyond the picture) the camera closes. The place and the pixels'
aspect are remembered over a shot's frames as a Gaussian, each frame adding what it alone can tell
(an information filter): a PTZ camera does not move its centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.fields import Vantage
from edge.registration.homography import Matrix
from edge.types import Float

PARAMETERS = ("log_focal", "log_aspect", "pan", "tilt", "roll", "x_m", "y_m", "z_m")
SOCCER = Vantage()
STEPS = np.array([1e-5, 1e-5, 1e-6, 1e-6, 1e-6, 1e-4, 1e-4, 1e-4])


@dataclass(frozen=True, slots=True)
class Prior:
    """Gaussian on the eight parameters; infinite deviations are left out."""

    mean: Float
    """(8,)."""
    information: Matrix
    """(8, 8) inverse covariance."""


def rotation(pan: float, tilt: float, roll: float) -> Matrix:
    """Camera from field, (3, 3); radians.

    Pan 0 looks along +y, positive to the right; tilt is positive down.
    """
    sp, cp, st, ct = math.sin(pan), math.cos(pan), math.sin(tilt), math.cos(tilt)
    sr, cr = math.sin(roll), math.cos(roll)
    right = (cp, -sp, 0.0)
    down = (-st * sp, -st * cp, -ct)
    return np.array(
        [
            [cr * a + sr * b for a, b in zip(right, down, strict=True)],
            [cr * b - sr * a for a, b in zip(right, down, strict=True)],
            [sp * ct, cp * ct, -st],
        ]
    )


def compose(theta: Float, size: tuple[int, int]) -> Matrix:
    """Parameters (8,) -> image_from_field (3, 3) of a picture of `size` (width, height)."""
    width, height = size
    r = rotation(*theta[2:5])
    f = np.exp(theta[0]) * width
    k = np.array(
        [[f, 0, (width - 1) / 2], [0, f * np.exp(theta[1]), (height - 1) / 2], [0, 0, 1.0]]
    )
    h: Matrix = k @ np.column_stack([r[:, 0], r[:, 1], -r @ theta[5:8]])
    return h


def decompose(image_from_field: Matrix, size: tuple[int, int], log_aspect: float) -> Float | None:
    """(3, 3) homography -> (8,) parameters with the aspect given.

    Or None where no such camera fits.

    The focal length is the least-squares solution of the two conditions on the rotation's columns
    (Zhang 2000, eq. 3 and 4), the principal point in the middle. A level camera's homography does
    not tell the pixels' aspect: for no roll the two conditions are proportional.
    """
    width, height = size
    stretch = np.exp(log_aspect)
    unit = np.array(
        [[1, 0, -(width - 1) / 2], [0, 1 / stretch, -(height - 1) / 2 / stretch], [0, 0, width]]
    )
    centred = unit @ image_from_field
    centred = centred / np.linalg.norm(centred)
    a, b = centred[:, 0], centred[:, 1]
    column = np.array([a[:2] @ b[:2], a[:2] @ a[:2] - b[:2] @ b[:2]])
    target = -np.array([a[2] * b[2], a[2] ** 2 - b[2] ** 2])
    inverse_square = float(column @ target / max(float(column @ column), 1e-18))
    if not 1e-4 < inverse_square < 25:
        return None
    m = np.diag([np.sqrt(inverse_square)] * 2 + [1.0]) @ centred
    m /= np.sqrt(np.linalg.norm(m[:, 0]) * np.linalg.norm(m[:, 1]))
    for sign in (1.0, -1.0):
        n = sign * m
        u, _, vt = np.linalg.svd(np.column_stack([n[:, 0], n[:, 1], np.cross(n[:, 0], n[:, 1])]))
        r = u @ vt
        centre = -r.T @ n[:, 2]
        if np.linalg.det(r) > 0 and centre[2] > 0:
            pan, tilt = np.arctan2(r[2, 0], r[2, 1]), -np.arcsin(np.clip(r[2, 2], -1, 1))
            level = rotation(pan, tilt, 0.0)
            roll = np.arctan2(r[0] @ level[1], r[0] @ level[0])
            return np.array([-0.5 * np.log(inverse_square), log_aspect, pan, tilt, roll, *centre])
    return None


@dataclass(frozen=True, slots=True)
class Pull:
    """Measurements that move the camera: m field points, seen along a direction each."""

    field_m: Float
    """(m, 2)."""
    image_px: Float
    """(m, 2) where each was seen."""
    direction: Float
    """(m, 2) unit vectors: only the error along it counts."""
    deviation_px: Float
    """(m,)."""
    weight: Float
    """(m,) less than 1 where neighbours repeat each other."""


def fit(
    theta: Float, pull: Pull, prior: Prior, size: tuple[int, int], iterations: int = 5
) -> tuple[Float, Matrix]:
    """Maximum a posteriori camera by damped Gauss-Newton.

    Gives (8,) parameters and their (8, 8) information.

    Residuals are robust (Geman-McClure at three deviations). The information returned is the
    measurements' alone.
    """
    best, system = theta, _system(theta, pull, size)
    cost = system[2] + _prior_cost(theta, prior)
    damping = 1e-3
    for _ in range(iterations):
        a = system[0] + prior.information
        b = system[1] - prior.information @ (best - prior.mean)
        step = np.linalg.solve(a + damping * np.diag(np.diag(a)) + 1e-9 * np.eye(8), b)
        trial = best + step
        there = _system(trial, pull, size)
        now = there[2] + _prior_cost(trial, prior)
        if np.isfinite(now) and now < cost:
            gain, best, system, cost, damping = cost - now, trial, there, now, damping / 5
            if gain < 1e-3 * cost:
                break
        else:
            damping *= 20
            if damping > 1e4:
                break
    return best, system[0]


def _prior_cost(theta: Float, prior: Prior) -> float:
    d = theta - prior.mean
    return float(d @ prior.information @ d)


def _system(theta: Float, pull: Pull, size: tuple[int, int]) -> tuple[Matrix, Float, float]:
    """Normal matrix, right-hand side and robust cost at a camera."""
    thetas = theta + np.vstack([np.zeros(8), np.diag(STEPS)])
    stack = np.concatenate([compose(t, size) for t in thetas])  # (27, 3)
    q = (pull.field_m @ stack[:, :2].T + stack[:, 2]).reshape(-1, 9, 3)
    depth = np.where(np.abs(q[..., 2]) < 1e-9, 1e-9, q[..., 2])
    along = (q[..., 0] * pull.direction[:, :1] + q[..., 1] * pull.direction[:, 1:]) / depth
    along /= pull.deviation_px[:, None]
    r = (pull.image_px * pull.direction).sum(1) / pull.deviation_px - along[:, 0]
    j = (along[:, 1:] - along[:, :1]) / STEPS
    soft = 1 / (1 + (r / 3) ** 2)
    w = pull.weight * soft**2
    jw = j * w[:, None]
    return jw.T @ j, jw.T @ r, float((pull.weight * r * r * soft).sum())


def usual(size: tuple[int, int], vantage: Vantage = SOCCER) -> Prior:
    """What is known of a camera beside a field before it has shown a picture of `size`.

    Pixels are square, but for nearly square pictures: those are wide ones that somebody squeezed
    (or anamorphic).
    """
    shape = size[0] / size[1]
    squeezed = 0.9 < shape < 1.3
    aspect = np.log(16 / 9 / shape) if squeezed else 0.0
    mean = np.array([np.log(2.2), aspect, vantage.pan_rad, 0.2, 0.0, *vantage.centre_m])
    pixels = 0.06 if squeezed else 0.012
    deviation = np.array([1.0, pixels, 0.8, 0.2, 0.014, *vantage.deviation_m])
    return Prior(mean, np.diag(1 / deviation**2))


class CameraMemory:
    """What a shot has told of the camera's place and aspect; a pure information filter.

    Frames repeat each other, so each adds only a part of its information. An answer that
    contradicts what is remembered is counted; after `patience` of them in a row the memory starts
    anew (the camera was moved, or another one is on air).
    """

    def __init__(self, *, part: float = 0.08, patience: int = 12, drift_m: float = 0.25) -> None:
        self.part, self.patience, self.drift_m = part, patience, drift_m
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self.information = np.zeros((4, 4))
        self.vector = np.zeros(4)
        self.contradictions = 0
        self.frames = 0

    INDEX: NDArray[np.intp] = np.array([1, 5, 6, 7])

    def prior(self, usual_prior: Prior) -> Prior:
        """The usual prior, sharpened by what is remembered."""
        if self.frames < 3:
            return usual_prior
        # the remembered place is never surer than `drift_m`: cranes give, lenses breathe
        covariance = np.linalg.inv(self.information + 1e-9 * np.eye(4))
        covariance = covariance + np.diag([0.002, self.drift_m, self.drift_m, self.drift_m]) ** 2
        mean = np.linalg.solve(self.information + 1e-9 * np.eye(4), self.vector)
        sharp = np.linalg.inv(covariance)
        information = usual_prior.information.copy()
        index = np.ix_(self.INDEX, self.INDEX)
        both = information[index] + sharp
        target = usual_prior.mean.copy()
        target[self.INDEX] = np.linalg.solve(
            both, information[index] @ usual_prior.mean[self.INDEX] + sharp @ mean
        )
        information[index] = both
        return Prior(target, information)

    def add(self, theta: Float, information: Matrix) -> None:
        """Learn from a frame's trusted camera and the information of its measurements."""
        i = self.INDEX
        rest = np.setdiff1d(np.arange(8), i)
        inner = information[np.ix_(rest, rest)] + 1e-9 * np.eye(4)
        # what the frame tells of place and aspect once its own pan, tilt, roll and focal length
        # are free
        told = information[np.ix_(i, i)] - information[np.ix_(i, rest)] @ np.linalg.solve(
            inner, information[np.ix_(rest, i)]
        )
        told = (told + told.T) / 2 * self.part
        self.information = 0.998 * self.information + told
        self.vector = 0.998 * self.vector + told @ theta[i]
        self.frames += 1
        self.contradictions = 0

    def contradict(self) -> None:
        """Count a trusted answer that the memory made worse."""
        self.contradictions += 1
        if self.contradictions >= self.patience:
            self.forget()
