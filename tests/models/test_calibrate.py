from __future__ import annotations

import numpy as np
import pytest

from edge.registration.verdict import FEATURES, judge
from models.registration.calibrate import JudgedView, fit, main, predict, report


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
    return JudgedView(features, np.where(right, 0.01, 0.3), projection)


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
