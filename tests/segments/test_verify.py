"""Segments are verified as a whole."""

import numpy as np
import pytest

from edge.segments.verify import Verifier, pooled


def test_evidence_is_pooled_over_the_segment_alone() -> None:
    rows = np.array([[9.0], [1.0], [2.0], [3.0], [6.0], [9.0]])
    made = pooled(rows, 1, 5)
    assert made.tolist() == pytest.approx([3.0, np.std([1, 2, 3, 6]), 11 / 3])
    assert pooled(rows, 0, 1).tolist() == [9, 0, 9]
    with pytest.raises(ValueError, match="no second"):
        pooled(rows, 3, 3)


def test_a_verifier_that_is_quite_sure_stays_a_number() -> None:
    sure = Verifier(np.full(3, 1e4), 0.0)
    assert sure.probability(np.full((5, 1), 9.0), 0, 5) == 1
    assert sure.probability(np.full((5, 1), -9.0), 0, 5) == 0
