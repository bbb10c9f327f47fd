"""The likelihood of a linear-chain CRF, for training.

A sequence's labels are given as *permitted sets*: one label a second, or several near a boundary,
where a second either way is nobody's error. The loss is -log of the probability that the CRF
gives to all permitted paths together, log Z - log Z(permitted), both by the forward recursion.
The recursion runs as a tree: the product of matrices in the semiring of log-sum-exp is
associative, so T seconds take log2 T batched products (Lafferty et al., ICML 2001, section 3, for
the matrix form; Ladner & Fischer, 1980, for the tree).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEVER = -1e6
"""Score of what is not permitted: its exponential is 0, and it stays finite in sums."""


def permitted_sets(labels: Tensor, count: int, margin: int) -> Tensor:
    """(t,) integer labels -> (t, count) bool, the labels within `margin` seconds of each second."""
    sets = torch.zeros(len(labels), count, dtype=torch.bool)
    for shift in range(-margin, margin + 1):
        rows = torch.arange(len(labels))
        seen = labels[(rows + shift).clamp(0, len(labels) - 1)].long()
        sets[rows, seen] = True
    return sets


class CrfLikelihood(nn.Module):
    """Transition, start and end scores of `count` labels, learned."""

    def __init__(self, count: int, *, stay: float = 3.0) -> None:
        """`stay`: what the transition from a label to itself begins with."""
        super().__init__()
        self.transitions = nn.Parameter(stay * torch.eye(count))
        self.start = nn.Parameter(torch.zeros(count))
        self.end = nn.Parameter(torch.zeros(count))

    def log_partition(self, emissions: Tensor, mask: Tensor, moves: Tensor | None = None) -> Tensor:
        """(b, t, k) emissions and (b, t) bool mask -> (b,) log Z.

        The mask is true for a prefix of each row, of one second or more. (b, t, k, k) moves are
        added to the transitions from the second before to each one; the first is not used.
        """
        steps = self.transitions + emissions[:, 1:, None, :]
        if moves is not None:
            steps = steps + moves[:, 1:]
        nothing = torch.full_like(self.transitions, NEVER).fill_diagonal_(0.0)
        steps = torch.where(mask[:, 1:, None, None], steps, nothing)
        first = self.start + emissions[:, 0]
        if steps.shape[1] == 0:
            return torch.logsumexp(first + self.end, -1)
        paths = first[:, :, None] + _product(steps) + self.end
        return torch.logsumexp(paths.flatten(1), -1)

    def forward(
        self, emissions: Tensor, permitted: Tensor, mask: Tensor, moves: Tensor | None = None
    ) -> Tensor:
        """(b, t, k) emissions, (b, t, k) bool sets, (b, t) bool mask -> (b,) -log likelihood.

        `moves` as `log_partition` takes them.
        """
        only = torch.where(permitted, emissions, torch.full_like(emissions, NEVER))
        both = torch.cat([emissions, only])
        twice = None if moves is None else torch.cat([moves, moves])
        whole, part = self.log_partition(both, torch.cat([mask, mask]), twice).chunk(2)
        return whole - part


def set_cross_entropy(emissions: Tensor, permitted: Tensor, mask: Tensor) -> Tensor:
    """-log of the softmax's weight on each second's permitted set, summed: (b,).

    What `CrfLikelihood` is without transitions.
    """
    logs = torch.log_softmax(emissions, -1)
    inside = torch.where(permitted, logs, torch.full_like(logs, NEVER))
    return -(torch.logsumexp(inside, -1) * mask).sum(1)


def _product(matrices: Tensor) -> Tensor:
    """(b, t, k, k) -> (b, k, k), their product from first to last, in logarithms."""
    while (count := matrices.shape[1]) > 1:
        left, right = matrices[:, 0 : count - 1 : 2], matrices[:, 1:count:2]
        pairs = torch.logsumexp(left[..., :, :, None] + right[..., None, :, :], -2)
        matrices = torch.cat([pairs, matrices[:, -1:]], 1) if count % 2 else pairs
    return matrices[:, 0]
