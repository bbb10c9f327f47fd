"""Pictures and sound become rows a second."""

import numpy as np
import pytest

from edge.segments import pictures, sound
from edge.segments.features import LOW, assemble
from edge.segments.types import Label, Segment


def tone(hz, seconds=2.0, level=0.5):
    t = np.arange(int(seconds * sound.RATE_HZ)) / sound.RATE_HZ
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def laid_out(times_s, seconds=6, patches=None):
    k = len(times_s)
    features = np.repeat(np.arange(k, dtype=np.float32)[:, None], 1280, 1)
    grey = np.stack([np.full((18, 32), 51 * i, np.uint8) for i in range(k)])
    measured = np.tile(np.arange(k, dtype=np.float32)[:, None], 3)
    if patches is None:
        patches = np.full((seconds, 64, 100), sound.SILENCE, np.float32)
    heard = np.zeros((len(patches), 1280), np.float32)
    return assemble(features, measured, grey, np.array(times_s, float), heard, patches)


@pytest.mark.parametrize("hz", [120.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_loudest_in_its_own_band(hz):
    level = sound.log_mel(tone(hz)).mean(axis=(0, 2))
    bins = np.arange(257) * sound.RATE_HZ / 512
    centre = sound.filters() @ bins
    assert centre[level.argmax()] == pytest.approx(hz, rel=0.12, abs=25)


@pytest.mark.parametrize(("samples", "seconds"), [(0, 0), (1, 1), (16_000, 1), (16_001, 2)])
def test_every_begun_second_has_a_patch(samples, seconds):
    made = sound.log_mel(np.zeros(samples, np.float32))
    assert made.shape == (seconds, 64, 100)
    assert (made == np.float32(sound.SILENCE)).all() or not seconds


def test_long_sound_is_what_its_parts_are():
    samples = np.random.default_rng(1).normal(0, 0.1, 45 * 16_000).astype(np.float32)
    whole = sound.log_mel(samples)
    part = sound.log_mel(samples[30 * 16_000 :])
    assert np.allclose(whole[30:44], part[:14], atol=1e-4)


def test_mel_power_is_multiplied_in_one_thread():
    """OpenBLAS (interface/gemm.c) takes more threads beyond 4 * 65536 multiplications."""
    made = []
    given = np.matmul

    class Watched(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            plain = [np.asarray(x) for x in inputs]
            if ufunc is given:
                made.append(plain[0].shape[-2] * plain[0].shape[-1] * plain[1].shape[-1])
            return getattr(ufunc, method)(*plain, **options)

    watched = sound.filters().view(Watched)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound, "filters", lambda: watched)
        sound.log_mel(np.zeros(25 * sound.RATE_HZ, np.float32))
    assert made
    assert max(made) <= 4 * 65536


def test_the_network_sees_silence_and_noise_within_its_range():
    noise = np.random.default_rng(1).normal(0, 0.3, 32_000).astype(np.float32)
    patch = sound.as_picture(sound.log_mel(noise))
    assert patch.shape == (2, 3, 64, 100)
    assert np.abs(patch).max() <= 1.5
    silent = sound.as_picture(sound.log_mel(np.zeros(16_000, np.float32)))
    assert silent[:, 0] == pytest.approx(-1.0)
    assert not silent[:, 1:].any()


def test_a_picture_holds_until_the_next_one():
    track = laid_out([0.5, 2.2, 4.4])
    assert track.visual[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert track.low[:, 5].tolist() == [1, 0, 1, 0, 1, 0]
    assert track.low[:, 3] == pytest.approx([0, 0, 0.2, 0.2, 0.2, 0.2])
    assert track.low[:, 4] == pytest.approx(np.log1p([0, 1, 0.3, 1.3, 0.1, 1.1]))
    assert track.low[:, 6] == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])


def test_the_first_picture_stands_for_what_came_before_it():
    assert laid_out([3.0, 4.0]).visual[:, 0].tolist() == [0, 0, 0, 0, 1, 1]


def test_a_view_that_comes_back_is_known_by_the_pictures_around():
    views = np.zeros((6, 18, 32), np.uint8)
    views[[1, 3], :9] = 200  # a dialogue's two views in turn; then two that were never seen
    views[4, :, :16], views[5, :, 16:] = 100, 220
    times = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    track = assemble(
        np.zeros((6, 1280), np.float32), np.zeros((6, 3), np.float32), views, times,
        np.zeros((6, 1280), np.float32), np.full((6, 64, 100), sound.SILENCE, np.float32),
    )  # fmt: skip
    before, after = track.low[:, 7], track.low[:, 8]
    assert before[0] == 1  # nothing came before
    assert after[5] == 1
    assert before[[2, 3]].tolist() == [0, 0]
    assert (before[[1, 4, 5]] > 0.15).all()
    assert after[[0, 1]].tolist() == [0, 0]
    assert (after[[2, 3, 4]] > 0.15).all()


def test_views_further_apart_than_a_dialogue_are_not_compared():
    assert (laid_out([0.5, 25.0], seconds=30).low[:, 7] == 1).all()


def test_no_picture_at_all():
    track = laid_out_empty(4)
    assert not track.visual.any()
    assert track.low.shape == (4, LOW)


def laid_out_empty(seconds):
    patches = np.full((seconds, 64, 100), sound.SILENCE, np.float32)
    none = np.zeros((0, 1280), np.float32)
    return assemble(
        none,
        np.zeros((0, 3), np.float32),
        np.zeros((0, 18, 32), np.uint8),
        np.zeros(0),
        np.zeros((seconds, 1280), np.float32),
        patches,
    )


def test_measures_of_flat_and_textured_pictures():
    rng = np.random.default_rng(2)
    flat = np.full((144, 256, 3), 128, np.uint8)
    rough = rng.integers(0, 256, (144, 256, 3), np.uint8)
    made = pictures.measures(np.stack([flat, rough]))
    assert made[0, :2] == pytest.approx([128 / 255, 0], abs=1e-3)
    assert made[1, 1] > 0.1
    assert made[1, 2] > made[0, 2] + 2
    assert pictures.thumbs(np.stack([flat, rough])).shape == (2, 18, 32)
    assert np.abs(pictures.as_input(np.stack([flat, rough]))).max() <= 1


def test_labels_have_names_for_files():
    assert [label.text for label in Label] == ["content", "intro", "recap"]
    assert Segment(Label.RECAP, 3.0, 7.5).length_s == 4.5
