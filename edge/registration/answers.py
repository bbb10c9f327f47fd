"""Answers as users see them, made of candidates and refusals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.registration.candidates import Candidate, Observation
from edge.registration.decision import Decision
from edge.registration.homography import inverse
from edge.registration.picture import SMALLEST, Picture
from edge.registration.stopwatch import Stopwatch
from edge.registration.verdict import Verdict, refusal
from edge.types import ImageArray, Quality, Registration, RegistrationState, RejectionReason


def quality(answer: Candidate, seen: Observation) -> Quality:
    """What is known of how good an answer is."""
    f = answer.verdict.features
    return Quality(
        score=answer.verdict.score,
        inliers=round(f["inliers"] * len(seen.keypoints.score)),
        rms_px=rms_px(answer, seen.picture),
        expected_error_m=answer.verdict.expected_error_m,
        line_support=answer.verdict.evidence,
    )


def usable(image: ImageArray) -> bool:
    """Whether a picture is (h, w, 3) uint8 and large enough."""
    return (
        image.ndim == 3
        and image.shape[2] == 3
        and image.dtype == np.uint8
        and min(image.shape[:2]) >= SMALLEST
    )


def field_from_image(answer: Candidate, picture: Picture) -> NDArray[np.float64]:
    """(3, 3) of the source's pixels, of norm 1."""
    h = inverse(answer.image_from_field) @ picture.net_from_source
    return np.asarray(h / np.linalg.norm(h))


def rms_px(answer: Candidate, picture: Picture) -> float | None:
    """RMS distance from the projected lines to those found, source pixels; None if none were."""
    offset = answer.evidence.offset_px[answer.evidence.found]
    to_source = picture.width / picture.grey.shape[1]
    return float(np.sqrt(np.mean(offset**2)) * to_source) if len(offset) else None


def refused(decision: Decision, watch: Stopwatch, period_m: float, *, cut: bool) -> Registration:
    """A refusal with the reason of the best candidate."""
    if decision.answer is None:
        return lost_for(RejectionReason.IMPLAUSIBLE, watch, cut=cut, dense_ran=decision.dense_ran)
    verdict = decision.answer.verdict
    reason = refusal(verdict.features, period_m)
    return lost_for(reason, watch, cut=cut, verdict=verdict, dense_ran=decision.dense_ran)


def lost_for(
    reason: RejectionReason,
    watch: Stopwatch,
    *,
    cut: bool = False,
    verdict: Verdict | None = None,
    dense_ran: bool = False,
) -> Registration:
    """A refusal for a reason; `verdict` is that of the best candidate, if there was one."""
    quality = (
        Quality()
        if verdict is None
        else Quality(score=verdict.score, line_support=verdict.evidence)
    )
    return Registration(RegistrationState.LOST, reason, None, quality, dense_ran, cut, watch.ms)
