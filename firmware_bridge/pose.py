"""Camera pose from a field homography and back: square pixels, centred principal point.

The closed form is the classical one for a plane at z = 0 (Zhang, "A flexible new technique for
camera calibration", 2000, section 3.1, with one unknown intrinsic): the first two columns of K^-1 H
are orthogonal and of equal length. A few Gauss-Newton steps on the reprojection of a grid of
picture points then make it the least-squares pose, and the same normal equations give its
uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_bridge.model import CameraPose
from firmware_bridge.rotation import angles_of, camera_axes

_Matrix = NDArray[np.float64]
_Vector = tuple[float, float, float]

FOCAL_LIMITS = (0.25, 20.0)
"""Focal length over picture width that a PTZ camera can have."""
HEIGHT_LIMITS_M = (0.5, 150.0)
REACH_LIMIT_M = 500.0
ROLL_LIMIT_DEG = 20.0
RESIDUAL_LIMIT = 0.01
"""RMS disagreement, over the picture's width, between a homography and the nearest real camera."""
DEFAULT_SIGMA = 0.002
"""Standard error of a keypoint over the picture's width where the registration gives none."""
_STEPS = 6
_BY_TURNING: Literal[4] = 4
"""Parameters of a camera that stays where it is: three of rotation, one of focal length."""


class PoseVerdict(str, Enum):
    """Whether a pose makes sense, and if not, why."""

    OK = "ok"
    SINGULAR = "singular"
    """The matrix has no inverse or holds a number that is not finite."""
    DEGENERATE = "degenerate"
    """The view fixes no focal length (straight down, or no perspective in it)."""
    FOCAL = "focal"
    BELOW = "below"
    """The camera would be under the field or too high: often a mirrored homography."""
    FAR = "far"
    ROLL = "roll"
    RESIDUAL = "residual"
    """No camera with square pixels takes this picture: squeezed, or simply wrong."""
    SQUEEZED = "squeezed"
    """The sequence shows that the pixels are not square (`firmware_bridge.aspect`)."""


@dataclass(frozen=True, slots=True)
class PoseSigma:
    """Standard errors of a pose."""

    x_m: float
    y_m: float
    z_m: float
    pan_deg: float
    tilt_deg: float
    roll_deg: float
    focal_px: float


@dataclass(frozen=True, slots=True)
class PoseEstimate:
    """A camera's pose in one picture, how sure it is, and where it comes from."""

    pose: CameraPose | None
    """None unless the verdict is OK."""
    verdict: PoseVerdict
    sigma: PoseSigma | None = None
    residual_px: float = 0.0
    """RMS distance in pixels between the homography and the pose's own."""
    source: str = "vision"
    """`vision`, or `telemetry` where the firmware's word, aligned, stands in for the picture."""
    steady: bool = False
    """Whether the camera's position is the one learnt over many pictures."""
    capture_ns: int = 0
    position_information: _Matrix | None = None
    """(3, 3) inverse covariance of the free position; None where it was given."""


def homography_from_pose(pose: CameraPose) -> _Matrix:
    """`field_from_image` (3, 3) of a pose, distortion left out; pixel centres at integers."""
    rotation = _rotation(pose)
    h = np.linalg.inv(
        _image_from_field(rotation, pose.focal_px, _position(pose), pose.width_px, pose.height_px)
    )
    return np.asarray(h / np.linalg.norm(h), float)


def project(pose: CameraPose, points_m: ArrayLike) -> _Matrix:
    """Project (n, 3) points in metres -> (n, 2) pixels; points behind the camera become nan."""
    local = (np.asarray(points_m, float).reshape(-1, 3) - _position(pose)) @ _rotation(pose).T
    depth = np.where(local[:, 2:3] > 1e-9, local[:, 2:3], np.nan)
    ray = local[:, :2] / depth
    ray = ray * (1 + pose.k1 * (ray**2).sum(axis=1, keepdims=True))
    return np.asarray(pose.focal_px * ray + _centre(pose.width_px, pose.height_px))


def estimate_pose(
    field_from_image: ArrayLike,
    width_px: int,
    height_px: int,
    *,
    sigma_px: float | None = None,
    points: int = 40,
    position_m: ArrayLike | None = None,
    capture_ns: int = 0,
) -> PoseEstimate:
    """Return the pose behind a homography, with a verdict and standard errors.

    `sigma_px` is the standard error of each of the `points` image points from which the homography
    came. With `position_m` (3,) given, only rotation and focal length are solved for. Raises
    nothing on any numbers: a homography that belongs to no camera gets a verdict that says so.
    """
    sigma = (
        sigma_px
        if sigma_px and math.isfinite(sigma_px) and sigma_px > 0
        else DEFAULT_SIGMA * width_px
    )
    given = None if position_m is None else np.asarray(position_m, float)
    try:
        with np.errstate(all="ignore"):
            return _estimate(
                np.asarray(field_from_image, float),
                (width_px, height_px),
                sigma,
                points,
                given,
                capture_ns,
            )
    except np.linalg.LinAlgError:
        return PoseEstimate(None, PoseVerdict.SINGULAR, capture_ns=capture_ns)


def _estimate(
    field_from_image: _Matrix,
    size: tuple[int, int],
    sigma_px: float,
    points: int,
    position: _Matrix | None,
    capture_ns: int,
) -> PoseEstimate:
    if field_from_image.shape != (3, 3) or not np.isfinite(field_from_image).all():
        return PoseEstimate(None, PoseVerdict.SINGULAR, capture_ns=capture_ns)
    start = closed_form(field_from_image, *size)
    if start is None:
        return PoseEstimate(None, PoseVerdict.DEGENERATE, capture_ns=capture_ns)
    rotation, focal, centre = start
    if position is not None:
        centre = position
    image, field = picture_grid(field_from_image, size)
    if len(image) < 6:
        return PoseEstimate(None, PoseVerdict.DEGENERATE, capture_ns=capture_ns)
    solution = _solve(rotation, focal, centre, image, field, size, free_position=position is None)
    if solution is None:
        return PoseEstimate(None, PoseVerdict.DEGENERATE, capture_ns=capture_ns)
    rotation, focal, centre, normal, residual = solution
    pose = _pose(rotation, focal, centre, size)
    verdict = _judge(pose, residual)
    if verdict is not PoseVerdict.OK:
        return PoseEstimate(None, verdict, residual_px=residual, capture_ns=capture_ns)
    information = normal * (max(points, 4) / len(image)) / sigma_px**2
    covariance: _Matrix = np.linalg.inv(information + np.eye(len(information)) * 1e-12).astype(
        float
    )
    return PoseEstimate(
        pose=pose,
        verdict=verdict,
        sigma=_sigma(covariance, rotation, focal),
        residual_px=residual,
        capture_ns=capture_ns,
        steady=position is not None,
        position_information=None if position is not None else _inverse(covariance[4:, 4:]),
    )


def closed_form(
    field_from_image: _Matrix, width: int, height: int
) -> tuple[_Matrix, float, _Matrix] | None:
    """Rotation (rows right, down, forward), focal length in pixels and position.

    None when degenerate. In plain numbers: nine of them are too few for arrays to pay.
    """
    h = np.linalg.inv(field_from_image)
    cx, cy = _centre(width, height).tolist()
    (x, y, w) = (field_from_image @ (cx, height - 1.0, 1.0)).tolist()
    if h[2] @ (x / w, y / w, 1.0) < 0:
        h = -h
    (h00, h01, h02), (h10, h11, h12), third = h.tolist()
    # the picture's centre becomes the origin
    columns = [
        (u - cx * w, v - cy * w, w)
        for u, v, w in zip((h00, h01, h02), (h10, h11, h12), third, strict=True)
    ]
    scale = math.hypot(*columns[0], *columns[1])
    (u1, v1, w1), (u2, v2, w2), (u3, v3, w3) = (
        (u / scale, v / scale, w / scale) for u, v, w in columns
    )
    # g = 1/f^2 from c1 g + d1 = 0 (orthogonal) and c2 g + d2 = 0 (equal length); the weights 4 and
    # 1 make the answer independent of how the field's axes lie
    c1, d1 = u1 * u2 + v1 * v2, w1 * w2
    c2, d2 = u1 * u1 + v1 * v1 - u2 * u2 - v2 * v2, w1 * w1 - w2 * w2
    divisor = 4 * c1 * c1 + c2 * c2
    g = -(4 * c1 * d1 + c2 * d2) / divisor if divisor else 0.0
    if not math.isfinite(g) or g <= 0:
        return None
    focal = 1 / math.sqrt(g)
    if not FOCAL_LIMITS[0] / 4 < focal / width < FOCAL_LIMITS[1] * 4:
        return None
    first, second = (u1 / focal, v1 / focal, w1), (u2 / focal, v2 / focal, w2)
    length = (math.hypot(*first) + math.hypot(*second)) / 2
    rotation = _nearest_rotation(first, second)
    if rotation is None:
        return None
    shift = np.array((u3 / focal, v3 / focal, w3)) / length
    return rotation, focal, -rotation.T @ shift


def _nearest_rotation(first: _Vector, second: _Vector) -> _Matrix | None:
    """(3, 3) whose first two columns lie in the plane of two vectors, each as near as the other.

    None where they span no plane.
    """
    one, two = math.hypot(*first), math.hypot(*second)
    if not (one > 0 and two > 0):
        return None
    pairs = [(a / one, b / two) for a, b in zip(first, second, strict=True)]
    # of vectors of equal length, sum and difference are at right angles
    total, gap = [a + b for a, b in pairs], [a - b for a, b in pairs]
    across, along = math.hypot(*total) * math.sqrt(2), math.hypot(*gap) * math.sqrt(2)
    if not (across > 1e-9 and along > 1e-9):
        return None
    x1, y1, z1 = (t / across + d / along for t, d in zip(total, gap, strict=True))
    x2, y2, z2 = (t / across - d / along for t, d in zip(total, gap, strict=True))
    return np.array(
        (
            (x1, x2, y1 * z2 - z1 * y2),
            (y1, y2, z1 * x2 - x1 * z2),
            (z1, z2, x1 * y2 - y1 * x2),
        )
    )


def picture_grid(field_from_image: _Matrix, size: tuple[int, int]) -> tuple[_Matrix, _Matrix]:
    """Picture points below the horizon, relative to the centre, and the field points they show."""
    width, height = size
    grid = _grid(size)
    mapped = grid @ field_from_image.T
    bottom = field_from_image[2] @ ((width - 1) / 2, height - 1.0, 1.0)
    weight = mapped[:, 2] * np.sign(bottom)
    field = mapped / mapped[:, 2:3]
    field[:, 2] = 0.0
    seen = (weight > 0) & (np.abs(field) < REACH_LIMIT_M).all(axis=1)
    return grid[seen, :2] - _centre(width, height), field[seen]


@lru_cache(maxsize=8)
def _grid(size: tuple[int, int]) -> _Matrix:
    """(36, 3) homogeneous points evenly over a picture of (width, height)."""
    xs, ys = np.meshgrid(*(np.linspace(0.05, 0.95, 6) * side for side in size))
    return np.column_stack([xs.ravel(), ys.ravel(), np.ones(xs.size)])


_Solution = tuple[_Matrix, float, _Matrix, _Matrix, float]


def _solve(
    rotation: _Matrix,
    focal: float,
    centre: _Matrix,
    image: _Matrix,
    field: _Matrix,
    size: tuple[int, int],
    *,
    free_position: bool,
) -> _Solution | None:
    """Gauss-Newton on (small rotation, log focal length[, position]); None when it runs away."""
    free: Literal[4, 7] = 7 if free_position else _BY_TURNING
    normal = np.eye(free)
    residual = math.inf
    for step in range(_STEPS + 1):
        difference, jacobian = linearize(rotation, focal, centre, image, field, free)
        if not np.isfinite(jacobian).all():
            return None
        normal = jacobian.T @ jacobian
        residual = math.sqrt(float((difference**2).mean()) * 2)
        if step == _STEPS:
            break
        # a little damping: with a narrow view, distance and focal length are nearly one parameter
        damped = normal.copy()
        damped.flat[:: free + 1] *= 1 + 1e-6
        damped.flat[:: free + 1] += 1e-12
        update = np.linalg.solve(damped, jacobian.T @ difference)
        np.minimum(np.maximum(update[:4], -0.3), 0.3, out=update[:4])
        rotation = small_rotation(update[:3]) @ rotation
        focal *= math.exp(update[3])
        if free_position:
            centre = centre + np.clip(update[4:], -30, 30)
        if np.abs(update[:4]).max() < 1e-7:
            break
    width = size[0]
    return (
        (rotation, focal, centre, normal, residual)
        if FOCAL_LIMITS[0] / 4 < focal / width < 100
        else None
    )


def linearize(
    rotation: _Matrix,
    focal: float,
    centre: _Matrix,
    image: _Matrix,
    field: _Matrix,
    free: Literal[4, 7] = 7,
) -> tuple[_Matrix, _Matrix]:
    """Residuals (2n,) image - projection, and the projection's (2n, `free`) derivatives.

    By a small rotation, the logarithm of the focal length and, with 7, the position.
    """
    x, y, z = rotation @ (field - centre).T
    u, v, n = focal * x / z, focal * y / z, len(x)
    difference = (image.T - (u, v)).ravel()
    jacobian = np.empty((2 * n, free))
    ju, jv = jacobian[:n], jacobian[n:]
    # a small rotation w on the left moves local to local + w x local, and the projection by
    # w . (local x its derivative by the local coordinates)
    uv = u * v / focal
    ju[:, 0], ju[:, 1], ju[:, 2] = -uv, focal + u * u / focal, -v
    jv[:, 0], jv[:, 1], jv[:, 2] = -focal - v * v / focal, uv, u
    ju[:, 3], jv[:, 3] = u, v
    if free == _BY_TURNING:
        return difference, jacobian
    depth = (focal / z)[:, None]
    ju[:, 4:] = (u / z)[:, None] * rotation[2] - depth * rotation[0]
    jv[:, 4:] = (v / z)[:, None] * rotation[2] - depth * rotation[1]
    return difference, jacobian


def small_rotation(w: _Matrix) -> _Matrix:
    """Rotation matrix of a rotation vector (Rodrigues' formula)."""
    x, y, z = w.tolist()
    angle = math.hypot(x, y, z)
    a, b = 1.0, 0.0
    if angle >= 1e-12:
        a, b = math.sin(angle) / angle, (1 - math.cos(angle)) / angle**2
    return np.array(
        (
            (1 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y),
            (b * x * y + a * z, 1 - b * (x * x + z * z), b * y * z - a * x),
            (b * x * z - a * y, b * y * z + a * x, 1 - b * (x * x + y * y)),
        )
    )


def _judge(pose: CameraPose, residual: float) -> PoseVerdict:
    if not FOCAL_LIMITS[0] <= pose.focal_px / pose.width_px <= FOCAL_LIMITS[1]:
        return PoseVerdict.FOCAL
    if not HEIGHT_LIMITS_M[0] <= pose.z_m <= HEIGHT_LIMITS_M[1]:
        return PoseVerdict.BELOW
    if math.hypot(pose.x_m, pose.y_m) > REACH_LIMIT_M:
        return PoseVerdict.FAR
    if abs(pose.roll_deg) > ROLL_LIMIT_DEG:
        return PoseVerdict.ROLL
    # written so that a residual that is no number fails
    return PoseVerdict.OK if residual <= RESIDUAL_LIMIT * pose.width_px else PoseVerdict.RESIDUAL


def _inverse(matrix: _Matrix) -> _Matrix:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _sigma(covariance: _Matrix, rotation: _Matrix, focal: float) -> PoseSigma:
    by_rotation = _angles_by_rotation(rotation)
    angles = np.sqrt(((by_rotation @ covariance[:3, :3]) * by_rotation).sum(1).clip(0))
    deviations = np.sqrt(covariance.diagonal().clip(0)).tolist()
    x, y, z = deviations[4:] or (0.0, 0.0, 0.0)
    pan, tilt, roll = np.degrees(angles).tolist()
    return PoseSigma(x, y, z, pan, tilt, roll, focal * deviations[3])


def _angles_by_rotation(rotation: _Matrix) -> _Matrix:
    """(3, 3) derivatives of pan, tilt and roll, in radians, by a small rotation on the left."""
    (_, _, right), (down_x, down_y, down), (x, y, z) = rotation.tolist()
    right_x, right_y = rotation[0, :2].tolist()
    # straight up or down pan and roll are one, and not to be told apart
    level, side = max(x * x + y * y, 1e-12), max(right * right + down * down, 1e-12)
    up = math.sqrt(level)
    return np.array(
        (
            (
                (y * down_x - x * down_y) / level,
                (x * right_y - y * right_x) / level,
                0.0,
            ),
            (down / up, -right / up, 0.0),
            (right * z / side, down * z / side, -1.0),
        )
    )


def _pose(rotation: _Matrix, focal: float, centre: _Matrix, size: tuple[int, int]) -> CameraPose:
    pan, tilt, roll = angles_of(_axes(rotation))
    x, y, z = (float(v) for v in centre)
    return CameraPose(x, y, z, pan, tilt, roll, float(focal), *size)


def _axes(rotation: _Matrix) -> _Matrix:
    """Columns right, forward, up from rows right, down, forward."""
    return np.column_stack([rotation[0], rotation[2], -rotation[1]])


def _rotation(pose: CameraPose) -> _Matrix:
    right, forward, up = camera_axes(pose.pan_deg, pose.tilt_deg, pose.roll_deg).T
    return np.stack([right, -up, forward])


def _position(pose: CameraPose) -> _Matrix:
    return np.array([pose.x_m, pose.y_m, pose.z_m])


def _centre(width: int, height: int) -> _Matrix:
    return np.array([(width - 1) / 2, (height - 1) / 2])


def _image_from_field(
    rotation: _Matrix, focal: float, centre: _Matrix, width: int, height: int
) -> _Matrix:
    cx, cy = _centre(width, height)
    camera = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
    return np.asarray(
        camera @ np.column_stack([rotation[:, 0], rotation[:, 1], -rotation @ centre])
    )
