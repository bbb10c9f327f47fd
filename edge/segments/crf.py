"""A linear-chain conditional random field in NumPy: marginals, decoding, and decoding as one goes.

Log-space forward-backward and Viterbi (Rabiner 1989; Lafferty et al. 2001) for k labels over t
steps: one loop over the steps, none over the labels. Scores are natural logarithms; -inf forbids.
Transitions are the same at every step, or each step has its own (Lafferty et al. have both).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.types import FloatArray


@dataclass(frozen=True, slots=True)
class Crf:
    """The chain's parameters for k labels; raises ValueError for shapes that do not fit."""

    transitions: FloatArray
    """(k, k) score of going from the label of the row to that of the column; or (t - 1, k, k), one
    such table for each step of a chain of t."""
    start: FloatArray
    """(k,) score of the first label."""
    end: FloatArray
    """(k,) score of the last label."""

    def __post_init__(self) -> None:
        k = len(self.start)
        moves = self.transitions.ndim in (2, 3) and self.transitions.shape[-2:] == (k, k)
        if not moves or self.start.shape != (k,) or self.end.shape != (k,):
            raise ValueError(
                f"transitions {self.transitions.shape}, start {self.start.shape} and end "
                f"{self.end.shape} are not of one number of labels"
            )

    @classmethod
    def of(cls, transitions: ArrayLike, start: ArrayLike, end: ArrayLike) -> Crf:
        """From anything that arrays are made of."""
        return cls(*(np.asarray(a, np.float64) for a in (transitions, start, end)))

    def moved(self, by: FloatArray) -> Crf:
        """The chain of t steps to whose transitions (t - 1, k, k) scores are added."""
        return replace(self, transitions=self.transitions + by)


def forward(emissions: FloatArray, crf: Crf) -> FloatArray:
    """(t, k) emissions -> (t, k) log sums of the scores of all beginnings that end in a label."""
    alpha = np.empty(_checked(emissions, crf))
    moves = _moves(emissions, crf)
    alpha[0] = crf.start + emissions[0]
    for t in range(1, len(alpha)):
        alpha[t] = _log_sum(alpha[t - 1][:, None] + moves[t - 1], 0) + emissions[t]
    return alpha


def backward(emissions: FloatArray, crf: Crf) -> FloatArray:
    """(t, k) emissions -> (t, k) log sums of the scores of all that may follow a label."""
    beta = np.empty(_checked(emissions, crf))
    moves = _moves(emissions, crf)
    beta[-1] = crf.end
    for t in range(len(beta) - 2, -1, -1):
        beta[t] = _log_sum(moves[t] + emissions[t + 1] + beta[t + 1], 1)
    return beta


def log_partition(emissions: FloatArray, crf: Crf) -> float:
    """Log sum of the scores of all paths through (t, k) emissions."""
    return float(_log_sum(forward(emissions, crf)[-1] + crf.end, 0))


def path_score(emissions: FloatArray, crf: Crf, path: ArrayLike) -> float:
    """Score of one (t,) path of labels."""
    y = np.asarray(path, np.intp)
    steps = emissions[np.arange(len(y)), y].sum()
    steps += _moves(emissions, crf)[np.arange(len(y) - 1), y[:-1], y[1:]].sum()
    return float(crf.start[y[0]] + steps + crf.end[y[-1]])


def marginals(emissions: FloatArray, crf: Crf) -> FloatArray:
    """(t, k) emissions -> (t, k) probabilities of each label at each step."""
    alpha, beta = forward(emissions, crf), backward(emissions, crf)
    both = alpha + beta
    p: FloatArray = np.exp(both - _log_sum(both, 1)[:, None])
    return p


def viterbi(emissions: FloatArray, crf: Crf) -> tuple[NDArray[np.intp], float]:
    """The (t,) path of the highest score through (t, k) emissions, and that score."""
    steps, k = _checked(emissions, crf)
    moves = _moves(emissions, crf)
    came_from = np.empty((steps, k), np.intp)
    best, columns = crf.start + emissions[0], np.arange(k)
    for t in range(1, steps):
        each = best[:, None] + moves[t - 1]
        came_from[t] = each.argmax(0)
        best = each[came_from[t], columns] + emissions[t]
    last = best + crf.end
    path = np.empty(steps, np.intp)
    path[-1] = last.argmax()
    for t in range(steps - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path, float(last.max())


def segment_posterior(
    emissions: FloatArray, crf: Crf, label: int, start: int, end: int, margin: int = 0
) -> float:
    """Probability that one whole segment of a label goes from `start` up to, not with, `end`.

    Exact for the chain: the labels before and after are others (or the programme's ends). With a
    `margin`, the segment may begin and end that many steps earlier or later; it is made smaller
    where the two windows would meet. Raises ValueError for an empty segment.
    """
    steps, _ = _checked(emissions, crf)
    if not 0 <= start < end <= steps:
        raise ValueError(f"no segment goes from {start} to {end} in {steps} steps")
    alpha, beta = forward(emissions, crf), backward(emissions, crf)
    whole = _log_sum(alpha[-1] + crf.end, 0)
    margin = min(margin, (end - start - 1) // 2)
    starts = np.arange(max(0, start - margin), start + margin + 1)
    ends = np.arange(end - margin, min(steps, end + margin) + 1)
    others = np.delete(np.arange(len(crf.start)), label)
    moves = _moves(emissions, crf)
    # come into the label at each start, go out of it at each end
    came = np.concatenate([[-np.inf], _log_sum(alpha[:-1, others] + moves[:, others, label], 1)])
    came[0] = crf.start[label]
    into = moves[:, label, others] + emissions[1:, others] + beta[1:, others]
    left = np.concatenate([[-np.inf], _log_sum(into, 1), [crf.end[label]]])
    inside = np.concatenate([[0.0], np.cumsum(emissions[:, label])])
    # what is forbidden is summed apart: -inf less -inf is nothing
    stay = moves[:, label, label]
    stayed = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(stay), stay, 0.0))])
    never = np.concatenate([[0], np.cumsum(~np.isfinite(stay))])
    with np.errstate(invalid="ignore"):
        stays = stayed[ends - 1] - stayed[starts][:, None]
        stays = np.where(never[ends - 1] > never[starts][:, None], -np.inf, stays)
        each = (came[starts] - inside[starts])[:, None] + (left[ends] + inside[ends]) + stays
    return min(1.0, float(np.exp(_log_sum(each.ravel(), 0) - whole)))


@dataclass(frozen=True, slots=True)
class DurationLimits:
    """What a label's segments must keep to, in steps."""

    most: int | None = None
    """Segments at most; None: any number."""
    shortest: int = 1
    longest: int | None = None
    """None: any length."""

    def __post_init__(self) -> None:
        longest = self.shortest if self.longest is None else self.longest
        if (
            self.shortest < 1
            or longest < self.shortest
            or (self.most is not None and self.most < 0)
        ):
            raise ValueError(f"no segment keeps to {self}")


def constrained(
    emissions: FloatArray, crf: Crf, limits: tuple[DurationLimits, ...]
) -> tuple[NDArray[np.intp], float]:
    """The best (t,) path whose segments keep to the limits of their labels, and its score.

    Exact: Viterbi over the states (how often each limited label was used, label, age of the
    segment), ages counted up to the longest length, or to the shortest where there is no longest.
    Time and memory grow with t x k x product of (most + 1) x ages. Raises ValueError where no path
    keeps to the limits.
    """
    steps, k = _checked(emissions, crf)
    if len(limits) != k:
        raise ValueError(f"{len(limits)} limits for {k} labels")
    states = _States.of(limits)
    count, ages = len(states.came[:, 0]), states.ages
    moves = _moves(emissions, crf)
    staying = np.diagonal(moves, axis1=1, axis2=2)
    changing = np.where(np.eye(k, dtype=bool), -np.inf, moves)
    label_from = np.zeros((steps, count, k), np.int16)
    age_from = np.zeros((steps, count, k), np.int32)
    stayed = np.zeros((steps, count, k), np.bool_)
    score = np.full((count, k, ages), -np.inf)
    first = states.first >= 0
    score[states.first[first], np.flatnonzero(first), 0] = (crf.start + emissions[0])[first]
    row, column = np.arange(count)[:, None], np.arange(k)
    for t in range(1, steps):
        whole = np.where(states.whole, score, -np.inf)
        age = whole.argmax(2)
        done = whole[row, column, age]
        stay = staying[t - 1][None, :, None]
        # enter each label from the other ones, in the state that counts one segment of it less
        each = done[states.came][..., :] + changing[t - 1].T[None]
        each[~states.may_enter] = -np.inf
        source = each.argmax(2)
        label_from[t], age_from[t] = source, age[states.came, source]
        older = np.full_like(score, -np.inf)
        older[..., 1:] = score[..., :-1] + stay
        older[:, ~states.within] = -np.inf
        oldest = older[row, column, states.cap]
        again = np.where(states.endless, score[row, column, states.cap] + stay[..., 0], -np.inf)
        stayed[t] = again > oldest
        older[row, column, states.cap] = np.maximum(oldest, again)
        older[..., 0] = each[row, column, source]
        score = older + emissions[t][None, :, None]
    final = np.where(states.whole, score, -np.inf) + crf.end[None, :, None]
    best = float(final.max())
    if best == -np.inf:
        raise ValueError(f"no path of {steps} steps keeps to the limits {limits}")
    c, label, at = (int(i) for i in np.unravel_index(int(final.argmax()), final.shape))
    path = np.empty(steps, np.intp)
    for t in range(steps - 1, -1, -1):
        path[t] = label
        if at == 0:
            source = label_from[t, c, label]
            c, label, at = int(states.came[c, label]), int(source), int(age_from[t, c, label])
        elif not (at == states.cap[label] and stayed[t, c, label]):
            at -= 1
    return path, best


@dataclass(frozen=True, slots=True)
class _States:
    """The automaton of `constrained`: c counts, k labels, a ages."""

    came: NDArray[np.intp]
    """(c, k) the count before one more segment of the label."""
    may_enter: NDArray[np.bool_]
    """(c, k) whether such a count exists."""
    first: NDArray[np.intp]
    """(k,) the count when a programme begins with the label; -1: it may not."""
    whole: NDArray[np.bool_]
    """(k, a) ages at which a segment may end."""
    within: NDArray[np.bool_]
    """(k, a) ages that the label has."""
    cap: NDArray[np.intp]
    """(k,) the last age."""
    endless: NDArray[np.bool_]
    """(k,) whether the last age goes on."""
    ages: int

    @classmethod
    def of(cls, limits: tuple[DurationLimits, ...]) -> _States:
        sizes = np.array([1 if one.most is None else one.most + 1 for one in limits])
        stride = np.concatenate([[1], np.cumprod(sizes)[:-1]])
        counts = np.arange(int(np.prod(sizes)))[:, None]
        used, counted = counts // stride % sizes, sizes > 1
        endless = np.array([one.longest is None for one in limits])
        shortest = np.array([one.shortest for one in limits])
        longest = np.array([one.longest or max(2, one.shortest) for one in limits])
        age = np.arange(int(longest.max()))
        forbidden = np.array([one.most == 0 for one in limits])
        may = np.where(counted, used > 0, ~forbidden)
        return cls(
            came=np.where(may, counts - np.where(counted, stride, 0), 0),
            may_enter=may,
            first=np.where(forbidden, -1, np.where(counted, stride, 0)),
            whole=(age >= shortest[:, None] - 1) & (age < longest[:, None]),
            within=age < longest[:, None],
            cap=longest - 1,
            endless=endless,
            ages=len(age),
        )


class FixedLag:
    """Decides each step's label `lag` steps later, for streams without an end.

    The label is the most probable one given all emissions so far (fixed-lag smoothing). A step
    costs `lag` small products; nothing older is kept. ValueError for a negative lag, and for a
    chain that has transitions for a known number of steps: a stream gives those with each step.
    """

    def __init__(self, crf: Crf, lag: int) -> None:
        if lag < 0:
            raise ValueError(f"a decision cannot be {lag} steps late")
        if crf.transitions.ndim != 2:
            raise ValueError("a stream has no number of steps: give `push` what each adds")
        self._crf, self._lag = crf, lag
        self._seen: deque[tuple[FloatArray, FloatArray, FloatArray]] = deque(maxlen=lag + 1)

    def push(
        self, emission: FloatArray, move: FloatArray | None = None
    ) -> tuple[int, float] | None:
        """Take the (k,) emissions of the next step, and what the (k, k) transitions to it gain.

        Gives label and probability of the step `lag` steps ago; None while there is none.
        """
        crf = self._crf
        transitions = crf.transitions if move is None else crf.transitions + move
        if self._seen:
            alpha = _log_sum(self._seen[-1][0][:, None] + transitions, 0) + emission
        else:
            alpha = crf.start + emission
        # only differences count: kept near 0, an endless stream loses no digits
        self._seen.append((alpha - alpha.max(), np.asarray(emission, np.float64), transitions))
        return self._decided(0, np.zeros_like(crf.end)) if len(self._seen) > self._lag else None

    def finish(self) -> list[tuple[int, float]]:
        """The stream has ended: the steps that are still to be decided."""
        first = 1 if len(self._seen) > self._lag else 0
        rest = [self._decided(i, self._crf.end) for i in range(first, len(self._seen))]
        self._seen.clear()
        return rest

    def _decided(self, i: int, end: FloatArray) -> tuple[int, float]:
        beta = end
        for j in range(len(self._seen) - 1, i, -1):
            beta = _log_sum(self._seen[j][2] + self._seen[j][1] + beta, 1)
        both = self._seen[i][0] + beta
        label = int(both.argmax())
        return label, float(np.exp(both[label] - _log_sum(both, 0)))


def _checked(emissions: FloatArray, crf: Crf) -> tuple[int, int]:
    if emissions.ndim != 2 or not len(emissions) or emissions.shape[1] != len(crf.start):
        raise ValueError(f"emissions {emissions.shape} are not (steps, {len(crf.start)})")
    return emissions.shape[0], emissions.shape[1]


def _moves(emissions: FloatArray, crf: Crf) -> FloatArray:
    """(t - 1, k, k) transitions of each step; ValueError where they are those of other steps."""
    steps, k = _checked(emissions, crf)
    if crf.transitions.ndim == 3 and len(crf.transitions) != steps - 1:
        raise ValueError(f"transitions of {len(crf.transitions)} steps are not {steps - 1}")
    return np.broadcast_to(crf.transitions, (steps - 1, k, k))


def _log_sum(a: FloatArray, axis: int) -> FloatArray:
    """Logarithm of the sum of exponentials along an axis; of nothing but -inf it is -inf."""
    summed: FloatArray = np.logaddexp.reduce(a, axis=axis)
    return summed
