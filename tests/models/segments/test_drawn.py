"""Drawn programmes: what is kept of them, what they are said to show, and cues taken out."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.segments.pictures import thumbs
from edge.segments.sound import log_mel
from edge.segments.types import Label
from models.segments import rendered_cache
from models.segments.annotate import SOUNDS, heard, shown
from models.segments.change import CHANGES, change
from models.segments.episodes import episode, plan
from models.segments.series import series
from models.segments.timeline import TEXTS, Fade, Piece, ProgrammeTimeline, Text

CREDIT, TITLE = TEXTS.index("credit"), TEXTS.index("title")
MUSIC, LOUD, NOISE = (SOUNDS.index(s) for s in ("music", "loud music", "noise"))


@pytest.fixture(scope="module")
def made(library):
    return episode(2, "train", library)


def test_what_is_kept_is_the_programme(made, tmp_path):
    kept = rendered_cache.drawn(made)
    rendered_cache.keep(tmp_path / "train-00002.npz", kept)
    again = rendered_cache.read(tmp_path / "train-00002.npz")
    count = len(made.frames)
    frames = again.frames(range(len(again.pictures)))
    assert frames.shape == (count + len(made.cut_frames), 144, 256, 3)
    off = np.abs(thumbs(frames[:count]).astype(int) - thumbs(made.frames))
    assert off.mean() < 1.5
    np.testing.assert_allclose(again.mel, log_mel(made.sound)[:count], atol=0.01)
    np.testing.assert_array_equal(again.shown, made.shown)
    np.testing.assert_allclose(again.heard, made.heard, atol=1e-3)
    assert [(s.label, s.start_s, s.end_s) for s in again.spans] == [
        (s.label, s.start_s, s.end_s) for s in made.spans
    ]
    assert again.recipe["seed"] == 2
    with pytest.raises(UsageError, match="not drawn yet"):
        rendered_cache.read(tmp_path / "train-00003.npz")


def test_texts_are_said_while_they_are_seen():
    timeline = ProgrammeTimeline(
        length_s=40,
        begin_s=2,
        texts=[
            Text(4, 8, ("A",), 0, 0.1, kind="credit", fade_s=1.0),
            Text(10, 20, ("B",), 0, 0.1, at=(0.5, 1.1), rise=0.18, kind="credit"),
            Text(24, 30, ("C",), 0, 0.1, kind="title"),
            Text(24, 30, ("D",), 0, 0.1),
        ],
        fades=[Fade(26, 1, 0.5)],
    )
    seen = shown(timeline, [1.9, 2.1, 4, 5.95, 8.1, 9, 17, 23, 24.5, 27])
    assert seen[:, CREDIT].tolist() == [0, 0, 1, 0, 0, 1, 0, 0, 0, 0]
    assert seen[:, TITLE].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
    assert seen.sum() == 4


def test_sounds_are_said_by_their_share_of_a_second(library):
    music = next(iter(library.of("music", "train").values()))[0]
    timeline = ProgrammeTimeline(
        length_s=12,
        begin_s=1,
        sounds=[
            Piece(2.5, 2.0, music, gain_db=0.0),
            Piece(6, 2.0, music, gain_db=-9.0),
            Piece(9, 2.0, music, gain_db=-19.0),
            Piece(0, 2.25, -1),
        ],
    )
    said = heard(library, timeline, 11)
    assert said[:, MUSIC].tolist() == [0, 0.5, 1, 0.5, 0, 1, 1, 0, 0, 0, 0]
    assert said[:, LOUD].tolist() == [0, 0.5, 1, 0.5, 0, 0, 0, 0, 0, 0, 0]
    assert said[:, NOISE].tolist() == [1, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_programmes_say_what_their_parts_show(library):
    """Titles and credits in intros, music under them, words over recaps; none of it is a label."""
    inside = np.zeros((len(Label), len(TEXTS)))
    for seed in range(40):
        timeline, _ = plan(seed, "train", library)
        times = np.arange(0.5, timeline.length_s - timeline.begin_s)
        seen = shown(timeline, times)
        of = np.zeros(len(times), int)
        for s in timeline.labelled():
            of[(times >= s.start_s) & (times < s.end_s)] = s.label
        for label in Label:
            inside[label] += seen[of == label].sum(0)
    assert inside[Label.INTRO, CREDIT] > 50
    assert inside[Label.CONTENT, CREDIT] > 50
    assert inside[Label.INTRO, TITLE] > 50
    assert inside[Label.RECAP, TEXTS.index("recap")] > 10


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_takes_a_cue_out_and_leaves_the_rest(library, how):
    seed = next(
        s for s in range(99)
        if {"I", "R"} <= set(plan(s, "test", library)[1]["layout"])
        and plan(s, "test", library)[0].texts
    )  # fmt: skip
    before, recipe = plan(seed, "test", library)
    after, _ = plan(seed, "test", library)
    of = series(seed // 4, "test", library)
    change(how, after, of, library)
    assert after.shots == before.shots
    assert after.spans == before.spans
    if how == "erased":
        assert not after.texts
    elif how == "garbled":
        assert [len(t.lines) for t in after.texts] == [len(t.lines) for t in before.texts]
        assert sum(a.lines != b.lines for a, b in zip(after.texts, before.texts, strict=True)) > 3
        assert all(
            [c.isspace() for c in a] == [c.isspace() for c in b]
            for x, y in zip(after.texts, before.texts, strict=True)
            for a, b in zip(x.lines, y.lines, strict=True)
        )
    else:
        intro = next(s for s in after.spans if s.label == Label.INTRO)
        themes = [
            p for p in after.sounds
            if p.source == of.theme and intro.start_s <= p.start_s + p.length_s / 2 < intro.end_s
        ]  # fmt: skip
        assert of.theme != of.beds[0]
        assert not themes
        assert recipe["intro_silent"] or after.sounds != before.sounds


def test_an_unknown_change_is_said(library):
    with pytest.raises(ValueError, match="'louder' is no change"):
        episode(0, "train", library, "louder")


def test_shares_of_the_work_are_written_as_fractions(library, tmp_path, capsys):
    with pytest.raises(SystemExit):
        rendered_cache.main([str(tmp_path), "--library", str(library.folder), "--part", "2/2"])
    assert "'2/2' is no share" in capsys.readouterr().err


def test_the_command_draws_what_is_missing(library, tmp_path):
    counts = ["--train", "0", "--validation", "0", "--far", "0", "--test", "1"]
    rendered_cache.main(
        [str(tmp_path), "--library", str(library.folder), *counts, "--change", "erased"]
    )
    kept = rendered_cache.read(tmp_path / "test-00000.npz")
    assert not kept.shown.any()
    at = (tmp_path / "test-00000.npz").stat().st_mtime_ns
    rendered_cache.main(
        [str(tmp_path), "--library", str(library.folder), *counts, "--change", "erased"]
    )
    assert (tmp_path / "test-00000.npz").stat().st_mtime_ns == at
