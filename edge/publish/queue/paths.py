"""Where this box keeps what must outlive a run."""

from __future__ import annotations

from pathlib import Path

from edge.config import Config
from edge.paths import state_folder


def spool_path(config: Config) -> Path:
    """Return the file in which events wait: the configured one, or one in the state folder."""
    if config.publish.spool.path is not None:
        return config.publish.spool.path
    return state_folder() / f"spool-{config.site}-{config.device}.sqlite"
