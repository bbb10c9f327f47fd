"""The registrar: one picture in, a registration that may be trusted or a reason why not.

The stages, in order: prepare -> network -> keypoints -> homography -> verify -> (dense -> refine
-> verify) -> answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, open_graphs
from edge.engines import EngineOptions
from edge.errors import UsageError
from edge.fields import Field
from edge.geometry import field_corners, visible_polygon
from edge.registration import camera as cam
from edge.registration import evidence as ev
from edge.registration import refine
from edge.registration.homography import Matrix, direct, estimate, polish
from edge.registration.keypoints import CoordinateMap, decode, read_keypoints, thin
from edge.registration.picture import SMALLEST, Picture, prepare
from edge.registration.verdict import (
    FALLBACK,
    Verdict,
    agreement_px,
    implausible,
    judge,
    measure,
    refusal,
)
from edge.types import Float, Image, Keypoints, Quality, Reason, Registration, State

RefineMode = Literal["auto", "never", "always"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the verdict's score must reach."""

    verified: float = 0.75
    """Keypoints' homography taken as it is; below, the dense head is asked."""
    accepted: float = 0.5
    """Lowest score of an answer; below, the frame is lost."""
    coverage: float = 0.06
    """Share of the picture that must show the field."""
    cut: float = 0.16
    """Mean change of a thumbnail, of its range, that tells a cut from a camera's motion."""


@dataclass(slots=True)
class Candidate:
    """A homography on trial; image_from_field in the network's pixels."""

    image_from_field: Matrix
    verdict: Verdict
    evidence: ev.Evidence


@dataclass(frozen=True, slots=True)
class Observation:
    """What one picture gave before any homography is judged."""

    picture: Picture
    cells: CoordinateMap
    keypoints: Keypoints
    start: Matrix
    agreement: float
    features: NDArray[np.float32]


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under a stage."""
        now = time.perf_counter()
        self.ms[stage] = self.ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now


class Registrar:
    """Registers pictures of one field with one bundle. Not safe for two threads at once.

    Raises BundleError or EngineError when the bundle's graphs cannot be loaded.
    """

    def __init__(
        self,
        bundle: Bundle,
        field: Field,
        *,
        engine: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        verify: Literal["auto", "never"] = "auto",
        refine: RefineMode = "auto",
        thresholds: Thresholds | None = None,
    ) -> None:
        if bundle.manifest.sport != field.sport:
            raise UsageError(
                f"field {field.name} is for {field.sport}, the bundle for {bundle.manifest.sport}"
            )
        self.bundle, self.field = bundle, field
        self._graphs = open_graphs(
            bundle, engine, precision=precision, options=EngineOptions(threads=threads)
        )
        self.size = (bundle.manifest.input.width, bundle.manifest.input.height)
        model = dict(bundle.manifest.decode)
        self.model = model if "score.bias" in model else dict(FALLBACK)
        usual = Thresholds()
        self.thresholds = thresholds or Thresholds(
            verified=model.get("threshold.verified", usual.verified),
            accepted=model.get("threshold.accepted", usual.accepted),
        )
        self.refine_mode: RefineMode = refine
        self.verifies = verify == "auto"
        self.steady = True
        self.lines = ev.LinePoints.of(field)
        self._input = self._graphs.encoder.buffer("image")
        self._thumb: NDArray[np.float32] | None = None
        self._last: Matrix | None = None
        self.memory = cam.CameraMemory()

    @property
    def engine_name(self) -> str:
        """Engine and device in use."""
        return self._graphs.encoder.name

    @property
    def precision(self) -> str:
        """Precision of the network in use."""
        return self._graphs.encoder.precision

    @property
    def why_engine(self) -> str | None:
        """Why this engine was taken; None when it was named."""
        return self._graphs.choice.reason if self._graphs.choice else None

    def reset(self) -> None:
        """Forget the frames before: the next picture stands alone."""
        self._thumb = self._last = None
        self.memory.forget()

    def close(self) -> None:
        """Free the engines."""
        self._graphs.close()

    def register(self, image_bgr: Image, *, pts_s: float | None = None) -> Registration:  # noqa: ARG002
        """Register a (height, width, 3) uint8 BGR picture.

        Never raises for what the picture shows.
        """
        watch = Stopwatch()
        if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
            return _lost(Reason.BAD_FRAME, watch)
        if min(image_bgr.shape[:2]) < SMALLEST:
            return _lost(Reason.BAD_FRAME, watch)
        picture = prepare(image_bgr, self._input)
        cut = self._is_cut()
        watch.lap("preprocess")
        seen = self.observe(picture, watch)
        if isinstance(seen, Reason):
            self._last = None
            return _lost(seen, watch, cut=cut)
        answer, state, dense_ran = self._decide(seen, watch)
        if answer is None or state is State.LOST:
            self._last = None
            reason = refusal(answer.verdict.features) if answer else Reason.IMPLAUSIBLE
            return _lost(
                reason,
                watch,
                cut=cut,
                verdict=answer.verdict if answer else None,
                dense_ran=dense_ran,
            )
        if self.steady:
            answer = self.steadied(seen, answer)
            watch.lap("steady")
        self._last = answer.image_from_field
        source = np.linalg.inv(answer.image_from_field) @ picture.net_from_source
        return Registration(
            state=state,
            field_from_image=source / np.linalg.norm(source),
            quality=self._quality(answer, seen),
            dense_ran=dense_ran,
            cut=cut,
            latency_ms=watch.ms,
        )

    def observe(self, picture: Picture, watch: Stopwatch) -> Observation | Reason:
        """Run the network on the prepared picture and estimate a first homography."""
        out = self._graphs.encoder.run({"image": self._input})
        watch.lap("infer")
        cells = decode(out["grid"][0], self.field)
        if cells.coverage < self.thresholds.coverage:
            return Reason.NO_FIELD
        keypoints = read_keypoints(cells, self.field)
        width = self.size[0]
        h, inlier = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, 0.0125 * width)
        chosen = thin(cells)
        px, m, sigma = cells.image_px[chosen], cells.field_m[chosen], cells.sigma_m[chosen]
        if h is None or inlier.sum() < 6:
            # a picture with too few grid points: the cells themselves
            h, inlier = estimate(m, px, 1 / (1 + sigma.mean(1)), 0.0125 * width)
            if h is None or inlier.sum() < 0.25 * len(m):
                return Reason.FEW_KEYPOINTS
        h = _facing(h, px)
        h = _facing(polish(h, m, px, sigma, self.size), px)
        watch.lap("keypoints")
        weight = 1 / (0.05 + sigma.mean(1)) ** 2
        on = np.linalg.norm((m - _back(h, px)) / sigma, axis=1) < 6
        if on.sum() < 16:
            return Reason.FEW_KEYPOINTS
        whole = direct(m[on], px[on], weight[on])
        spread = agreement_px(m[on], px[on], weight[on], h if whole is None else whole)
        watch.lap("verify")
        return Observation(picture, cells, keypoints, h, spread, out["features"])

    def _decide(self, seen: Observation, watch: Stopwatch) -> tuple[Candidate | None, State, bool]:
        """Verify, refine where needed or told, and choose."""
        t = self.thresholds
        first = self.first_candidate(seen)
        watch.lap("verify")
        good = first is not None and first.verdict.score >= t.verified
        if self.refine_mode == "never" or (good and self.refine_mode == "auto"):
            if first is None or (self.verifies and first.verdict.score < t.accepted):
                return self._tracked(seen, first, watch, dense_ran=False)
            return first, State.VERIFIED, False
        distances = self._graphs.dense.run({"features": seen.features})["distances"][0]
        watch.lap("dense")
        second = self.refined(seen, first, distances)
        watch.lap("refine")
        if second is not None and (first is None or second.verdict.score > first.verdict.score):
            if not self.verifies or second.verdict.score >= t.accepted:
                return second, State.REFINED, True
            first = second
        if first is not None and (not self.verifies or first.verdict.score >= t.accepted):
            return first, State.VERIFIED, True
        return self._tracked(seen, first, watch, dense_ran=True)

    def _tracked(
        self, seen: Observation, best: Candidate | None, watch: Stopwatch, *, dense_ran: bool
    ) -> tuple[Candidate | None, State, bool]:
        """The last frame's homography, moved onto this frame's lines.

        Where the frame's own answer fails.
        """
        if self._last is not None:
            carried = self.try_out(seen, self._last)
            if carried is not None:
                carried = self.polished(seen, carried)
                watch.lap("verify")
                if carried.verdict.score >= max(
                    self.thresholds.accepted, best.verdict.score if best else 0.0
                ):
                    return carried, State.TRACKED, dense_ran
        return best, State.LOST, dense_ran

    def refined(
        self, seen: Observation, first: Candidate | None, distances: NDArray[np.float32]
    ) -> Candidate | None:
        """Align with the distance maps, from the keypoints' homography."""
        start = seen.start if first is None else first.image_from_field
        anchors = seen.keypoints.field_m
        moved = refine.on_distances(start, distances, self.lines, anchors, self.size)
        second = self.try_out(seen, _facing(moved, seen.cells.image_px))
        if second is None:
            return None
        if self.steady:
            second = self.steadied(seen, second)
        return self.polished(seen, second)

    def first_candidate(self, seen: Observation) -> Candidate | None:
        """The keypoints' homography, or the camera nearest to it where that fits better."""
        first = self.try_out(seen, seen.start)
        if self.steady:
            camera = self._camera_of_keypoints(seen)
            other = None if camera is None else self.try_out(seen, camera)
            if other is not None and (first is None or _improves(other, first)):
                first = other
        return None if first is None else self.polished(seen, first)

    def _camera_of_keypoints(self, seen: Observation) -> Matrix | None:
        """The most probable camera given the keypoints alone; network pixels."""
        p = seen.picture
        size = (p.grey.shape[1], p.grey.shape[0])
        check = p.check_from_source @ np.linalg.inv(p.net_from_source)
        prior = self.memory.prior(cam.usual(size))
        theta = cam.decompose(check @ seen.start, size, prior.mean[1])
        if theta is None:
            return None
        theta, _ = cam.fit(theta, self._keypoint_pull(seen.keypoints, check), prior, size)
        camera: Matrix = np.linalg.inv(check) @ cam.compose(theta, size)
        return camera

    def try_out(self, seen: Observation, image_from_field: Matrix) -> Candidate | None:
        """Judge a homography (network pixels); None when no camera could have it."""
        if implausible(image_from_field, self.size):
            return None
        p = seen.picture
        check = p.check_from_source @ np.linalg.inv(p.net_from_source)
        height, width = p.grey.shape
        found = ev.check(p.grey, ev.project(self.lines, check @ image_from_field, width, height))
        features = measure(
            image_from_field, seen.cells, seen.keypoints, seen.agreement, found,
            ev.markings_borne_out(found, self.lines), self.field, self.size,
        )  # fmt: skip
        return Candidate(image_from_field, judge(features, self.model), found)

    def polished(self, seen: Observation, candidate: Candidate, rounds: int = 2) -> Candidate:
        """Move a homography onto the ridges found along its lines while that improves it."""
        p = seen.picture
        check = p.check_from_source @ np.linalg.inv(p.net_from_source)
        back = np.linalg.inv(check)
        size = (p.grey.shape[1], p.grey.shape[0])
        for _ in range(rounds):
            if candidate.evidence.support < 0.3:
                break
            moved = refine.on_ridges(
                check @ candidate.image_from_field,
                candidate.evidence,
                seen.keypoints.field_m,
                size,
            )
            better = self.try_out(seen, back @ moved)
            if better is None or not _improves(better, candidate):
                break
            gained = candidate.evidence.residual_px - better.evidence.residual_px
            candidate = better
            if gained < 0.3:
                break
        return candidate

    def steadied(self, seen: Observation, candidate: Candidate) -> Candidate:
        """The candidate as a camera could have it.

        What the lines leave open, lens and tripod close.

        Kept when the picture bears it out as well as the free homography; the shot's memory learns
        from it.
        """
        p = seen.picture
        size = (p.grey.shape[1], p.grey.shape[0])
        check = p.check_from_source @ np.linalg.inv(p.net_from_source)
        known = cam.usual(size)
        theta = cam.decompose(check @ candidate.image_from_field, size, known.mean[1])
        if theta is None:
            return candidate
        remembered = self.memory.frames >= 3
        for prior in (self.memory.prior(known), known) if remembered else (known,):
            best, information = candidate, None
            for _ in range(2):
                pull = self._pull(seen, best, check)
                theta_new, information = cam.fit(theta, pull, prior, size)
                trial = self.try_out(seen, np.linalg.inv(check) @ cam.compose(theta_new, size))
                if trial is None or not _as_good(trial, candidate):
                    break
                best, theta = trial, theta_new
            if best is not candidate and information is not None:
                if best.verdict.score >= self.thresholds.verified:
                    self.memory.add(theta, information)
                return best
            if prior is not known:
                self.memory.contradict()
        return candidate

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
        """Keypoints as measurements of both directions.

        They err together, so ten of them count in all.
        """
        at = keypoints.image_px @ check[:2, :2].T + check[:2, 2]
        m = len(keypoints.score)
        return cam.Pull(
            np.r_[keypoints.field_m, keypoints.field_m],
            np.r_[at, at],
            np.repeat(np.eye(2), m, axis=0),
            np.tile(4.0 / np.maximum(keypoints.score, 0.05), 2),
            np.full(2 * m, min(1.0, 10 / max(m, 1))),
        )

    def _quality(self, answer: Candidate, seen: Observation) -> Quality:
        f = answer.verdict.features
        to_source = seen.picture.width / self.size[0]
        residual = (np.exp(f["residual"]) - 0.05) / 100 * self.size[0] * to_source
        return Quality(
            score=answer.verdict.score,
            inliers=round(f["inliers"] * len(seen.keypoints.score)),
            rms_px=float(max(residual, 0.0)),
            expected_error_m=answer.verdict.expected_error_m,
            line_support=answer.verdict.evidence,
        )

    def _is_cut(self) -> bool:
        """Whether the picture is another shot than the one before."""
        thumb = cv2.resize(self._input[0], (32, 18), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        before, self._thumb = self._thumb, thumb
        if before is None:
            return False
        cut = float(np.abs(thumb - before).mean()) / 255 > self.thresholds.cut
        if cut:
            self._last = None
        return cut

    def visible_area(
        self, registration: Registration, width: int, height: int
    ) -> NDArray[np.float64]:
        """The part of the field that a registered picture shows, (n, 2) metres."""
        if registration.field_from_image is None:
            return np.zeros((0, 2))
        corners = field_corners(self.field.length_m, self.field.width_m)
        forward = np.linalg.inv(np.asarray(registration.field_from_image, float))
        return visible_polygon(
            _facing(forward, np.array([[width / 2, height - 1.0]])), corners, width, height
        )


def _improves(new: Candidate, old: Candidate) -> bool:
    """More lines borne out, or as many and closer."""
    a, b = new.evidence, old.evidence
    gain = (a.support - b.support) + 0.15 * (min(b.residual_px, 4.0) - min(a.residual_px, 4.0))
    return gain > 0


def _as_good(new: Candidate, old: Candidate) -> bool:
    """Hardly fewer lines borne out, hardly farther off."""
    a, b = new.evidence, old.evidence
    return (
        a.support >= b.support - 0.04 and min(a.residual_px, 4.0) <= min(b.residual_px, 4.0) + 0.25
    )


def _facing(image_from_field: Matrix, image_px: Float) -> Matrix:
    """The sign that puts what the pixels show in front of the camera."""
    back = np.linalg.inv(image_from_field)
    middle = np.append(np.median(image_px, axis=0), 1.0)
    p = back @ middle
    return image_from_field if image_from_field[2] @ (p / p[2]) > 0 else -image_from_field


def _back(image_from_field: Matrix, image_px: Float) -> NDArray[np.float64]:
    back = np.linalg.inv(image_from_field)
    q = image_px @ back[:, :2].T + back[:, 2]
    p: NDArray[np.float64] = q[:, :2] / q[:, 2:]
    return p


def _lost(
    reason: Reason,
    watch: Stopwatch,
    *,
    cut: bool = False,
    verdict: Verdict | None = None,
    dense_ran: bool = False,
) -> Registration:
    watch.lap("verify")
    quality = (
        Quality()
        if verdict is None
        else Quality(score=verdict.score, line_support=verdict.evidence)
    )
    return Registration(State.LOST, reason, None, quality, dense_ran, cut, watch.ms)
