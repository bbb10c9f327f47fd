"""Errors of the network's maps themselves, before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from models.registration.cameras import Array
from models.registration.network import STRIDE
from models.registration.views import ViewBatch


def map_errors(batches: Sequence[tuple[ViewBatch, Tensor, Tensor]]) -> dict[str, float]:
    """Compare batches of views with their grid (b, 5, h, w) and distance maps (b, 2, h, w).

    `metres`: median over views of the median distance on the field over all cells; `reproj`: median
    over views of the mean reprojection error of a plain robust homography, over the picture's
    height; `mask_error`: share of wrong field cells; `line_error`: mean error of the line
    distances near lines.
    """
    metres: list[float] = []
    pixels: list[float] = []
    mask: list[float] = []
    dense: list[float] = []
    for batch, grid, distances in batches:
        scale = torch.tensor([batch.field_m[0] / 2, batch.field_m[1] / 2]).view(1, 2, 1, 1)
        off = ((grid[:, :2] - batch.xy) * scale).norm(dim=1)
        mask.append(float(((grid[:, 4] > 0) != batch.field).float().mean()))
        line = batch.distances[:, 0]
        dense.append(float((distances[:, 0] - line).abs()[line < 1].mean()))
        for i, on in enumerate(batch.field):
            metres.append(float(off[i][on].median()))
            pixels.append(_reprojection(batch, i, grid[i], scale[0]))
    return {
        "metres": float(np.median(metres)),
        "reproj": float(np.median(pixels)),
        "mask_error": float(np.mean(mask)),
        "line_error": float(np.mean(dense)),
    }


def _reprojection(batch: ViewBatch, i: int, grid: Tensor, scale: Tensor) -> float:
    """Error of the homography that RANSAC finds in the surer half of the field's cells."""
    height = batch.image.shape[1]
    on = batch.field[i].numpy()
    sigma = grid[2:4].mean(0).numpy()
    keep = on & (sigma < np.median(sigma[on]))
    v, u = np.mgrid[0 : on.shape[0], 0 : on.shape[1]] * STRIDE + (STRIDE - 1) / 2
    image = np.stack([u[keep], v[keep]], 1)
    found = (grid[:2] * scale).permute(1, 2, 0).numpy()[keep]
    if len(found) < 4:
        return 1.0
    h, _ = cv2.findHomography(found.astype(np.float64), image, cv2.RANSAC, 4.0)
    if h is None:
        return 1.0
    points = (batch.xy[i] * scale).permute(1, 2, 0).numpy()[on]
    p = np.c_[points, np.ones(len(points))]
    d = np.linalg.norm(_divided(p @ h.T) - _divided(p @ batch.image_from_field[i].T), axis=1)
    return float(np.minimum(d, height).mean() / height)


def _divided(q: Array) -> Array:
    return q[:, :2] / q[:, 2:]
