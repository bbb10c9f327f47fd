"""What a box says of itself, retained under `info`."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import edge
from edge.fields import Field
from edge.publish.messages.base import Message
from edge.publish.messages.compose import Context
from edge.publish.messages.registration import (
    MESSAGES,
    BundleInfo,
    CameraInfo,
    FieldRef,
    Hardware,
    Info,
)

CAPABILITIES = ("homography", "events", "models", "health")


@dataclass(frozen=True, slots=True)
class BoxInfo:
    """What this run of the box is: its camera, field, bundles and configuration."""

    camera: str
    field: Field
    source_kind: str
    """`file`, `folder`, `rtsp`, `v4l2` or `rendered`."""
    bundles: Sequence[BundleInfo] = ()
    """The first one registers."""
    config_revision: str | None = None

    def context(self, session: str, *, half_turn: bool, calibration: str | None) -> Context:
        """Return what all homographies of this run share."""
        bundle = self.bundles[0] if self.bundles else None
        return Context(
            session=session,
            camera=self.camera,
            field=field_ref(self.field),
            half_turn=half_turn,
            bundle=f"{bundle.name} {bundle.version}" if bundle else None,
            calibration=calibration,
            config_revision=self.config_revision,
        )

    def message(self, session: str, seq: int, time_ns: int) -> Info:
        """Return the `info` message."""
        camera = CameraInfo(
            id=self.camera,
            sport=self.field.sport,
            field=field_ref(self.field),
            source=self.source_kind,
        )
        return Info(
            session=session,
            seq=seq,
            time_ns=time_ns,
            version=edge.__version__,
            schemas=[message.SCHEMA for message in MESSAGES if issubclass(message, Message)],
            capabilities=list(CAPABILITIES),
            hardware=hardware(),
            cameras=[camera],
            bundles=list(self.bundles),
            config_revision=self.config_revision,
        )


def field_ref(field: Field) -> FieldRef:
    """Return how messages name a field."""
    return FieldRef(name=field.name, length_m=field.length_m, width_m=field.width_m)


def hardware() -> Hardware:
    """Describe this box."""
    return Hardware(
        machine=platform.machine() or "unknown",
        cpus=len(os.sched_getaffinity(0)),
        memory_mb=_memory_mb(),
        system=f"{platform.system()} {platform.release()}",
    )


def _memory_mb() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    except (ValueError, OSError):  # not told on this system
        return None
