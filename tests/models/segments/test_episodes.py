"""Synthetic programmes: labels, determinism, splits, and what is meant to mislead."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edge.errors import UsageError
from edge.segments.types import Label, Segment
from models.segments.episodes import FAR_LAYOUTS, LAYOUTS, episode, labels, plan
from models.segments.library import Library
from models.segments.series import FAR_INTRO_STYLES


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((), [0, 0, 0, 0]),
        ((Segment(Label.RECAP, 0, 2),), [2, 2, 0, 0]),
        ((Segment(Label.INTRO, 0.6, 2.5),), [0, 1, 0, 0]),
        ((Segment(Label.RECAP, 0, 1.5), Segment(Label.INTRO, 1.5, 9)), [2, 1, 1, 1]),
    ],
)
def test_the_label_of_a_second_is_that_of_its_middle(spans, expected):
    assert labels(spans, 4).tolist() == expected


def test_an_episode_has_what_its_spans_say(library):
    made = episode(0, "train", library)
    count = len(made.frames)
    assert 150 <= count <= 700
    assert made.frames.shape == (count, 144, 256, 3)
    assert made.frames.dtype == np.uint8
    assert made.sound.shape == (count * 16_000,)
    assert made.sound.dtype == np.float32
    assert np.abs(made.sound).max() <= 1
    assert made.sound.std() > 0.005
    assert len(made.spans) == made.recipe["layout"].count("R") + made.recipe["layout"].count("I")
    ends = [t for s in made.spans for t in (s.start_s, s.end_s)]
    assert ends == sorted(ends)
    assert 0 <= ends[0] <= ends[-1] <= count
    for span in made.spans:  # shots change where a part begins, but for the file's own beginning
        assert span.start_s == 0 or np.abs(made.cuts_s - span.start_s).min() < 1e-6


def test_the_same_seed_gives_the_same_programme_and_another_one_another(library):
    first, again, other = (episode(s, "validation", library) for s in (6, 6, 7))
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.sound, again.sound)
    assert first.spans == again.spans
    assert first.recipe == again.recipe
    assert first.series == other.series
    assert first.spans != other.spans


@pytest.mark.parametrize("split", ["train", "validation", "test", "far"])
def test_a_split_draws_on_its_own_groups_alone(library, split):
    own = "test" if split == "far" else split
    for seed in range(24):
        timeline, _ = plan(seed, split, library)
        used = {s.source for s in timeline.shots} | {s.source for s in timeline.sounds}
        used |= {t.font for t in timeline.texts}
        assert {library.sources[n].split for n in used if n >= 0} == {own}


def test_no_group_is_in_two_splits(library):
    where: dict[str, set[str]] = {}
    for source in library.sources:
        where.setdefault(source.group, set()).add(source.split)
    assert all(len(splits) == 1 for splits in where.values())


def test_a_recap_shows_the_pool_of_the_content(library):
    for seed in range(60):
        timeline, recipe = plan(seed, "train", library)
        spans = [s for s in timeline.spans if s.label is Label.RECAP]
        if not spans:
            continue
        inside = {
            s.source for s in timeline.shots
            if s.source >= 0 and spans[0].start_s <= s.start_s < spans[0].end_s
        }  # fmt: skip
        series_of = {
            s.source for k in range(4) for s in plan(seed - seed % 4 + k, "train", library)[0].shots
        }
        groups = {library.sources[n].group for n in inside}
        assert groups <= {library.sources[n].group for n in series_of if n >= 0}
        assert recipe["layout"].count("R") == 1


def test_three_hundred_recipes_hold_every_trap(library):
    recipes = [plan(seed, "train", library)[1] for seed in range(300)]
    layouts = Counter(r["layout"] for r in recipes)
    notes = Counter(n for r in recipes for n in r["notes"])
    assert set(layouts) == set(LAYOUTS)
    assert layouts["C"] >= 0.17 * 300
    for trap in ("montage", "song", "action", "flashback", "black", "caption", "slate",
                 "credits in content", "theme in content", "end credits"):  # fmt: skip
        assert notes[trap] >= 20, trap
    assert notes["next time"] >= 8
    with_recap = [r for r in recipes if "R" in r["layout"]]
    silent = [r for r in with_recap if r["recap_text"] == "none" and not r["recap_voice"]]
    assert 0.1 < len(silent) / len(with_recap) < 0.45
    styles = Counter(r["intro_style"] for r in recipes if "I" in r["layout"])
    assert not set(styles) & set(FAR_INTRO_STYLES)
    assert any(r["intro_silent"] for r in recipes)
    assert any(r["intro_speech"] for r in recipes)
    assert any(r["encoding"]["band_hz"] == 3400 for r in recipes)


def test_nothing_but_a_recap_s_words_and_haste_tells_it_from_content(library):
    """A synthetic voice, white flashes and dissolves occur in both."""
    seen = Counter()
    for seed in range(120):
        timeline, _ = plan(seed, "train", library)
        spans = [s for s in timeline.spans if s.label is Label.RECAP]
        for time_s, what in [
            *((s.start_s, "flash") for s in timeline.shots if s.flash),
            *((s.start_s, "dissolve") for s in timeline.shots if s.dissolve_s),
            *((p.start_s, library.sources[p.source].kind)
              for p in timeline.sounds if p.source >= 0),
        ]:  # fmt: skip
            seen[what, any(s.start_s <= time_s < s.end_s for s in spans)] += 1
    for what in ("flash", "dissolve"):
        assert min(seen[what, True], seen[what, False]) >= 20, (what, seen)
    assert seen["voice", True] >= 10
    assert seen["narration", False] >= 10


def test_the_first_pictures_of_shots_are_at_their_cuts(library):
    made = episode(3, "train", library)
    assert len(made.cut_frames) == len(made.cuts_s)
    straight = [
        i for i, t in enumerate(made.cuts_s[:-1])
        if t % 1 < 0.45 and int(t + 1) < made.cuts_s[i + 1] and int(t) < len(made.frames)
    ]  # fmt: skip
    far, near = (
        np.array([np.abs(made.cut_frames[i].astype(int) - made.frames[int(made.cuts_s[i]) - back])
                  .mean() for i in straight if made.cuts_s[i] >= 1])
        for back in (1, 0)
    )  # fmt: skip
    assert len(near) > 5
    assert (near < far).mean() > 0.8  # of the shot that begins, not of the one before


def test_far_holds_what_no_other_split_has(library):
    recipes = [plan(seed, "far", library)[1] for seed in range(60)]
    assert {r["layout"] for r in recipes} == set(FAR_LAYOUTS)
    assert {r["intro_style"] for r in recipes} == set(FAR_INTRO_STYLES)
    assert "IRC" not in LAYOUTS


def test_a_far_episode_is_drawn(library):
    made = episode(1, "far", library)
    assert made.frames[40:120].std() > 5


def test_wrong_use_is_said(library, tmp_path):
    with pytest.raises(ValueError, match="'trian' is no split"):
        episode(0, "trian", library)
    with pytest.raises(UsageError, match="no library here"):
        Library(tmp_path)
