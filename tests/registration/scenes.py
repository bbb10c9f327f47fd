"""Cameras, coordinate maps and drawn pictures with a known homography, made without a network."""

from dataclasses import replace

import cv2
import numpy as np

from edge.bundles import Bundle, find_bundle
from edge.fields import Field, load_field, texture

WIDTH, HEIGHT = 320, 192
SOCCER = load_field("soccer")


def soccer_bundle() -> Bundle:
    """Soccer's bundle, whose answers carry the score on which the registrar decides."""
    shipped = find_bundle("soccer")
    decode = {k: v for k, v in shipped.manifest.decode.items() if not k.startswith("published.")}
    decode["threshold.accepted"] = decode["threshold.carried"]
    return replace(shipped, manifest=shipped.manifest.model_copy(update={"decode": decode}))


def camera(
    at=(0.0, -80.0, 18.0), to=(30.0, 0.0), focal=2.2, width=WIDTH, height=HEIGHT, squeeze=1.0
) -> np.ndarray:
    """(3, 3) image_from_field of a pinhole camera; focal length over the picture's width."""
    centre = np.array(at, float)
    forward = np.array([*to, 0.0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    f = focal * width
    k = np.array([[f, 0, (width - 1) / 2], [0, f * squeeze, (height - 1) / 2], [0, 0, 1]])
    return k @ np.c_[rotation[:, :2], -rotation @ centre]


VIEWS = {
    "right penalty area": camera(to=(38.0, 0.0), focal=2.0),
    "left penalty area": camera(to=(-38.0, 2.0), focal=2.0),
    "middle": camera(to=(0.0, 0.0), focal=1.6),
    "low and near": camera(at=(5.0, -45.0, 6.0), to=(25.0, 5.0), focal=0.9),
    "wide": camera(at=(-10.0, -60.0, 20.0), to=(-5.0, 0.0), focal=0.7),
    "close": camera(to=(42.0, 3.0), focal=4.5),
    "squeezed": camera(to=(30.0, 0.0), focal=1.8, squeeze=1.3),
}


def project(h: np.ndarray, points: np.ndarray) -> np.ndarray:
    q = np.c_[points, np.ones(len(points))] @ h.T
    return q[:, :2] / q[:, 2:]


def coordinate_map(
    image_from_field: np.ndarray,
    field: Field = SOCCER,
    *,
    sigma_m: float = 0.3,
    noise_m: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """(5, h/4, w/4) as a perfect (or noisy) keypoint head would give it."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[0 : HEIGHT // 4, 0 : WIDTH // 4] * 4 + 1.5
    back = np.linalg.inv(image_from_field)
    q = np.stack([u.ravel(), v.ravel(), np.ones(u.size)], 1) @ back.T
    p = q[:, :2] / q[:, 2:]
    front = p @ image_from_field[2, :2] + image_from_field[2, 2] > 0
    half = np.array([field.length_m, field.width_m]) / 2
    on = front & (np.abs(p) <= half).all(1)
    p = p + rng.normal(0, noise_m, p.shape) if noise_m else p
    out = np.empty((5, u.size), np.float32)
    out[:2] = np.clip(p / half, -2, 2).T
    out[2:4] = np.log(sigma_m / half)[:, None]
    out[4] = np.where(on, 6.0, -6.0)
    return out.reshape(5, *u.shape)


def draw(
    image_from_field: np.ndarray, width: int = WIDTH, height: int = HEIGHT, field: Field = SOCCER
) -> np.ndarray:
    """(height, width, 3) BGR picture of the painted field.

    Anti-aliased by drawing it at three times the size.
    """
    raster = texture(field, 0.05)
    s = 3
    up = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1.0]])
    h = up @ image_from_field @ np.linalg.inv(raster.pixel_from_field)
    big = cv2.warpPerspective(
        raster.data, h, (width * s, height * s), flags=cv2.INTER_AREA, borderValue=(60, 70, 60)
    )
    # what lies above the horizon is drawn mirrored by the warp: paint it over
    v, u = np.mgrid[0 : height * s, 0 : width * s]
    back = np.linalg.inv(up @ image_from_field)
    q = np.stack([u, v, np.ones_like(u)], -1) @ back.T
    p = q[..., :2] / q[..., 2:]
    behind = p @ image_from_field[2, :2] + image_from_field[2, 2] <= 0
    big[behind] = (60, 70, 60)
    return cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)


def distance_maps(image_from_field: np.ndarray, field: Field = SOCCER) -> np.ndarray:
    """(2, h/4, w/4) normalized distances of the projected lines.

    From a drawing and a distance transform.
    """
    canvas = np.full((HEIGHT, WIDTH), 255, np.uint8)
    from edge.fields import polylines

    for line in polylines(field, 0.5):
        q = np.c_[line, np.ones(len(line))] @ image_from_field.T
        keep = q[:, 2] > 0.1
        xy = np.clip(q[keep, :2] / q[keep, 2:], -3000, 3000)
        cv2.polylines(canvas, [np.round(xy * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    d = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) / (WIDTH / 32)
    line = cv2.resize(np.minimum(d, 1), (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
    return np.stack([line, np.ones_like(line)]).astype(np.float32)


def visible_error_px(truth: np.ndarray, found: np.ndarray, field: Field = SOCCER) -> float:
    """Mean distance in the picture of visible field points."""
    x, y = np.meshgrid(np.linspace(-52, 52, 50), np.linspace(-33, 33, 34))
    points = np.stack([x.ravel(), y.ravel()], 1)
    w = points @ truth[2, :2] + truth[2, 2]
    a = project(truth, points)
    seen = (w > 0) & (a > 0).all(1) & (a < [WIDTH, HEIGHT]).all(1)
    return float(np.linalg.norm(a[seen] - project(found, points[seen]), axis=1).mean())
