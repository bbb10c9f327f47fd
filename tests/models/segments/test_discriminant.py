"""Directions in which set-ups and pieces of music lie apart, on features whose axes are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.errors import UsageError
from edge.segments.types import Label
from models.segments import discriminant, rendered_cache
from models.segments.dataset import APART, fit, paths
from models.segments.discriminant import KEPT, Scatter, music, setups
from models.segments.episodes import FIRST_S, plan
from models.segments.library import Library
from models.segments.network import COMPARED, HEARD, continuity
from models.segments.timeline import Piece, ProgrammeTimeline, TimelineShot


def told_apart_by_the_last(rng: np.random.Generator, rows: int = 60) -> tuple[np.ndarray, ...]:
    """Ten values: the first ones vary much for any reason, the last tells four classes apart."""
    classes = rng.integers(0, 4, rows)
    features = rng.standard_normal((rows, 10)) * np.linspace(5, 0.2, 10)
    features[:, 9] += classes
    features += 20 * rng.standard_normal(10)  # the programme's own grade
    return features.astype(np.float16), classes


def test_what_tells_classes_apart_comes_first_however_little_it_varies() -> None:
    rng = np.random.default_rng(0)
    sums = Scatter(10)
    for _ in range(40):
        sums.add(*told_apart_by_the_last(rng))
    made = sums.directions(3, 10, 2.0)
    assert made.shape == (3, 10)
    assert abs(made[0, 9]) > 0.99 * np.linalg.norm(made[0])
    weights = np.linalg.norm(made, axis=1)
    assert weights[1] < 0.3 * weights[0]  # the others tell nothing, and weigh little


def test_directions_have_the_mean_variance_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    sums, every = Scatter(10), []
    for _ in range(30):
        features, classes = told_apart_by_the_last(rng)
        sums.add(features, classes)
        every.append(features.astype(float))
    made = sums.directions(4, 10, 0.37)
    assert (np.concatenate(every) @ made.T).var(0).mean() == pytest.approx(0.37, rel=1e-3)


def test_rows_of_no_class_and_classes_of_one_row_are_no_variation_within() -> None:
    rng = np.random.default_rng(2)
    features, classes = told_apart_by_the_last(rng)
    plain, more = Scatter(10), Scatter(10)
    plain.add(features, classes)
    alone = np.concatenate([classes, [-1, 9]])
    more.add(np.concatenate([features, 1e3 * np.ones((2, 10))]), alone)
    np.testing.assert_allclose(more._within, plain._within)


def test_one_class_tells_nothing() -> None:
    sums = Scatter(5)
    with pytest.raises(ValueError, match="no two classes"):
        sums.directions(2, 5, 1.0)
    sums.add(np.random.default_rng(3).standard_normal((9, 5)), np.full(9, -1))
    with pytest.raises(ValueError, match="no two classes"):
        sums.directions(2, 5, 1.0)


def test_a_view_that_returns_is_the_same_setup() -> None:
    near, far = (0.4, 0.5, 1.5), (0.5, 0.5, 1.0)
    made = ProgrammeTimeline(
        shots=[
            TimelineShot(0, 4, 7, first=near, last=near),
            TimelineShot(4, 8, 7, first=far, last=far),
            TimelineShot(8, 12, 7, 3.0, first=near, last=near),  # the scene has gone on meanwhile
            TimelineShot(9, 10, 3, place=(0.6, 0.1, 0.3, 0.3)),  # a picture in the picture
            TimelineShot(12, 15, 8, dissolve_s=1.0),
            TimelineShot(15, 17, colour=(0, 0, 0)),
        ],
        begin_s=1.0,
    )
    seen = setups(made, [0.5, 3.5, 7.5, 8.5, 11.5, 12.5, 14.5, 30.0])
    assert seen[0] == seen[2] == seen[3]
    assert len({seen[0], seen[1], seen[5]}) == 3
    assert seen[[4, 6, 7]].tolist() == [-1, -1, -1]  # dissolving, plain, after the end


def test_a_second_is_known_by_the_loudest_music(library: Library) -> None:
    tracks = [n for g in library.of("music", "train").values() for n in g]
    voice = next(n for g in library.of("speech", "train").values() for n in g)
    made = ProgrammeTimeline(
        sounds=[
            Piece(1.0, 10.0, tracks[0], gain_db=-9),
            Piece(5.5, 3.0, tracks[1], gain_db=-2),
            Piece(0.0, 12.0, voice, gain_db=3),
            Piece(0.0, 12.0, tracks[2], gain_db=-20),  # too faint
        ],
        begin_s=1.0,
    )
    heard = music(library, made, 12)
    a, b = 1 + tracks[0], 1 + tracks[1]
    assert heard.tolist() == [a, a, a, a, a, b, b, a, a, a, 0, 0]


def test_cached_programmes_give_directions_that_heads_are_trained_with(
    library: Library, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    views, tracks = rng.standard_normal((2, 400, 1280)).astype(np.float32)
    for seed in (0, 1, 2):
        made, recipe = plan(seed, "train", library)
        cuts_s = np.array(made.cuts_s())
        seconds = int(made.length_s - made.begin_s)
        times_s = np.concatenate([np.arange(seconds) + 0.5, cuts_s + FIRST_S])
        seen, heard = setups(made, times_s), music(library, made, seconds)
        visual = views[seen] + 0.1 * rng.standard_normal((len(times_s), 1280))
        sound = tracks[heard] + 0.1 * rng.standard_normal((seconds, 1280))
        rendered_cache.write(
            tmp_path / f"train-{seed:05d}.npz",
            {
                "visual": visual[:seconds].astype(np.float16),
                "cut_visual": visual[seconds:].astype(np.float16),
                "sound": sound.astype(np.float16),
                "low": np.zeros((seconds, 43), np.float32),
                "cuts_s": cuts_s,
                "spans": np.array([[Label.INTRO, 0, 5]], float),
                "recipe": json.dumps(recipe, default=str),
            },
        )
    without = fit(paths(tmp_path, "train"))
    discriminant.main([str(tmp_path), "--library", str(library.folder)])
    by = fit(paths(tmp_path, "train"))
    assert by.visual.basis.shape == without.visual.basis.shape
    with np.load(tmp_path / APART) as kept:
        assert {k: len(kept[k]) for k in kept.files} == KEPT
        np.testing.assert_allclose(by.visual.basis[: len(kept["visual"])], kept["visual"])


def test_directions_need_programmes(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no programme"):
        discriminant.of_cache(tmp_path, library)


def test_all_components_are_read() -> None:
    assert COMPARED.stop - COMPARED.start == KEPT["visual"]
    assert HEARD.stop - HEARD.start == KEPT["sound"]


def test_what_goes_on_is_alike_on_both_sides() -> None:
    a, b, c = torch.eye(3)
    x = torch.stack([a] * 10 + [b] * 10 + [a + b] * 10 + [c] * 2)[None]
    made = continuity(x, (2, 4))
    assert made.shape == (1, 32, 2)
    near, far = made[0].T
    assert near[0] == 0  # nothing is before the first
    assert far[1:7].min() > 0.999
    assert near[10] == 0
    assert near[[8, 12]].min() > 0.999
    assert far[9] == pytest.approx(float(torch.cosine_similarity(a, a + 3 * b, dim=0)), abs=1e-5)
    assert near[20] == pytest.approx(0.5**0.5, abs=1e-5)
    assert far[30] == 0  # past the end is nothing: two seconds are compared with four
