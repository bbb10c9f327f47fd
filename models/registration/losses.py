"""What the heads are trained on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.registration.network import Outputs

LOG_SIGMA = (-5.5, 1.5)
"""Range of the predicted log scale, in half field lengths or widths: 0.2 m to the whole field."""


def keypoint_loss(grid: Tensor, xy: Tensor, field: Tensor, near: Tensor) -> dict[str, Tensor]:
    """Laplace negative log likelihood of the coordinates with their scale, and the field's mask.

    `grid` (b, 5, h, w), `xy` (b, 2, h, w), `field` and `near` (b, h, w) bool. The scale makes the
    weights of the read-off: where the network cannot know, it says so (Kendall & Gal 2017).
    """
    mask = near.unsqueeze(1).float()
    count = mask.sum().clamp_min(1)
    error = (grid[:, 0:2] - xy).abs()
    log_sigma = grid[:, 2:4].clamp(*LOG_SIGMA)
    nll = (error * torch.exp(-log_sigma) + log_sigma) * mask
    return {
        "nll": nll.sum() / (2 * count),
        "l1": (error * mask).sum() / (2 * count),
        "field": functional.binary_cross_entropy_with_logits(grid[:, 4], field.float()),
    }


def dense_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Absolute error of the normalized distances, (b, 2, h, w), cells near a line weighted up."""
    weight = 1 + 4 * (truth < 1).float()
    return (weight * (predicted - truth).abs()).sum() / weight.sum()


def total_loss(
    out: Outputs, xy: Tensor, field: Tensor, near: Tensor, distances: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The sum that is minimized, and its parts for the log."""
    k = keypoint_loss(out.grid, xy, field, near)
    d = dense_loss(out.distances, distances)
    loss = 0.25 * k["nll"] + 5.0 * k["l1"] + k["field"] + 4.0 * d
    parts = {name: float(v.detach()) for name, v in k.items()} | {"dense": float(d.detach())}
    return loss, parts
