"""Self-verification: plausibility, agreement, score and reasons."""

from dataclasses import replace

import numpy as np
import pytest

from edge.capture import RenderedMatch
from edge.registration import FieldRegistrar
from edge.registration.keypoints import decode
from edge.registration.verdict import (
    FALLBACK,
    FEATURES,
    agreement_px,
    implausible,
    judge,
    overlap,
    published_score,
    refusal,
)
from edge.types import RejectionReason
from tests.registration.scenes import HEIGHT, SOCCER, VIEWS, WIDTH, coordinate_map, project

SIZE = (WIDTH, HEIGHT)
GOOD = dict.fromkeys(FEATURES, 0.0) | {
    "agreement": -2.0,
    "residual": -2.0,
    "inliers": 1.0,
    "keypoints": 3.5,
    "support": 0.95,
    "ridge": 0.3,
    "markings": 1.8,
    "coverage": 0.6,
    "overlap": 0.97,
    "sigma": -1.0,
    "spread": 0.5,
}


@pytest.mark.parametrize("name", VIEWS)
def test_real_cameras_are_plausible(name):
    assert not implausible(VIEWS[name], SIZE)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (np.diag([-1.0, 1, 1]), "mirrored along the length"),
        (np.diag([1.0, -1, 1]), "mirrored across"),
        (np.diag([1e-3, 1e-3, 1]), "a field the size of a hand"),
        (np.diag([60.0, 60, 1]), "a field as large as a county"),
    ],
)
def test_impossible_views_are_not(change, why):
    assert implausible(VIEWS["middle"] @ change, SIZE), why


def test_a_horizon_in_the_lower_half_is_implausible():
    h = np.array([[1, 0, 0], [0, 1, 150], [0, 0, 1.0]]) @ VIEWS["low and near"]
    assert implausible(h, SIZE)


def test_singular_is_implausible():
    assert implausible(np.zeros((3, 3)), SIZE)


def test_agreement_is_the_variance_of_the_answer():
    h = VIEWS["right penalty area"]
    rng = np.random.default_rng(0)
    cells = decode(coordinate_map(h), SOCCER)
    weight = np.ones(len(cells.field_m))
    spread = []
    for noise in (0.0, 0.5, 3.0):
        image = project(h, cells.field_m) + rng.normal(0, noise, cells.field_m.shape)
        spread.append(agreement_px(cells.field_m, image, weight, h))
    assert spread[0] < 1e-3
    assert spread[0] < spread[1] < spread[2]


def test_agreement_of_too_few_points_is_none():
    assert agreement_px(np.zeros((5, 2)), np.zeros((5, 2)), np.ones(5), np.eye(3)) >= 50


def test_overlap_is_one_at_the_truth_and_falls_off():
    h = VIEWS["right penalty area"]
    cells = decode(coordinate_map(h), SOCCER)
    at_truth = overlap(h, cells, SOCCER, SIZE)
    shifted = np.array([[1, 0, 60], [0, 1, 30], [0, 0, 1.0]]) @ h
    assert at_truth > 0.97
    assert overlap(shifted, cells, SOCCER, SIZE) < 0.85


def test_score_is_monotone_in_the_evidence():
    scores = [judge(GOOD | {"support": s}, FALLBACK).score for s in (0.1, 0.4, 0.7, 1.0)]
    assert scores == sorted(scores)
    assert scores[-1] > 0.95
    assert 0 <= scores[0] < scores[-1] <= 1


def test_no_features_overflow():
    extreme = dict.fromkeys(FEATURES, 1e9)
    verdict = judge(extreme, FALLBACK)
    assert 0 <= verdict.score <= 1
    assert np.isfinite(verdict.expected_error_m)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ({"agreement": 3.5}, RejectionReason.DISAGREEMENT),
        ({"support": 0.02, "chance": 0.1}, RejectionReason.NO_LINES),
        ({"overlap": 0.05}, RejectionReason.NO_FIELD),
    ],
)
def test_refusal_names_the_worst(features, reason):
    assert refusal(GOOD | features) is reason


def test_lines_that_repeat_are_ambiguous_where_coordinates_are_unsure():
    unsure = GOOD | {"sigma": float(np.log(3.0))}
    assert refusal(unsure, period_m=4.572) is RejectionReason.AMBIGUOUS
    assert refusal(unsure) is not RejectionReason.AMBIGUOUS


def test_an_answer_carries_the_published_score_and_is_the_same_otherwise(registrar):
    with RenderedMatch(seconds=0.1, fps=10, width=640, height=360, cutaways=False) as source:
        image = source.read().image
    registrar.reset()
    own = registrar.register(image)
    decode = {"published.scale": 1.1, "published.shift": 0.5}
    manifest = registrar.bundle.manifest
    scaled = FieldRegistrar(
        replace(
            registrar.bundle,
            manifest=manifest.model_copy(update={"decode": manifest.decode | decode}),
        ),
        registrar.field,
        engine="onnxruntime",
        threads=1,
    )
    try:
        answer = scaled.register(image)
    finally:
        scaled.close()
    np.testing.assert_allclose(answer.field_from_image, own.field_from_image)
    assert answer.quality.score == pytest.approx(published_score(own.quality.score, decode))
    assert answer.quality.score > own.quality.score
