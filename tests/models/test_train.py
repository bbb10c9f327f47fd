from __future__ import annotations

import json
import math

import pytest
import torch

from models.registration import calibrate, calibration, held_out
from models.registration.evaluate import quick_check
from models.registration.network import RegistrationNet
from models.registration.train import (
    Stage,
    Trainer,
    TrainingSettings,
    flip,
    rate_at,
    set_frozen,
    stage_at,
    update_ema,
    view_seed,
)
from models.registration.views import ViewRenderer


@pytest.mark.parametrize(
    ("progress", "stage"), [(0.0, 0), (0.19, 0), (0.2, 1), (0.69, 1), (0.7, 2), (1.0, 2), (2.0, 2)]
)
def test_stage_in_force(progress, stage):
    stages = [Stage(until, 64, 64, 2, 0) for until in (0.2, 0.7, 1.0)]
    assert stage_at(TrainingSettings("run", 10.0, stages=stages), progress) == stage


def test_the_schedule_ends_at_the_size_that_ships():
    stages = TrainingSettings("run", 10.0).stages
    assert [s.until for s in stages] == sorted(s.until for s in stages)
    assert stages[-1].until == 1
    assert (stages[-1].width, stages[-1].height) == (320, 192)


def test_the_rate_warms_up_and_falls_to_a_fiftieth():
    assert rate_at(0.0, 0) == pytest.approx(1 / 150)
    assert rate_at(0.0, 149) == pytest.approx(1.0)
    assert rate_at(0.5, 10_000) == pytest.approx(0.02 + 0.98 / 2)
    assert rate_at(1.0, 10_000) == pytest.approx(0.02)
    assert rate_at(3.0, 10_000) == pytest.approx(0.02)
    later = [rate_at(p / 20, 10_000) for p in range(21)]
    assert later == sorted(later, reverse=True)


def test_no_two_processes_or_resumed_runs_render_the_same_views():
    seeds = [view_seed(1, rank, step) for rank in range(2) for step in range(0, 5000, 7)]
    assert len(set(seeds)) == len(seeds)


def test_held_out_and_calibration_views_are_never_trained_on():
    # a run renders from view_seed and up to two more, one for each change of size
    trained = {
        view_seed(seed, rank, step) + stage
        for seed in range(1, 4)
        for rank in range(2)
        for step in range(60_000)
        for stage in range(3)
    }
    assert not trained & {held_out.SEED, calibrate.SEED, calibration.SEED}


def test_flip_is_the_view_from_the_other_side(straight_batch):
    b = straight_batch
    image = torch.from_numpy(b.image)
    flipped, xy, field, near, distances = flip(b, image)
    assert torch.equal(flipped[:, :, 0], image[:, :, -1])
    assert torch.equal(xy[:, 0, :, 0], -b.xy[:, 0, :, -1])
    assert torch.equal(xy[:, 1, :, 0], b.xy[:, 1, :, -1])
    assert torch.equal(field[:, :, 3], b.field[:, :, -4])
    assert torch.equal(near[:, :, 3], b.near[:, :, -4])
    assert torch.equal(distances[:, :, :, 3], b.distances[:, :, :, -4])
    twice = b.__class__(flipped.numpy(), xy, field, near, distances, *(None,) * 5)
    for back, first in zip(flip(twice, flipped), (image, b.xy, b.field), strict=False):
        assert torch.equal(back, first)


def test_frozen_blocks_learn_nothing_and_keep_their_statistics():
    net = RegistrationNet(pretrained=False)
    set_frozen(net, 3)
    assert not any(p.requires_grad for p in net.encoder.stem.parameters())
    assert not any(p.requires_grad for p in net.encoder.blocks[:3].parameters())
    assert all(p.requires_grad for p in net.encoder.blocks[3:].parameters())
    assert not net.encoder.stem.training
    assert not net.encoder.blocks[2].training
    assert net.encoder.blocks[3].training
    set_frozen(net, 0)
    assert all(p.requires_grad for p in net.parameters())
    assert net.encoder.stem.training


def test_the_average_moves_by_its_decay():
    a, b = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        a.weight.fill_(1.0)
        b.weight.fill_(2.0)
    b.num_batches_tracked.fill_(7)
    update_ema(a, b, 0.9)
    assert a.weight.tolist() == pytest.approx([1.1, 1.1])
    assert int(a.num_batches_tracked) == 7


def tiny(folder):
    stages = [Stage(0.5, 64, 64, 2, 0), Stage(1.0, 64, 64, 2, 5)]
    return TrainingSettings(str(folder), minutes=60.0, processes=1, stages=stages)


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    first = Trainer(0, tiny(tmp_path), pretrained=False)
    first.renderers["soccer"] = ViewRenderer(4, 64, 64, sizes=2)  # ten take long to draw
    before = {k: v.clone() for k, v in first.net.state_dict().items()}
    parts = first.advance(0.0)
    assert all(math.isfinite(v) for v in parts.values())
    assert any(not torch.equal(v, before[k]) for k, v in first.net.state_dict().items())
    first.save()
    first.log(parts)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.pt", "log.jsonl"]
    row = json.loads((tmp_path / "log.jsonl").read_text())
    assert row["step"] == 1
    assert row["images"] == 2

    second = Trainer(0, tiny(tmp_path), pretrained=False)
    assert (second.step, second.images, second.elapsed) == (1, 2, first.elapsed)
    assert second.view_seed != first.view_seed
    for name in ("net", "ema"):
        one, two = getattr(first, name).state_dict(), getattr(second, name).state_dict()
        assert all(torch.equal(v, two[k]) for k, v in one.items())
    moments = [s["exp_avg"] for s in second.opt.state_dict()["state"].values()]
    assert any(m.abs().sum() > 0 for m in moments)
    second.renderers = first.renderers  # the same venue will do
    second.enter(1)
    parts = second.advance(0.6)
    assert all(math.isfinite(v) for v in parts.values())
    assert second.step == 2
    assert not second.net.encoder.blocks[4].training


def test_the_quick_check_gives_finite_errors(network):
    found = quick_check(network, 64, 64, n=8)
    assert set(found) == {"metres", "reproj", "mask_error", "line_error"}
    assert all(math.isfinite(v) for v in found.values())
    assert found["metres"] > 1  # it has learned nothing
