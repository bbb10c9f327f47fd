"""What verifies segments is learned."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.segments.types import Label
from edge.segments.verify import pooled
from models.segments import verifier
from tests.models.segments.items import ITEMS


def test_a_verifier_tells_what_it_learned_and_how_sure_it_is(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 6))
    true = rng.random(600) < 1 / (1 + np.exp(-(2 * rows[:, 0] - rows[:, 4] - 1)))
    made = verifier.fitted(verifier.Examples(rows, true, np.ones(600)))
    assert made.weights[0] == pytest.approx(2, abs=0.5)
    assert made.weights[4] == pytest.approx(-1, abs=0.4)
    assert np.abs(np.delete(made.weights, [0, 4])).max() < 0.35
    told = 1 / (1 + np.exp(-(rows @ made.weights + made.bias)))
    assert told.mean() == pytest.approx(true.mean(), abs=1e-3)
    verifier.write_verifiers(tmp_path, {Label.RECAP: made})
    again = verifier.read_verifiers(tmp_path)
    assert set(again) == {Label.RECAP}
    seen = np.full((9, 2), 0.4)
    assert again[Label.RECAP].probability(seen, 2, 7) == made.probability(seen, 2, 7)
    x = pooled(seen, 2, 7) @ made.weights + made.bias
    assert made.probability(seen, 2, 7) == pytest.approx(1 / (1 + np.exp(-x)))
    with pytest.raises(ValueError, match="no example"):
        verifier.fitted(verifier.Examples(rows, np.ones(600, bool), np.ones(600)))
    with pytest.raises(UsageError, match="verifier"):
        verifier.read_verifiers(tmp_path / "none")


def test_examples_are_true_segments_and_content() -> None:
    made = verifier.examples(ITEMS, Label.RECAP)
    assert made.pooled.shape == (len(made.true), 3 * 26)
    # the fourth column is 1 in recaps alone: its mean tells how much of a stretch is one
    share = made.pooled[:, 3]
    assert share[made.true].min() > 0.5
    assert share[~made.true].max() == 0
    assert made.weights[made.true].sum() == pytest.approx(2)
