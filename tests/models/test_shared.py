from __future__ import annotations

from functools import partial
from shutil import copytree

import numpy as np
import pytest
import torch

from edge.bundles import load_bundle
from edge.errors import UsageError
from models.registration import warm_start
from models.registration.export import export_bundle
from models.registration.shared import SportsNet
from models.registration.train import Stage, Trainer, TrainingSettings, counts
from models.registration.views import ViewRenderer
from models.registration.warm_start import network_of

SPORTS = ("basketball", "tennis")


def same(one, two):
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture
def exported(bundle_folder, tmp_path):
    """A bundle of an untrained network, to change."""
    return copytree(bundle_folder, tmp_path / "bundle")


def test_a_bundles_network_can_be_taken_up_again(exported, network):
    again = network_of(exported)
    picture = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        one, two = network(picture), again(picture)
    scale = float(one.grid.abs().max())
    np.testing.assert_allclose(two.grid, one.grid, atol=0.01 * scale)  # weights in half precision
    np.testing.assert_allclose(two.distances, one.distances, atol=0.01)
    norms = [m for m in again.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all((m.running_var > 0).all() for m in norms)
    assert any(m.running_mean.abs().max() > 0 for m in norms)


def test_another_network_is_refused(exported, monkeypatch):
    monkeypatch.setattr(warm_start, "load_bundle", partial(load_bundle, verify=False))
    (exported / "model.onnx").write_bytes((exported / "dense.onnx").read_bytes())
    with pytest.raises(UsageError, match="its convolutions are others"):
        network_of(exported)


def test_branches_begin_with_their_own_sport_or_the_first(network):
    other = SportsNet(("tennis",), pretrained=False).of("tennis")
    net = SportsNet(SPORTS, pretrained=False)
    net.start_from([("soccer", network), ("tennis", other)])
    for sport, source in (("basketball", network), ("tennis", other)):
        assert same(net.branches[sport].decoder, source.decoder)
    assert all(
        torch.equal(net.encoder.state_dict()[k], v) for k, v in network.encoder.state_dict().items()
    )


def test_a_checkpoint_of_fewer_sports_leaves_new_ones_alone():
    old, new = (SportsNet(s, pretrained=False) for s in (("tennis",), SPORTS))
    before = {k: v.clone() for k, v in new.branches["basketball"].state_dict().items()}
    new.load(old.state_dict())
    assert all(
        torch.equal(v, before[k]) for k, v in new.branches["basketball"].state_dict().items()
    )
    assert torch.equal(new.of("tennis").keypoints.out.weight, old.of("tennis").keypoints.out.weight)
    with pytest.raises(RuntimeError, match="no checkpoint"):
        new.load({"stem.0.weight": torch.zeros(1)})


def test_shares_of_a_batch():
    assert counts(TrainingSettings("r", 1.0, sports=SPORTS, shares=(3.0, 1.0)), 16) == {
        "basketball": 12,
        "tennis": 4,
    }
    assert counts(TrainingSettings("r", 1.0, sports=SPORTS), 1) == {"basketball": 1, "tennis": 1}


def test_two_sports_learn_in_one_step_and_refuse_each_other(tmp_path):
    stages = [Stage(1.0, 64, 64, 4, 5)]
    run = TrainingSettings(str(tmp_path), 60.0, processes=1, sports=SPORTS, stages=stages)
    trainer = Trainer(0, run, pretrained=False)
    trainer.renderers = {s: ViewRenderer(5, 64, 64, sport=s, sizes=2) for s in SPORTS}
    trainer.enter(0)
    data = {s: trainer.views(s, n) for s, n in counts(run, 4).items()}
    rows, truth = trainer.rows(data)
    assert [r.tolist() for r in rows.values()] == [[0, 1, 2], [2, 3, 0]]
    for sport in SPORTS:
        xy, on, near, distances = truth[sport]
        assert len(xy) == 3
        assert not on[-1].any()
        assert not near[-1].any()
        assert (distances[-1] == 1).all()
    parts = trainer.advance(0.1)
    assert {f"{s}_nll" for s in SPORTS} <= set(parts)
    assert trainer.images == 4


def test_an_unknown_run_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"last\.pt"):
        export_bundle(tmp_path / "last.pt", tmp_path / "out", sport="tennis")
