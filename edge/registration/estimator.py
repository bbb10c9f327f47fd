"""The camera of a shot, frame after frame: predicted by the picture's motion, corrected by lines.

A Gaussian over the camera's nine parameters (see `edge.registration.camera`) is carried from frame
to frame. The corners' motion turns and zooms it and makes it less sure; the lines that the picture
shows near where they are expected, and the keypoints where the network looked, correct it by as
much as they are surer. So a look of the network is one more measurement, not another answer, and
nothing jumps (Lu, Chen & Little, BMVC 2019, track a PTZ camera so).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.registration import camera as cam
from edge.registration import settings
from edge.registration.candidates import CameraFit, Candidate, Observation, Trial, Workbench
from edge.registration.homography import Matrix
from edge.registration.motion import Motion, Turn, motion
from edge.registration.picture import Picture
from edge.registration.verdict import judge
from edge.types import FloatArray


@dataclass(frozen=True, slots=True)
class Belief:
    """A frame and what is believed of its camera."""

    grey: NDArray[np.uint8]
    answer: Candidate
    covariance: Matrix | None
    """(9, 9) of the answer's camera; None for a free homography."""
    support: float
    """At the network's last look."""
    guided: bool
    """Whether a prior had a part in it."""
    dazzled: int = 0
    """Frames in a row through which it was carried without regard to lines."""
    against: float = 0.0
    """Logarithm of the odds by which looks of the network since spoke for another answer."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A belief, moved with the picture."""

    belief: Belief
    trial: Trial
    prior: cam.Prior | None
    """None for a free homography."""


class Estimator:
    """Holds the belief of the frame before; not safe for two threads at once."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._belief: Belief | None = None

    @property
    def guided(self) -> bool:
        """Whether a prior had a part in the belief."""
        return self._belief is not None and self._belief.guided

    @property
    def belief(self) -> Belief | None:
        """What is believed now."""
        return self._belief

    def forget(self) -> None:
        """Start anew: another shot, or an answer refused."""
        self._belief = None

    def back_to(self, belief: Belief | None) -> None:
        """Believe again what was believed before the last frame: it is answered anew."""
        self._belief = belief

    def keep(
        self, seen: Observation, answer: Candidate, prediction: Prediction | None, *, guided: bool
    ) -> None:
        """Believe an answer that was given; `prediction` is what it was made from, if from one."""
        fit = answer.camera
        covariance = None
        if fit is not None:
            known = self._bench.known(seen.check_size)
            if prediction is not None and prediction.prior is not None:
                known = prediction.prior
                measured = fit.information
            else:
                measured = settings.PART_OF_A_LOOK * fit.information
            covariance = _inverse(known.information + measured)
        support = answer.evidence.support
        against = 0.0
        if prediction is not None:
            support = max(support, prediction.belief.support * settings.SUPPORT_KEPT)
            against = prediction.belief.against
        self._belief = Belief(
            seen.picture.grey, answer, covariance, support, guided, against=against
        )

    def predict(self, picture: Picture) -> Prediction | None:
        """The belief moved with the picture; None without one, or where no motion is clear."""
        belief = self._belief
        return None if belief is None else self.moved(belief, picture)

    def moved(self, belief: Belief, picture: Picture) -> Prediction | None:
        """A belief, of any frame before, moved with the picture."""
        told = _motion(belief.grey, picture)
        if told is None:
            return None
        height, width = picture.grey.shape
        fit = belief.answer.camera
        if fit is not None and belief.covariance is not None:
            focal_px = math.exp(fit.theta[0]) * width
            turn = told.turn((width, height), fit.theta)
            if turn is not None and turn.rms_px <= settings.TURN_RMS_PX:
                theta = _turned(fit.theta, turn)
                prior = _prior(theta, belief.covariance, turn, focal_px, width)
                trial = self._bench.look_through(picture, theta)
                if trial is None:
                    return None
                trial = replace(trial, camera=CameraFit(theta, np.zeros((9, 9))))
                return Prediction(belief, trial, prior)
        there = picture.net_from_check @ told.after_from_before @ picture.check_from_net
        free = self._bench.look(picture, there @ belief.answer.image_from_field)
        return None if free is None else Prediction(belief, free, None)

    def followed(self, picture: Picture) -> Candidate | None:
        """The belief, moved with the picture and onto its lines, without the network.

        It is believed from now on. None where the lines leave it: then the network looks.
        """
        belief = self._belief
        if belief is None or belief.dazzled:  # a bleached frame's lines measure nothing
            return None
        prediction = self.predict(picture)
        if prediction is None:
            return None
        trial, support = prediction.trial, prediction.trial.evidence.support
        least = max(
            settings.FOLLOWED * belief.answer.evidence.support, settings.BORNE_OUT * belief.support
        )
        if support < least:
            return None
        covariance = None
        if prediction.prior is not None:
            fit = self._bench.on_lines(trial, picture, prediction.prior, settings.PART_OF_A_FRAME)
            trial = replace(
                trial, image_from_field=self._bench.shown(picture, fit.theta), camera=fit
            )
            covariance = _inverse(prediction.prior.information + fit.information)
        answer = self._borne_on(belief.answer, trial)
        self._belief = replace(belief, grey=picture.grey, answer=answer, covariance=covariance)
        return answer

    def at_look(self, seen: Observation, prediction: Prediction) -> Candidate | None:
        """The belief moved onto the picture's lines and keypoints, judged.

        Its score is the picture's own verdict of it, or the last one's less what a frame costs
        where that is higher and its lines bear it out. None where no camera could have it.
        """
        belief = prediction.belief
        if prediction.prior is None:
            made = self._bench.try_out(seen, prediction.trial.image_from_field)
            if made is not None:
                settled = self._bench.improved(seen, made)
                if settled.evidence.support >= made.evidence.support:
                    made = settled
        else:
            made = self._bench.moved_on(
                seen, prediction.trial, prediction.prior, settings.PART_OF_A_FRAME
            )
        if made is None or made.evidence.support < settings.BORNE_OUT * belief.support:
            return None
        score = max(made.verdict.score, settings.KEPT * belief.answer.verdict.score)
        return replace(made, verdict=replace(made.verdict, score=score))

    def through_flash(
        self, belief: Belief, picture: Picture, *, begins: bool, least: float
    ) -> Candidate | None:
        """An answer moved with a picture whose light changed at once, whatever its lines say.

        White lines on a bleached floor bear nothing out, but corners still tell the motion. It is
        believed from now on. `begins` where the light changed at this very frame; else only where
        the frame before was carried so. None where the motion fails, where no more than the score
        `least` is left, or after DAZZLED_FRAMES in a row.
        """
        kept = settings.KEPT if belief.dazzled else settings.DAZZLED
        score = kept * belief.answer.verdict.score
        late = belief.dazzled >= settings.DAZZLED_FRAMES
        if late or not (begins or belief.dazzled) or score <= least:
            return None
        prediction = self.moved(belief, picture)
        if prediction is None:
            return None
        trial = prediction.trial
        features = {**belief.answer.verdict.features, "support": trial.evidence.support}
        verdict = replace(belief.answer.verdict, score=score, features=features)
        answer = Candidate(trial.image_from_field, trial.evidence, trial.camera, verdict)
        covariance = None
        if prediction.prior is not None:
            covariance = _inverse(prediction.prior.information)
        self._belief = replace(
            belief,
            grey=picture.grey,
            answer=answer,
            covariance=covariance,
            dazzled=belief.dazzled + 1,
        )
        return answer

    def _borne_on(self, answer: Candidate, trial: Trial) -> Candidate:
        """An answer where the next picture has it, with that picture's evidence."""
        e, before = trial.evidence, answer.verdict
        features = {
            **before.features,
            "support": e.support,
            "ridge": float(min(e.residual_px, 5.0)),
            "chance": e.chance,
            "spread": e.spread,
        }
        now = judge(features, self._bench.model)
        score = min(
            settings.KEPT * before.score, max(now.score, settings.LEAST_KEPT * before.score)
        )
        return replace(
            answer,
            image_from_field=trial.image_from_field,
            evidence=e,
            camera=trial.camera,
            verdict=replace(before, score=score, features=features),
        )


def _turned(theta: FloatArray, turn: Turn) -> FloatArray:
    """(9,) a camera after a turn and a zoom."""
    r = turn.rotation @ cam.rotation(*theta[2:5])
    made: FloatArray = theta.copy()
    made[0] += math.log(turn.zoom)
    made[2:5] = cam.angles(r)
    return made


def _prior(
    theta: FloatArray, covariance: Matrix, turn: Turn, focal_px: float, width: int
) -> cam.Prior:
    """The belief after a turn, less sure by the corners' noise and by what a mount gives."""
    px = max(settings.MOTION_PX, turn.rms_px / math.sqrt(max(turn.corners, 4) / 4))
    angle, share = px / focal_px, px / (width / 2)
    added = np.array(
        [
            share,
            settings.ASPECT_DRIFT,
            angle,
            angle,
            share,
            *3 * (settings.PLACE_DRIFT_M,),
            settings.BEND_DRIFT,
        ]
    )
    return cam.Prior(theta, _inverse(covariance + np.diag(added**2)))


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _motion(before: NDArray[np.uint8], picture: Picture) -> Motion | None:
    """The picture's motion since `before`, worked out unless it was already."""
    told = picture.moved
    if told is not None and told.before is before:
        return told.motion
    return motion(before, picture.grey)
