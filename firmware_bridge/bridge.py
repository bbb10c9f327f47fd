"""The facade that the box calls.

A registration in, a pose out, tracking data on its way, events now and then.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.types import FloatArray, Registration, RegistrationState
from firmware_bridge.align import (
    LAG_KNOWN_S,
    ROLL_NOISE_DEG,
    Alignment,
    AlignVerdict,
    VisionSample,
    align,
)
from firmware_bridge.aspect import AspectWatch
from firmware_bridge.camera_position import SteadyPosition
from firmware_bridge.config import BridgeConfig, resolve
from firmware_bridge.links import open_link
from firmware_bridge.links.recording import RecordedLink
from firmware_bridge.model import CameraLinkState, CameraPose, Telemetry
from firmware_bridge.monitor import FieldDifference, LinkMonitor
from firmware_bridge.pose import PoseEstimate, PoseSigma, PoseVerdict, estimate_pose
from firmware_bridge.rotation import wrap_deg
from firmware_bridge.tracking import TrackingSender

if TYPE_CHECKING:
    from typing_extensions import Self

_LOG = logging.getLogger(__name__)
_SOLVED = frozenset(
    {RegistrationState.VERIFIED, RegistrationState.REFINED, RegistrationState.TRACKED}
)
_PAIRS = 1500
_ALIGN_EVERY_S = 3.0
_ALIGN_EVERY_FRAMES = 75
_REST_S = 0.001
"""How long the bridge's thread rests between two parts of its sums, for frames wait meanwhile."""
_EVENTS = 64
_CHECK_S = 1.0
"""How long the start waits for a name server that gives no answer."""
_JOIN_S = 1.0
_DUMB = frozenset({AlignVerdict.NEEDS_DATA, AlignVerdict.NEEDS_MOTION})
"""What a camera that stands still gives: no reason to forget what its motion told before."""
_Angles: TypeAlias = "tuple[float, float, float | None]"


@dataclass(frozen=True, slots=True)
class BridgeEvent:
    """Something that an operator should know."""

    kind: str
    """`camera_moved`, `lens_changed`, `aligned`, `alignment_lost` or `squeezed`."""
    capture_ns: int
    message: str
    values: Mapping[str, float] = field(default_factory=dict)


class _Stopping(Exception):  # noqa: N818 - no error: the bridge is closed
    """The bridge ends in the middle of a sum."""


class Bridge:
    """Reads one camera's telemetry, learns how it relates to the pictures, and sends poses out.

    `on_registration` takes about a millisecond and never waits: links and alignment have threads
    of their own.
    """

    def __init__(self, config: BridgeConfig) -> None:
        self._config = config
        if config.host and config.type in {"visca", "onvif"}:
            _check_name(config.host)
        self._link = open_link(config)
        self._sender = TrackingSender(config.tracking)
        self._steady = SteadyPosition()
        self._monitor = LinkMonitor()
        self._aspect = AspectWatch()
        self._squeezed = False
        self._events: deque[BridgeEvent] = deque(maxlen=_EVENTS)
        self._vision: deque[VisionSample] = deque(maxlen=_PAIRS)
        self._alignment = Alignment(AlignVerdict.NEEDS_DATA, 0)
        self._frames = 0
        self._seen_ns = 0
        self._epoch = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._defects: set[type[Exception]] = set()
        self._aligner = threading.Thread(target=self._align_loop, name="camera-align", daemon=True)

    def start(self) -> Self:
        """Start the link and the alignment; returns itself."""
        if self._link is not None:
            self._link.start()
        self._aligner.start()
        return self

    def stop(self) -> None:
        """Tell the threads to end, and wake them; returns at once."""
        self._stop.set()
        if self._link is not None:
            self._link.stop()

    def close(self) -> None:
        """Stop threads and free sockets, whatever the camera does, within three seconds."""
        self.stop()
        self._sender.close()
        if self._link is not None:
            self._link.close()
        if self._aligner.is_alive():
            self._aligner.join(timeout=_JOIN_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def alignment(self) -> Alignment:
        """How telemetry maps to pictures, as far as it is known."""
        return self._alignment

    @property
    def sent(self) -> Mapping[str, int]:
        """Counts of the tracking sender."""
        return dict(self._sender.counts)

    def link_state(self) -> CameraLinkState | None:
        """How the camera's link does; None without one."""
        return None if self._link is None else self._link.state()

    def film_began(self, utc_ns: int) -> None:
        """Say at which UTC time a film's own time was 0: recorded telemetry counts from there."""
        if isinstance(self._link, RecordedLink):
            self._link.began(utc_ns)

    def take_events(self) -> list[BridgeEvent]:
        """Return the events since the last call."""
        taken = []
        while self._events:
            taken.append(self._events.popleft())
        return taken

    def on_registration(
        self, registration: Registration, width: int, height: int, capture_ns: int
    ) -> PoseEstimate | None:
        """Turn one frame's registration into a pose, send it, and learn from it.

        A lost frame gets the aligned telemetry's pose (`source="telemetry"`), or None where there
        is none.
        """
        estimate = self._from_picture(registration, width, height, capture_ns)
        if estimate is None or estimate.pose is None:
            estimate = self.prior(capture_ns, width, height) or estimate
        if estimate is not None and estimate.pose is not None:
            self._sender.send(estimate.pose, capture_ns, status=_status(registration, estimate))
        return estimate

    def prior(self, capture_ns: int, width: int, height: int) -> PoseEstimate | None:
        """Return the pose that aligned telemetry gives for a picture.

        None without fresh telemetry and alignment.
        """
        fit, position = self._alignment, self._steady.position_m
        if fit.verdict is not AlignVerdict.OK or position is None:
            return None
        predicted = self._predict(fit, capture_ns)
        if (
            predicted is None
            or predicted[3] is None
            or fit.pan is None
            or fit.tilt is None
            or fit.lens is None
        ):
            return None
        pan, tilt, roll, focal = predicted
        assert focal is not None
        x, y, z = (float(v) for v in position)
        pose = CameraPose(x, y, z, pan, tilt, roll, focal * width, width, height)
        place = self._steady.sigma_m / math.sqrt(3)
        sigma = PoseSigma(
            place,
            place,
            place,
            math.hypot(fit.pan.sigma_deg, fit.pan.residual_deg),
            math.hypot(fit.tilt.sigma_deg, fit.tilt.residual_deg),
            max(fit.roll_residual_deg, ROLL_NOISE_DEG),
            focal * width * math.hypot(fit.lens.sigma_relative, fit.lens.residual_relative),
        )
        return PoseEstimate(
            pose, PoseVerdict.OK, sigma, source="telemetry", steady=True, capture_ns=capture_ns
        )

    def _from_picture(
        self, registration: Registration, width: int, height: int, capture_ns: int
    ) -> PoseEstimate | None:
        homography = registration.field_from_image
        if homography is None or registration.state is RegistrationState.HELD:
            return None
        self._frames += 1
        self._seen_ns = capture_ns
        quality, position = registration.quality, self._steady.position_m
        # telemetry must not be confirmed by what came from it
        trusted = registration.state in _SOLVED and not registration.guided
        # tracked frames share their errors: place and aspect are learnt from what looks say alone
        alone = registration.alone
        if alone is not None:
            self._aspect.add(np.asarray(alone, float), (width, height))
        if self._squeezed:
            return PoseEstimate(None, PoseVerdict.SQUEEZED, capture_ns=capture_ns)

        def solve(of: FloatArray, at: NDArray[np.float64] | None) -> PoseEstimate:
            return estimate_pose(
                of,
                width,
                height,
                sigma_px=quality.rms_px,
                points=max(quality.inliers, 8),
                position_m=at,
                capture_ns=capture_ns,
            )

        estimate = solve(homography, position)
        if alone is not None:
            self._learn_position(solve(alone, None), capture_ns)
        if position is not None and estimate.pose is None:
            estimate = solve(homography, None)
        if position is not None and estimate.pose is not None and estimate.sigma is not None:
            place = self._steady.sigma_m / math.sqrt(3)
            estimate = replace(
                estimate, sigma=replace(estimate.sigma, x_m=place, y_m=place, z_m=place)
            )
        if trusted and estimate.pose is not None:
            self._learn_alignment(estimate.pose, capture_ns)
        return estimate

    def _learn_position(self, free: PoseEstimate, capture_ns: int) -> None:
        if free.pose is None or free.position_information is None:
            return
        place = (free.pose.x_m, free.pose.y_m, free.pose.z_m)
        self._steady.add(np.array(place), free.position_information)
        moved = self._steady.moved_m
        if moved is not None:
            self._raise_event(
                "camera_moved",
                capture_ns,
                f"the camera stands {moved:.1f} m from where it stood; its place is learnt again",
                {"distance_m": moved},
            )
            self._steady, self._aspect = SteadyPosition(), AspectWatch()
            self._forget_alignment()

    def _learn_alignment(self, pose: CameraPose, capture_ns: int) -> None:
        if self._link is None:
            return
        sample = VisionSample(
            capture_ns,
            pose.pan_deg,
            pose.tilt_deg,
            pose.focal_px / pose.width_px,
            pose.roll_deg,
        )
        with self._lock:
            self._vision.append(sample)
        if isinstance(self._link, RecordedLink) and self._frames % _ALIGN_EVERY_FRAMES == 0:
            self.align_now()  # a film has no clock that a thread could keep to
        fit = self._alignment
        if fit.verdict is not AlignVerdict.OK or fit.pan is None or fit.tilt is None:
            return
        predicted = self._predict(fit, capture_ns)
        if predicted is None:
            return
        pan, tilt, _, focal = predicted
        finding = self._monitor.add(
            FieldDifference(
                wrap_deg(pose.pan_deg - pan),
                pose.tilt_deg - tilt,
                None if focal is None else math.log(sample.focal_widths / focal),
                max(fit.pan.residual_deg, fit.tilt.residual_deg),
                0.0 if fit.lens is None else fit.lens.residual_relative,
            )
        )
        if finding is None:
            return
        message = (
            f"telemetry and picture differ by {finding.pan_deg:+.2f} deg of pan, "
            f"{finding.tilt_deg:+.2f} deg of tilt and a factor {finding.focal_ratio:.3f} "
            "of focal length; the alignment starts again"
        )
        values = {
            "pan_deg": finding.pan_deg,
            "tilt_deg": finding.tilt_deg,
            "focal_ratio": finding.focal_ratio,
        }
        self._raise_event(finding.kind.value, capture_ns, message, values)
        self._forget_alignment()

    def _forget_alignment(self) -> None:
        with self._lock:
            self._vision.clear()
            self._epoch += 1
            self._alignment = Alignment(AlignVerdict.NEEDS_DATA, 0)
        self._monitor.reset()

    def _predict(
        self, fit: Alignment, capture_ns: int
    ) -> tuple[float, float, float, float | None] | None:
        """Pan, tilt, roll and focal length over width of a picture, after aligned telemetry."""
        if self._link is None or fit.pan is None or fit.tilt is None:
            return None
        at_ns = capture_ns - round(fit.lag_s * 1e9)
        before, after = self._link.bracket(at_ns)
        if before is None or at_ns - before.received_ns > self._config.stale_s * 1e9:
            return None
        report = _between(before, after, at_ns)
        if report is None:
            return None
        pan_deg, tilt_deg, zoom = report
        focal = None if fit.lens is None or zoom is None else fit.lens.focal(zoom)
        pan, tilt, roll = fit.lean.apply(fit.pan.apply(pan_deg), fit.tilt.apply(tilt_deg))
        return pan, tilt, roll + fit.roll_deg, focal

    def _align_loop(self) -> None:
        with contextlib.suppress(_Stopping):
            while not self._stop.wait(_ALIGN_EVERY_S):
                self._align_step()

    def _align_step(self) -> None:
        try:
            self._align_and_judge()
        except _Stopping:
            raise
        except Exception as error:  # noqa: BLE001 - what a camera says must end no thread
            if type(error) not in self._defects:
                self._defects.add(type(error))
                _LOG.error("the alignment failed; it is tried again", exc_info=error)

    def _align_and_judge(self) -> None:
        if not isinstance(self._link, RecordedLink):
            self.align_now()
        if self._aspect.ready:
            self.judge_aspect()

    def _rest(self) -> None:
        """Leave Python's lock to the threads that wait for it.

        Without, they get it for as long as they keep it, and wait 5 ms whenever they want it back:
        a frame asks for it 30 times, and took 70 ms while the aspect was worked out. Raises
        _Stopping on that thread once the bridge is closed.
        """
        if self._stop.wait(_REST_S) and threading.current_thread() is self._aligner:
            raise _Stopping

    def judge_aspect(self) -> bool:
        """Whether the pictures so far show that their pixels are not square.

        The bridge's own thread asks now and then; poses of such pictures would be wrong, and are
        not given.
        """
        found = self._aspect.estimate(self._rest)
        if found is None or found.squeezed == self._squeezed:
            return self._squeezed
        self._squeezed = found.squeezed
        if found.squeezed:
            ratio = math.exp(found.log_aspect)
            self._raise_event(
                "squeezed",
                self._seen_ns,
                f"the pictures' pixels are not square (height over width {ratio:.3f}): no poses",
                {"pixel_aspect": ratio, "sigma": found.sigma},
            )
        return self._squeezed

    def align_now(self) -> Alignment:
        """Fit the alignment to what has been seen so far.

        The bridge's own thread does so every few seconds.
        """
        if self._link is None:
            return self._alignment
        with self._lock:
            vision, epoch = list(self._vision), self._epoch
        fit = align(self._link.history(), vision, rest=self._rest)
        with self._lock:
            before = self._alignment
            if epoch != self._epoch or (before.verdict is AlignVerdict.OK and fit.verdict in _DUMB):
                return before
            self._alignment = fit
        if before.verdict is AlignVerdict.OK and fit.verdict is not AlignVerdict.OK:
            self._raise_event(
                "alignment_lost",
                vision[-1].capture_ns,
                "telemetry and pictures no longer go together; telemetry is not used",
                {"pan_residual_deg": fit.pan.residual_deg} if fit.pan is not None else {},
            )
        if fit.verdict is AlignVerdict.OK and before.verdict is not AlignVerdict.OK:
            assert fit.pan is not None
            assert fit.tilt is not None
            self._raise_event(
                "aligned",
                vision[-1].capture_ns,
                f"telemetry is aligned: pan sign {fit.pan.sign:+d}, lag {fit.lag_s * 1e3:.0f} ms",
                {
                    "pan_sign": fit.pan.sign,
                    "pan_offset_deg": fit.pan.offset_deg,
                    "tilt_sign": fit.tilt.sign,
                    "tilt_offset_deg": fit.tilt.offset_deg,
                    "lag_s": fit.lag_s,
                    "lag_sigma_s": min(fit.lag_sigma_s, LAG_KNOWN_S),
                },
            )
        return fit

    def _raise_event(
        self, kind: str, capture_ns: int, message: str, values: Mapping[str, float]
    ) -> None:
        _LOG.info("%s: %s", kind, message)
        self._events.append(BridgeEvent(kind, capture_ns, message, values))


def _check_name(host: str) -> None:
    """Raise ConfigError for a name that the network does not know.

    A name server that gives no answer at once says nothing: the link asks it again.
    """
    with contextlib.suppress(TimeoutError):
        resolve(host, timeout_s=_CHECK_S)


def _status(registration: Registration, estimate: PoseEstimate) -> str:
    """OpenTrackIO's free text on how the tracking does."""
    return (
        registration.state.value
        if estimate.source == "vision"
        else f"{registration.state.value}, {estimate.source}"
    )


def _between(before: Telemetry, after: Telemetry | None, at_ns: int) -> _Angles | None:
    """Pan, tilt and zoom at a time between two reports, or the first's where no second is."""
    first = _values(before)
    second = None if after is None else _values(after)
    if first is None or second is None or after is None:
        return first
    share = (at_ns - before.received_ns) / max(after.received_ns - before.received_ns, 1)
    pan = first[0] + share * wrap_deg(second[0] - first[0])
    tilt = first[1] + share * (second[1] - first[1])
    if first[2] is None or second[2] is None:
        return pan, tilt, first[2]
    return pan, tilt, first[2] + share * (second[2] - first[2])


def _values(report: Telemetry) -> _Angles | None:
    if report.pan_deg is None or report.tilt_deg is None:
        return None
    zoom = report.zoom if report.zoom is not None else report.focal_mm
    return report.pan_deg, report.tilt_deg, zoom
