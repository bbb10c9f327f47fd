"""From the network's maps of a picture to what is observed before any homography is judged."""

from __future__ import annotations

from edge.fields import Field
from edge.registration.candidates import Observation, facing
from edge.registration.flight import Maps
from edge.registration.homography import Matrix, estimate, inverse, polish
from edge.registration.keypoints import decode, read_keypoints, thin
from edge.registration.picture import Picture
from edge.registration.stopwatch import Stopwatch
from edge.registration.verdict import agreement_px
from edge.types import FloatArray, Keypoints, RejectionReason

INLIER = 0.0125
"""Distance within which a keypoint agrees, over the picture's width."""


def read_off(
    picture: Picture,
    maps: Maps,
    field: Field,
    size: tuple[int, int],
    least_coverage: float,
    watch: Stopwatch,
) -> Observation | RejectionReason:
    """Keypoints and a first homography of the network's picture of `size` (width, height).

    Or why there is none: less than `least_coverage` of the picture shows the field, or too few
    keypoints fix no homography.
    """
    cells = decode(maps["grid"][0], field)
    if cells.coverage < least_coverage:
        return RejectionReason.NO_FIELD
    keypoints = read_keypoints(cells, field)
    chosen = thin(cells)
    px, m, sigma = cells.image_px[chosen], cells.field_m[chosen], cells.sigma_m[chosen]
    h = _first(keypoints, px, m, sigma, size)
    if h is None:
        return RejectionReason.FEW_KEYPOINTS
    h = facing(polish(facing(h, px), m, px, sigma, size), px)
    watch.lap("keypoints")
    back = inverse(h)
    q = back[:, :2] @ px.T + back[:, 2:]
    on = (((m.T - q[:2] / q[2]) / sigma.T) ** 2).sum(0) < 36
    if on.sum() < 16:
        return RejectionReason.FEW_KEYPOINTS
    weight = 1 / (0.05 + sigma[on].mean(1)) ** 2
    agreement = agreement_px(m[on], px[on], weight, h)
    watch.lap("verify")
    return Observation(picture, cells, keypoints, h, agreement, maps["features"])


def _first(
    keypoints: Keypoints, px: FloatArray, m: FloatArray, sigma: FloatArray, size: tuple[int, int]
) -> Matrix | None:
    """The homography of the grid's points, or of the cells where too few of them agree."""
    threshold = INLIER * size[0]
    h, inlier = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, threshold)
    if h is not None and inlier.sum() >= 6:
        return h
    h, inlier = estimate(m, px, 1 / (1 + sigma.mean(1)), threshold)
    return h if h is not None and inlier.sum() >= 0.25 * len(m) else None
