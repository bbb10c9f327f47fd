"""The publisher as the box uses it: embedded broker beside it, counts as one flat account."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from edge.box.loaded_model import Network
from edge.box.stages.pose import CameraStage
from edge.box.stages.read import CAMERAS
from edge.bundles import Bundle
from edge.capture import SourceInfo
from edge.config import Config
from edge.errors import BrokerError
from edge.publish import (
    BoxInfo,
    BundleInfo,
    Endpoint,
    EventDraft,
    EventKind,
    PublicationCounts,
    Publisher,
    Topics,
    spool_path,
)
from edge.publish.messages.base import Message
from edge.publish.mqtt.shared_connection import SharedConnection
from edge.types import Frame, Registration

log = logging.getLogger(__name__)

_CONNECT_S = 6.0
_GOODBYE_S = 2.0
"""How long a broker that reads slowly may hold up the end; a box is to be gone within 5 s."""
_SETTLE_S = 1.0
"""How long a film's frame waits for the one before it; a broker that is this slow loses frames."""


class Publication:
    """Publishes the answers of one run, and the poses of its camera; never raises in the loop.

    A live source is never held up; any other waits, at most a second, until the frame before is on
    its way, so that every one of its frames is published.
    """

    def __init__(
        self,
        config: Config,
        way: Endpoint | SharedConnection,
        network: Network,
        source: SourceInfo,
        camera: CameraStage,
    ) -> None:
        info = BoxInfo(
            camera=config.camera.id,
            field=network.field,
            source_kind=source.kind,
            bundles=[_bundle_info(network.bundle, network)] if network.bundle else [],
            config_revision=_revision(config),
        )
        self.address = way.url
        self._live = source.live
        self._camera = camera
        self._topics = Topics(config.publish.prefix, config.site, config.device)
        # a camera's events are kept on disk until delivered; a film's belong to its run alone
        self._publisher = Publisher(
            way,
            self._topics,
            info,
            settings=config.publish,
            spool_path=spool_path(config) if source.kind in CAMERAS else None,
            half_turn=config.field.camera_side == "far",
            calibration=_calibration(network.bundle),
            limit_events=source.live,
        )

    def start(self) -> str | None:
        """Connect; for a file a broker that is away raises BrokerError, a camera goes on.

        Whoever processes a file can mend the address and start again; a box at a venue must come up
        with its broker down, and publishes when that is back.
        """
        self._publisher.start()
        try:
            self._publisher.wait_connected(_CONNECT_S)
        except BrokerError as error:
            if not self._live:
                raise
            return str(error)
        return None

    @property
    def session(self) -> str:
        """Names this run in every message."""
        return self._publisher.session

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._publisher.connected

    @property
    def problem(self) -> str | None:
        """What keeps messages from the broker or the disk, one line; None when all is well."""
        return self._publisher.problem

    @property
    def broker_problems(self) -> list[str]:
        """Why the broker is not there, or not what this box needs, one line each."""
        return self._publisher.broker_problems

    @property
    def overwritten(self) -> int:
        """How often somebody else wrote a retained topic of this box, or cleared it."""
        return self._publisher.overwritten

    def raw_counts(self) -> PublicationCounts:
        """Return what was published and what was not, as the publisher counts it."""
        return self._publisher.counts()

    def health(self, make: Callable[[str, int], Message], *, expiry_s: int) -> None:
        """Publish the box's health, retained."""
        self._publisher.send_held_events()  # no frame may come that would do it
        self._publisher.retain(self._topics.health, make, expiry_s=expiry_s)

    def apply(self, config: Config) -> None:
        """Take what of another configuration changes while frames are published; any thread."""
        self._publisher.apply(config.publish, _revision(config))

    def publish(self, frame: Frame, registration: Registration) -> None:
        """Hand one answer over, and what the camera makes of it."""
        if not self._live:
            self._publisher.settle(_SETTLE_S)
        self._publisher.publish(frame, registration)
        seen = self._camera.observe(frame, registration)
        if seen.pose is not None:
            self._publisher.pose(seen.pose)
        for draft in seen.events:
            self._publisher.event(draft)

    def use(self, network: Network) -> None:
        """Say from the next frame on that another bundle answers; on the loop's thread."""
        bundles = [_bundle_info(network.bundle, network)] if network.bundle else []
        self._publisher.use_bundles(bundles, _calibration(network.bundle))

    def source_event(self, draft: EventDraft) -> None:
        """Publish that the source went away or came back; kept on disk until delivered.

        With one that went away what it showed last counts no more: a frame is published as lost.
        """
        self._publisher.event(draft)
        if draft.kind is EventKind.SOURCE_LOST and draft.stamp.width_px:
            last = draft.stamp  # a camera's clock may be ahead of this box's
            now_ns = max(time.time_ns(), last.capture_ns)
            now = dataclasses.replace(last, pts_s=None, capture_ns=now_ns, clock="host")
            self._publisher.lost(now, draft.reason)

    def stop(self) -> None:
        """Send what waits, say goodbye, and end; harmless when done before."""
        if not self._publisher.stop(_GOODBYE_S):
            log.warning("%s: not everything could be sent before the end", self.address)

    def counts(self) -> dict[str, int]:
        """Return what was published and what was not, by cause."""
        counts = self._publisher.counts()
        account = {"offered": counts.frames.offered, "published": counts.frames.published}
        account |= {f"dropped_{cause}": n for cause, n in counts.frames.dropped.items()}
        if counts.poses.offered:
            account["poses"] = counts.poses.sent
            account["poses_dropped"] = counts.poses.offered - counts.poses.sent
        account["events"] = counts.events.delivered
        if counts.events.waiting:
            account["events_waiting"] = counts.events.waiting
        return account | {f"events_dropped_{c}": n for c, n in counts.events.dropped.items()}


def _bundle_info(bundle: Bundle, network: Network) -> BundleInfo:
    m = bundle.manifest
    return BundleInfo(
        name=m.name,
        version=m.version,
        sport=m.sport,
        engine=network.engine,
        engine_reason=network.engine_reason,
        precision=network.precision,
        sha256={file.name: file.sha256 for file in m.files},
    )


def _revision(config: Config) -> str | None:
    return str(config.revision) if config.revision else None


def _calibration(bundle: Bundle | None) -> str | None:
    named = bundle.manifest.training.get("calibration") if bundle is not None else None
    return named if isinstance(named, str) else None
