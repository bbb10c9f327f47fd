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
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge.fields import Vantage
from edge.registration.homography import Matrix, direct, inverse
from edge.registration.lens import RadialLens
from edge.types import FloatArray

PARAMETERS = (
    "log_focal", "log_aspect", "pan", "tilt", "roll", "x_m", "y_m", "z_m", "kappa",
)  # fmt: skip
KAPPA = PARAMETERS.index("kappa")
SOCCER = Vantage()
BEND = 0.015
"""Deviation of kappa among lenses."""
FEWEST_OF_A_PLANE = 8
"""Points of the lattice on the field that a plane is fitted to."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Gaussian on the nine parameters."""

    mean: FloatArray
    """(9,)."""
    information: Matrix
    """(9, 9) inverse covariance."""


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


def angles(r: Matrix) -> tuple[float, float, float]:
    """(3, 3) camera from field -> pan, tilt, roll: the inverse of `rotation`, radians."""
    pan = math.atan2(r[2, 0], r[2, 1])
    tilt = -math.asin(min(1.0, max(-1.0, float(r[2, 2]))))
    level = rotation(pan, tilt, 0.0)
    return pan, tilt, math.atan2(float(r[0] @ level[1]), float(r[0] @ level[0]))


def compose(theta: FloatArray, size: tuple[int, int]) -> Matrix:
    """Parameters (9,) -> image_from_field (3, 3) of a picture of `size` (width, height).

    Of the pinhole alone: a lens bends it by the last parameter (see `edge.registration.lens`).
    """
    width, height = size
    r = rotation(*theta[2:5])
    f = math.exp(theta[0]) * width
    k = np.array(
        [[f, 0, (width - 1) / 2], [0, f * math.exp(theta[1]), (height - 1) / 2], [0, 0, 1.0]]
    )
    h: Matrix = k @ _ground(r, theta)
    return h


def _ground(r: Matrix, theta: FloatArray) -> Matrix:
    """Camera coordinates from homogeneous field positions, (3, 3)."""
    ground: Matrix = r.copy()
    ground[:, 2] = -(r @ theta[5:8])
    return ground


def lens(theta: FloatArray, size: tuple[int, int]) -> RadialLens | None:
    """The lens of a camera (9,) for a (width, height) picture; None for a pinhole."""
    return RadialLens.of(float(theta[KAPPA]), float(theta[1]), size)


def plane(theta: FloatArray, size: tuple[int, int], reach_m: tuple[float, float]) -> Matrix:
    """The best image_from_field (3, 3) of what a picture shows of the field, its lens included.

    `reach_m`: half the field's length and width. Least squares over a lattice of pixels.
    """
    pinhole, bends = compose(theta, size), lens(theta, size)
    if bends is None:
        return pinhole
    width, height = size
    u, v = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7))
    px = np.stack([u.ravel(), v.ravel()])
    q = inverse(pinhole) @ np.concatenate([bends.straight(px), np.ones((1, px.shape[1]))])
    metres = (q[:2] / q[2]).T
    ahead = pinhole[2, 0] * metres[:, 0] + pinhole[2, 1] * metres[:, 1] + pinhole[2, 2] > 0
    on = ahead & (np.abs(metres) <= 1.1 * np.asarray(reach_m)).all(1)
    if on.sum() < FEWEST_OF_A_PLANE:
        return pinhole
    bent = direct(metres[on], px.T[on])
    if bent is None:
        return pinhole
    foot = metres[on].mean(0)
    return bent if bent[2, :2] @ foot + bent[2, 2] > 0 else -bent


def decompose(
    image_from_field: Matrix, size: tuple[int, int], log_aspect: float
) -> FloatArray | None:
    """(3, 3) homography -> (9,) parameters with the aspect given, unbent.

    Or None where no such camera fits.

    The focal length is the least-squares solution of the two conditions on the rotation's columns
    (Zhang 2000, eq. 3 and 4), the principal point in the middle. A level camera's homography does
    not tell the pixels' aspect: for no roll the two conditions are proportional.
    """
    width, height = size
    stretch = math.exp(log_aspect)
    unit = np.array(
        [[1, 0, -(width - 1) / 2], [0, 1 / stretch, -(height - 1) / 2 / stretch], [0, 0, width]]
    )
    centred = unit @ image_from_field
    centred /= math.sqrt(float((centred * centred).sum()))
    a, b = centred[:, 0].tolist(), centred[:, 1].tolist()
    inner = a[0] * b[0] + a[1] * b[1]
    longer = a[0] ** 2 + a[1] ** 2 - b[0] ** 2 - b[1] ** 2
    against = -(inner * a[2] * b[2] + longer * (a[2] ** 2 - b[2] ** 2))
    inverse_square = against / max(inner**2 + longer**2, 1e-18)
    if not 1e-4 < inverse_square < 25:
        return None
    m = centred
    m[:2] *= math.sqrt(inverse_square)
    m /= math.sqrt(math.sqrt(float(m[:, 0] @ m[:, 0]) * float(m[:, 1] @ m[:, 1])))
    for sign in (1.0, -1.0):
        n = sign * m
        u, _, vt = np.linalg.svd(np.stack([n[:, 0], n[:, 1], _cross(n[:, 0], n[:, 1])], 1))
        r = u @ vt
        centre = -r.T @ n[:, 2]
        if float(r[0] @ _cross(r[1], r[2])) > 0 and centre[2] > 0:
            focal = -0.5 * math.log(inverse_square)
            return np.array([focal, log_aspect, *angles(r), *centre, 0.0])
    return None


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector product of two (3,)."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


@dataclass(frozen=True, slots=True)
class Pull:
    """Measurements that move the camera: m field points, seen along a direction each."""

    field_m: FloatArray
    """(m, 2)."""
    image_px: FloatArray
    """(m, 2) where each was seen."""
    direction: FloatArray
    """(m, 2) unit vectors: only the error along it counts."""
    deviation_px: FloatArray
    """(m,)."""
    weight: FloatArray
    """(m,) less than 1 where neighbours repeat each other."""


def fit(
    theta: FloatArray, pull: Pull, prior: Prior, size: tuple[int, int], iterations: int = 5
) -> tuple[FloatArray, Matrix]:
    """Maximum a posteriori camera by damped Gauss-Newton.

    Gives (9,) parameters and their (9, 9) information.

    Residuals are robust (Geman-McClure at three deviations). The information returned is the
    measurements' alone.
    """
    seen = _Seen(pull, size)
    best, system = theta, seen.system(theta)
    cost = system[2] + _prior_cost(theta, prior)
    damping = 1e-3
    for _ in range(iterations):
        a = system[0] + prior.information
        b = system[1] - prior.information @ (best - prior.mean)
        a.flat[:: len(a) + 1] = a.flat[:: len(a) + 1] * (1 + damping) + 1e-9
        trial = best + np.linalg.solve(a, b)
        there = seen.system(trial)
        now = there[2] + _prior_cost(trial, prior)
        if math.isfinite(now) and now < cost:
            gain, best, system, cost, damping = cost - now, trial, there, now, damping / 5
            if gain < 1e-3 * cost:
                break
        else:
            damping *= 20
            if damping > 1e4:
                break
    return best, system[0]


def _prior_cost(theta: FloatArray, prior: Prior) -> float:
    d = theta - prior.mean
    return float(d @ prior.information @ d)


class _Seen:
    """Measurements laid out for many cameras on trial: everything along m is contiguous."""

    def __init__(self, pull: Pull, size: tuple[int, int]) -> None:
        self.size = size
        self.x, self.y = np.ascontiguousarray(pull.field_m.T)
        self.along = pull.direction.T / pull.deviation_px
        """(2, m) what a pixel's error counts, in deviations."""
        u = pull.image_px[:, 0] - (size[0] - 1) / 2
        v = pull.image_px[:, 1] - (size[1] - 1) / 2
        self.target = u * self.along[0] + v * self.along[1]
        self._flat = (u / (size[0] / 2)) ** 2, (v / (size[0] / 2)) ** 2
        self.weight = pull.weight

    def system(self, theta: FloatArray) -> tuple[Matrix, FloatArray, float]:
        """Normal matrix, right-hand side and robust cost at a camera.

        With c the camera coordinates of a point, the picture moves by (f / c_z) (dc - c dc_z / c_z)
        along each axis; dc is -R per metre of the camera, a turn of c per radian of roll and tilt,
        a turn about the field's normal per radian of pan.
        """
        r = rotation(*theta[2:5])
        ground = _ground(r, theta)
        c = ground[:, :1] * self.x + ground[:, 1:2] * self.y + ground[:, 2:]
        c[2][np.abs(c[2]) < 1e-9] = 1e-9
        f = math.exp(theta[0]) * self.size[0]
        scale = np.array([[f], [f * math.exp(theta[1])]]) / c[2]
        pull = np.empty((3, len(self.x)))  # how the projection moves with c
        np.multiply(self.along, scale, out=pull[:2])
        across, down = pull[0] * c[0], pull[1] * c[1]
        seen = across + down
        np.divide(-seen, c[2], out=pull[2])
        # what was seen, as a pinhole would have it: the lens moves the target
        bent = self.target * (self._flat[0] + self._flat[1] * math.exp(-2 * theta[1]))
        j = np.empty((len(PARAMETERS), len(self.x)))
        np.negative(bent, out=j[KAPPA])
        j[0], j[1] = seen, down
        np.negative(r.T @ pull, out=j[5:8])
        j[2] = (self.y - theta[6]) * j[5] - (self.x - theta[5]) * j[6]
        sin, cos = math.sin(theta[4]), math.cos(theta[4])
        j[3] = pull[2] * (sin * c[0] + cos * c[1]) - c[2] * (sin * pull[0] + cos * pull[1])
        j[4] = pull[0] * c[1] - pull[1] * c[0]
        residual = self.target + theta[KAPPA] * bent - seen
        square = residual * residual
        soft = 1 / (1 + square / 9)  # Geman-McClure at three deviations
        w = self.weight * soft
        jw = j * (w * soft)
        return jw @ j.T, jw @ residual, float(w @ square)


@cache
def usual(size: tuple[int, int], vantage: Vantage = SOCCER) -> Prior:
    """What is known of a camera beside a field before it has shown a picture of `size`.

    Pixels are square, but for nearly square pictures: those are wide ones that somebody squeezed
    (or anamorphic).
    """
    shape = size[0] / size[1]
    squeezed = 0.9 < shape < 1.3
    aspect = np.log(16 / 9 / shape) if squeezed else 0.0
    mean = np.array([np.log(2.2), aspect, vantage.pan_rad, 0.2, 0.0, *vantage.centre_m, 0.0])
    pixels = 0.06 if squeezed else 0.012
    deviation = np.array([1.0, pixels, 0.8, 0.2, 0.014, *vantage.deviation_m, BEND])
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
        self.information = np.zeros((5, 5))
        self.vector = np.zeros(5)
        self.contradictions = 0
        self.frames = 0
        self._sharpened: tuple[Prior, Prior] | None = None

    INDEX: NDArray[np.intp] = np.array([1, 5, 6, 7, 8])
    REST: NDArray[np.intp] = np.array([0, 2, 3, 4])

    def prior(self, usual_prior: Prior) -> Prior:
        """The usual prior, sharpened by what is remembered."""
        if self.frames < 3:
            return usual_prior
        if self._sharpened is None or self._sharpened[0] is not usual_prior:
            self._sharpened = usual_prior, self._sharpen(usual_prior)
        return self._sharpened[1]

    def _sharpen(self, usual_prior: Prior) -> Prior:
        # the remembered place is never surer than `drift_m`: cranes give, lenses breathe
        covariance = np.linalg.inv(self.information + 1e-9 * np.eye(5))
        covariance = (
            covariance + np.diag([0.002, self.drift_m, self.drift_m, self.drift_m, 0.002]) ** 2
        )
        mean = np.linalg.solve(self.information + 1e-9 * np.eye(5), self.vector)
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

    def add(self, theta: FloatArray, information: Matrix) -> None:
        """Learn from a frame's trusted camera and the information of its measurements."""
        i = self.INDEX
        rest = self.REST
        self._sharpened = None
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
