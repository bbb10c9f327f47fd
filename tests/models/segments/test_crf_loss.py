"""The CRF's likelihood against the sum over all paths, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from models.segments.crf_loss import CrfLikelihood, permitted_sets, set_cross_entropy


def random_crf(seed: int, count: int) -> CrfLikelihood:
    torch.manual_seed(seed)
    crf = CrfLikelihood(count).double().requires_grad_(False)
    for p in crf.parameters():
        p.data = torch.randn_like(p)
    return crf


def all_paths(crf: CrfLikelihood, emissions: torch.Tensor, permitted: torch.Tensor) -> float:
    """Log of the summed exponential scores of all permitted paths of one sequence."""
    scores = []
    length, count = emissions.shape
    for path in itertools.product(range(count), repeat=length):
        if not all(permitted[t, k] for t, k in enumerate(path)):
            continue
        score = crf.start[path[0]] + crf.end[path[-1]]
        score = score + sum(emissions[t, k] for t, k in enumerate(path))
        score = score + sum(crf.transitions[a, b] for a, b in itertools.pairwise(path))
        scores.append(float(score))
    return float(np.logaddexp.reduce(scores))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("lengths", [(1, 1), (2, 5), (6, 3), (5, 4)])
def test_loss_is_the_sum_over_all_paths(count: int, lengths: tuple[int, ...]) -> None:
    crf = random_crf(sum(lengths), count)
    longest = max(lengths)
    emissions = torch.randn(len(lengths), longest, count, dtype=torch.float64) * 2
    permitted = torch.rand(len(lengths), longest, count) < 0.5
    permitted[..., 0] |= ~permitted.any(-1)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    given = crf(emissions, permitted, mask)
    for i, n in enumerate(lengths):
        free = torch.ones(n, count, dtype=torch.bool)
        wanted = all_paths(crf, emissions[i, :n], free)
        wanted -= all_paths(crf, emissions[i, :n], permitted[i, :n])
        assert float(given[i]) == pytest.approx(wanted, abs=1e-9)


def test_gradient_of_long_masked_sequences_is_finite_and_right() -> None:
    crf = random_crf(1, 3).requires_grad_()
    emissions = torch.randn(2, 40, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 3, (2, 40))
    permitted = torch.nn.functional.one_hot(labels, 3).bool()
    mask = torch.arange(40) < torch.tensor([40, 23])[:, None]
    assert torch.autograd.gradcheck(lambda e: crf(e, permitted, mask), (emissions,))
    crf(emissions, permitted, mask).sum().backward()
    assert not emissions.grad[1, 23:].any()
    assert all(torch.isfinite(p.grad).all() for p in crf.parameters())


def test_without_transitions_the_crf_is_the_cross_entropy() -> None:
    crf = CrfLikelihood(3, stay=0.0)
    emissions = torch.randn(3, 17, 3)
    permitted = torch.rand(3, 17, 3) < 0.6
    permitted[..., 1] |= ~permitted.any(-1)
    mask = torch.arange(17) < torch.tensor([17, 9, 1])[:, None]
    torch.testing.assert_close(
        crf(emissions, permitted, mask), set_cross_entropy(emissions, permitted, mask)
    )


@pytest.mark.parametrize(
    ("margin", "wanted"),
    [
        (0, ["0", "0", "2", "2", "2", "1"]),
        (1, ["0", "02", "02", "2", "12", "12"]),
        (2, ["02", "02", "02", "012", "12", "12"]),
    ],
)
def test_permitted_sets(margin: int, wanted: list[str]) -> None:
    sets = permitted_sets(torch.tensor([0, 0, 2, 2, 2, 1]), 3, margin)
    assert ["".join(str(int(k)) for k in row.nonzero()) for row in sets] == wanted
