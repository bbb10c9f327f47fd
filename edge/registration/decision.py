"""Which of a picture's candidate homographies is given, and whether any is.

The camera that was tracked to here is a hypothesis, the network's own look another, telemetry a
third; the dense head refines the best of them where it is in doubt. Rivals that agree strengthen
the tracked one, which moves as the camera does; of those that differ the looks since the shot began
decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.registration import settings
from edge.registration.candidates import Candidate, Observation, Workbench
from edge.registration.estimator import Estimator, Prediction
from edge.registration.guidance import Guide, apart_px
from edge.registration.policy import Policy
from edge.registration.stopwatch import Stopwatch
from edge.types import CameraPrior, RegistrationState

Dense = Callable[[Observation], NDArray[np.float32]]
"""Runs the dense head: (2, h, w) normalized line and region distances."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller says of one frame."""

    prior: CameraPrior | None
    spare_ms: float | None
    """What all its stages may take together; None: as long as they need."""
    hurried: bool = False
    """Whether the network cannot look at every frame."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is given for a picture."""

    state: RegistrationState
    answer: Candidate | None
    """The accepted candidate, or the best refused one when `state` is LOST."""
    dense_ran: bool
    guided: bool = False
    """Whether telemetry had a part in it."""
    carried: bool = False
    """Whether it rests on the frame before more than on this picture."""
    withheld: bool = False
    """Whether it would have been refined, had there been time."""
    prediction: Prediction | None = None
    """What the answer was made from, if from the frame before."""
    alone: Candidate | None = None
    """What the picture says by itself, where that is sure."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The best candidate so far."""

    best: Candidate | None
    state: RegistrationState = RegistrationState.VERIFIED
    guided: bool = False
    carried: bool = False
    prediction: Prediction | None = None

    @property
    def score(self) -> float:
        return -1.0 if self.best is None else self.best.verdict.score


class Decider:
    """Decides for one registrar; not safe for two threads at once."""

    def __init__(
        self, bench: Workbench, guide: Guide, estimator: Estimator, policy: Policy, dense: Dense
    ) -> None:
        self._bench, self._guide, self._estimator = bench, guide, estimator
        self._policy, self._dense = policy, dense
        self._refining_ms = 0.0
        """What the dense head and refinement take here, of late."""

    def decide(self, seen: Observation, watch: Stopwatch, wishes: Wishes) -> Decision:
        """Verify, refine where needed or told, and choose."""
        own = self._bench.first(seen, hurried=wishes.hurried)
        chosen = self._first(seen, wishes, own)
        watch.lap("verify")
        spare_ms = wishes.spare_ms
        late = spare_ms is not None and watch.total_ms + self._refining_ms > spare_ms
        runs = self._wants_refinement(chosen, late=late)
        withheld = False
        if runs and late and self._policy.refines == "auto":
            # a frame that has waited does not keep others waiting
            withheld = self.accepts(chosen, seen, wishes.prior) or spare_ms == 0.0
            runs = not withheld
        if runs:
            second = self.refined(seen, chosen.best, watch, known=chosen.carried)
            chosen = self._with(seen, chosen, second)
        given = self.accepts(chosen, seen, wishes.prior)
        if chosen.prediction is None and not chosen.guided:
            own = chosen.best
        sure = own is not None and own.verdict.score >= self._policy.thresholds.verified
        return Decision(
            chosen.state if given else RegistrationState.LOST,
            chosen.best,
            runs,
            chosen.guided,
            chosen.carried,
            withheld,
            chosen.prediction if given else None,
            own if sure else None,
        )

    def _first(self, seen: Observation, wishes: Wishes, own: Candidate | None) -> _Chosen:
        """The best candidate without the dense head; `own` is the picture's."""
        chosen, prior = _Chosen(own), wishes.prior
        prediction = self._estimator.predict(seen.picture) if self._policy.verifies else None
        if prediction is not None:
            tracked = self._estimator.at_look(seen, prediction)
            chosen = self._settled(seen, prediction, tracked, _Chosen(own))
        sure = chosen.score >= self._policy.thresholds.verified
        if prior is None or sure or not self._guide.trusts(prior):
            return chosen
        third = self._guide.candidate(seen, prior)
        if third is None or third.verdict.score <= chosen.score:
            return chosen
        return _Chosen(third, RegistrationState.TRACKED, guided=True)

    def _wants_refinement(self, chosen: _Chosen, *, late: bool) -> bool:
        """Whether the dense head is to run.

        For what is in doubt, and for what no frame before bears out where that costs no time.
        """
        t, mode = self._policy.thresholds, self._policy.refines
        if mode != "auto":
            return mode == "always"
        if chosen.score < t.verified:
            return True
        return chosen.prediction is None and chosen.score < t.sure and not late

    def refined(
        self, seen: Observation, best: Candidate | None, watch: Stopwatch, *, known: bool
    ) -> Candidate | None:
        """What the dense head makes of the best answer so far, or of the keypoints' homography."""
        begun_ms = watch.total_ms
        distances = self._dense(seen)
        watch.lap("dense")
        start = seen.start if best is None else best.image_from_field
        made = self._bench.refined(seen, start, distances, known=known)
        watch.lap("refine")
        self._refining_ms += 0.2 * (watch.total_ms - begun_ms - self._refining_ms)
        return made

    def _with(self, seen: Observation, chosen: _Chosen, second: Candidate | None) -> _Chosen:
        """The best candidate when the refined one is known too."""
        if second is None or second.verdict.score <= chosen.score:
            return chosen
        other = _Chosen(second, RegistrationState.REFINED, guided=chosen.guided)
        if chosen.prediction is None:
            return other
        return self._settled(seen, chosen.prediction, chosen.best, other)

    def _settled(
        self,
        seen: Observation,
        prediction: Prediction,
        tracked: Candidate | None,
        rival: _Chosen,
    ) -> _Chosen:
        """The answer that was tracked to here, or its rival.

        Where they agree it is the tracked one, with the likelier score; where they do not, the
        evidence of all looks since the shot began decides.
        """
        own = rival.best
        if tracked is None:
            return rival
        if own is None:
            return self._tracked(tracked, prediction)
        belief = prediction.belief
        if self._alike(seen, tracked, own):
            agreed = self._tracked(
                tracked, replace(prediction, belief=replace(belief, against=0.0))
            )
            if own.verdict.score >= self._policy.thresholds.verified:
                agreed = replace(agreed, state=rival.state, carried=False)
            score = max(tracked.verdict.score, own.verdict.score)
            verdict = replace(tracked.verdict, score=score)
            return replace(agreed, best=replace(tracked, verdict=verdict))
        # what the picture says of either, not what the frame before said
        odds = _log_odds(own.verdict.score) - _log_odds(self._bench.again(tracked))
        most = settings.ODDS_OF_A_LOOK
        against = belief.against + min(most, max(-most, odds))
        if against > settings.RIVAL_ODDS:
            return rival
        belief = replace(belief, against=max(against, 0.0))
        return self._tracked(tracked, replace(prediction, belief=belief))

    def _tracked(self, tracked: Candidate, prediction: Prediction) -> _Chosen:
        """The tracked candidate: verified if this picture alone says so, else carried."""
        carried = self._bench.again(tracked) < self._policy.thresholds.verified
        state = RegistrationState.TRACKED if carried else RegistrationState.VERIFIED
        return _Chosen(tracked, state, prediction.belief.guided, carried, prediction)

    def _alike(self, seen: Observation, one: Candidate, other: Candidate) -> bool:
        """Whether two answers are the same but for their errors."""
        size = self._bench.size
        apart = apart_px(one.image_from_field, other.image_from_field, size, self._bench.field)
        limit = settings.RIVAL_PX * size[0] / seen.check_size[0]
        return apart is not None and apart < limit

    def accepts(self, chosen: _Chosen, seen: Observation, prior: CameraPrior | None) -> bool:
        """Whether an answer may be given: sure, or likely enough and not against telemetry."""
        if chosen.best is None:
            return False
        own = not (chosen.carried or chosen.guided)
        return self.accepts_answer(chosen.best, seen, prior, own=own)

    def accepts_answer(
        self, best: Candidate, seen: Observation, prior: CameraPrior | None, *, own: bool
    ) -> bool:
        """The same of a candidate; `own` if it is this picture's alone."""
        score, t = best.verdict.score, self._policy.thresholds
        if not self._policy.verifies or score >= t.verified:
            return True
        if score < (t.accepted if own else t.carried):
            return False
        return prior is None or not self._guide.contradicts(best, seen, prior)


def _log_odds(score: float) -> float:
    kept = min(max(score, 1e-3), 1 - 1e-3)
    return math.log(kept / (1 - kept))
