"""Segments are verified as a whole, and trimmed."""

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


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ((30, -30, 0), (0, 30)),  # an opening behind a recap
        ((-20, 30, 0), (20, 50)),
        ((-20, 30, -25), (20, 50)),
        ((40, 0, 0), (0, 40)),
        ((30, -5, 0), (0, 35)),  # too short to be told
        ((-40, 0, 0), (0, 40)),  # nothing of it is one: it stays, and is not likely
    ],
)
def test_what_is_rather_something_else_is_trimmed(parts, kept) -> None:
    """Evidence of one column: +1 in seconds of such a segment, -1 in others, with noise."""
    signs = np.concatenate([np.full(abs(n), np.sign(n)) for n in parts if n])
    rows = (signs + np.random.default_rng(1).normal(0, 0.5, len(signs)))[:, None]
    told = Verifier(np.array([4.0, 0, 0]), 0.0)
    first, last = told.trimmed(rows, 0, len(rows))
    assert (first, last) == pytest.approx(kept, abs=4)
    assert (told.probability(rows, first, last) > 0.5) == (max(parts) > 0)
