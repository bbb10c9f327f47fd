"""The camera's telemetry as a prior: where a picture shows too little to be registered by itself.

Three uses, in the order of how much the picture has to say:

1. its own answer is not sure: the prior is one more start, moved onto the picture's lines as far
   as its uncertainty lets it, and judged like any other candidate (`Guide.candidate`); and an
   answer that is not sure and far from the prior is refused (`Guide.contradicts`);
2. it has no answer of its own, but shows some lines where the prior expects them: the prior on
   those lines, `tracked` (`Guide.stand_in`);
3. it shows nothing that could be checked (grass, a black frame): the prior alone, `held`, only
   where that is allowed, for a limited time.

For all of it the prior must have earned it: pictures that were registered without it have borne
it out, the last of them in this shot and not long ago. How often and how closely they did is the
score and the expected error of an answer of kind 2 or 3. A picture that contradicts the prior
(lines expected and not found, no field where there should be some, a cut to another shot) is lost
as before.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.geometry import apply_homography, depth
from edge.registration import camera as cam
from edge.registration import evidence as ev
from edge.registration.candidates import CameraFit, Candidate, Observation, Workbench
from edge.registration.homography import Matrix
from edge.registration.picture import Picture
from edge.types import CameraPrior, FloatArray, Quality, RegistrationState, RejectionReason

RIGHT = 0.02
"""Mean reprojection error over the picture's height up to which a homography is right."""
EARNED = 25
"""Registered pictures that a prior was compared with before it may stand in."""
REMEMBERED = 200
TRUST_S = 30.0
"""How long a prior is trusted after a picture last confirmed it: mounts get knocked."""
_BLANK = 4.0
"""Standard deviation in grey levels under which a picture shows nothing at all."""
_LINES = 24
"""Points along lines that a picture must bear out to confirm a prior by itself."""
_EXPECTED = 16
"""Points along lines in the picture from which on none being there is a contradiction."""
_FLOOR_DEG, _FLOOR_FOCAL, _FLOOR_M = 0.05, 0.004, 0.05
"""Least standard errors believed of a prior: lag and lens tables are never quite right."""


def gaussian(prior: CameraPrior, log_aspect: float = 0.0) -> cam.Prior:
    """Return a prior in the parameters of `edge.registration.camera`."""
    angles = np.radians([prior.pan_deg, -prior.tilt_deg, prior.roll_deg])
    mean = np.array([math.log(prior.focal_widths), log_aspect, *angles, *prior.position_m, 0.0])
    turn = np.radians(np.maximum(prior.sigma_deg, _FLOOR_DEG))
    place = max(prior.sigma_m, _FLOOR_M)
    deviation = np.array(
        [max(prior.sigma_focal, _FLOOR_FOCAL), 0.002, *turn, place, place, place, cam.BEND], float
    )
    return cam.Prior(mean, np.diag(1 / deviation**2))


class PriorRecord:
    """How well priors agreed with pictures that were registered without them. Pure."""

    def __init__(self) -> None:
        self._angles: deque[float] = deque(maxlen=REMEMBERED)
        self._confirmed_s: float | None = None

    def add(self, angle: float, limit: float, time_s: float) -> None:
        """Take one picture's mean disagreement, and the one up to which it agrees, both over f."""
        self._angles.append(angle)
        self._confirmed_s = time_s if angle <= limit else None

    def doubt(self) -> None:
        """Another shot, or no prior for a while: it has to be confirmed again."""
        self._confirmed_s = None

    def age_s(self, time_s: float) -> float:
        """Seconds since a picture last confirmed the prior; infinite where that does not count."""
        if self._confirmed_s is None or len(self._angles) < EARNED or time_s < self._confirmed_s:
            return math.inf
        age_s = time_s - self._confirmed_s
        return age_s if age_s <= TRUST_S else math.inf

    def score(self, limit: float) -> float:
        """Share of the pictures whose disagreement was within a limit, after Laplace."""
        within = sum(angle <= limit for angle in self._angles)
        return (within + 1) / (len(self._angles) + 2)

    @property
    def typical(self) -> float:
        """Mean disagreement over the focal length; wrong answers of single pictures count less."""
        if not self._angles:
            return math.inf
        most = 3 * median(self._angles)
        return sum(min(angle, most) for angle in self._angles) / len(self._angles)


@dataclass(frozen=True, slots=True)
class StandIn:
    """An answer that a prior gave where the picture gave none."""

    state: RegistrationState
    image_from_field: Matrix
    """(3, 3) in the pixels of the checked picture."""
    quality: Quality


class Guide:
    """Lets the priors of a shot take part in its registration. Reads no clock, keeps no picture."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self.record = PriorRecord()

    def trusts(self, prior: CameraPrior) -> bool:
        """Whether pictures of this shot have borne the camera's priors out."""
        return math.isfinite(self.record.age_s(prior.time_s))

    def candidate(self, seen: Observation, prior: CameraPrior) -> Candidate | None:
        """The prior, moved onto the picture's lines, judged; None where it cannot be judged."""
        size = seen.check_size
        theta, information, _ = self._settled(seen.picture.grey, size, prior)
        found = self._bench.try_out(seen, self._bench.shown(seen.picture, theta))
        return None if found is None else replace(found, camera=CameraFit(theta, information))

    def contradicts(self, answer: Candidate, seen: Observation, prior: CameraPrior) -> bool:
        """Whether an answer that is not sure is far from what a prior says that has proved right.

        Of two that differ, the one that is right 95 times in 100 wins.
        """
        if not self.trusts(prior):
            return False
        size = seen.check_size
        shown = seen.picture.check_from_net @ answer.image_from_field
        moved = apart_px(shown, _homography(prior, size), size, self._bench.field)
        return moved is None or moved > max(2 * RIGHT * size[1], 2 * _reach_px(prior, size))

    def compare(self, image_from_field: Matrix, size: tuple[int, int], prior: CameraPrior) -> None:
        """Note how well a prior fits a picture that was registered without it.

        (3, 3) homography in pixels of the checked picture of `size` (width, height), positive in
        front of the camera.
        """
        focal = prior.focal_widths * size[0]
        moved = apart_px(image_from_field, _homography(prior, size), size, self._bench.field)
        if moved is not None:
            self.record.add(moved / focal, RIGHT * size[1] / focal, prior.time_s)

    def stand_in(
        self, picture: Picture, prior: CameraPrior, reason: RejectionReason, *, blank: bool
    ) -> StandIn | None:
        """Answer for a picture that was refused for a reason; None where it stays lost."""
        height, width = picture.grey.shape
        size = (width, height)
        if not self.trusts(prior) or (reason is RejectionReason.NO_FIELD and not blank):
            return None
        if not blank:
            theta, _, found = self._settled(picture.grey, size, prior)
            if _borne_out(found) and _within(theta, prior):
                h = cam.compose(theta, size)
                return StandIn(
                    RegistrationState.TRACKED, h, self._quality(prior, h, size, picture, found)
                )
            if found.points >= _EXPECTED:
                return None
        h = _homography(prior, size)
        allowed = prior.hold_s > 0 and self.record.age_s(prior.time_s) <= prior.hold_s
        if not (allowed and _shown(h, size, self._bench.field)):
            return None
        return StandIn(RegistrationState.HELD, h, self._quality(prior, h, size, picture, None))

    def _settled(
        self, grey: NDArray[np.uint8], size: tuple[int, int], prior: CameraPrior
    ) -> tuple[FloatArray, Matrix, ev.Evidence]:
        """The most probable camera given a prior and the lines near where it expects them.

        (9,) parameters, (9, 9) information of the lines alone, and the lines under it.
        """
        known = gaussian(prior)
        theta, information = known.mean, np.zeros((9, 9))
        found = self._look(grey, size, theta, reach_px=_reach_px(prior, size))
        for _ in range(2):
            if found.found.sum() < 8:
                break
            trial, told = cam.fit(theta, self._ridges(found), known, size)
            better = self._look(grey, size, trial)
            if better.found.sum() < 0.7 * found.found.sum():
                break
            theta, information, found = trial, told, better
        return theta, information, self._look(grey, size, theta)

    def _look(
        self,
        grey: NDArray[np.uint8],
        size: tuple[int, int],
        theta: FloatArray,
        reach_px: float = 4.0,
    ) -> ev.Evidence:
        lens = cam.lens(theta, size)
        shown = ev.project(self._bench.lines, cam.compose(theta, size), *size, lens=lens)
        return ev.check(grey, shown, reach_px=reach_px)

    def _ridges(self, found: ev.Evidence) -> cam.Pull:
        """Ridges as measurements across their lines; neighbours repeat each other."""
        on, p = found.found, found.projected
        n = int(on.sum())
        return cam.Pull(
            self._bench.lines.position_m[p.index[on]],
            p.image_px[on] + found.offset_px[on, None] * p.normal[on],
            p.normal[on],
            np.full(n, 0.7),
            np.full(n, min(1.0, 60 / max(n, 1))),
        )

    def _quality(
        self,
        prior: CameraPrior,
        h: Matrix,
        size: tuple[int, int],
        picture: Picture,
        found: ev.Evidence | None,
    ) -> Quality:
        focal = prior.focal_widths * size[0]
        rms_px = None
        if found is not None and found.found.any():
            rms_px = float(np.sqrt(np.mean(found.offset_px[found.found] ** 2)))
            rms_px *= picture.width / size[0]
        return Quality(
            score=self.record.score(RIGHT * size[1] / focal),
            rms_px=rms_px,
            expected_error_m=_metres(h, self.record.typical * focal, size, self._bench.field),
            line_support=None if found is None else found.support,
        )


def is_blank(picture_bgr: NDArray[np.uint8]) -> bool:
    """Whether a (h, w, 3) picture shows nothing at all: black, white, any even colour."""
    return bool(picture_bgr.reshape(-1, 3).std(axis=0).max() < _BLANK)


def _homography(prior: CameraPrior, size: tuple[int, int]) -> Matrix:
    return cam.compose(gaussian(prior).mean, size)


def _reach_px(prior: CameraPrior, size: tuple[int, int]) -> float:
    """How far from where a prior expects it a line may lie: three standard errors, 4 to 12 px."""
    turn = math.radians(max(*prior.sigma_deg[:2], _FLOOR_DEG))
    return float(np.clip(3 * turn * prior.focal_widths * size[0], 4.0, 12.0))


def _borne_out(found: ev.Evidence) -> bool:
    """Whether a picture's lines alone confirm a homography that was expected."""
    clear = found.support >= 0.6 and found.support - found.chance >= 0.3
    return bool(found.found.sum() >= _LINES and clear and found.residual_px <= 1.5)


def _within(theta: FloatArray, prior: CameraPrior) -> bool:
    """Whether a camera is one that the prior allows: within four standard errors in all."""
    known = gaussian(prior)
    d = theta - known.mean
    return float(d @ known.information @ d) <= 16.0


def _on_field(h: Matrix, size: tuple[int, int], field: Field) -> tuple[FloatArray, FloatArray]:
    """Grid points of a picture of `size` that show the field, (n, 2) pixels and metres."""
    width, height = size
    u, v = np.meshgrid(np.linspace(0.05, 0.95, 9) * width, np.linspace(0.05, 0.95, 7) * height)
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    metres = apply_homography(np.linalg.inv(h), pixels)
    half = np.array([field.length_m, field.width_m]) / 2
    with np.errstate(invalid="ignore"):
        on = np.all(np.abs(metres) <= half, axis=1) & (depth(h, metres) > 0)
    return pixels[on], metres[on]


def apart_px(answer: Matrix, expected: Matrix, size: tuple[int, int], field: Field) -> float | None:
    """Mean distance of what a picture shows of the field from where it was expected."""
    pixels, metres = _on_field(answer, size, field)
    if len(pixels) < 6 or (depth(expected, metres) <= 0).any():
        return None
    return float(np.linalg.norm(apply_homography(expected, metres) - pixels, axis=1).mean())


def _shown(h: Matrix, size: tuple[int, int], field: Field) -> bool:
    """Whether a picture shows the field on a quarter of it at least."""
    return len(_on_field(h, size, field)[0]) >= 63 / 4


def _metres(h: Matrix, error_px: float, size: tuple[int, int], field: Field) -> float | None:
    """Mean error on the visible field of an error in the picture."""
    pixels, metres = _on_field(h, size, field)
    if not len(pixels):
        return None
    back = np.linalg.inv(h)
    steps = np.array([[1.0, 0], [0, 1.0]]) * error_px
    moved = [apply_homography(back, pixels + step) - metres for step in steps]
    return float(np.median(np.hypot(*(np.linalg.norm(m, axis=1) for m in moved))) / math.sqrt(2))
