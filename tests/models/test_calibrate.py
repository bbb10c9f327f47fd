from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge.registration.verdict import FEATURES, judge
from models.registration.calibrate import Judged, fit, linear, logistic, main, predict, report


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


@pytest.fixture
def judged():
    """Homographies whose first feature tells right from wrong and whose second tells the error."""
    rng = np.random.default_rng(8)
    features = rng.normal(size=(900, len(FEATURES)))
    right = features[:, 0] + 0.5 * rng.normal(size=900) > 0
    projection = np.exp(0.5 * features[:, 1] + 0.1 * rng.normal(size=900))
    projection[:50] = np.inf  # no field
    right[:50] = False
    features[:50, 0] -= 3
    return Judged(features, np.where(right, 0.01, 0.3), projection)


def test_a_fit_is_what_the_box_judges_with(judged):
    model = fit(judged)
    score, expected = predict(model, judged.features)
    for i in (0, 100, 500):
        verdict = judge(dict(zip(FEATURES, judged.features[i], strict=True)), model)
        assert verdict.score == pytest.approx(score[i])
        assert verdict.expected_error_m == pytest.approx(expected[i])


def test_a_fit_is_calibrated(judged):
    score, expected = predict(fit(judged), judged.features)
    right = judged.reprojection < 0.02
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        among = (score >= low) & (score < high)
        assert right[among].mean() == pytest.approx(score[among].mean(), abs=0.1)
    known = np.isfinite(judged.projection_m)
    assert np.mean(expected[known]) == pytest.approx(np.mean(judged.projection_m[known]), rel=0.1)


def test_the_report_has_a_line_for_each_interval(judged):
    lines = report(judged, fit(judged))
    assert len(lines) >= 5
    assert sum(int(line.split()[2]) for line in lines) == len(judged.reprojection)


def test_the_command_names_a_missing_bundle(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "nowhere"), str(tmp_path / "out.json")])
    assert stopped.value.code == 1
    said = capsys.readouterr().err.strip()
    assert "nowhere" in said
    assert "\n" not in said
    assert not (tmp_path / "out.json").exists()
