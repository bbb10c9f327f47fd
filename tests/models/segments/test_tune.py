"""The CNN is taught to name texts and sounds: a short training of an untrained trunk."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edge.errors import UsageError
from edge.segments.features import FEATURES
from models.segments import backbone, rendered_cache, tune
from models.segments.annotate import SOUNDS
from models.segments.episodes import episode
from models.segments.network import Reduction
from models.segments.timeline import TEXTS


def material(count: int = 40, subtitled: int | None = None) -> tune.TuningMaterial:
    """White letters in half of the pictures, a loud patch in half of the patches."""
    rng = np.random.default_rng(0)
    shown = np.zeros((count, len(TEXTS)), bool)
    shown[::2, 0] = True
    if subtitled is not None:
        shown[subtitled, 3] = True
    pictures = []
    for row in shown:
        frame = rng.integers(0, 60, (144, 256, 3), np.uint8)
        if row[0]:
            cv2.putText(frame, "ANNA KELLER", (20, 80), 0, 1.0, (255, 255, 255), 2)
        pictures.append(bytes(cv2.imencode(".jpg", frame)[1]))
    heard = np.zeros((count, len(SOUNDS)), np.float32)
    heard[1::2, 2] = 1
    mel = np.where(heard[:, 2, None, None] > 0, -2.0, -11.0) + rng.normal(0, 0.5, (count, 64, 100))
    return tune.TuningMaterial(pictures, shown, mel.astype(np.float16), heard)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> tune.Named:
    torch.manual_seed(0)
    return tune.Named(pretrained=False)


def test_the_trunk_learns_to_name_what_it_sees_and_hears(net):
    kept = material()
    rng = np.random.default_rng(1)
    batch = kept.step(rng, 16, 16)
    tune.prepare(net)
    first = float(tune.loss_of(net, batch).detach())
    frozen = net.trunk.net._conv_stem.weight.detach().clone()
    steps = tune.tune(net, kept, minutes=30, most=6, sizes=(8, 8), say=lambda _: None)
    assert steps == 6
    assert float(tune.loss_of(net, batch).detach()) < first
    assert torch.equal(frozen, net.trunk.net._conv_stem.weight)


def test_kinds_of_text_are_drawn_as_often_as_one_another():
    kept = material(subtitled=1)  # one among forty
    rows = np.concatenate([kept.rows(np.random.default_rng(s), 20) for s in range(40)])
    assert 0.2 < (rows == 1).mean() < 0.45


def test_jitter_keeps_a_picture_and_loudness_keeps_silence():
    rng = np.random.default_rng(0)
    frame = np.full((144, 256, 3), 128, np.uint8)
    frame[40:60] = 250
    other = tune.jittered(rng, frame)
    assert other.shape == frame.shape
    assert np.corrcoef(other.mean((1, 2)), frame.mean((1, 2)))[0, 1] > 0.5
    silent = np.full((3, 64, 100), tune.SILENCE, np.float32)
    assert np.allclose(np.minimum(tune.louder(rng, silent), tune.SILENCE), tune.SILENCE)


@pytest.mark.parametrize(
    ("scores", "true", "expected"),
    [([3, 2, 1], [1, 0, 0], 1.0), ([3, 2, 1], [0, 0, 1], 1 / 3), ([3, 2, 1], [1, 0, 1], 5 / 6)],
)
def test_average_precision(scores, true, expected):
    found = tune.precision(np.array(scores, np.float32), np.array(true, bool))
    assert found == pytest.approx(expected)


def test_a_tuned_trunk_is_kept_and_made_int8_with_what_it_names(
    net, library, tmp_path, monkeypatch
):
    monkeypatch.setattr(backbone, "milliseconds", lambda *_: 1.0)  # a timing is no matter here
    (tmp_path / "drawn").mkdir()
    for split in ("train", "validation"):
        job = rendered_cache.Job(split, 0)
        rendered_cache.keep(
            tmp_path / "drawn" / job.name, rendered_cache.drawn(episode(0, split, library))
        )
    found = tune.measure(net, sorted((tmp_path / "drawn").glob("validation-*.npz")), 40)
    assert set(found) == {*TEXTS, *SOUNDS}
    tune.save(tmp_path / tune.TRUNK, net, {"steps": 3})
    again, record = tune.restore(tmp_path / tune.TRUNK)
    assert record == {"steps": 3}
    torch.testing.assert_close(again.texts.weight, net.texts.weight)
    backbone.main([str(tmp_path), "--drawn", str(tmp_path / "drawn"), "--programmes", "3"])
    with np.load(tmp_path / backbone.KNOWN) as known:
        np.testing.assert_allclose(known["visual"], net.texts.weight.detach().numpy())
        assert known["sound"].shape == (len(SOUNDS), FEATURES)
    with pytest.raises(UsageError, match="no trunk"):
        tune.restore(tmp_path / "other.pt")


def test_directions_that_are_known_come_first():
    torch.manual_seed(1)
    rows = torch.randn(500, 12) * torch.arange(12, 0, -1)
    known = torch.zeros(1, 12)
    known[0, 11] = 3.0  # the direction that varies least
    made = Reduction(12, 4)
    made.fit(rows, known)
    out = made(rows)
    assert out.shape == (500, 4)
    assert abs(np.corrcoef(out[:, 0], rows[:, 11])[0, 1]) > 0.999
    torch.testing.assert_close(out[:, 0].std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert abs(np.corrcoef(out[:, 1], rows[:, 0])[0, 1]) > 0.9
