"""The registrar: one picture in, a registration that may be trusted or a reason why not.

plan -> prepare -> network -> read off -> decide (tracked, own, telemetry, refined) -> answer
plan -> prepare -> motion -> predict -> lines -> answer, for frames between looks of the network
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, Graphs, open_graphs
from edge.engines import EngineOptions
from edge.errors import UsageError
from edge.fields import Field
from edge.registration.answers import field_from_image, lost_for, quality, refused, rms_px, usable
from edge.registration.behind import LooksBehind
from edge.registration.candidates import Candidate, Observation, Workbench
from edge.registration.cuts import ALIKE, alike, change
from edge.registration.decision import Decider, Decision, Wishes
from edge.registration.estimator import Belief, Estimator
from edge.registration.flight import Flight, Maps, Sight
from edge.registration.guidance import Guide, is_blank
from edge.registration.motion import motion
from edge.registration.picture import Moved, Picture, prepare
from edge.registration.policy import Policy, RefineMode, Thresholds
from edge.registration.reading import read_off
from edge.registration.scheduler import NetworkTurn, Times, plan
from edge.registration.stopwatch import Stopwatch
from edge.registration.verdict import FALLBACK, published_score
from edge.types import (
    CameraPrior,
    FloatArray,
    ImageArray,
    Registration,
    RegistrationState,
    RejectionReason,
)

LEARNT = 0.4
"""Least score of an answer that tells something of the shot's camera."""


@dataclass(frozen=True, slots=True)
class _Unrefined:
    """An answer that was given as it was for want of time."""

    seen: Observation
    decision: Decision
    answer: Candidate
    prior: CameraPrior | None


class FieldRegistrar:
    """Registers pictures of one field with one bundle.

    One thread registers, or one senses while another finishes.

    `verify="never"` answers every picture (for ablations); `refine` says when the dense head runs;
    `follow=False` sends every frame through the network; `steady=False` leaves the homography free
    of what a camera can be; `graphs` are the bundle's, loaded already. Raises UsageError for a
    field of another sport, BundleError or EngineError when the graphs cannot be loaded.
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
        follow: bool = True,
        steady: bool = True,
        thresholds: Thresholds | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        if bundle.manifest.sport != field.sport:
            raise UsageError(
                f"field {field.name} is for {field.sport}, the bundle for {bundle.manifest.sport}"
            )
        self.bundle, self.field = bundle, field
        self._graphs = graphs or open_graphs(
            bundle, engine, precision=precision, options=EngineOptions(threads=threads)
        )
        self.size = (bundle.manifest.input.width, bundle.manifest.input.height)
        model = dict(bundle.manifest.decode)
        self.policy = Policy(thresholds or Thresholds.of(model), refine, follow, verify == "auto")
        calibrated = model if "score.bias" in model else FALLBACK
        self.workbench = Workbench(field, self.size, calibrated, steady=steady)
        self.guide = Guide(self.workbench)
        self.estimator = Estimator(self.workbench)
        self._decider = Decider(
            self.workbench, self.guide, self.estimator, self.policy, self.distances
        )
        self._input = self._graphs.encoder.buffer("image")
        self._network = threading.RLock()
        """Held while the network's input and outputs are in use."""
        self._behind = LooksBehind(self._seen_apart)
        self._times = Times()
        self._before: Registration | None = None
        """The answer to the frame before."""
        self._alone: FloatArray | None = None
        """What a look behind the answers said by itself, until an answer carries it out."""
        self._unrefined: _Unrefined | None = None
        """The same, where it may still be refined."""
        self._thumb: NDArray[np.float32] | None = None
        self._grey: NDArray[np.uint8] | None = None
        """Of the last picture that was prepared."""
        self._whole_ms = 0.0
        """What a frame takes here, of late, through the network and without refinement."""

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
        self._thumb = self._before = self._unrefined = self._alone = None
        self._behind.drop()
        self.estimator.forget()
        self.workbench.memory.forget()
        self.guide.record.doubt()

    def warm_up(self) -> None:
        """Run everything once over a black picture: a first run takes several times as long."""
        width, height = self.size
        self.register(np.zeros((2 * height, 2 * width, 3), np.uint8))
        dense = self._graphs.dense
        dense.run({"features": dense.buffer("features")})
        self.reset()
        self._whole_ms = 0.0

    def close(self) -> None:
        """Free the engines."""
        with self._network:
            self._behind.close()
            self._graphs.close()

    def register(
        self,
        image_bgr: ImageArray,
        *,
        pts_s: float | None = None,
        prior: CameraPrior | None = None,
        spare_ms: float | None = None,
    ) -> Registration:
        """Register a (height, width, 3) uint8 BGR picture.

        `pts_s` tells how soon it comes after the one before; without it the network looks at it.
        `prior` is what the camera's telemetry says of it (see `edge.registration.guidance`);
        `spare_ms` what it may take: an answer that may be given is not refined when that would take
        longer, nor is the network's look waited for where the answer before was sure (see `mend`);
        none is refined at 0. Never raises for what the picture shows: a refusal is a
        registration without a homography.
        """
        with self._network:
            flight = self._fly(image_bgr, pts_s, spare_ms)
            return self.finish(flight, prior=prior, spare_ms=spare_ms)

    def sense(self, image_bgr: ImageArray, *, pts_s: float | None = None) -> Flight:
        """Run the network over a picture; `finish` makes the answer that `register` would give.

        May be called in another thread while the frame before is finished: twice the frames a
        second on two cores. Frames are finished in the order in which they were sensed.
        """
        with self._network:
            flight = self._fly(image_bgr, pts_s)
            if flight.sight is None:
                return flight
            # the next run overwrites the network's input and outputs
            return replace(flight, sight=flight.sight.kept())

    def _fly(
        self, image_bgr: ImageArray, pts_s: float | None, spare_ms: float | None = None
    ) -> Flight:
        watch = Stopwatch()
        if not usable(image_bgr):
            return Flight(watch, None)
        planned = plan(
            pts_s, self._times, pressed=self._is_pressed(spare_ms), overdue=self._behind.overdue
        )
        self._times = planned.times
        follows = planned.network is NetworkTurn.SKIP
        behind = planned.network is NetworkTurn.BEHIND and self._may_follow(None)
        picture = self.prepare(image_bgr)
        glimpse = self._glimpse()
        grey, self._grey = self._grey, picture.grey
        # as far as frames are finished
        follows_on = (follows or behind) and self._may_follow(spare_ms)
        watch.lap("preprocess")
        if follows_on and grey is not None and self._shows_field:
            picture = replace(picture, moved=Moved(grey, motion(grey, picture.grey)))
            watch.lap("motion")
        sight = Sight(picture, self._input, self._thumbnail(), glimpse)
        watch.lap("preprocess")
        if not follows_on:
            sight = replace(sight, maps=self._seen_now(self._input))
            watch.lap("infer")
        return Flight(watch, sight, follows, behind)

    def _may_follow(self, spare_ms: float | None) -> bool:
        """Whether the last answer tells what a frame right after it shows.

        A sure one does; where there is no time to look, any that was given.
        """
        before, policy = self._before, self.policy
        if before is None or not (policy.follows and policy.verifies):
            return False
        if policy.refines == "always":
            return False
        if before.field_from_image is None:
            return before.reason is RejectionReason.NO_FIELD
        return self._is_pressed(spare_ms) or before.quality.score >= self.policy.thresholds.verified

    @property
    def _shows_field(self) -> bool:
        """Whether the last answer says where the field is."""
        return self._before is not None and self._before.field_from_image is not None

    def _is_pressed(self, spare_ms: float | None) -> bool:
        """Whether the network cannot look at every frame."""
        return spare_ms is not None and spare_ms < self._whole_ms

    def finish(
        self, flight: Flight, *, prior: CameraPrior | None = None, spare_ms: float | None = None
    ) -> Registration:
        """Answer for a picture that was sensed; `prior` and `spare_ms` are those of `register`."""
        watch, sight = flight.watch, flight.sight
        watch.resume()
        self._unrefined = None
        if sight is None:
            return lost_for(RejectionReason.BAD_FRAME, watch)
        blank = prior is not None and is_blank(sight.glimpse)
        moved, cut = (0.0, False) if blank else self._change(sight.thumb)
        wishes = Wishes(prior, spare_ms, self._is_pressed(spare_ms))
        if cut:
            self.estimator.forget()
            self._alone = None
        if cut or prior is None:
            self.guide.record.doubt()
        flash, kept = not cut and moved > self.policy.thresholds.cut, self.estimator.belief
        answer = None
        try:
            may = (flight.follows or flight.behind) and self._may_follow(spare_ms)
            if may and not (cut or blank):
                answer = self._followed(sight, watch, wishes, moved)
            if answer is not None:
                self._behind.followed(flight, kept, prior, due=flight.behind)
                answer, self._alone = replace(answer, alone=self._alone), None
            else:
                answer = self._answer(sight, watch, wishes, cut=cut, blank=blank)
                if not answer.dense_ran:
                    self._whole_ms += 0.2 * (watch.total_ms - self._whole_ms)
                sure = answer.quality.score >= self.policy.thresholds.verified
                if kept is not None and not (cut or blank or sure):
                    answer = self._through_flash(kept, sight.picture, watch, answer, begins=flash)
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            self.estimator.forget()
            answer = lost_for(RejectionReason.IMPLAUSIBLE, watch, cut=cut)
        self._before = answer
        return self._published(answer)

    def _published(self, answer: Registration) -> Registration:
        """An answer as users see it: its score on the published scale, if a picture gave it."""
        if answer.state is RegistrationState.HELD:
            return answer
        quality = answer.quality
        score = published_score(quality.score, self.bundle.manifest.decode)
        return (
            answer
            if score == quality.score
            else replace(answer, quality=replace(quality, score=score))
        )

    def mend(self, *, refine: bool = True) -> bool:
        """Do what was left undone for the answer given last, for want of time.

        The network looks at its frame, if it has not; and, unless `refine` is off, an answer in
        doubt is refined. What was given does not change; the frames after it follow the better one.
        To be called before the next picture comes; returns whether there was anything to refine.
        """
        since = self._look_behind()
        return refine and self._refine_behind(since)

    def _look_behind(self) -> list[Flight]:
        """Do the next part of the network's look at a frame that was followed.

        Returns the frames since, if it was the last part and their answers may be better.
        """
        turn = self._behind.turn()
        if turn is None:
            return []
        look, maps = turn
        watch, newest = look.watch, self.estimator.belief
        watch.resume()
        try:
            if look.read is None:
                look.read = self._observed(look.sight.picture, maps, watch)
                return []
            self._behind.take()
            self.estimator.back_to(look.last)
            wishes = Wishes(look.prior, 0.0, hurried=True)
            self._before = self._answer(look.sight, watch, wishes, read=look.read)
            self._alone = self._before.alone
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            self._behind.take()
            self.estimator.forget()
            self._before = lost_for(RejectionReason.IMPLAUSIBLE, watch)
        if self.estimator.belief is look.last:  # not decided for want of time: the next frame asks
            self.estimator.back_to(newest)
        whole_ms = look.flight.watch.ms["preprocess"] + watch.total_ms
        self._whole_ms += 0.2 * (whole_ms - self._whole_ms)
        self._catch_up(look.since)
        return look.since

    def _refine_behind(self, since: list[Flight]) -> bool:
        """Refine the last answer, of the frame before those `since`, where that was left undone."""
        left, self._unrefined = self._unrefined, None
        if left is None:
            return False
        watch, seen, given = Stopwatch(), left.seen, left.answer
        try:
            better = self._decider.refined(seen, given, watch, known=left.decision.carried)
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            return True
        if better is None or better.verdict.score <= given.verdict.score:
            return True
        own = not left.decision.guided
        if self._before is not None and self._decider.accepts_answer(
            better, seen, left.prior, own=own
        ):
            self._keep(
                seen, better, replace(left.decision, carried=False, prediction=None), left.prior
            )
            self._before = replace(self._before, quality=quality(better, seen))
            self._catch_up(since)
        return True

    def _catch_up(self, since: list[Flight]) -> None:
        """Follow the last answer through frames that came after its own."""
        for flight in since:
            if flight.sight is None or not self._shows_field:
                return
            try:
                self._before = self._followed(flight.sight, Stopwatch(), Wishes(None, None), 0.0)
            except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
                self._before = None
            if self._before is None:  # the network looks at the next one
                self.estimator.forget()

    def _followed(
        self, sight: Sight, watch: Stopwatch, wishes: Wishes, change: float
    ) -> Registration | None:
        """What the frame before tells of this one, without the network; None where it does not."""
        before, picture = self._before, sight.picture
        if before is None:
            return None
        if before.field_from_image is None:
            if change > self.policy.thresholds.still:
                return None
            lost = lost_for(before.reason, watch)
            return self._stood_in(lost, picture, wishes.prior, watch, blank=False)
        answer = self.estimator.followed(picture)
        watch.lap("verify")
        if answer is None:
            return None
        verdict = answer.verdict
        if not self.estimator.guided:
            self._compare(answer, picture, wishes.prior)
        return replace(
            before,
            state=RegistrationState.TRACKED,
            field_from_image=field_from_image(answer, picture),
            quality=replace(
                before.quality,
                score=verdict.score,
                rms_px=rms_px(answer, picture),
                line_support=verdict.evidence,
            ),
            dense_ran=False,
            cut=False,
            latency_ms=watch.ms,
            alone=None,
        )

    def _through_flash(
        self,
        kept: Belief,
        picture: Picture,
        watch: Stopwatch,
        own: Registration,
        *,
        begins: bool,
    ) -> Registration:
        """What the frame before tells of one that a flash bleached, if likelier than its `own`."""
        before = self._before
        if before is None or not self.policy.verifies:
            return own
        least = max(own.quality.score, self.policy.thresholds.carried)
        answer = self.estimator.through_flash(kept, picture, begins=begins, least=least)
        if answer is None:
            return own
        watch.lap("verify")
        self._unrefined = None  # it was the own answer's
        return replace(
            own,
            state=RegistrationState.TRACKED,
            reason=RejectionReason.NONE,
            field_from_image=field_from_image(answer, picture),
            quality=replace(
                before.quality,
                score=answer.verdict.score,
                rms_px=rms_px(answer, picture),
                line_support=answer.verdict.evidence,
            ),
            guided=kept.guided,
            latency_ms=watch.ms,
            alone=None,
        )

    def _answer(
        self,
        sight: Sight,
        watch: Stopwatch,
        wishes: Wishes,
        *,
        cut: bool = False,
        blank: bool = False,
        read: Observation | RejectionReason | None = None,
    ) -> Registration:
        """A picture's own answer; `read` is what was read off the network's maps already."""
        picture, prior = sight.picture, wishes.prior
        seen = self._seen(sight, watch) if read is None else read
        if isinstance(seen, RejectionReason):
            self.estimator.forget()
            lost = lost_for(seen, watch, cut=cut)
            return self._stood_in(lost, picture, prior, watch, blank=blank)
        decision = self._decider.decide(seen, watch, wishes)
        answer = decision.answer
        if decision.state is RegistrationState.LOST or answer is None:
            if not decision.withheld:
                self.estimator.forget()
            lost = refused(decision, watch, self.field.period_m, cut=cut)
            return self._stood_in(lost, picture, prior, watch, blank=blank)
        self._keep(seen, answer, decision, prior)
        if decision.withheld:
            self._unrefined = _Unrefined(seen, decision, answer, prior)
        return Registration(
            state=decision.state,
            field_from_image=field_from_image(answer, picture),
            quality=quality(answer, seen),
            dense_ran=decision.dense_ran,
            cut=cut,
            guided=decision.guided,
            latency_ms=watch.ms,
            alone=None if decision.alone is None else field_from_image(decision.alone, picture),
        )

    def _keep(
        self,
        seen: Observation,
        answer: Candidate,
        decision: Decision,
        prior: CameraPrior | None,
    ) -> None:
        """Learn from an answer for the frames to come."""
        self.estimator.keep(seen, answer, decision.prediction, guided=decision.guided)
        own = not (decision.guided or decision.carried)
        score, sure = answer.verdict.score, self.policy.thresholds.verified
        if own and score >= LEARNT:
            self.workbench.remember(answer, min(1.0, score / sure) ** 2)
        if own:
            self._compare(answer, seen.picture, prior)

    def _compare(self, answer: Candidate, picture: Picture, prior: CameraPrior | None) -> None:
        """Note how well telemetry fits a sure answer in which it had no part."""
        if prior is None or answer.verdict.score < self.policy.thresholds.verified:
            return
        height, width = picture.grey.shape
        shown = picture.check_from_net @ answer.image_from_field
        self.guide.compare(shown, (width, height), prior)

    def _stood_in(
        self,
        lost: Registration,
        picture: Picture,
        prior: CameraPrior | None,
        watch: Stopwatch,
        *,
        blank: bool,
    ) -> Registration:
        """What a prior makes of a refused picture: mostly the refusal itself."""
        answer = None
        if prior is not None and self.policy.verifies:
            answer = self.guide.stand_in(picture, prior, lost.reason, blank=blank)
            watch.lap("verify")
        if answer is None or answer.quality.score < self.policy.thresholds.carried:
            return lost
        h = np.linalg.inv(answer.image_from_field) @ picture.check_from_source
        return replace(
            lost,
            state=answer.state,
            reason=RejectionReason.NONE,
            field_from_image=h / np.linalg.norm(h),
            quality=answer.quality,
            guided=True,
        )

    def _seen(self, sight: Sight, watch: Stopwatch) -> Observation | RejectionReason:
        """What the network sees in a picture."""
        maps = sight.maps
        if maps is None:
            maps = self._looked_at(sight)
            watch.lap("infer")
        return self._observed(sight.picture, maps, watch)

    def _looked_at(self, sight: Sight) -> Maps:
        """The network's maps of a picture that it has not run over."""
        with self._network:
            if sight.image is not self._input:
                np.copyto(self._input, sight.image)
            maps = self._seen_now(self._input)
            return {name: array.copy() for name, array in maps.items()}

    def _seen_now(self, image: NDArray[np.uint8]) -> Maps:
        """Run the network over (1, h, w, 3); the maps are overwritten by the next run."""
        self._behind.drop()
        return self._graphs.encoder.run({"image": image})

    def _seen_apart(self, image: NDArray[np.uint8]) -> Maps:
        """The same in a thread beside the one that registers, which gets copies."""
        maps = self._graphs.encoder.run({"image": image})
        return {name: array.copy() for name, array in maps.items()}

    def prepare(self, image_bgr: ImageArray) -> Picture:
        """Fill the network's input from a picture; `observe` comes next."""
        return prepare(image_bgr, self._input, self.field.paint)

    def observe(self, picture: Picture, watch: Stopwatch) -> Observation | RejectionReason:
        """Run the network on the prepared picture and estimate a first homography."""
        maps = self._seen_now(self._input)
        watch.lap("infer")
        return self._observed(picture, maps, watch)

    def _observed(
        self, picture: Picture, maps: Maps, watch: Stopwatch
    ) -> Observation | RejectionReason:
        least = self.policy.thresholds.coverage
        return read_off(picture, maps, self.field, self.size, least, watch)

    def distances(self, seen: Observation) -> NDArray[np.float32]:
        """Run the dense head: (2, h, w) normalized line and region distances."""
        maps: NDArray[np.float32] = self._graphs.dense.run({"features": seen.features})[
            "distances"
        ][0]
        return maps

    def _glimpse(self) -> ImageArray:
        """Every second pixel of the prepared picture, (h, w, 3)."""
        size = (self.size[0] // 2, self.size[1] // 2)
        every: ImageArray = cv2.resize(self._input[0], size, interpolation=cv2.INTER_NEAREST)
        return every

    def _thumbnail(self) -> NDArray[np.float32]:
        """The prepared picture, (h, w, 3) at an eighth of its size."""
        size = (self.size[0] // 8, self.size[1] // 8)
        thumb: ImageArray = cv2.resize(self._input[0], size, interpolation=cv2.INTER_AREA)
        return thumb.astype(np.float32)

    def _change(self, thumb: NDArray[np.float32]) -> tuple[float, bool]:
        """By how much the thumbnail changed since the frame before, and whether that was a cut."""
        before, self._thumb = self._thumb, thumb
        if before is None:
            return 0.0, False
        by = change(before, thumb)
        return by, by > self.policy.thresholds.cut and alike(before, thumb) < ALIKE
