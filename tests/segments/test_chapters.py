"""Chapters' names and what they say."""

import pytest

from edge.segments.chapters import Chapter, labelled, named
from edge.segments.types import Label, Segment


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Intro", Label.INTRO),
        ("Opening Credits", Label.INTRO),
        ("OP", Label.INTRO),
        ("Chapter 2: Title Sequence", Label.INTRO),
        ("Recap", Label.RECAP),
        ("Previously on The Harbour", Label.RECAP),
        ("previously", Label.RECAP),
        ("Intro End", None),
        ("After the intro", None),
        ("Episode", None),
        ("Content", None),
        ("Chapter 01", None),
        ("Operation", None),
        ("Introspection", None),
        ("", None),
    ],
)
def test_names(title, label):
    assert named(title) is label


def test_chapters_become_segments():
    found = labelled(
        [
            Chapter(30.0, 60.0, "Intro"),
            Chapter(0.0, 30.0, "Recap"),
            Chapter(60.0, 65.0, "Main title"),
            Chapter(65.0, 2400.0, "Episode"),
            Chapter(2400.0, 2400.0, "Recap"),
            Chapter(2400.0, 4800.0, "Intro"),
        ]
    )
    assert found == (Segment(Label.RECAP, 0.0, 30.0), Segment(Label.INTRO, 30.0, 65.0))
    assert labelled([]) == ()
