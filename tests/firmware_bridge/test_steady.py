"""The learnt position: converges, shrugs off outliers, notices a move."""

from __future__ import annotations

import math

import numpy as np
import pytest

from firmware_bridge.camera_position import SteadyPosition

TRUE = np.array([2.0, -62.0, 14.0])
SIX_M, EIGHT_M = np.array([6.0, 0, 0]), np.array([8.0, 0, 0])


def looking(pan_deg: float) -> np.ndarray:
    """Inverse covariance of a picture in this direction: 0.1 m across, 1 m along it."""
    forward = np.array([math.sin(math.radians(pan_deg)), math.cos(math.radians(pan_deg)), -0.2])
    forward /= np.linalg.norm(forward)
    return np.asarray(
        (np.eye(3) - np.outer(forward, forward)) / 0.1**2 + np.outer(forward, forward) / 1.0**2
    )


def observe(
    rng: np.random.Generator, pan_deg: float, place: np.ndarray = TRUE
) -> tuple[np.ndarray, np.ndarray]:
    """A position that this picture would give."""
    information = looking(pan_deg)
    return place + np.linalg.cholesky(np.linalg.inv(information)) @ rng.normal(size=3), information


def test_it_waits_and_then_converges() -> None:
    rng, steady = np.random.default_rng(1), SteadyPosition()
    for index in range(400):
        assert (steady.position_m is None) == (index < 30)
        assert steady.add(*observe(rng, 30 * math.sin(index / 20)))
    assert steady.position_m == pytest.approx(TRUE, abs=0.1)
    assert steady.sigma_m < 1.0
    assert steady.moved_m is None


def test_single_wild_positions_are_refused() -> None:
    rng, steady = np.random.default_rng(2), SteadyPosition()
    refused = 0
    for index in range(400):
        wild = index > 50 and index % 10 == 0
        accepted = steady.add(*observe(rng, 10.0, TRUE + EIGHT_M if wild else TRUE))
        refused += not accepted
        assert accepted != wild
    assert refused == 34
    assert steady.moved_m is None
    assert steady.position_m == pytest.approx(TRUE, abs=0.3)


def test_a_moved_camera_is_noticed() -> None:
    rng, steady = np.random.default_rng(3), SteadyPosition()
    for _ in range(100):
        steady.add(*observe(rng, 0.0))
    for index in range(60):
        assert (steady.moved_m is None) == (index < 50)
        steady.add(*observe(rng, 0.0, TRUE + SIX_M))
    assert steady.moved_m == pytest.approx(6.0, abs=2.0)
