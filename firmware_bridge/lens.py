"""Zoom to focal length, learnt from pictures: a smooth monotone curve through noisy pairs. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_KNOTS = 33
_TRIM = 0.5
"""Percent of the pairs left out at each end of the zoom."""
_SMOOTHING = (1e-3, 1e-1, 1e1, 1e3)
_MARGIN = 0.02
"""Share of the observed range by which a zoom may lie outside of it."""


@dataclass(frozen=True, slots=True)
class LensTable:
    """Focal length over picture width, by the device's zoom, where it has been seen."""

    zoom: tuple[float, ...]
    focal_widths: tuple[float, ...]
    sigma_relative: float
    """Typical relative error of one looked-up focal length."""
    residual_relative: float
    """Typical relative deviation of a single frame."""

    def focal(self, zoom: float) -> float | None:
        """Focal length over picture width; None outside the zooms that were seen."""
        low, high = self.zoom[0], self.zoom[-1]
        margin = max((high - low) * _MARGIN, 1e-6 * max(abs(low), abs(high), 1.0))
        if not low - margin <= zoom <= high + margin:
            return None
        return math.exp(float(np.interp(zoom, self.zoom, np.log(self.focal_widths))))


def fit_lens(zoom: NDArray[np.float64], log_focal: NDArray[np.float64]) -> LensTable | None:
    """Penalized linear splines on (zoom, log focal length), both (n,); None with too little to fit.

    The smoothing is the one with the least generalized cross-validation error; Huber weights keep
    single bad frames out.
    """
    if len(zoom) < 20:
        return None
    # a few pairs at the very ends cannot carry a knot
    low, high = (float(v) for v in np.percentile(zoom, [_TRIM, 100 - _TRIM]))
    inside = (zoom >= low) & (zoom <= high)
    zoom, log_focal = zoom[inside], log_focal[inside]
    if high - low < 1e-6 * max(abs(low), abs(high), 1.0):
        middle = float(np.median(log_focal))
        spread = 1.4826 * float(np.median(np.abs(log_focal - middle)))
        return LensTable((low,), (math.exp(middle),), spread / math.sqrt(len(zoom)), spread)
    knots = np.linspace(low, high, _KNOTS)
    basis = _hats(zoom, knots)
    weight = np.ones(len(zoom))
    values = np.zeros(_KNOTS)
    degrees = 1.0
    for _ in range(3):
        values, degrees = _best_fit(basis, log_focal, weight)
        residual = log_focal - basis @ values
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-9
        weight = np.minimum(1.0, 2 * scale / np.maximum(np.abs(residual), 1e-12))
    residual = log_focal - basis @ values
    typical = math.sqrt(float(np.average(residual**2, weights=weight)))
    return LensTable(
        tuple(float(k) for k in knots),
        tuple(float(v) for v in np.exp(values)),
        typical * math.sqrt(degrees / len(zoom)),
        typical,
    )


def _hats(x: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear B-splines, (n, knots)."""
    at = (x - knots[0]) / (knots[1] - knots[0])
    left = np.clip(at.astype(int), 0, len(knots) - 2)
    share = at - left
    basis = np.zeros((len(x), len(knots)))
    rows = np.arange(len(x))
    basis[rows, left] = 1 - share
    basis[rows, left + 1] = share
    return basis


def _best_fit(
    basis: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Knot values and effective degrees of freedom at the smoothing with the least GCV error."""
    third = np.diff(np.eye(basis.shape[1]), 3, axis=0)
    penalty = third.T @ third
    gram = (basis * weight[:, None]).T @ basis
    right = (basis * weight[:, None]).T @ y
    best = (math.inf, np.zeros(basis.shape[1]), 1.0)
    for smoothing in _SMOOTHING:
        system = gram + smoothing * penalty + 1e-9 * np.eye(len(gram))
        values = np.linalg.solve(system, right)
        degrees = float(np.trace(np.linalg.solve(system, gram)))
        error = float(np.average((y - basis @ values) ** 2, weights=weight))
        score = error / max(1 - degrees / len(y), 1e-3) ** 2
        if score < best[0]:
            best = (score, values, degrees)
    return best[1], best[2]
