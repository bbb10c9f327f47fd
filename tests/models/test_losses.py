from __future__ import annotations

import math

import pytest
import torch

from models.registration.losses import LOG_SIGMA, dense_loss, keypoint_loss, total_loss
from models.registration.network import Outputs


@pytest.fixture
def truth():
    g = torch.Generator().manual_seed(1)
    xy = torch.rand(2, 2, 6, 8, generator=g) * 2 - 1
    field = torch.rand(2, 6, 8, generator=g) < 0.6
    near = field | (torch.rand(2, 6, 8, generator=g) < 0.2)
    distances = torch.rand(2, 2, 6, 8, generator=g)
    distances[distances > 0.8] = 1.0
    return xy, field, near, distances


def grid_of(xy, field, *, off=0.0, log_sigma=-2.0, logit=9.0):
    sign = torch.where(field, logit, -logit)[:, None]
    return torch.cat([xy + off, torch.full_like(xy, log_sigma), sign], 1)


def test_by_hand():
    xy = torch.zeros(1, 2, 1, 2)
    grid = torch.zeros(1, 5, 1, 2)
    grid[0, 0, 0] = torch.tensor([0.2, 9.0])  # the second cell is not to be learned
    grid[0, 2:4] = -1.0
    near = torch.tensor([[[True, False]]])
    k = keypoint_loss(grid, xy, near, near)
    assert float(k["l1"]) == pytest.approx(0.2 / 2)
    assert float(k["nll"]) == pytest.approx((0.2 * math.e - 1 - 1) / 2)
    assert float(k["field"]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("off", [-0.3, -0.01, 0.01, 0.3])
def test_the_truth_has_the_least_loss_at_a_given_sigma(truth, off):
    xy, field, near, _ = truth
    best = keypoint_loss(grid_of(xy, field), xy, field, near)
    worse = keypoint_loss(grid_of(xy, field, off=off), xy, field, near)
    assert float(worse["nll"]) > float(best["nll"])
    assert float(worse["l1"]) == pytest.approx(abs(off), rel=1e-4)
    assert float(best["l1"]) == 0


def test_the_best_sigma_is_the_mean_absolute_error(truth):
    xy, field, near, _ = truth
    off = 0.1
    at = {
        s: float(keypoint_loss(grid_of(xy, field, off=off, log_sigma=s), xy, field, near)["nll"])
        for s in (math.log(off) - 0.2, math.log(off), math.log(off) + 0.2)
    }
    assert min(at, key=at.get) == math.log(off)


def test_sigma_beyond_its_range_changes_nothing(truth):
    xy, field, near, _ = truth
    for inside, beyond in ((LOG_SIGMA[0], -40.0), (LOG_SIGMA[1], 40.0)):
        a, b = (
            keypoint_loss(grid_of(xy, field, off=0.1, log_sigma=s), xy, field, near)["nll"]
            for s in (inside, beyond)
        )
        assert float(a) == pytest.approx(float(b))


def test_what_is_not_near_teaches_no_coordinates(truth):
    xy, field, near, _ = truth
    grid = grid_of(xy, field, off=0.1).requires_grad_()
    k = keypoint_loss(grid, xy, field, near)
    (k["nll"] + k["l1"]).backward()
    silent = ~near[:, None].expand(-1, 4, -1, -1)
    assert not grid.grad[:, :4][silent].any()
    assert grid.grad[:, :4][~silent].any()


def test_a_batch_of_negatives_alone_has_a_finite_loss(truth):
    xy, field, _, distances = truth
    nothing = torch.zeros_like(field)
    out = Outputs(grid_of(xy, nothing).requires_grad_(), torch.full_like(distances, 0.5))
    loss, parts = total_loss(out, xy, nothing, nothing, torch.ones_like(distances))
    loss.backward()
    assert torch.isfinite(loss)
    assert parts["nll"] == parts["l1"] == 0
    assert torch.isfinite(out.grid.grad).all()


def test_distances_near_a_line_weigh_five_times():
    truth = torch.tensor([[[[0.5, 1.0]], [[1.0, 1.0]]]])
    near, far = truth.clone(), truth.clone()
    near[0, 0, 0, 0] += 0.1
    far[0, 0, 0, 1] -= 0.1
    assert float(dense_loss(truth, truth)) == 0
    assert float(dense_loss(near, truth)) == pytest.approx(5 * float(dense_loss(far, truth)))


def test_gradients_of_all_outputs_are_finite_even_far_off(truth):
    xy, field, near, distances = truth
    grid = (grid_of(xy, field) + 50).requires_grad_()
    dense = torch.rand(distances.shape).requires_grad_()
    loss, parts = total_loss(Outputs(grid, dense), xy, field, near, distances)
    loss.backward()
    assert torch.isfinite(grid.grad).all()
    assert torch.isfinite(dense.grad).all()
    expected = 0.25 * parts["nll"] + 5 * parts["l1"] + parts["field"] + 4 * parts["dense"]
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
