"""Sends the labelled segments of programmes to a broker."""

from __future__ import annotations

import re
import secrets
import threading
import time
import zlib
from typing import TYPE_CHECKING

from edge.errors import BrokerError
from edge.paths import real_path
from edge.publish.messages.segments import Programme, Segments
from edge.publish.mqtt import broker_errors
from edge.publish.mqtt.connection import Backoff, Connection, Hooks, Session
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.outgoing import outgoing
from edge.publish.mqtt.topics import Topics

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on


class SegmentsPublisher:
    """Publishes the segments of one programme after the other, each until the broker has it.

    with SegmentsPublisher(endpoint, Topics("touchline", "venue", "box")) as publisher:
        publisher.publish("episode-1", programme)
    """

    def __init__(self, endpoint: Endpoint, topics: Topics, backoff: Backoff | None = None) -> None:
        self._endpoint = endpoint
        self._topics = topics
        self._session = secrets.token_hex(8)
        self._seq = 0
        self._changed = threading.Condition()
        self._up = False
        self._through: dict[int, str | None] = {}
        client_id = f"touchline-segments-{secrets.token_hex(6)}"
        self._connection = Connection(endpoint, Session(client_id=client_id), backoff)

    def __enter__(self) -> Self:
        """Start."""
        self._connection.start(Hooks(up=self._note_up, down=self._note_down, sent=self._note_sent))
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._connection.stop()

    def wait_connected(self, timeout_s: float = 5.0) -> None:
        """Wait for the first attempt to connect; raises BrokerError, one line, when it fails."""
        self._connection.wait_connected(timeout_s)

    def publish(self, job: str, programme: Programme, timeout_s: float = 30.0) -> str:
        """Publish under `segments/<job>` and wait for the broker's word; the topic.

        Sent again where the link was lost on the way. Raises BrokerError, one line, when the broker
        refuses or is away for `timeout_s`; UsageError for a job that is no name.
        """
        topic = self._topics.segments(job)
        self._seq += 1
        message = Segments(
            session=self._session, seq=self._seq, job=job, time_ns=time.time_ns(),
            programme=programme,
        )  # fmt: skip
        item = outgoing(topic, message, qos=1, retain=True)
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            with self._changed:
                if not self._changed.wait_for(lambda: self._up, left):
                    break
            mid = self._connection.send(item)
            if mid is None:
                continue
            with self._changed:
                left = max(0.0, deadline - time.monotonic())
                self._changed.wait_for(lambda m=mid: m in self._through or not self._up, left)  # type: ignore[misc]
                if mid not in self._through:
                    continue
                refusal = self._through.pop(mid)
            if refusal is not None:
                raise BrokerError(broker_errors.publication_refused(self._endpoint, topic, refusal))
            return topic
        problem = self._connection.problem or f"{self._endpoint.url}: no answer"
        raise BrokerError(
            f"{problem}; the segments of {job} were not published; the same command sends them "
            "again"
        )

    # -- on the network's thread

    def _note_up(self, _session_present: bool) -> None:  # noqa: FBT001 - a hook
        with self._changed:
            self._up = True
            self._through.clear()
            self._changed.notify_all()

    def _note_down(self, _closed: bool) -> None:  # noqa: FBT001 - a hook
        with self._changed:
            self._up = False
            self._changed.notify_all()

    def _note_sent(self, mid: int, refusal: str | None) -> None:
        with self._changed:
            self._through[mid] = refusal
            self._changed.notify_all()


def job_of(path: str, prefix: str | None = None) -> str:
    """Return a job's id for a file: its name as far as ids allow, and a digest of its path.

    The same however the file is named: relative, by a link, with a slash too many.
    """
    path = str(real_path(path))
    name = path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    slug = re.sub(r"[^a-z0-9]+", "-", f"{prefix}-{name}".lower() if prefix else name.lower())
    slug = slug.strip("-")[:50].strip("-") or "programme"
    return f"{slug}-{zlib.crc32(path.encode(errors='surrogateescape')):08x}"
