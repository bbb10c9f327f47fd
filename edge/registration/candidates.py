"""Homographies on trial for one picture: made, improved and judged.

All are `image_from_field` in the network's pixels. Each maker returns a judged candidate or None;
who calls decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.registration import camera as cam
from edge.registration import comb, refine
from edge.registration import evidence as ev
from edge.registration.homography import Matrix, inverse
from edge.registration.keypoints import CoordinateMap
from edge.registration.lens import RadialLens
from edge.registration.numerals import Numerals, Reading
from edge.registration.picture import Picture
from edge.registration.verdict import Verdict, implausible, judge, measure, told_by
from edge.types import FloatArray, Keypoints

ANCHORS_PX = (3.0, 10.0)
"""Deviations of the keypoints' homography that refinement begins with, network pixels."""
SURE = 0.95
"""Score of a refined answer above which the comb of repeating lines is not laid anew."""
ENOUGH = 0.9
"""Score of a loosely tied answer above which refinement ends: ten milliseconds saved."""
CLEAR = 0.55
"""Share of lines borne out above which a first homography is not compared with another."""
CLEAN_PX, CLEANER = 0.2, 0.6
"""Median offset of the lines found, checked picture's pixels, and its share of what it was with all
of them, below which a camera that leaves a line out is believed: then that line was none.
"""
LIKELIER = 0.02
"""By how much its score must be higher as well."""
MANY, PART = 8, 0.08
"""Points found of a line, and their share of all, without which it cannot have drawn a camera."""
YOUNG, NOW_AND_THEN = 4, 8
"""Lines are left out on trial while the camera's memory has fewer frames, and later in one frame of
so many.
"""
EVERY_OTHER = 2
"""The same where time is short, and then one line of them all."""


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
    slid_m: float = 0.0
    """By how much the network's coordinates along x are taken to be too large."""

    def slid(self, by_m: float) -> Observation:
        """The same picture, if the network's coordinates along x are `by_m` too large."""
        off = np.array([by_m, 0.0])
        return replace(
            self,
            cells=replace(self.cells, field_m=self.cells.field_m - off),
            keypoints=replace(self.keypoints, field_m=self.keypoints.field_m - off),
            start=moved_along(self.start, by_m),
            slid_m=self.slid_m + by_m,
        )

    @property
    def check_size(self) -> tuple[int, int]:
        """(width, height) of the checked picture."""
        height, width = self.picture.grey.shape
        return width, height


@dataclass(frozen=True, slots=True)
class CameraFit:
    """The camera that a candidate is, and what the picture's measurements alone say of it."""

    theta: FloatArray
    """(9,), see `edge.registration.camera.PARAMETERS`."""
    information: Matrix
    """(9, 9)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A homography and what the picture's lines say of it."""

    image_from_field: Matrix
    evidence: ev.Evidence
    camera: CameraFit | None
    """None for a free homography."""


@dataclass(frozen=True, slots=True)
class Candidate(Trial):
    """A trial that was judged."""

    verdict: Verdict
    reading: Reading | None = None
    """What the numerals say of it, on a field that has some."""


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
        self.numerals = Numerals.of(field)
        self._pulled: tuple[Keypoints, cam.Pull] | None = None
        self._firsts = self._turn = 0

    def try_out(self, seen: Observation, image_from_field: Matrix) -> Candidate | None:
        """Judge a homography; None when no camera beside the field could have it."""
        seen = self._as_slid(seen, image_from_field)
        trial = self.look(seen.picture, image_from_field)
        return None if trial is None else self._judged(seen, trial)

    def first(self, seen: Observation, *, hurried: bool = False) -> Candidate | None:
        """What the keypoints say, improved on the picture's lines.

        Now and then lines are left out on trial; `hurried`: one by one, in one frame after the
        other, for all of them together take four times as long as the rest.
        """
        theta = self._camera_of_keypoints(seen) if self.steady else None
        best = None if theta is None else self.look_through(seen.picture, theta)
        if best is None or best.evidence.support < CLEAR:
            free = self.look(seen.picture, seen.start)
            if free is not None and (best is None or _improves(free, best)):
                best, theta = free, None
        if best is None:
            return None
        settled = self.improved(seen, best, theta)
        self._firsts += 1
        every = EVERY_OTHER if hurried else NOW_AND_THEN
        if self.memory.frames < YOUNG or self._firsts % every == 0:
            self._turn += 1
            settled = self._without_a_line(seen, settled, self._turn if hurried else None)
        return self._on_its_line(seen, settled)

    def refined(
        self, seen: Observation, start: Matrix, distances: NDArray[np.float32], *, known: bool
    ) -> Candidate | None:
        """Align with the predicted distance maps, then with the picture's lines; the likeliest.

        Tied to the start loosely; unless that leaves doubts, nothing more. Else closely, for it may
        be a lot off or a little, and once more from the better of both, unless it is `known`, from
        the frame before: what that has drifted a loose tie finds.
        """
        close, loose = ANCHORS_PX
        best = self._aligned(seen, start, distances, loose)
        if best is not None and best.verdict.score >= ENOUGH:
            return best
        best = _likeliest([self._aligned(seen, start, distances, close), best])
        if known:
            return best
        if self.numerals is not None and (best is None or best.verdict.score < SURE):
            best = self._on_a_comb(seen, distances, best)
        if best is None:
            return best
        again = self._aligned(seen, best.image_from_field, distances, close)
        return _likeliest([best, again])

    def _aligned(
        self, seen: Observation, start: Matrix, distances: NDArray[np.float32], anchor_px: float
    ) -> Candidate | None:
        seen = self._as_slid(seen, start)
        moved = refine.on_distances(
            start,
            distances,
            self.lines,
            seen.keypoints.field_m,
            self.size,
            anchor_px=anchor_px,
        )
        trial = self.look(seen.picture, facing(moved, seen.cells.image_px))
        return None if trial is None else self._on_its_line(seen, self.improved(seen, trial))

    def _on_a_comb(
        self,
        seen: Observation,
        distances: NDArray[np.float32],
        best: Candidate | None,
    ) -> Candidate | None:
        """The likeliest of `best` and what the comb of repeating lines leads to."""
        laid = comb.fits(seen.start, distances[0], seen.cells.field_m, self.field.period_m)
        tried = [
            self._aligned(
                seen.slid(fit.by_m), seen.start @ fit.net_from_field, distances, ANCHORS_PX[0]
            )
            for fit in laid
        ]
        return _likeliest([best, *tried])

    def _on_its_line(self, seen: Observation, candidate: Candidate) -> Candidate:
        """The candidate, or what it becomes on the line that the numerals say, if likelier."""
        off = 0 if candidate.reading is None else candidate.reading.off
        if off == 0:
            return candidate
        by_m = off * self.field.period_m
        there = seen.slid(by_m)
        trial = self.look(there.picture, moved_along(candidate.image_from_field, by_m))
        if trial is None:
            return candidate
        other = self.improved(there, trial)
        return other if other.verdict.score > candidate.verdict.score else candidate

    def _as_slid(self, seen: Observation, image_from_field: Matrix) -> Observation:
        """The observation, slid by the whole periods that a homography says it is off."""
        if self.numerals is None or seen.slid_m:
            return seen
        told = seen.cells
        back = inverse(image_from_field)
        q = back[:, :2] @ told.image_px.T + back[:, 2:]
        off = np.median(told.field_m[:, 0] - q[0] / q[2])
        periods = round(float(off) / self.field.period_m) if np.isfinite(off) else 0
        return seen.slid(periods * self.field.period_m) if periods else seen

    def improved(
        self, seen: Observation, trial: Trial, theta: FloatArray | None = None
    ) -> Candidate:
        """The trial moved onto the lines of the picture, as a camera if it can be one.

        `theta` is the trial's camera where it is one already, else it is worked out.
        """
        seen = self._as_slid(seen, trial.image_from_field)
        steady = self._steadied(seen, trial, theta) if self.steady else None
        return self._judged(seen, steady or self._polished(seen, trial))

    def _without_a_line(
        self, seen: Observation, candidate: Candidate, turn: int | None
    ) -> Candidate:
        """The candidate, or the likelier camera that all lines but one bear out to a hair.

        That one is any, or the one whose `turn` it is.

        The letters on a board, a seam of the turf beside a faint line: something that is no line
        may draw a camera to it, which bends all the others a little, and then be remembered with
        it. A lens bends lines too, but then no camera fits the rest of them.
        """
        seen = self._as_slid(seen, candidate.image_from_field)
        e = candidate.evidence
        if candidate.camera is None or e.residual_px < CLEAN_PX:
            return candidate
        number = self.lines.marking[e.projected.index]
        counts = np.bincount(number[e.found])
        best, suspects = candidate, np.flatnonzero(counts >= max(MANY, PART * counts.sum()))
        if turn is not None and len(suspects):
            suspects = suspects[[turn % len(suspects)]]
        for k in suspects:
            trial = replace(candidate, evidence=replace(e, found=e.found & (number != k)))
            there = self._settled_anew(seen, trial, candidate.camera.theta)
            if there is None or there.evidence.residual_px > min(CLEAN_PX, CLEANER * e.residual_px):
                continue
            other = self._judged(seen, there)
            if other.verdict.score > best.verdict.score + LIKELIER:
                best = other
        if best is not candidate:
            self.memory.forget()
        return best

    def _settled_anew(
        self, seen: Observation, trial: Trial, theta: FloatArray, rounds: int = 2
    ) -> Trial | None:
        """The camera that a trial's lines make of `theta`, whatever the shot's camera was."""
        known = cam.usual(seen.check_size, self.field.vantage)
        for _ in range(rounds):
            theta, information = cam.fit(theta, self._pull(seen, trial), known, seen.check_size)
            there = self.look_through(seen.picture, theta)
            if there is None:
                return None
            trial = replace(there, camera=CameraFit(theta, information))
        return trial

    def remember(self, answer: Candidate, weight: float = 1.0) -> None:
        """Learn the shot's camera from an answer; `weight`, 0..1, says how far it is trusted."""
        if answer.camera is not None:
            self.memory.add(answer.camera.theta, weight * answer.camera.information)
        elif self.steady and self.memory.frames and weight >= 1:
            self.memory.contradict()

    def look(self, picture: Picture, image_from_field: Matrix) -> Trial | None:
        """What the picture says of a homography; None when no camera could have it."""
        return self._look(picture, picture.check_from_net @ image_from_field, image_from_field)

    def look_through(self, picture: Picture, theta: FloatArray) -> Trial | None:
        """What the picture says of a camera (9,), given in the checked picture."""
        size = picture.grey.shape[1], picture.grey.shape[0]
        pinhole, lens = cam.compose(theta, size), cam.lens(theta, size)
        return self._look(picture, pinhole, self.shown(picture, theta), lens)

    def shown(self, picture: Picture, theta: FloatArray) -> Matrix:
        """(3, 3) the best homography of a camera (9,) for what the picture shows of the field."""
        size = picture.grey.shape[1], picture.grey.shape[0]
        half = self.field.length_m / 2, self.field.width_m / 2
        return picture.net_from_check @ cam.plane(theta, size, half)

    def _look(
        self,
        picture: Picture,
        pinhole: Matrix,
        image_from_field: Matrix,
        lens: RadialLens | None = None,
    ) -> Trial | None:
        if implausible(image_from_field, self.size):
            return None
        height, width = picture.grey.shape
        shown = ev.project(self.lines, pinhole, width, height, lens=lens)
        return Trial(image_from_field, ev.check(picture.grey, shown, paint=self.field.paint), None)

    def _judged(self, seen: Observation, trial: Trial) -> Candidate:
        features = measure(
            trial.image_from_field,
            seen.cells,
            seen.keypoints,
            seen.agreement,
            trial.evidence,
            ev.markings_borne_out(trial.evidence, self.lines),
            self.field,
            self.size,
        )
        reading = None
        if self.numerals is not None:
            check = seen.picture.check_from_net @ trial.image_from_field
            reading = self.numerals.read(seen.picture.grey, check)
            features |= told_by(reading, seen.slid_m, seen.cells)
        verdict = judge(features, self.model)
        return Candidate(trial.image_from_field, trial.evidence, trial.camera, verdict, reading)

    def again(self, candidate: Candidate) -> float:
        """A candidate's score by the picture alone, whatever it was given."""
        return judge(candidate.verdict.features, self.model).score

    def _polished(self, seen: Observation, trial: Trial, rounds: int = 2) -> Trial:
        """A free homography, moved onto the ridges found along its lines while that improves it."""
        check, back = seen.picture.check_from_net, seen.picture.net_from_check
        for _ in range(rounds):
            if trial.evidence.support < 0.3:
                break
            moved = refine.on_ridges(
                check @ trial.image_from_field,
                trial.evidence,
                seen.keypoints.field_m,
                seen.check_size,
            )
            better = self.look(seen.picture, back @ moved)
            if better is None or not _improves(better, trial):
                break
            gained = trial.evidence.residual_px - better.evidence.residual_px
            trial = better
            if gained < 0.3:
                break
        return trial

    def _steadied(
        self, seen: Observation, trial: Trial, theta: FloatArray | None, rounds: int = 2
    ) -> Trial | None:
        """The trial as a camera could have it: what the lines leave open, the lens closes.

        None when the picture bears out the camera less than the trial.
        """
        size = seen.check_size
        known = cam.usual(size, self.field.vantage)
        if theta is None:
            projected = seen.picture.check_from_net @ trial.image_from_field
            theta = cam.decompose(projected, size, known.mean[1])
        if theta is None:
            return None
        remembered = self.memory.prior(known)
        theta = np.append(theta[:-1], remembered.mean[-1])
        for prior in (remembered,) if remembered is known else (remembered, known):
            best: Trial | None = None
            source, at = trial, theta
            for _ in range(rounds):
                at, information = cam.fit(at, self._pull(seen, source), prior, size)
                there = self.look_through(seen.picture, at)
                if there is None or not _as_good(there, trial):
                    break
                settled = best is not None or _near(there, source)
                best = source = replace(there, camera=CameraFit(at, information))
                if settled:
                    break
            if best is not None:
                return best
        return None

    def known(self, size: tuple[int, int]) -> cam.Prior:
        """What is known of the camera before a frame of a (width, height) picture shows it."""
        return self.memory.prior(cam.usual(size, self.field.vantage))

    def on_lines(self, trial: Trial, picture: Picture, prior: cam.Prior, part: float) -> CameraFit:
        """The camera that a prior and the lines under a trial of it give.

        `part` is what the lines count: frame after frame shows the same ones.
        """
        size = picture.grey.shape[1], picture.grey.shape[0]
        pull = ridge_pull(trial, self.lines, part)
        theta, information = cam.fit(prior.mean, pull, prior, size, iterations=3)
        return CameraFit(theta, information)

    def moved_on(
        self, seen: Observation, trial: Trial, prior: cam.Prior, part: float
    ) -> Candidate | None:
        """The camera that a prior, the lines under a trial of it and the keypoints give; judged."""
        seen = self._as_slid(seen, trial.image_from_field)
        size, at, source = seen.check_size, prior.mean, trial
        best: Trial | None = None
        for _ in range(2):
            at, information = cam.fit(at, self._pull(seen, source, part), prior, size)
            there = self.look_through(seen.picture, at)
            if there is None:
                break
            best = source = replace(there, camera=CameraFit(at, information))
        return None if best is None else self._judged(seen, best)

    def _camera_of_keypoints(self, seen: Observation) -> FloatArray | None:
        """The most probable camera given the keypoints alone, (8,), in the checked picture."""
        size = seen.check_size
        prior = self.memory.prior(cam.usual(size, self.field.vantage))
        theta = cam.decompose(seen.picture.check_from_net @ seen.start, size, prior.mean[1])
        if theta is None:
            return None
        theta[-1] = prior.mean[-1]
        theta, _ = cam.fit(theta, self._keypoint_pull(seen), prior, size, iterations=3)
        return theta

    def _pull(self, seen: Observation, trial: Trial, part: float = 1.0) -> cam.Pull:
        """Ridges (across the line) and keypoints (both ways) as measurements, check pixels."""
        r, k = ridge_pull(trial, self.lines, part), self._keypoint_pull(seen)
        return cam.Pull(
            np.concatenate([r.field_m, k.field_m]),
            np.concatenate([r.image_px, k.image_px]),
            np.concatenate([r.direction, k.direction]),
            np.concatenate([r.deviation_px, k.deviation_px]),
            np.concatenate([r.weight, part * k.weight]),
        )

    def _keypoint_pull(self, seen: Observation) -> cam.Pull:
        """Keypoints as measurements of both directions; they err together: ten count in all."""
        keypoints, check = seen.keypoints, seen.picture.check_from_net
        if self._pulled is None or self._pulled[0] is not keypoints:
            at = keypoints.image_px @ check[:2, :2].T + check[:2, 2]
            m = len(keypoints.score)
            pull = cam.Pull(
                np.concatenate([keypoints.field_m, keypoints.field_m]),
                np.concatenate([at, at]),
                np.repeat(np.eye(2), m, axis=0),
                np.tile(4.0 / np.maximum(keypoints.score, 0.05), 2),
                np.full(2 * m, min(1.0, 10 / max(m, 1))),
            )
            self._pulled = keypoints, pull
        return self._pulled[1]


def ridge_pull(trial: Trial, lines: ev.LinePoints, part: float = 1.0) -> cam.Pull:
    """Ridges as measurements across their lines; sixty count in all, or a `part` of that."""
    e, p = trial.evidence, trial.evidence.projected
    on = np.flatnonzero(e.found)
    n, normal = len(on), p.normal[on]
    return cam.Pull(
        lines.position_m[p.index[on]],
        p.image_px[on] + e.offset_px[on, None] * normal,
        normal,
        np.full(n, 0.7),
        np.full(n, part * min(1.0, 60 / max(n, 1))),
    )


def _likeliest(candidates: Sequence[Candidate | None]) -> Candidate | None:
    found = [c for c in candidates if c is not None]
    return max(found, key=lambda c: c.verdict.score, default=None)


def moved_along(image_from_field: Matrix, by_m: float) -> Matrix:
    """The homography of a field whose coordinates along x are `by_m` smaller."""
    moved: Matrix = image_from_field.copy()
    moved[:, 2] += by_m * moved[:, 0]
    return moved


def facing(image_from_field: Matrix, image_px: FloatArray) -> Matrix:
    """Give a homography the sign that puts what the (n, 2) pixels show in front of the camera.

    Their mean lies on the same side of the horizon as they.
    """
    u, v = image_px.mean(0)
    p = inverse(image_from_field) @ (u, v, 1.0)
    return image_from_field if image_from_field[2] @ (p / p[2]) > 0 else -image_from_field


def _improves(new: Trial, old: Trial) -> bool:
    """More lines borne out, or as many and closer."""
    a, b = new.evidence, old.evidence
    closer = min(b.residual_px, 4.0) - min(a.residual_px, 4.0)
    return (a.support - b.support) + 0.15 * closer > 0


def _as_good(new: Trial, old: Trial) -> bool:
    """Hardly fewer lines borne out, hardly farther off."""
    a, b = new.evidence, old.evidence
    farther = min(a.residual_px, 4.0) - min(b.residual_px, 4.0)
    return a.support >= b.support - 0.04 and farther <= 0.25


def _near(new: Trial, old: Trial) -> bool:
    """Whether another round would hardly change anything."""
    return (
        new.evidence.residual_px < 0.5 and abs(new.evidence.support - old.evidence.support) < 0.05
    )
