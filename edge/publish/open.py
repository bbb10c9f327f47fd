"""From the configuration to a running publisher."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.config import Config
from edge.fields import Field
from edge.publish.broker import open_broker
from edge.publish.info import BoxInfo
from edge.publish.messages import BundleInfo
from edge.publish.publisher import Publisher
from edge.publish.topics import Topics


@contextlib.contextmanager
def open_publisher(
    config: Config,
    field: Field,
    *,
    source_kind: str,
    bundles: Sequence[BundleInfo] = (),
    calibration: str | None = None,
    config_revision: str | None = None,
) -> Iterator[Publisher]:
    """Yield a started publisher, with the embedded broker running if the configuration asks for it.

    Does not wait for the connection: see `Publisher.wait_connected`. Raises BrokerError or
    ConfigError for what can be known at once (a taken port, an unreadable certificate or password).
    """
    info = BoxInfo(config.camera.id, field, source_kind, tuple(bundles), config_revision)
    with open_broker(config.broker) as endpoint:
        publisher = Publisher(
            endpoint,
            Topics(config.publish.prefix, config.site, config.device),
            info,
            settings=config.publish,
            spool_path=spool_path(config),
            half_turn=config.field.camera_side == "far",
            calibration=calibration,
        )
        with publisher:
            yield publisher


def spool_path(config: Config) -> Path:
    """Return the file in which events wait: the configured one, or one in the state folder."""
    if config.publish.spool.path is not None:
        return config.publish.spool.path
    return _state_folder() / f"spool-{config.site}-{config.device}.sqlite"


def _state_folder() -> Path:
    """Return systemd's state folder, or the user's by the XDG base directory specification."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "touchline"
