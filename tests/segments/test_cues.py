"""Cuts, black and silence out of pictures and loudness."""

import numpy as np
import pytest

from edge.segments import boundary_refinement, cues
from edge.segments.boundary_refinement import around_s, cues_near, stretches
from edge.segments.decode import REACH_S
from edge.segments.media import open_media
from tests.segments.programmes import BLACK, BLUE, GREY, RED, write_programme


def textured(seed, shift=0, level=1.0):
    rng = np.random.default_rng(seed)
    wide = np.kron(rng.integers(20, 236, (9, 40)), np.ones((4, 4)))
    return (wide[:, shift : shift + 64] * level).astype(np.uint8)


def times(n):
    return np.arange(n) / 25


def test_a_cut_is_found_at_its_first_picture():
    greys = np.array([textured(0, i // 4) for i in range(30)] + [textured(1) for _ in range(30)])
    assert cues.cuts(times(60), greys) == pytest.approx([30 / 25])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_neither_a_pan_nor_a_fade_is_a_cut(seed):
    pan = np.array([textured(seed, i) for i in range(60)])
    fade = np.array([textured(seed, 0, 1 - i / 60) for i in range(60)])
    assert not len(cues.cuts(times(60), pan))
    assert not len(cues.cuts(times(60), fade))


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_pictures(n):
    greys = np.array([textured(i) for i in range(n)], np.uint8).reshape(-1, 36, 64)
    assert len(cues.cuts(times(n), greys)) <= n
    assert cues.blacks(times(n), greys, 0.04).shape == (0, 2)


def test_black_has_a_begin_and_an_end_and_a_title_on_black_is_none():
    greys = np.array([textured(0)] * 10 + [np.zeros((36, 64))] * 5 + [textured(1)] * 5, np.uint8)
    assert cues.blacks(times(20), greys, 0.04) == pytest.approx(np.array([[0.4, 0.6]]))
    greys[12, 18:20, 20:40] = 200
    assert cues.blacks(times(20), greys, 0.04) == pytest.approx(
        np.array([[0.4, 0.48], [0.52, 0.6]])
    )
    assert cues.blacks(times(3), np.zeros((3, 36, 64), np.uint8), 0.04) == pytest.approx(
        np.array([[0, 0.12]])
    )


def test_silence_is_found_to_a_hundredth():
    t = np.arange(5 * 16_000) / 16_000
    samples = (0.2 * np.sin(2 * np.pi * 300 * t)).astype(np.float32)
    samples[16_000 : 16_000 + 8_000] = 1e-4  # -80 dB
    samples[40_000:41_600] = 0  # too short
    levels = cues.levels_db(samples[: 5 * 16_000 - 100], 5)
    assert levels.shape == (500,)
    assert cues.silences(levels) == pytest.approx(np.array([[1.0, 1.5]]))
    assert cues.silences(levels[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ([], []),
        ([10], [(2, 18)]),
        ([3, 98], [(0, 11), (90, 100)]),
        ([40, 10, 22], [(2, 30), (32, 48)]),
        ([10, 20, 36], [(2, 44)]),
        ([200], []),
    ],
)
def test_stretches_around_boundaries(at, expected):
    assert stretches(at, 100.0, 8.0) == expected


def test_no_more_pictures_are_looked_at_than_an_end_can_reach(tmp_path, monkeypatch):
    shots = [(BLUE, 12.4), (BLACK, 0.6), (GREY, 9.7), (RED, 9.6), (GREY, 8.0)]
    film = write_programme(tmp_path / "film.mkv", shots, fps=25, gop=100, bframes=3)
    ends_s = [12.0, 24.0, 31.0]
    scaled, decoded = [], []
    real, frames = boundary_refinement.Scaler.__call__, boundary_refinement.frames_from
    monkeypatch.setattr(
        boundary_refinement.Scaler, "__call__", lambda *a: (scaled.append(1), real(*a))[1]
    )

    def counted(*a):
        for frame in frames(*a):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(boundary_refinement, "frames_from", counted)

    def look(around):
        scaled.clear()
        decoded.clear()
        with open_media(film) as media:
            return cues_near(media, stretches(ends_s, 40.3, around))

    wide_cuts, wide_black = look(8.0)
    with open_media(film) as media:
        around = around_s(media.frame_s)
    assert REACH_S + cues.AROUND / 25 < around < REACH_S + 1
    cuts_s, black_s = look(around)
    assert len(scaled) <= 3 * (2 * around * 25 + 1)
    lead_in = len(decoded) - len(scaled)
    assert lead_in < 3 * 100 / 2, "of the pictures before them only those that others refer to"
    reached = (abs(wide_cuts - np.array(ends_s)[:, None]) <= REACH_S).any(0)
    assert cuts_s.tolist() == wide_cuts[reached].tolist() != []
    assert black_s.tolist() == wide_black.tolist() != []
