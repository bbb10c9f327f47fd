"""What chapters are called, and new ones between those that are there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.segments.chapters import Chapter, labelled, named
from edge.segments.layout import laid_out
from edge.segments.types import Label, Segment
from tests.segments.films import chapters_of, make_film

pytestmark = pytest.mark.process

INTRO, RECAP = Label.INTRO, Label.RECAP


@pytest.mark.parametrize(
    ("title", "label"),
    [
        *[(t, INTRO) for t in (
            "Intro", "INTRO", "01 - Intro", "Intro 2", "Opening", "Opening Credits", "OP", "OP1",
            "Main Titles", "Title Sequence", "Theme Song", "Chapter 2: Opening", "Vorspann",
            "Générique", "Générique de début", "Cabecera", "Sigla di testa", "Abertura",
            "Czołówka", "Заставка", "オープニング", "片头曲", "오프닝", "  intro. ", "ｉｎｔｒｏ",
        )],
        *[(t, RECAP) for t in (
            "Recap", "Previously on Some Show", "Previously", "Last time on X", "Summary",
            "The story so far", "Was bisher geschah", "Rückblick", "Précédemment dans X", "Résumé",
            "Anteriormente", "Riassunto", "Negli episodi precedenti", "Poprzednio",
            "Ранее в сериале",
            "前情提要", "前回のあらすじ", "지난 이야기", "Series recap", "Catch-up",
        )],
        *[(t, None) for t in (
            "", "Chapter 01", "Chapter 1", "00:05:00.000", "Episode", "Intro End", "End of Intro",
            "After the intro", "Opening Night", "Générique de fin", "Sigla finale", "Credits",
            "Ending", "Outro", "Part A", "The Last Waltz", "Introducing Anna", "Operation",
            "Content", "Op-ed", "12", "Thematic",
        )],
    ],
)  # fmt: skip
def test_names(title: str, label: Label | None) -> None:
    assert named(title) is label


@pytest.mark.parametrize(
    ("title", "label"),
    [
        *[(t, INTRO) for t in (
            "OP: Gurenge", "Opening: Tank!", "Opening Theme - Tank!", "OP - We Are", "Intro Theme",
            "Intro Song", "Intro Sequence", "Main Title Sequence", "Main Titles / Opening Credits",
            "OP・紅蓮華", "Opening (Creditless)", "Scene 1 - Intro", "Opening Theme (TV Size)",
            "NCOP1", "NCOP 1a", "Textless OP", "OPENING「紅蓮華」", "オープニング：残酷",
            'Opening "Tank!"', "Intro – Series", "S01E02 - Opening", "Episode 3: OP", "3) Opening",
            "Générique : Les amis", "Theme Song - Friends", "[OP] Gurenge", "OP/Opening",
            "Opening: Law & Order",
        )],
        *[(t, RECAP) for t in (
            "Recap: Season 1", "Previously: Lost", "Recap - Episode 4", "Scene 1 - Recap",
            "前回のあらすじ：x", "Previously on Law & Order",
        )],
        *[(t, None) for t in (
            "Opening Scene", "Opening Act", "Opening: Scene 1", "Opening: Night", "Intro to Art",
            "Introduction: The War", "OP End", "OP: End", "Opening - End", "Intro (End)",
            "Recap & Intro", "Intro & Credits", "OP/ED", "Op. 27 No. 2", "Sonata Op. 27",
            "Post-Opening", "Pre-OP", "Avant-générique", "Operation: Dawn", "Theme: Love",
            "Summary: Findings", "Credits (Intro)", "ED - Opening", "Opening Hours", "Theme Park",
        )],
    ],
)  # fmt: skip
def test_names_with_that_of_the_song_or_the_series(title: str, label: Label | None) -> None:
    assert named(title) is label


@given(st.text(max_size=60))
def test_any_name_is_answered(title: str) -> None:
    assert named(title) in {None, INTRO, RECAP}


def test_chapters_that_are_believed() -> None:
    chapters = [
        Chapter(0, 40, "Recap"), Chapter(40, 100, "Chapter 1"), Chapter(100, 130, "Intro"),
        Chapter(130, 150, "Intro 2"), Chapter(150, 1300, "Part A"),
    ]  # fmt: skip
    assert labelled(chapters) == (Segment(RECAP, 0, 40, 1.0), Segment(INTRO, 100, 150, 1.0))


@pytest.mark.parametrize(
    ("start_s", "end_s", "all_s"), [(0, 601, 3000), (0, 300, 500), (5, 5.5, 90)]
)
def test_a_chapter_of_no_credible_length_is_not_believed(
    start_s: float, end_s: float, all_s: float
) -> None:
    assert labelled([Chapter(start_s, end_s, "Intro"), Chapter(end_s, all_s, "Rest")]) == ()


def test_no_chapters_name_nothing() -> None:
    assert labelled([]) == ()


@pytest.mark.parametrize(
    ("segments", "existing", "wanted"),
    [
        ([(INTRO, 10, 20)], [], [("Episode", 0, 10), ("Intro", 10, 20), ("Episode", 20, 100)]),
        ([(RECAP, 0, 20), (INTRO, 20, 30)], [],
         [("Recap", 0, 20), ("Intro", 20, 30), ("Episode", 30, 100)]),
        ([], [], [("Episode", 0, 100)]),
        ([(INTRO, 0, 100)], [], [("Intro", 0, 100)]),
        # one that is interrupted goes on; one within gives its name; one at a seam is trimmed
        ([(INTRO, 10, 20)], [("One", 0, 50), ("Two", 50, 100)],
         [("One", 0, 10), ("Intro", 10, 20), ("One", 20, 50), ("Two", 50, 100)]),
        ([(INTRO, 10, 20)], [("One", 0, 12), ("Two", 12, 18), ("Three", 18, 100)],
         [("One", 0, 10), ("Intro (Two)", 10, 20), ("Three", 20, 100)]),
        ([(INTRO, 10, 20)], [("One", 0, 9.6), ("Two", 9.6, 100)],
         [("One", 0, 10), ("Intro", 10, 20), ("Two", 20, 100)]),
        ([(INTRO, 10, 20)], [("A", 0, 10), ("Opening", 10, 20), ("B", 20, 100)],
         [("A", 0, 10), ("Intro", 10, 20), ("B", 20, 100)]),
        ([(INTRO, 10, 20)], [("A", 0, 99.9)],
         [("A", 0, 10), ("Intro", 10, 20), ("A", 20, 100)]),
    ],
)  # fmt: skip
def test_layouts(
    segments: list[tuple[Label, float, float]],
    existing: list[tuple[str, float, float]],
    wanted: list[tuple[str, float, float]],
) -> None:
    made = laid_out(
        [Segment(*s) for s in segments], 100, [Chapter(a, b, name) for name, a, b in existing]
    )
    assert made == [Chapter(a, b, name) for name, a, b in wanted]


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=8, unique=True),
       st.lists(st.floats(0, 1000), min_size=2, max_size=12, unique=True))  # fmt: skip
def test_layouts_cover_the_programme_once(marks: list[float], cuts: list[float]) -> None:
    marks, cuts = sorted(marks), sorted(cuts)
    segments = [Segment(INTRO, a, b) for a, b in zip(marks[::2], marks[1::2], strict=False)]
    existing = [Chapter(a, b, f"c{i}") for i, (a, b) in enumerate(itertools.pairwise(cuts))]
    made = laid_out(segments, 1000, existing)
    assert made[0].start_s == 0
    assert made[-1].end_s == 1000
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(made))
    assert [(c.start_s, c.end_s) for c in made if c.title.startswith("Intro")] == [
        (s.start_s, s.end_s) for s in segments
    ]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_chapters_of_a_film(tmp_path: Path, suffix: str) -> None:
    chapters = [Chapter(0, 3, "Recap"), Chapter(3, 8, "Überraschung")]
    film = make_film(tmp_path / f"a{suffix}", 8, chapters=chapters)
    assert chapters_of(film) == chapters
