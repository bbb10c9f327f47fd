"""Registration error of a network or a bundle on rendered held-out views."""

from __future__ import annotations

import numpy as np
import torch

from models.registration.network import RegistrationNet
from models.registration.views import ViewRenderer

HELD_OUT_SEED = 90_001
"""Training seeds stay below: the venues' textures and the views of the held-out set are never trained on."""


@torch.no_grad()
def quick_check(net: RegistrationNet, width: int, height: int, n: int = 48) -> dict[str, float]:
    """Errors of both heads straight from the maps, without the registration core; for the training log.

    Median distance on the field (metres) over all cells, median over views of the mean reprojection of a plain
    least-squares homography (share of the picture's height), share of wrong field cells, error of the line distances.
    """
    import cv2

    renderer = ViewRenderer(HELD_OUT_SEED, width, height, negatives=0.0, sizes=1)
    metres, pixels, mask, dense = [], [], [], []
    for _ in range(n // 8):
        b = renderer.batch(8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(torch.from_numpy(b.image))
        scale = torch.tensor([b.field_m[0] / 2, b.field_m[1] / 2]).view(1, 2, 1, 1)
        error = ((out.grid[:, :2] - b.xy) * scale).norm(dim=1)
        mask.append(float(((out.grid[:, 4] > 0) != b.field).float().mean()))
        dense.append(
            float((out.distances[:, 0] - b.distances[:, 0]).abs()[b.distances[:, 0] < 1].mean())
        )
        v, u = np.mgrid[0 : height // 4, 0 : width // 4] * 4 + 1.5
        for i in range(8):
            on = b.field[i].numpy()
            metres.append(float(error[i][b.field[i]].median()))
            sigma = out.grid[i, 2:4].mean(0).numpy()
            keep = on & (sigma < np.median(sigma[on]))
            image = np.stack([u[keep], v[keep]], 1)
            found = (out.grid[i, :2] * scale[0]).permute(1, 2, 0).numpy()[keep]
            h, _ = cv2.findHomography(found.astype(np.float64), image, cv2.RANSAC, 4.0)
            truth = b.image_from_field[i]
            points = (b.xy[i] * scale[0]).permute(1, 2, 0).numpy()[on]
            if h is None:
                pixels.append(1.0)
                continue
            p = np.c_[points, np.ones(len(points))]
            a, t = p @ h.T, p @ truth.T
            d = np.linalg.norm(a[:, :2] / a[:, 2:] - t[:, :2] / t[:, 2:], axis=1)
            pixels.append(float(np.minimum(d, height).mean() / height))
    return {
        "metres": float(np.median(metres)),
        "reproj": float(np.median(pixels)),
        "mask_error": float(np.mean(mask)),
        "line_error": float(np.mean(dense)),
    }
