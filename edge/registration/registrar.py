"""The registrar: one picture in, a registration that may be trusted or a reason why not.

prepare -> network -> keypoints -> homography -> verify -> (dense -> refine -> verify) -> answer
prepare -> follow -> verify -> answer, for frames between those of a fast video, while sure
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, open_graphs
from edge.engines import EngineOptions
from edge.errors import UsageError
from edge.fields import Field
from edge.registration.behind import LooksBehind
from edge.registration.candidates import Candidate, Observation, Workbench, facing
from edge.registration.cuts import ALIKE, alike, change
from edge.registration.flight import Flight, Maps, Sight
from edge.registration.guidance import Guide, is_blank
from edge.registration.homography import estimate, inverse, polish
from edge.registration.keypoints import decode, read_keypoints, thin
from edge.registration.motion import motion
from edge.registration.picture import SMALLEST, Moved, Picture, prepare
from edge.registration.stopwatch import Stopwatch
from edge.registration.tracking import Last, Tracker
from edge.registration.turns import Turns
from edge.registration.verdict import (
    FALLBACK,
    Verdict,
    agreement_px,
    published_score,
    refusal,
)
from edge.registration.worth import Worth
from edge.types import (
    CameraPrior,
    ImageArray,
    Quality,
    Registration,
    RegistrationState,
    RejectionReason,
)

RefineMode = Literal["auto", "never", "always"]
LEARNT = 0.4
"""Least score of an answer that tells something of the shot's camera."""
INLIER = 0.0125
"""Distance within which a keypoint agrees, over the picture's width."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the verdict's score must reach."""

    verified: float = 0.75
    """Keypoints' homography taken as it is; below, the dense head is asked."""
    sure: float = 0.9
    """Below, it is asked as well where there is time, while that gains something (see `Worth`)."""
    accepted: float = 0.5
    """Lowest score of a frame's own answer; below, the frame is lost."""
    carried: float = 0.5
    """The same of an answer that rests on the frame before or on telemetry."""
    coverage: float = 0.06
    """Share of the picture that must show the field."""
    cut: float = 0.16
    """Mean change of a thumbnail, of its range, that tells a cut from a camera's motion.

    Unless the picture only became brighter or darker (see `edge.registration.cuts`).
    """
    still: float = 0.03
    """The same, below which a picture shows as little of a field as the one before did."""


@dataclass(frozen=True, slots=True)
class _Decision:
    state: RegistrationState
    answer: Candidate | None
    """The accepted candidate, or the best refused one when `state` is LOST."""
    dense_ran: bool
    guided: bool = False
    """Whether the prior had a part in it."""
    carried: bool = False
    """Whether it is the answer before, moved with the picture."""
    withheld: bool = False
    """Whether it would have been refined, had there been time."""


@dataclass(frozen=True, slots=True)
class _Unrefined:
    """An answer that was given as it was for want of time."""

    seen: Observation
    decision: _Decision
    answer: Candidate
    prior: CameraPrior | None


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the caller says of one frame."""

    prior: CameraPrior | None
    spare_ms: float | None
    """What all its stages may take together; None: as long as they need."""


class FieldRegistrar:
    """Registers pictures of one field with one bundle.

    One thread registers, or one senses while another finishes.

    `verify="never"` answers every picture (for ablations); `refine` says when the dense head runs;
    `follow=False` sends every frame through the network; `steady=False` leaves the homography free
    of what a camera can be. Raises UsageError for a field of another sport, BundleError or
    EngineError when the bundle's graphs cannot be loaded.
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
        usual = Thresholds()
        self.thresholds = thresholds or Thresholds(
            verified=model.get("threshold.verified", usual.verified),
            sure=model.get("threshold.sure", usual.sure),
            accepted=model.get("threshold.accepted", usual.accepted),
            carried=model.get("threshold.carried", model.get("threshold.accepted", usual.accepted)),
        )
        self.refines: RefineMode = refine
        self.follows = follow
        self.verifies = verify == "auto"
        calibrated = model if "score.bias" in model else FALLBACK
        self.workbench = Workbench(field, self.size, calibrated, steady=steady)
        self.guide = Guide(self.workbench)
        self.tracker = Tracker(self.workbench)
        self._input = self._graphs.encoder.buffer("image")
        self._network = threading.RLock()
        """Held while the network's input and outputs are in use."""
        self._behind = LooksBehind(self._seen_apart)
        self._turns = Turns()
        self._worth = Worth()
        self._before: Registration | None = None
        """The answer to the frame before."""
        self._unrefined: _Unrefined | None = None
        """The same, where it may still be refined."""
        self._thumb: NDArray[np.float32] | None = None
        self._grey: NDArray[np.uint8] | None = None
        """Of the last picture that was prepared."""
        self._whole_ms = 0.0
        """What a frame takes here, of late, through the network and without refinement."""
        self._refining_ms = 0.0
        """What the dense head and refinement take here, of late."""

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
        self._thumb = self._before = self._unrefined = None
        self._behind.drop()
        self.tracker.forget()
        self._worth.forget()
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
        if not _usable(image_bgr):
            return Flight(watch, None)
        overdue, pressed = self._behind.overdue, self._is_pressed(spare_ms)
        follows = self._turns.follows(pts_s, pressed=pressed) and not overdue
        put_off = pressed and self._turns.soon and not (follows or overdue)
        behind = put_off and self._may_follow(None)
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
        before = self._before
        if before is None or not self.follows or not self.verifies or self.refines == "always":
            return False
        if before.field_from_image is None:
            return before.reason is RejectionReason.NO_FIELD
        return self._is_pressed(spare_ms) or before.quality.score >= self.thresholds.verified

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
            return _lost(RejectionReason.BAD_FRAME, watch)
        blank = prior is not None and is_blank(sight.glimpse)
        moved, cut = (0.0, False) if blank else self._change(sight.thumb)
        wishes = _Wishes(prior, spare_ms)
        if cut:
            self.tracker.forget()
            self._worth.forget()
        if cut or prior is None:
            self.guide.record.doubt()
        flash, kept = not cut and moved > self.thresholds.cut, self.tracker.last
        answer = None
        try:
            may = (flight.follows or flight.behind) and self._may_follow(spare_ms)
            if may and not (cut or blank):
                answer = self._followed(sight, watch, wishes, moved)
            if answer is not None:
                self._behind.followed(flight, kept, prior, due=flight.behind)
            else:
                answer = self._answer(sight, watch, wishes, cut=cut, blank=blank)
                if not answer.dense_ran:
                    self._took(watch.total_ms)
                sure = answer.quality.score >= self.thresholds.verified
                if kept is not None and not (cut or blank or sure):
                    answer = self._through_flash(kept, sight.picture, watch, answer, begins=flash)
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            self.tracker.forget()
            answer = _lost(RejectionReason.IMPLAUSIBLE, watch, cut=cut)
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
        watch, newest = look.watch, self.tracker.last
        watch.resume()
        try:
            if look.read is None:
                look.read = self._read_off(look.sight.picture, maps, watch)
                return []
            self._behind.take()
            self.tracker.back_to(look.last)
            self._before = self._answer(look.sight, watch, _Wishes(look.prior, 0.0), read=look.read)
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            self._behind.take()
            self.tracker.forget()
            self._before = _lost(RejectionReason.IMPLAUSIBLE, watch)
        if self.tracker.last is look.last:  # not decided for want of time: the next frame asks
            self.tracker.back_to(newest)
        self._took(look.flight.watch.ms["preprocess"] + watch.total_ms)
        self._catch_up(look.since)
        return look.since

    def _refine_behind(self, since: list[Flight]) -> bool:
        """Refine the last answer, of the frame before those `since`, where that was left undone."""
        left, self._unrefined = self._unrefined, None
        if left is None:
            return False
        watch, seen, given = Stopwatch(), left.seen, left.answer
        try:
            better = self._refined(seen, given, watch, known=left.decision.carried)
        except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
            return True
        if better is None or better.verdict.score <= given.verdict.score:
            return True
        own = not left.decision.guided
        if self._before is not None and self._accepted(better, seen, left.prior, own=own):
            self._keep(seen, better, replace(left.decision, carried=False), left.prior)
            self._before = replace(self._before, quality=self._quality(better, seen))
            self._catch_up(since)
        return True

    def _catch_up(self, since: list[Flight]) -> None:
        """Follow the last answer through frames that came after its own."""
        for flight in since:
            if flight.sight is None or not self._shows_field:
                return
            try:
                self._before = self._followed(flight.sight, Stopwatch(), _Wishes(None, None), 0.0)
            except np.linalg.LinAlgError:  # degenerate geometry that no check foresaw
                self._before = None
            if self._before is None:  # the network looks at the next one
                self.tracker.forget()

    def _took(self, ms: float) -> None:
        """Take note of what a frame took through the network."""
        self._whole_ms += 0.2 * (ms - self._whole_ms)

    def _followed(
        self, sight: Sight, watch: Stopwatch, wishes: _Wishes, change: float
    ) -> Registration | None:
        """What the frame before tells of this one, without the network; None where it does not."""
        before, picture = self._before, sight.picture
        if before is None:
            return None
        if before.field_from_image is None:
            if change > self.thresholds.still:
                return None
            lost = _lost(before.reason, watch)
            return self._stood_in(lost, picture, wishes.prior, watch, blank=False)
        answer = self.tracker.followed(picture)
        watch.lap("verify")
        if answer is None:
            return None
        verdict = answer.verdict
        return replace(
            before,
            state=RegistrationState.TRACKED,
            field_from_image=_field_from_image(answer, picture),
            quality=replace(
                before.quality,
                score=verdict.score,
                rms_px=_rms_px(answer, picture),
                line_support=verdict.evidence,
            ),
            dense_ran=False,
            cut=False,
            latency_ms=watch.ms,
        )

    def _through_flash(
        self,
        kept: Last,
        picture: Picture,
        watch: Stopwatch,
        own: Registration,
        *,
        begins: bool,
    ) -> Registration:
        """What the frame before tells of one that a flash bleached, if likelier than its `own`."""
        before = self._before
        if before is None or not self.verifies:
            return own
        least = max(own.quality.score, self.thresholds.carried)
        answer = self.tracker.through_flash(kept, picture, begins=begins, least=least)
        if answer is None:
            return own
        watch.lap("verify")
        self._unrefined = None  # it was the own answer's
        return replace(
            own,
            state=RegistrationState.TRACKED,
            reason=RejectionReason.NONE,
            field_from_image=_field_from_image(answer, picture),
            quality=replace(
                before.quality,
                score=answer.verdict.score,
                rms_px=_rms_px(answer, picture),
                line_support=answer.verdict.evidence,
            ),
            guided=kept.guided,
            latency_ms=watch.ms,
        )

    def _answer(
        self,
        sight: Sight,
        watch: Stopwatch,
        wishes: _Wishes,
        *,
        cut: bool = False,
        blank: bool = False,
        read: Observation | RejectionReason | None = None,
    ) -> Registration:
        """A picture's own answer; `read` is what was read off the network's maps already."""
        picture, prior = sight.picture, wishes.prior
        seen = self._seen(sight, watch) if read is None else read
        if isinstance(seen, RejectionReason):
            self.tracker.forget()
            lost = _lost(seen, watch, cut=cut)
            return self._stood_in(lost, picture, prior, watch, blank=blank)
        decision = self._decide(seen, watch, wishes)
        answer = decision.answer
        if decision.state is RegistrationState.LOST or answer is None:
            if not decision.withheld:
                self.tracker.forget()
            refused = _refused(decision, watch, self.field.period_m, cut=cut)
            return self._stood_in(refused, picture, prior, watch, blank=blank)
        self._keep(seen, answer, decision, prior)
        if decision.withheld:
            self._unrefined = _Unrefined(seen, decision, answer, prior)
        return Registration(
            state=decision.state,
            field_from_image=_field_from_image(answer, picture),
            quality=self._quality(answer, seen),
            dense_ran=decision.dense_ran,
            cut=cut,
            guided=decision.guided,
            latency_ms=watch.ms,
        )

    def _keep(
        self,
        seen: Observation,
        answer: Candidate,
        decision: _Decision,
        prior: CameraPrior | None,
    ) -> None:
        """Learn from an answer for the frames to come."""
        self.tracker.keep(seen, answer, carried=decision.carried, guided=decision.guided)
        own = not (decision.guided or decision.carried)
        score, sure = answer.verdict.score, self.thresholds.verified
        if own and score >= LEARNT:
            self.workbench.remember(answer, min(1.0, score / sure) ** 2)
        if own and score >= sure and prior is not None:
            shown = seen.picture.check_from_net @ answer.image_from_field
            self.guide.compare(shown, seen.check_size, prior)

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
        if prior is not None and self.verifies:
            answer = self.guide.stand_in(picture, prior, lost.reason, blank=blank)
            watch.lap("verify")
        if answer is None or answer.quality.score < self.thresholds.carried:
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
        return self._read_off(sight.picture, maps, watch)

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
        return self._read_off(picture, maps, watch)

    def _read_off(
        self, picture: Picture, maps: Maps, watch: Stopwatch
    ) -> Observation | RejectionReason:
        cells = decode(maps["grid"][0], self.field)
        if cells.coverage < self.thresholds.coverage:
            return RejectionReason.NO_FIELD
        keypoints = read_keypoints(cells, self.field)
        threshold = INLIER * self.size[0]
        h, inlier = estimate(keypoints.field_m, keypoints.image_px, keypoints.score, threshold)
        chosen = thin(cells)
        px, m, sigma = cells.image_px[chosen], cells.field_m[chosen], cells.sigma_m[chosen]
        if h is None or inlier.sum() < 6:
            # too few grid points agree: the cells themselves
            h, inlier = estimate(m, px, 1 / (1 + sigma.mean(1)), threshold)
            if h is None or inlier.sum() < 0.25 * len(m):
                return RejectionReason.FEW_KEYPOINTS
        h = facing(polish(facing(h, px), m, px, sigma, self.size), px)
        watch.lap("keypoints")
        back = inverse(h)
        q = back[:, :2] @ px.T + back[:, 2:]
        on = (((m.T - q[:2] / q[2]) / sigma.T) ** 2).sum(0) < 36
        if on.sum() < 16:
            return RejectionReason.FEW_KEYPOINTS
        weight = 1 / (0.05 + sigma[on].mean(1)) ** 2
        agreement = agreement_px(m[on], px[on], weight, h)
        watch.lap("verify")
        return Observation(picture, cells, keypoints, h, agreement, maps["features"])

    def distances(self, seen: Observation) -> NDArray[np.float32]:
        """Run the dense head: (2, h, w) normalized line and region distances."""
        maps: NDArray[np.float32] = self._graphs.dense.run({"features": seen.features})[
            "distances"
        ][0]
        return maps

    def _decide(self, seen: Observation, watch: Stopwatch, wishes: _Wishes) -> _Decision:
        """Verify, refine where needed or told, and choose."""
        t, prior = self.thresholds, wishes.prior
        best = self.workbench.first(seen, hurried=self._is_pressed(wishes.spare_ms))
        state, guided = RegistrationState.VERIFIED, False
        sure = best is not None and best.verdict.score >= t.verified
        if prior is not None and not sure and self.guide.trusts(prior):
            third = self.guide.candidate(seen, prior)
            if third is not None and (best is None or third.verdict.score > best.verdict.score):
                best, state, guided = third, RegistrationState.TRACKED, True
                sure = third.verdict.score >= t.verified
        carried = False
        if not sure and self.verifies:
            fourth = self.tracker.carried(seen)
            if fourth is not None and (best is None or fourth.verdict.score > best.verdict.score):
                best, state, guided, carried = (
                    fourth,
                    RegistrationState.TRACKED,
                    self.tracker.guided,
                    True,
                )
                sure = fourth.verdict.score >= t.verified
        watch.lap("verify")
        asks = self.refines == "always" or (self.refines == "auto" and not sure)
        spare_ms, withheld = wishes.spare_ms, False
        late = spare_ms is not None and watch.total_ms + self._refining_ms > spare_ms
        if late and asks and self.refines == "auto":
            own = not (carried or guided)
            given = best is not None and self._accepted(best, seen, prior, own=own)
            withheld = given or spare_ms == 0.0  # a frame that has waited does not keep others
            asks = not withheld
        good = best if sure and not late and self.refines == "auto" else None
        tries = good is not None and good.verdict.score < t.sure and self._worth.asks()
        if asks or tries:
            second = self._refined(seen, best, watch, known=carried)
            if good is not None:
                reached = 0.0 if second is None else second.verdict.score
                self._worth.told(reached - good.verdict.score)
            if second is not None and (best is None or second.verdict.score > best.verdict.score):
                best, state, carried = second, RegistrationState.REFINED, False
        own = not (carried or guided)
        if best is not None and self._accepted(best, seen, prior, own=own):
            return _Decision(state, best, asks or tries, guided, carried, withheld)
        return _Decision(RegistrationState.LOST, best, asks or tries, withheld=withheld)

    def _refined(
        self, seen: Observation, best: Candidate | None, watch: Stopwatch, *, known: bool
    ) -> Candidate | None:
        """What the dense head makes of the best answer so far, or of the keypoints' homography."""
        begun_ms = watch.total_ms
        distances = self.distances(seen)
        watch.lap("dense")
        start = seen.start if best is None else best.image_from_field
        made = self.workbench.refined(seen, start, distances, known=known)
        watch.lap("refine")
        self._refining_ms += 0.2 * (watch.total_ms - begun_ms - self._refining_ms)
        return made

    def _accepted(
        self, best: Candidate, seen: Observation, prior: CameraPrior | None, *, own: bool
    ) -> bool:
        """Whether an answer may be given: sure, or likely enough and not against a proven prior."""
        score = best.verdict.score
        if not self.verifies or score >= self.thresholds.verified:
            return True
        against = prior is not None and self.guide.contradicts(best, seen, prior)
        least = self.thresholds.accepted if own else self.thresholds.carried
        return score >= least and not against

    def _quality(self, answer: Candidate, seen: Observation) -> Quality:
        f = answer.verdict.features
        return Quality(
            score=answer.verdict.score,
            inliers=round(f["inliers"] * len(seen.keypoints.score)),
            rms_px=_rms_px(answer, seen.picture),
            expected_error_m=answer.verdict.expected_error_m,
            line_support=answer.verdict.evidence,
        )

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
        return by, by > self.thresholds.cut and alike(before, thumb) < ALIKE


def _usable(image: ImageArray) -> bool:
    return (
        image.ndim == 3
        and image.shape[2] == 3
        and image.dtype == np.uint8
        and min(image.shape[:2]) >= SMALLEST
    )


def _field_from_image(answer: Candidate, picture: Picture) -> NDArray[np.float64]:
    """(3, 3) of the source's pixels, of norm 1."""
    h = inverse(answer.image_from_field) @ picture.net_from_source
    return np.asarray(h / np.linalg.norm(h))


def _rms_px(answer: Candidate, picture: Picture) -> float | None:
    """RMS distance from the projected lines to those found, source pixels; None if none were."""
    offset = answer.evidence.offset_px[answer.evidence.found]
    to_source = picture.width / picture.grey.shape[1]
    return float(np.sqrt(np.mean(offset**2)) * to_source) if len(offset) else None


def _refused(decision: _Decision, watch: Stopwatch, period_m: float, *, cut: bool) -> Registration:
    """A refusal with the reason of the best candidate."""
    if decision.answer is None:
        return _lost(RejectionReason.IMPLAUSIBLE, watch, cut=cut, dense_ran=decision.dense_ran)
    verdict = decision.answer.verdict
    reason = refusal(verdict.features, period_m)
    return _lost(reason, watch, cut=cut, verdict=verdict, dense_ran=decision.dense_ran)


def _lost(
    reason: RejectionReason,
    watch: Stopwatch,
    *,
    cut: bool = False,
    verdict: Verdict | None = None,
    dense_ran: bool = False,
) -> Registration:
    quality = (
        Quality()
        if verdict is None
        else Quality(score=verdict.score, line_support=verdict.evidence)
    )
    return Registration(RegistrationState.LOST, reason, None, quality, dense_ran, cut, watch.ms)
