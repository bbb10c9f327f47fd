"""Homographies on trial for one picture: made, improved and judged.

All are `image_from_field` in the network's pixels. Each maker returns a judged candidate or None;
who calls decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.registration import camera as cam
from edge.registration import evidence as ev
from edge.registration import refine
from edge.registration.homography import Matrix
from edge.registration.keypoints import CoordinateMap
from edge.registration.picture import Picture
from edge.registration.verdict import Verdict, implausible, judge, measure
from edge.types import Float, Keypoints

CLEAR = 0.55
"""Share of lines borne out above which a first homography is not compared with another."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one picture gave before any homography is judged."""

    picture: Picture
    cells: CoordinateMap
    keypoints: Keypoints
    start: Matrix
    """(3, 3) the keypoints' homography."""
    agreement: float
    """How far it moves when a part of the picture is left out, pixels."""
    features: NDArray[np.float32]
    """(1, c, h, w) for the dense head."""

    @property
    def check_from_net(self) -> Matrix:
        """(3, 3) pixels of the checked picture from the network's."""
        m: Matrix = self.picture.check_from_source @ np.linalg.inv(self.picture.net_from_source)
        return m

    @property
    def check_size(self) -> tuple[int, int]:
        """(width, height) of the checked picture."""
        height, width = self.picture.grey.shape
        return width, height


@dataclass(frozen=True, slots=True)
class CameraFit:
    """The camera that a candidate is, and what the picture's measurements alone say of it."""

    theta: Float
    """(8,), see `edge.registration.camera.PARAMETERS`."""
    information: Matrix
    """(8, 8)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A homography on trial."""

    image_from_field: Matrix
    verdict: Verdict
    evidence: ev.Evidence
    camera: CameraFit | None = None
    """None for a free homography."""


class Workbench:
    """Makes and judges candidates for pictures of one field."""

    def __init__(
        self,
        field: Field,
        size: tuple[int, int],
        model: Mapping[str, float],
        *,
        steady: bool = True,
    ) -> None:
        self.field, self.size, self.model = field, size, model
        self.lines = ev.LinePoints.of(field)
        self.memory = cam.CameraMemory()
        self.steady = steady
        """Whether a camera's limits are used (off: free homographies only)."""

    def try_out(self, seen: Observation, image_from_field: Matrix) -> Candidate | None:
        """Judge a homography; None when no camera beside the field could have it."""
        if implausible(image_from_field, self.size):
            return None
        width, height = seen.check_size
        shown = ev.project(self.lines, seen.check_from_net @ image_from_field, width, height)
        found = ev.check(seen.picture.grey, shown)
        features = measure(
            image_from_field,
            seen.cells,
            seen.keypoints,
            seen.agreement,
            found,
            ev.markings_borne_out(found, self.lines),
            self.field,
            self.size,
        )
        return Candidate(image_from_field, judge(features, self.model), found)

    def first(self, seen: Observation) -> Candidate | None:
        """What the keypoints say, improved on the picture's lines."""
        camera = self._camera_of_keypoints(seen) if self.steady else None
        best = None if camera is None else self.try_out(seen, camera)
        if best is None or best.evidence.support < CLEAR:
            free = self.try_out(seen, seen.start)
            if free is not None and (best is None or _improves(free, best)):
                best = free
        return None if best is None else self.improved(seen, best)

    def refined(
        self, seen: Observation, start: Matrix, distances: NDArray[np.float32]
    ) -> Candidate | None:
        """Align with the predicted distance maps, then with the picture's lines."""
        moved = refine.on_distances(start, distances, self.lines, seen.keypoints.field_m, self.size)
        second = self.try_out(seen, facing(moved, seen.cells.image_px))
        return None if second is None else self.improved(seen, second)

    def improved(self, seen: Observation, candidate: Candidate) -> Candidate:
        """The candidate moved onto the lines of the picture, as a camera if it can be one."""
        if self.steady:
            steady = self._steadied(seen, candidate)
            if steady is not None:
                return steady
        return self._polished(seen, candidate)

    def remember(self, answer: Candidate) -> None:
        """Learn the shot's camera from an answer that is trusted."""
        if answer.camera is not None:
            self.memory.add(answer.camera.theta, answer.camera.information)
        elif self.steady and self.memory.frames:
            self.memory.contradict()

    def _polished(self, seen: Observation, candidate: Candidate, rounds: int = 2) -> Candidate:
        """A free homography, moved onto the ridges found along its lines while that improves it."""
        check = seen.check_from_net
        back = np.linalg.inv(check)
        for _ in range(rounds):
            if candidate.evidence.support < 0.3:
                break
            moved = refine.on_ridges(
                check @ candidate.image_from_field,
                candidate.evidence,
                seen.keypoints.field_m,
                seen.check_size,
            )
            better = self.try_out(seen, back @ moved)
            if better is None or not _improves(better, candidate):
                break
            gained = candidate.evidence.residual_px - better.evidence.residual_px
            candidate = better
            if gained < 0.3:
                break
        return candidate

    def _steadied(
        self, seen: Observation, candidate: Candidate, rounds: int = 2
    ) -> Candidate | None:
        """The candidate as a camera could have it: what the lines leave open, the lens closes.

        None when the picture bears out the camera less than the candidate.
        """
        check, size = seen.check_from_net, seen.check_size
        known = cam.usual(size, self.field.vantage)
        theta = cam.decompose(check @ candidate.image_from_field, size, known.mean[1])
        if theta is None:
            return None
        back = np.linalg.inv(check)
        remembered = self.memory.prior(known)
        for prior in (remembered,) if remembered is known else (remembered, known):
            best: Candidate | None = None
            source, at = candidate, theta
            for _ in range(rounds):
                at, information = cam.fit(at, self._pull(seen, source, check), prior, size)
                trial = self.try_out(seen, back @ cam.compose(at, size))
                if trial is None or not _as_good(trial, candidate):
                    break
                settled = best is not None or _near(trial, source)
                best = source = replace(trial, camera=CameraFit(at, information))
                if settled:
                    break
            if best is not None:
                return best
        return None

    def _camera_of_keypoints(self, seen: Observation) -> Matrix | None:
        """The most probable camera given the keypoints alone."""
        check, size = seen.check_from_net, seen.check_size
        prior = self.memory.prior(cam.usual(size, self.field.vantage))
        theta = cam.decompose(check @ seen.start, size, prior.mean[1])
        if theta is None:
            return None
        pull = self._keypoint_pull(seen.keypoints, check)
        theta, _ = cam.fit(theta, pull, prior, size, iterations=3)
        camera: Matrix = np.linalg.inv(check) @ cam.compose(theta, size)
        return camera

    def _pull(self, seen: Observation, candidate: Candidate, check: Matrix) -> cam.Pull:
        """Ridges (across the line) and keypoints (both ways) as measurements, check pixels."""
        e = candidate.evidence
        on = e.found
        p = e.projected
        n = int(on.sum())
        k = self._keypoint_pull(seen.keypoints, check)
        return cam.Pull(
            np.r_[self.lines.position_m[p.index[on]], k.field_m],
            np.r_[p.image_px[on] + e.offset_px[on, None] * p.normal[on], k.image_px],
            np.r_[p.normal[on], k.direction],
            np.r_[np.full(n, 0.7), k.deviation_px],
            np.r_[np.full(n, min(1.0, 60 / max(n, 1))), k.weight],
        )

    def _keypoint_pull(self, keypoints: Keypoints, check: Matrix) -> cam.Pull:
        """Keypoints as measurements of both directions; they err together: ten count in all."""
        at = keypoints.image_px @ check[:2, :2].T + check[:2, 2]
        m = len(keypoints.score)
        return cam.Pull(
            np.r_[keypoints.field_m, keypoints.field_m],
            np.r_[at, at],
            np.repeat(np.eye(2), m, axis=0),
            np.tile(4.0 / np.maximum(keypoints.score, 0.05), 2),
            np.full(2 * m, min(1.0, 10 / max(m, 1))),
        )


def facing(image_from_field: Matrix, image_px: Float) -> Matrix:
    """Give a homography the sign that puts what the (n, 2) pixels show in front of the camera."""
    back = np.linalg.inv(image_from_field)
    p = back @ np.append(np.median(image_px, axis=0), 1.0)
    return image_from_field if image_from_field[2] @ (p / p[2]) > 0 else -image_from_field


def _improves(new: Candidate, old: Candidate) -> bool:
    """More lines borne out, or as many and closer."""
    a, b = new.evidence, old.evidence
    closer = min(b.residual_px, 4.0) - min(a.residual_px, 4.0)
    return (a.support - b.support) + 0.15 * closer > 0


def _as_good(new: Candidate, old: Candidate) -> bool:
    """Hardly fewer lines borne out, hardly farther off."""
    a, b = new.evidence, old.evidence
    farther = min(a.residual_px, 4.0) - min(b.residual_px, 4.0)
    return a.support >= b.support - 0.04 and farther <= 0.25


def _near(new: Candidate, old: Candidate) -> bool:
    """Whether another round would hardly change anything."""
    return (
        new.evidence.residual_px < 0.5 and abs(new.evidence.support - old.evidence.support) < 0.05
    )
