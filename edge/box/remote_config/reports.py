"""What a box says on `config/reported` and `config/schema`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import edge
from edge.config import Config, Problem, config_schema, redacted
from edge.publish import Topics
from edge.publish.messages.config import (
    ConfigProblem,
    ConfigReported,
    ConfigSchema,
    ConfigStatus,
    DesiredRef,
)
from edge.publish.mqtt.desired_link import DesiredLink
from edge.publish.mqtt.shared_connection import SharedConnection


class Reports:
    """Holds the last report and keeps it on the broker that the box speaks with at the moment."""

    def __init__(
        self, on_desired: Callable[[bytes], None], wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._on_desired = on_desired
        self._wall_ns = wall_ns
        self._link: DesiredLink | None = None
        self._make: Callable[[str, int], ConfigReported] | None = None

    def open(self, line: SharedConnection, config: Config) -> None:
        """Speak over this line, under this configuration's names."""
        self.close()
        topics = Topics(config.publish.prefix, config.site, config.device)
        self._link = DesiredLink(line, topics, "config", topics.config_desired)
        self._link.start(self._on_desired)
        self._link.retain(topics.config_schema, _schema)
        self._send()

    def close(self) -> None:
        """Send what waits, and leave the broker."""
        link, self._link = self._link, None
        if link is not None:
            link.stop()

    def say(
        self,
        status: ConfigStatus,
        in_force: Config,
        *,
        seen: int,
        desired: DesiredRef | None = None,
        problems: Iterable[Problem] = (),
        changed: Iterable[str] = (),
    ) -> None:
        """Report, now and to whoever comes later."""
        errors = [ConfigProblem(path=p.path, message=p.message, line=p.line) for p in problems]
        found_ns = self._wall_ns()
        paths = sorted(changed)

        def make(session: str, seq: int) -> ConfigReported:
            return ConfigReported(
                session=session,
                seq=seq,
                time_ns=found_ns,
                status=status,
                revision=in_force.revision,
                seen=seen,
                desired=desired,
                errors=errors,
                changed=paths,
                config=redacted(in_force),
            )

        self._make = make
        self._send()

    def settle(self, timeout_s: float) -> None:
        """Wait until the last report is with the broker, if that is there."""
        link = self._link
        if link is not None:
            link.settle(timeout_s)

    @property
    def last(self) -> ConfigReported | None:
        """The last report, as the link would number its first."""
        return None if self._make is None else self._make("0" * 16, 1)

    def _send(self) -> None:
        link = self._link
        if link is not None and self._make is not None:
            link.retain(link.topics.config_reported, self._make)


def _schema(session: str, seq: int) -> ConfigSchema:
    return ConfigSchema(session=session, seq=seq, version=edge.__version__, config=config_schema())
