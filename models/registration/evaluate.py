"""Registration error on rendered held-out views, of a network in training and of a bundle.

`python -m models.registration.evaluate BUNDLE --views 500 --out DIR` scores a bundle with the box's own registrar,
at a stadium's main cameras and at those of the wide prior: the keypoints' answer as it is, refined when verification
asks for it, and refined always; then how well the verdict's score and expected error tell right from wrong.
"""

from __future__ import annotations

from contextlib import closing
from typing import Literal

import cv2
import numpy as np
import torch

from edge.bundles import Bundle
from edge.fields import load_field
from edge.registration import Registrar
from edge.registration.registrar import RefineMode
from models.registration.cameras import Prior
from models.registration.held_out import BROADCAST, SEED, WIDE, views
from models.registration.network import RegistrationNet
from models.registration.scoring import score_view, summary
from models.registration.views import ViewRenderer

Mix = Literal["wide", "broadcast"]
MIXES: dict[Mix, tuple[tuple[float, Prior], ...]] = {"broadcast": BROADCAST, "wide": WIDE}


def evaluate_bundle(
    bundle: Bundle,
    *,
    precision: str = "auto",
    engine: str = "onnxruntime",
    n: int = 200,
    seed: int = SEED,
    refine: RefineMode = "auto",
    mix: Mix = "wide",
) -> dict[str, float]:
    """Score a bundle on `n` rendered views of its sport's standard field.

    Returns what `metrics.table` has (`iou_part_mean`, `iou_whole_mean`, `proj_m_median`, `reproj_median`, `right`, ...;
    unanswered views have overlaps of 0 and infinite distances), `dense_share` and `ms_median` of one registration.
    Raises BundleError or EngineError when the bundle does not run.
    """
    field = load_field(bundle.manifest.field)
    registrar = Registrar(bundle, field, engine=engine, precision=precision, refine=refine)
    with closing(registrar):
        return summary([score_view(registrar, v) for v in views(n, seed, mix=MIXES[mix])])


@torch.no_grad()
def quick_check(net: RegistrationNet, width: int, height: int, n: int = 48) -> dict[str, float]:
    """Errors of both heads straight from the maps, without the registration core; for the training log.

    Median distance on the field (metres) over all cells, median over views of the mean reprojection of a plain
    least-squares homography (share of the picture's height), share of wrong field cells, error of the line distances.
    """
    renderer = ViewRenderer(SEED, width, height, negatives=0.0, sizes=1)
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
