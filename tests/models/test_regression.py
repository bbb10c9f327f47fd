"""Regressions find what they are to find."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.regression import linear, logistic


def log_loss(w, x, y, ridge):
    """The objective of `logistic` for weights of standardized features, the bias last."""
    z = np.c_[(x - x.mean(0)) / x.std(0), np.ones(len(x))] @ w
    return np.logaddexp(0, z).sum() - z[y].sum() + ridge / 2 * (w[:-1] ** 2).sum()


def standardized(w, x):
    return np.append(w[:-1] * x.std(0), w[-1] + w[:-1] @ x.mean(0))


@pytest.mark.parametrize("ridge", [0.1, 1.0, 20.0])
def test_logistic_finds_the_optimum_of_a_grid_search(ridge):
    rng = np.random.default_rng(5)
    x = rng.normal(3, 2, (150, 1))
    y = x[:, 0] + rng.normal(0, 2, 150) > 3.5
    best, step = np.zeros(2), 1.0
    while step > 1e-5:  # coarse to fine over all neighbours
        around = [best + step * np.array(d) for d in itertools.product((-1, 0, 1), repeat=2)]
        better = min(around, key=lambda w: log_loss(w, x, y, ridge))
        if np.array_equal(better, best):
            step /= 2
        best = better
    np.testing.assert_allclose(standardized(logistic(x, y, ridge), x), best, atol=1e-3)


def test_no_step_from_the_logistic_optimum_gains():
    rng = np.random.default_rng(6)
    x = rng.normal(0, [1, 10, 0.1], (200, 3))
    y = x @ [1.0, 0.1, -5.0] + rng.normal(0, 1, 200) > 0
    w = standardized(logistic(x, y), x)
    least = log_loss(w, x, y, 1.0)
    for _ in range(200):
        assert log_loss(w + rng.normal(0, 0.05, 4), x, y, 1.0) > least


def test_separable_classes_keep_finite_weights():
    x = np.linspace(-1, 1, 40)[:, None]
    w = logistic(x, x[:, 0] > 0)
    assert np.isfinite(w).all()
    assert w[0] > 0


def test_linear_is_ridge_regression():
    rng = np.random.default_rng(7)
    x = rng.normal(0, [1, 3], (80, 2))
    y = x @ [2.0, -1.0] + 4 + rng.normal(0, 0.1, 80)
    z = (x - x.mean(0)) / x.std(0)
    # ridge as further observations: the bias has none
    rows = np.r_[np.c_[z, np.ones(80)], np.c_[np.eye(2), np.zeros(2)]]
    expected = np.linalg.lstsq(rows, np.r_[y, 0, 0], rcond=None)[0]
    np.testing.assert_allclose(standardized(linear(x, y), x), expected, atol=1e-4)


def test_an_example_counts_as_often_as_it_is_said_to():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(60, 2))
    y = x[:, 0] + rng.normal(size=60) > 0
    counts = rng.integers(1, 4, 60)
    w = logistic(x, y, 0.0, counts.astype(float))
    again = logistic(np.repeat(x, counts, 0), np.repeat(y, counts), 0.0)
    np.testing.assert_allclose(w, again, atol=1e-6)
    assert np.abs(w - logistic(x, y, 0.0)).max() > 1e-3
