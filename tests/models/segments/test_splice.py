"""Programmes laid out anew, and what verifies segments."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.segments.features import LOW
from edge.segments.types import Label, Segment
from edge.segments.verify import Verifier, pooled
from models.segments import verifier
from models.segments.dataset import Item
from models.segments.scoring import seconds_of
from models.segments.splice import Splicer, joined, parts_of

COUNT = 160


def item(number: int, spans: tuple[Segment, ...], series: str = "one") -> Item:
    """A programme whose rows tell where they are from: programme, second, and cut."""
    cuts_s = np.sort(np.random.default_rng(number).uniform(0, COUNT, 60))
    inside = seconds_of(spans, COUNT)
    visual = np.zeros((COUNT + len(cuts_s), 96), np.float32)
    visual[:, 0], visual[:COUNT, 1] = number, np.arange(COUNT)
    visual[COUNT:, 1], visual[COUNT:, 2] = cuts_s, 1
    visual[:COUNT, 3] = inside == Label.RECAP
    sound = np.tile(np.arange(COUNT, dtype=np.float32)[:, None], (1, 16))
    return Item(
        name=f"train-{number:05d}",
        series=series,
        visual=visual,
        sound=sound,
        low=np.tile(np.arange(COUNT, dtype=np.float32)[:, None], (1, LOW)),
        measures=np.repeat(visual[:, 1:2], 3, 1),
        thumbs=np.zeros((len(visual), 18, 32), np.uint8),
        cuts_s=cuts_s,
        spans=spans,
        labels=inside,
        recipe={},
    )


ITEMS = [
    item(1, (Segment(Label.RECAP, 3.0, 33.0), Segment(Label.INTRO, 33.0, 50.0))),
    item(2, (Segment(Label.INTRO, 40.0, 60.0),)),
    item(3, ()),
    item(4, (Segment(Label.RECAP, 0.0, 30.0),), series="other"),
]


def test_parts_are_runs_of_one_label() -> None:
    found = [(p.label, p.first, p.last) for p in parts_of(ITEMS[0])]
    assert found == [
        (Label.CONTENT, 0, 3),
        (Label.RECAP, 3, 33),
        (Label.INTRO, 33, 50),
        (Label.CONTENT, 50, COUNT),
    ]


def test_what_is_joined_keeps_its_rows_its_cuts_and_its_labels() -> None:
    _, recap, intro, _ = parts_of(ITEMS[0])
    content = parts_of(ITEMS[2])[0]
    made = joined([content, intro, recap])
    assert [(s.label, s.start_s, s.end_s) for s in made.spans] == [
        (Label.INTRO, 160, 177),
        (Label.RECAP, 177, 207),
    ]
    count = len(made.labels)
    np.testing.assert_array_equal(made.labels, seconds_of(made.spans, count))
    assert made.sound[[0, 159, 160, 177], 0].tolist() == [0, 159, 33, 3]
    assert made.visual[[0, 160], 0].tolist() == [3, 1]
    assert len(made.visual) == len(made.thumbs) == len(made.measures) == count + len(made.cuts_s)
    # each cut's row is the one of that cut, moved by as much as its part
    offset = np.select([made.cuts_s < 160, made.cuts_s < 177], [0.0, 160 - 33.0], 177 - 3.0)
    np.testing.assert_allclose(made.visual[count:, 1], made.cuts_s - offset, atol=1e-4)
    assert made.visual[count:, 2].all()
    with pytest.raises(ValueError, match="nothing"):
        joined([])


def test_where_a_part_stands_tells_nothing() -> None:
    splicer, rng = Splicer(ITEMS), np.random.default_rng(0)
    made = [splicer.spliced(rng, ITEMS[2]) for _ in range(400)]
    first = [parts_of(m)[0].label for m in made]
    with_recap = [m for m in made if any(s.label is Label.RECAP for s in m.spans)]
    assert 150 < len(with_recap) < 250
    # what comes first before an intro is a recap about as often as content
    opened = [m for m in made if m.spans and m.spans[-1].label is Label.INTRO]
    recaps = sum(any(s.label is Label.RECAP for s in m.spans) for m in opened)
    assert 0.3 < recaps / len(opened) < 0.7
    assert {Label.CONTENT, Label.RECAP, Label.INTRO} == set(first)
    for m in made:
        assert {int(n) for n in np.unique(m.visual[:, 0])} <= {1, 2, 3}  # its own series
        np.testing.assert_array_equal(m.visual[: len(m.labels), 3], m.labels == Label.RECAP)
        assert np.all(np.diff(m.cuts_s) >= 0)


def test_a_programme_without_content_stays() -> None:
    whole = item(5, (Segment(Label.INTRO, 0.0, float(COUNT)),), series="third")
    assert Splicer([whole]).spliced(np.random.default_rng(0), whole) is whole


def test_evidence_is_pooled_over_the_segment_alone() -> None:
    rows = np.array([[9.0], [1.0], [2.0], [3.0], [6.0], [9.0]])
    made = pooled(rows, 1, 5)
    assert made.tolist() == pytest.approx([3.0, np.std([1, 2, 3, 6]), 11 / 3])
    assert pooled(rows, 0, 1).tolist() == [9, 0, 9]
    with pytest.raises(ValueError, match="no second"):
        pooled(rows, 3, 3)


def test_a_verifier_tells_what_it_learned_and_how_sure_it_is(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 6))
    true = rng.random(600) < 1 / (1 + np.exp(-(2 * rows[:, 0] - rows[:, 4] - 1)))
    made = verifier.fitted(verifier.Examples(rows, true, np.ones(600)))
    weights = made.weights * made.scale
    assert weights[0] == pytest.approx(2, abs=0.5)
    assert weights[4] == pytest.approx(-1, abs=0.4)
    assert np.abs(np.delete(weights, [0, 4])).max() < 0.35
    z = (rows - made.mean) * made.scale @ made.weights + made.bias
    told = 1 / (1 + np.exp(-z))
    assert told.mean() == pytest.approx(true.mean(), abs=1e-3)
    verifier.write_verifiers(tmp_path, {Label.RECAP: made})
    again = verifier.read_verifiers(tmp_path)
    assert set(again) == {Label.RECAP}
    seen = np.full((9, 2), 0.4)
    assert again[Label.RECAP].probability(seen, 2, 7) == made.probability(seen, 2, 7)
    x = (pooled(seen, 2, 7) - made.mean) * made.scale @ made.weights + made.bias
    assert made.probability(seen, 2, 7) == pytest.approx(1 / (1 + np.exp(-x)))
    with pytest.raises(ValueError, match="no example"):
        verifier.fitted(verifier.Examples(rows, np.ones(600, bool), np.ones(600)))
    with pytest.raises(UsageError, match="verifier"):
        verifier.read_verifiers(tmp_path / "none")


def test_a_verifier_that_is_quite_sure_stays_a_number() -> None:
    sure = Verifier(np.zeros(3), np.ones(3), np.full(3, 1e4), 0.0)
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
    told = Verifier(np.zeros(3), np.ones(3), np.array([4.0, 0, 0]), 0.0)
    first, last = told.trimmed(rows, 0, len(rows))
    assert (first, last) == pytest.approx(kept, abs=4)
    assert (told.probability(rows, first, last) > 0.5) == (max(parts) > 0)


def test_examples_are_true_segments_and_content() -> None:
    made = verifier.examples(ITEMS, Label.RECAP)
    assert made.pooled.shape == (len(made.true), 3 * 26)
    # the fourth column is 1 in recaps alone: its mean tells how much of a stretch is one
    share = made.pooled[:, 3]
    assert share[made.true].min() > 0.5
    assert share[~made.true].max() == 0
    assert made.weights[made.true].sum() == pytest.approx(2)
