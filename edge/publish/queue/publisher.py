"""Publishes what a box finds: homographies, events, its state. Never blocks the pipeline."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from edge.config import PublishConfig
from edge.publish.messages.base import Message
from edge.publish.messages.box_info import BoxInfo
from edge.publish.messages.compose import Context, Stamp, homography_message, pose_message
from edge.publish.messages.registration import BundleInfo, Event, Homography, StateMessage, Status
from edge.publish.mqtt.broker_errors import another_uses
from edge.publish.mqtt.connection import Backoff, Hooks
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.outgoing import outgoing
from edge.publish.mqtt.packet import Incoming, Outgoing, Subscription
from edge.publish.mqtt.rivals import Rivals
from edge.publish.mqtt.shared_connection import ConnectionPort, SharedConnection
from edge.publish.mqtt.topics import Topics
from edge.publish.queue.event_detector import EventDetector, EventDraft
from edge.publish.queue.event_limiter import EventLimiter
from edge.publish.queue.outbox import EventItem, FrameItem, Outbox
from edge.publish.queue.slots import FrameCounts
from edge.publish.queue.spool import Spool
from edge.types import Frame, Registration, RegistrationState, RejectionReason

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

    from firmware_bridge.pose import PoseEstimate

_SETTLE_POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What became of the events of this run and of those that still waited from the last one."""

    delivered: int = 0
    waiting: int = 0
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By cause: `overflow` (the disk is stuck), `size`, `age`, `refused`, `unmade` (a defect),
    `suppressed` (a storm).
    """


@dataclass(frozen=True, slots=True)
class PoseCounts:
    """What became of the poses; those not sent were replaced, or the broker was away too long."""

    offered: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class PublicationCounts:
    """What was published and what was not, by cause."""

    frames: FrameCounts
    events: EventCounts
    poses: PoseCounts = PoseCounts()


class Publisher:
    """Takes the pipeline's answers and brings them to the broker on threads of its own.

        with Publisher(endpoint, topics, info) as publisher:
            publisher.wait_connected(5.0)
            publisher.publish(frame, registration)

    `publish`, `pose` and `event` return at once, whatever the broker or the disk do.
    """

    def __init__(
        self,
        way: Endpoint | SharedConnection,
        topics: Topics,
        info: BoxInfo,
        *,
        settings: PublishConfig | None = None,
        spool_path: Path | None = None,
        half_turn: bool = False,
        calibration: str | None = None,
        backoff: Backoff | None = None,
        limit_events: bool = False,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Prepare; `spool_path` None keeps events in memory.

        `way` is the box's line, or a broker to make one to.
        `half_turn` turns the field for a camera on its far side; `calibration` names what the
        scores were calibrated on; `limit_events` keeps storms of events from a live source within
        a rate. Raises BrokerError for certificates that cannot be used.
        """
        self.session = secrets.token_hex(8)
        """Names this run in every message."""
        self._settings = settings or PublishConfig()
        self._topics = topics
        self._info = info
        self._wall_ns = wall_ns
        self._context = info.context(self.session, half_turn=half_turn, calibration=calibration)
        self._camera = self._context.camera
        self._seq: dict[str, int] = {}
        events = self._settings.events
        self._detector = EventDetector(events.locked_after_frames, events.lost_after_frames)
        self._limiter = EventLimiter() if limit_events else None
        self._limiting = threading.Lock()
        # a bridge is given turned homographies, so that what it sends itself is turned as well
        self._pose_context = replace(self._context, half_turn=False)
        self._poses_sent = self._last_pose = 0
        self._latest: Homography | None = None
        self._latest_made_s = self._latest_sent_s = float("-inf")
        self._started = False
        self._rivals = Rivals(self.session)
        self._port = ConnectionPort.on(way, topics, self._subscriptions(), backoff)
        self._spool = Spool(
            spool_path,
            max_bytes=int(self._settings.spool.max_mb * 1e6),
            max_age_ns=int(self._settings.spool.max_age_h * 3.6e12),
        )
        self._outbox = Outbox(
            self._port,
            self._spool,
            frame_expiry_s=self._settings.frame_expiry_s,
            wall_ns=wall_ns,
            on_heard=self._hear,
        )

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start connecting and sending; returns at once."""
        self._started = True
        self._set_state(Status.ONLINE)
        self._outbox.set_document(self._topics.info, self._info_message)
        outbox = self._outbox
        outbox.start()
        will = self._state(Status.OFFLINE, clean=False)
        self._port.line.connection.change_will(will, self._settings.will_delay_s)
        self._port.start(
            Hooks(
                up=self._note_up,
                down=outbox.note_down,
                sent=outbox.note_sent,
                message=outbox.note_heard,
            )
        )

    def wait_connected(self, timeout_s: float = 5.0) -> None:
        """Wait for the first attempt to connect; raises BrokerError, one line, when it fails.

        The publisher goes on trying all the same: a box at a venue may ignore the error.
        """
        self._port.wait_connected(timeout_s)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._port.connected

    @property
    def broker_problems(self) -> list[str]:
        """Why the broker is not there, or not what this box needs, one line each."""
        problem = self._port.problem
        if problem is None and not self._port.connected:
            problem = f"{self._port.line.endpoint.url}: not connected"
        found = [problem, self._rival_problem(), *self._port.line.connection.lacks]
        return list(dict.fromkeys(filter(None, found)))

    @property
    def overwritten(self) -> int:
        """How often somebody else wrote a retained topic of this box, or cleared it."""
        return self._outbox.overwritten

    @property
    def problem(self) -> str | None:
        """What keeps messages from the broker or the disk, one line; None when all is well."""
        connection = self._port.line.connection
        found = [self._port.problem, self._rival_problem(), *connection.lacks]
        found += [self._outbox.problem, self._spool.problem]
        return "; ".join(dict.fromkeys(filter(None, found))) or None

    def publish(self, frame: Frame, registration: Registration) -> None:
        """Publish one frame's answer, and the events that come of it. Returns at once."""
        stamp = Stamp.of(frame)
        self._answer(stamp, registration)
        for draft in self._detector.feed(stamp, registration):
            self.event(draft)
        self.send_held_events()

    def lost(self, stamp: Stamp, reason: RejectionReason) -> None:
        """Say that the field is lost though no frame came that says so. Returns at once.

        `stamp` names the last frame, and the time from which on it counts no more.
        """
        self._answer(stamp, Registration(RegistrationState.LOST, reason))

    def _answer(self, stamp: Stamp, registration: Registration) -> None:
        seq, context = self._next("homography"), self._context

        def compose() -> Outgoing:
            return self._homography(context, seq, stamp, registration)

        self._outbox.offer_frame(self._camera, FrameItem(compose, time.monotonic()))

    def pose(self, estimate: PoseEstimate) -> None:
        """Publish a camera's pose, in the coordinates that are published. Returns at once.

        The newest wins; an estimate without a pose is ignored.
        """
        if estimate.pose is None:
            return
        seq, offered_s = self._next("pose"), time.monotonic()
        self._outbox.set_document(
            self._topics.pose(self._camera), lambda: self._pose(seq, offered_s, estimate)
        )

    def retain(
        self, topic: str, make: Callable[[str, int], Message], *, expiry_s: int | None = None
    ) -> None:
        """Say what a retained topic of this box holds from now on. Returns at once.

        `make` gets the session and the message's number; it is called on the sender's thread, and
        again when the broker may have forgotten what it retained. A message whose `expiry_s` has
        passed by then is not sent.
        """
        made_s = time.monotonic()

        def compose() -> Outgoing | None:
            if expiry_s is not None and time.monotonic() - made_s > expiry_s:
                return None
            message = make(self.session, self._next(topic))
            return outgoing(topic, message, qos=1, retain=True, expiry_s=expiry_s)

        self._outbox.set_document(topic, compose)

    def use_bundles(self, bundles: Sequence[BundleInfo], calibration: str | None) -> None:
        """Say from the next frame on that other bundles answer, and what calibrated them."""
        self._info = replace(self._info, bundles=bundles)
        bundle = f"{bundles[0].name} {bundles[0].version}" if bundles else None
        self._context = replace(self._context, bundle=bundle, calibration=calibration)
        self._outbox.set_document(self._topics.info, self._info_message)

    def apply(self, settings: PublishConfig, config_revision: str | None) -> None:
        """Take what of other settings needs no new connection, and say their revision.

        From the next message on; any thread may call it.
        """
        self._settings = settings
        self._detector.change(
            settings.events.locked_after_frames, settings.events.lost_after_frames
        )
        self._outbox.frame_expiry_s = settings.frame_expiry_s
        self._context = replace(self._context, config_revision=config_revision)
        self._info = replace(self._info, config_revision=config_revision)
        self._outbox.set_document(self._topics.info, self._info_message)

    def settle(self, timeout_s: float) -> bool:
        """Wait until no frame waits to be sent, or the broker is away; whether none waits.

        For a source that can wait: the next frame then takes nobody's place.
        """
        deadline = time.monotonic() + timeout_s
        while self._outbox.frames and self.connected and time.monotonic() < deadline:
            time.sleep(_SETTLE_POLL_S)
        return not self._outbox.frames

    def event(self, draft: EventDraft) -> None:
        """Publish an event; it is kept on disk until the broker has it. Returns at once.

        In a storm of events only the newest of a kind is sent now and then.
        """
        if self._limiter is None:
            self._send_event(draft)
            return
        with self._limiting:
            for due in self._limiter.offer(draft, time.monotonic()):
                self._send_event(due)

    def send_held_events(self, *, all_of_them: bool = False) -> None:
        """Publish what a storm of events held back, as far as its rate permits now; any thread."""
        if self._limiter is not None:
            with self._limiting:
                limiter = self._limiter
                due = limiter.flush() if all_of_them else limiter.due(time.monotonic())
                for draft in due:
                    self._send_event(draft)

    def _send_event(self, draft: EventDraft) -> None:
        topic = self._topics.event(self._camera)
        self._outbox.offer_event(EventItem(topic, lambda n: self._event(n, draft).payload()))

    def counts(self) -> PublicationCounts:
        """Return what was published and dropped so far."""
        dropped = {**self._outbox.event_drops, **self._spool.dropped}
        if self._limiter is not None and self._limiter.suppressed:
            dropped["suppressed"] = self._limiter.suppressed
        events = EventCounts(self._outbox.delivered_events, self._outbox.waiting_events(), dropped)
        poses = PoseCounts(self._seq.get("pose", 0), self._poses_sent)
        return PublicationCounts(self._outbox.frames.counts(), events, poses)

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Send what waits, say `stopping` and `offline`, and end; whether all was sent in time.

        Events that were not sent stay in the spool for the next run.
        """
        if not self._started:
            self._spool.close()
            return True
        self._started = False
        self.send_held_events(all_of_them=True)
        deadline = time.monotonic() + timeout_s
        self._set_state(Status.STOPPING)
        if self._latest is not None:
            self._outbox.set_document(self._topics.latest(self._camera), self._latest_copy)
        flushed = self._outbox.flush(timeout_s)
        self._set_state(Status.OFFLINE)
        said = self._outbox.flush(max(deadline - time.monotonic(), 0.5))
        self._port.stop()
        self._outbox.stop()
        self._spool.close()
        return flushed and said

    # -- messages

    def _homography(
        self, context: Context, seq: int, stamp: Stamp, registration: Registration
    ) -> Outgoing:
        message = homography_message(context, seq, stamp, registration)
        self._latest, self._latest_made_s = message, time.monotonic()
        wait = self._latest_sent_s + self._settings.latest_interval_s - self._latest_made_s
        topic = self._topics.latest(self._camera)
        self._outbox.set_document(topic, self._latest_copy, delay_s=max(wait, 0.0))
        return outgoing(
            self._topics.homography(self._camera), message, expiry_s=self._settings.frame_expiry_s
        )

    def _latest_copy(self) -> Outgoing | None:
        message, expiry_s, now = self._latest, self._settings.latest_expiry_s, time.monotonic()
        if message is None or now - self._latest_made_s > expiry_s:
            return None
        self._latest_sent_s = now
        topic = self._topics.latest(self._camera)
        return outgoing(topic, message, qos=1, retain=True, expiry_s=expiry_s)

    def _pose(self, seq: int, offered_s: float, estimate: PoseEstimate) -> Outgoing | None:
        expiry_s = self._settings.frame_expiry_s
        again = seq <= self._last_pose  # the link came back, and nothing newer was offered
        if again or time.monotonic() - offered_s > expiry_s:
            return None
        message = pose_message(self._pose_context, seq, estimate)
        if message is None:
            return None
        self._last_pose = seq
        self._poses_sent += 1
        return outgoing(self._topics.pose(self._camera), message, expiry_s=expiry_s)

    def _set_state(self, status: Status) -> None:
        self._outbox.set_document(self._topics.state, lambda: self._state(status, clean=True))

    def _state(self, status: Status, *, clean: bool) -> Outgoing:
        message = StateMessage(
            session=self.session,
            seq=self._next("state") if clean else 0,
            status=status,
            time_ns=self._wall_ns(),
            clean=clean,
        )
        return outgoing(self._topics.state, message, qos=1, retain=True)

    def _info_message(self) -> Outgoing:
        message = self._info.message(self.session, self._next("info"), self._wall_ns())
        return outgoing(self._topics.info, message, qos=1, retain=True)

    def _event(self, number: int, draft: EventDraft) -> Event:
        return Event(
            session=self.session,
            seq=number,
            id=f"{self.session}-{number}",
            kind=draft.kind,
            camera=self._camera,
            time_ns=draft.stamp.capture_ns,
            frame_id=draft.stamp.frame_id,
            pts_s=draft.stamp.pts_s,
            reason=draft.reason,
            detail=draft.detail,
        )

    def _next(self, topic: str) -> int:
        self._seq[topic] = self._seq.get(topic, 0) + 1
        return self._seq[topic]

    # -- what comes on the box's own topics

    def _subscriptions(self) -> list[Subscription]:
        topics = self._topics
        own = (topics.state, topics.info, topics.health, topics.latest(self._camera))
        return [Subscription(topic, own=True) for topic in own]

    def _note_up(self, session_present: bool) -> None:  # noqa: FBT001 - a hook
        self._rivals.connected()
        self._outbox.note_up(session_present)

    def _hear(self, message: Incoming, newer: bool) -> None:  # noqa: FBT001 - on the outbox's thread
        """Look for another box of this name; what it wrote is put right by the outbox."""
        if message.topic == self._topics.state:
            self._rivals.hear(message.payload, newer=newer, now_s=time.monotonic())
            self._port.line.connection.suspicion = self._rival_problem()

    def _rival_problem(self) -> str | None:
        session = self._rivals.present(time.monotonic())
        if session is None:
            return None
        name = f"the name {self._topics.site}/{self._topics.device}"
        return f"{another_uses(name)} (it names itself session {session})"
