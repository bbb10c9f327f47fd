"""Scaling of a bundle's score on real frames."""

from __future__ import annotations

import numpy as np
import pytest

from edge.registration.verdict import FEATURES, judge, published_score
from models.registration.rescale import Outcome, Platt, fit, left_out, log_loss, scaled_decode


def logit(p):
    return np.log(p / (1 - p))


def drawn(n, platt, seed=0):
    """Scores, and outcomes that come true as `platt` of them says."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.05, 0.95, n)
    true = 1 / (1 + np.exp(-(platt.scale * logit(score) + platt.shift)))
    return score, (rng.random(n) < true).astype(float)


@pytest.mark.parametrize("platt", [Platt(1.0, 0.0), Platt(1.2, 1.6), Platt(0.6, -0.8)])
def test_a_scaling_is_found_again(platt):
    score, right = drawn(4000, platt)
    found = fit(logit(score), right)
    assert (found.scale, found.shift) == pytest.approx((platt.scale, platt.shift), abs=0.15)


def test_few_answers_move_a_score_less_than_many():
    few, many = (fit(logit(np.full(n, 0.9)), np.zeros(n)) for n in (1, 100))
    assert many(0.9) < 0.02
    assert few(0.9) > 0.2


def test_a_venue_is_judged_by_the_others():
    score, right = drawn(300, Platt(1.0, 1.5))
    outcomes = [
        Outcome(f"v{i % 10}", float(s), bool(r))
        for i, (s, r) in enumerate(zip(score, right, strict=True))
    ]
    assert log_loss(left_out(outcomes), right) < log_loss(score, right)
    # the outcomes of a venue itself do not move its scores
    turned = [Outcome(o.venue, o.score, o.right != (o.venue == "v3")) for o in outcomes]
    of_v3 = [i for i, o in enumerate(outcomes) if o.venue == "v3"]
    np.testing.assert_allclose(left_out(turned)[of_v3], left_out(outcomes)[of_v3])


def test_a_scaled_manifest_publishes_scaled_scores_and_decides_as_before():
    decode = {f"score.{k}": 0.1 * i for i, k in enumerate(FEATURES)} | {
        "score.bias": -2.0,
        "error.support": -0.5,
        "threshold.verified": 0.7,
        "threshold.accepted": 0.3,
    }
    platt = Platt(1.3, 0.9)
    scaled = scaled_decode(decode, platt)
    features = dict.fromkeys(FEATURES, 0.4)
    before, after = judge(features, decode), judge(features, scaled)
    assert after == before
    assert scaled["threshold.verified"] == 0.7
    assert scaled["threshold.carried"] == 0.3
    assert scaled_decode(scaled, platt)["threshold.carried"] == 0.3
    assert published_score(before.score, decode) == before.score
    assert published_score(after.score, scaled) == pytest.approx(platt(before.score))
    assert published_score(scaled["threshold.accepted"], scaled) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_certain_score_stays(score):
    assert published_score(score, {"published.scale": 2.0, "published.shift": 1.0}) == score
