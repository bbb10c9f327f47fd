"""Carries a shot's last answer on by the picture's motion.

Through frames that show too little: the frame's own answer comes first, and one that is sure is
taken as it is. Where it is in doubt, the last answer moved with the picture is tried too, and the
likelier of the two is given. And to a frame that comes so soon after a sure one that the network
need not look at it. What is carried loses confidence with every frame, and is dropped when the
picture's lines leave it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.registration.camera import PARAMETERS
from edge.registration.candidates import Candidate, Observation, Trial, Workbench
from edge.registration.homography import Matrix
from edge.registration.motion import Motion, motion
from edge.registration.picture import Picture

FOCAL = PARAMETERS.index("log_focal")
KEPT = 0.97
"""Share of its score that an answer keeps from frame to frame: an error of the motion adds up."""
BORNE_OUT = 0.7
"""Share of the support at the last sure answer that a carried one must still have."""
FOLLOWED = 0.85
"""The same from one frame to the next."""
DAZZLED = 0.9
"""Share of its score that an answer keeps where a flash hides the lines that could bear it out."""
DAZZLED_FRAMES = 6
"""Frames in a row, at most, through which it is carried by the motion alone."""


@dataclass(frozen=True, slots=True)
class Last:
    """A frame and its answer, as the tracker remembers them."""

    grey: NDArray[np.uint8]
    answer: Candidate
    support: float
    """Of the frame's own answer that this one was carried from."""
    guided: bool
    dazzled: int = 0
    """Frames in a row through which it was carried without regard to lines."""


class Tracker:
    """Remembers one frame and its answer; not safe for two threads at once."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._last: Last | None = None

    @property
    def guided(self) -> bool:
        """Whether a prior had a part in the answer that would be carried."""
        return self._last is not None and self._last.guided

    @property
    def last(self) -> Last | None:
        """What is remembered now: `through_flash` begins from it, also where it was forgotten."""
        return self._last

    def forget(self) -> None:
        """Start anew: another shot, or an answer refused."""
        self._last = None

    def back_to(self, last: Last | None) -> None:
        """Remember again what was remembered before the last frame: it is answered anew."""
        self._last = last

    def keep(self, seen: Observation, answer: Candidate, *, carried: bool, guided: bool) -> None:
        """Remember an answer that was given; `carried` if it is one of this tracker's."""
        support = answer.evidence.support
        if carried and self._last is not None:
            support = self._last.support
        self._last = Last(seen.picture.grey, answer, support, guided)

    def carried(self, seen: Observation) -> Candidate | None:
        """The last answer, moved with the picture and settled on its lines; None where it fails.

        Its score is the last one's less what a frame costs, or the picture's own verdict of it
        where that is higher.
        """
        last = self._last
        if last is None:
            return None
        moved = _motion(last.grey, seen.picture)
        if moved is None:
            return None
        carried = self._carry(seen, moved.after_from_before, last.answer.image_from_field)
        if carried is None or carried.evidence.support < BORNE_OUT * last.support:
            return None
        score = max(carried.verdict.score, KEPT * last.answer.verdict.score)
        return replace(carried, verdict=replace(carried.verdict, score=score))

    def through_flash(
        self, last: Last, picture: Picture, *, begins: bool, least: float
    ) -> Candidate | None:
        """An answer moved with a picture whose light changed at once, whatever its lines say.

        White lines on a bleached floor bear nothing out, but corners still tell the motion. It is
        remembered as the last one. `begins` where the light changed at this very frame; else only
        where the frame before was carried so. None where the motion fails, where no more than the
        score `least` is left, or after DAZZLED_FRAMES in a row.
        """
        kept = KEPT if last.dazzled else DAZZLED
        score = kept * last.answer.verdict.score
        if last.dazzled >= DAZZLED_FRAMES or not (begins or last.dazzled) or score <= least:
            return None
        trial = self._moved(last, picture)
        if trial is None:
            return None
        answer = _borne_on(last.answer, trial, score)
        self._last = replace(last, grey=picture.grey, answer=answer, dazzled=last.dazzled + 1)
        return answer

    def followed(self, picture: Picture) -> Candidate | None:
        """The last answer, moved with the picture and no more; None where its lines leave it.

        It is remembered as the last one. Nothing of it is the picture's own but its evidence.
        """
        last = self._last
        if last is None or last.dazzled:  # a bleached frame's lines are no measure for the next
            return None
        trial = self._moved(last, picture)
        if trial is None or trial.evidence.support < FOLLOWED * last.answer.evidence.support:
            return None
        followed = _borne_on(last.answer, trial, KEPT * last.answer.verdict.score)
        self._last = replace(last, grey=picture.grey, answer=followed)
        return followed

    def _moved(self, last: Last, picture: Picture) -> Trial | None:
        """The last answer moved with the picture and no more, and what its lines say of it."""
        moved = _motion(last.grey, picture)
        if moved is None:
            return None
        matrix, camera = moved.after_from_before, last.answer.camera
        if camera is not None:
            height, width = picture.grey.shape
            focal_px = math.exp(camera.theta[FOCAL]) * width
            matrix = moved.of_a_camera(focal_px, (width, height))
        there = picture.net_from_check @ matrix @ picture.check_from_net
        return self._bench.look(picture, there @ last.answer.image_from_field)

    def _carry(self, seen: Observation, moved: Matrix, before: Matrix) -> Candidate | None:
        p = seen.picture
        raw = self._bench.try_out(seen, p.net_from_check @ moved @ p.check_from_net @ before)
        if raw is None:
            return None
        settled = self._bench.improved(seen, raw)
        return settled if settled.evidence.support >= raw.evidence.support else raw


def _borne_on(answer: Candidate, trial: Trial, score: float) -> Candidate:
    """An answer where the next picture has it, with that picture's evidence."""
    features = {**answer.verdict.features, "support": trial.evidence.support}
    return replace(
        answer,
        image_from_field=trial.image_from_field,
        evidence=trial.evidence,
        verdict=replace(answer.verdict, score=score, features=features),
    )


def _motion(before: NDArray[np.uint8], picture: Picture) -> Motion | None:
    """The picture's motion since `before`, worked out unless it was already."""
    told = picture.moved
    if told is not None and told.before is before:
        return told.motion
    return motion(before, picture.grey)
