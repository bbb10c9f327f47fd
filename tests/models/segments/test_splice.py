"""Programmes are laid out anew."""

from __future__ import annotations

import numpy as np
import pytest

from edge.segments.types import Label, Segment
from models.segments.scoring import seconds_of
from models.segments.splice import Splicer, joined, parts_of
from tests.models.segments.items import COUNT, ITEMS, item


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
