"""Golden frames: pictures with known answers that a bundle must give before it is used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, GoldenFrame
from edge.errors import BundleError
from edge.fields import Field
from edge.types import FloatArray, ImageArray, Registration

_JPEG_QUALITY = 92
_GRID = (16, 9)
"""Pixels of a picture at which two homographies are compared."""


class Answers(Protocol):
    """What is tested: a registrar."""

    def register(self, image_bgr: ImageArray, *, pts_s: float | None = None) -> Registration:
        """Register one picture."""

    def reset(self) -> None:
        """Forget the frames before."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden frame on its way into a bundle."""

    entry: GoldenFrame
    data: bytes
    """The JPEG file."""


def make_golden(number: int, image: ImageArray, field_from_image: FloatArray | None) -> Golden:
    """Encode a (h, w, 3) BGR picture with its true homography; None: there is no field in it."""
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    data = jpeg.tobytes()
    numbers = None
    if field_from_image is not None:
        numbers = tuple(float(v) for v in np.asarray(field_from_image, float).ravel())
    name = f"golden-{number}.jpg"
    digest = hashlib.sha256(data).hexdigest()
    return Golden(
        GoldenFrame(name=name, sha256=digest, size=len(data), field_from_image=numbers), data
    )


def self_test(registrar: Answers, bundle: Bundle, field: Field) -> list[str]:
    """Ask for the answers to a bundle's golden frames; returns what is wrong, one line each.

    A bundle without golden frames cannot show that it works: that is wrong too.
    """
    if not bundle.manifest.golden:
        return ["the bundle carries no golden frames to test it on"]
    problems = []
    for frame in bundle.manifest.golden:
        image = cv2.imread(str(bundle.path / frame.name))
        if image is None:
            raise BundleError(f"{bundle.path / frame.name}: no picture; reinstall the bundle")
        problem = judge(registrar, np.asarray(image, np.uint8), frame, field)
        if problem is not None:
            problems.append(f"{frame.name}: {problem}")
    return problems


def judge(registrar: Answers, image: ImageArray, frame: GoldenFrame, field: Field) -> str | None:
    """Say what is wrong with the answer to one golden frame; None when it is right."""
    registrar.reset()
    answer = registrar.register(image)
    registrar.reset()
    if frame.field_from_image is None:
        wrong = answer.field_from_image is not None
        return f"{answer.state.value} where there is no field" if wrong else None
    if answer.field_from_image is None:
        return f"lost ({answer.reason.value})"
    truth = np.array(frame.field_from_image, float).reshape(3, 3)
    error = mean_error(answer.field_from_image, truth, image.shape, field)
    if error <= frame.tolerance:
        return None
    return f"off by {100 * error:.1f} % of the height, {100 * frame.tolerance:g} % are allowed"


def mean_error(
    field_from_image: FloatArray, truth: FloatArray, shape: tuple[int, ...], field: Field
) -> float:
    """Mean reprojection error over the visible field, as a share of the picture's height."""
    height, width = shape[:2]
    x, y = np.meshgrid(np.linspace(0, width - 1, _GRID[0]), np.linspace(0, height - 1, _GRID[1]))
    pixels = np.stack([x.ravel(), y.ravel()], 1)
    on_field = _apply(truth, pixels)
    inside = np.all(np.abs(on_field) <= np.array([field.length_m, field.width_m]) / 2, axis=1)
    if not inside.any():
        return float("inf")
    back = _apply(np.linalg.inv(np.asarray(field_from_image, float)), on_field[inside])
    return float(np.linalg.norm(back - pixels[inside], axis=1).mean() / height)


def _apply(h: FloatArray, points: NDArray[np.float64]) -> NDArray[np.float64]:
    q = points @ np.asarray(h, float)[:, :2].T + np.asarray(h, float)[:, 2]
    p: NDArray[np.float64] = q[:, :2] / q[:, 2:]
    return p
