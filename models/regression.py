"""Regressions of few features: logistic and linear, with a ridge on standardized weights."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def logistic(
    x: Array, y: NDArray[np.bool_], ridge: float = 1.0, counts: Array | float = 1.0
) -> Array:
    """Regularized logistic regression of (n, k) on (n,) by Newton's method.

    Returns (k + 1,) weights, the bias last; `ridge` weighs the squares of the weights of the
    standardized features, halved; `counts`, (n,) or one for all, is how much an example counts.
    """
    z, mean, std = _standardized(x)
    w = np.zeros(z.shape[1])
    penalty = _penalty(ridge, len(w))
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        gradient = z.T @ (counts * (p - y)) + penalty @ w
        hessian = (z * (counts * p * (1 - p))[:, None]).T @ z + penalty + 1e-9 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return _unstandardized(w, mean, std)


def linear(x: Array, y: Array, ridge: float = 1.0) -> Array:
    """Ridge regression of (n, k) on (n,) -> (k + 1,) weights, the bias last."""
    z, mean, std = _standardized(x)
    w = np.linalg.solve(z.T @ z + _penalty(ridge, z.shape[1]), z.T @ y)
    return _unstandardized(w, mean, std)


def _standardized(x: Array) -> tuple[Array, Array, Array]:
    """Standardized features with a column of ones, and the means and deviations taken out."""
    mean, std = x.mean(0), x.std(0) + 1e-6
    return np.c_[(x - mean) / std, np.ones(len(x))], mean, std


def _penalty(ridge: float, k: int) -> Array:
    """On all weights but the bias, the last of k."""
    penalty = ridge * np.eye(k)
    penalty[-1, -1] = 0
    return penalty


def _unstandardized(w: Array, mean: Array, std: Array) -> Array:
    slopes = w[:-1] / std
    return np.append(slopes, w[-1] - float(slopes @ mean))
