"""For operators: what configuration a box has, and another for it.

with ConfigClient("mqtt://192.168.1.20", site="riverside", device="box-north") as client:
    report = client.push({"registration": {"refine": "always"}})
    print(report.status.value, [(e.path, e.message) for e in report.errors])
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from edge.config import parse_broker
from edge.errors import BrokerError, UsageError
from edge.publish.client.subscriber import client_endpoint
from edge.publish.messages.base import Document
from edge.publish.messages.config import (
    ConfigDesired,
    ConfigReported,
    ConfigSchema,
    ConfigStatus,
)
from edge.publish.messages.config_signing import sign_desired
from edge.publish.mqtt.connection import Backoff, Connection, Hooks, Incoming, Outgoing, Session
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.topics import Topics

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

__all__ = ["ConfigClient", "ConfigReported", "ConfigStatus"]


class ConfigClient:
    """Speaks with one box about its configuration. Thread-safe; one push at a time."""

    def __init__(
        self,
        broker: str | Endpoint = "mqtt://127.0.0.1",
        *,
        site: str,
        device: str,
        prefix: str = "touchline",
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises UsageError for a malformed name or address."""
        self._topics = Topics(prefix, site, device)
        endpoint = broker if isinstance(broker, Endpoint) else client_endpoint(parse_broker(broker))
        self._url = endpoint.url
        self._changed = threading.Condition()
        self._reported: ConfigReported | None = None
        self._schema: ConfigSchema | None = None
        self._asked: str | None = None
        """The id of the message that `push` waits for, and what answers it."""
        self._answer: ConfigReported | None = None
        self._sent: dict[int, str | None] = {}
        topics = self._topics
        session = Session(
            client_id=f"touchline-config-{secrets.token_hex(6)}",
            subscriptions=[(topics.config_reported, 1), (topics.config_schema, 1)],
        )
        self._connection = Connection(endpoint, session, backoff)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def start(self) -> None:
        """Start connecting; returns at once."""
        self._connection.start(Hooks(sent=self._note_sent, message=self._take))

    def wait_connected(self, timeout_s: float = 5.0) -> None:
        """Wait for the first attempt to connect; raises BrokerError, one line, when it fails."""
        self._connection.wait_connected(timeout_s)

    def close(self) -> None:
        """Disconnect."""
        self._connection.stop()

    def reported(self, timeout_s: float = 5.0) -> ConfigReported:
        """Return the box's last report; raises BrokerError when there is none in time."""
        self.wait_connected(timeout_s)
        self._wait(lambda: self._reported is not None, timeout_s)
        if self._reported is None:
            raise BrokerError(
                f"{self._url}: no report on {self._topics.config_reported}: is the box named so, "
                "and was it started with a configuration file?"
            )
        return self._reported

    def schema(self, timeout_s: float = 5.0) -> dict[str, Any]:
        """Return the JSON Schema of the box's configuration; raises BrokerError as `reported`."""
        self.reported(timeout_s)
        self._wait(lambda: self._schema is not None, timeout_s)
        if self._schema is None:
            raise BrokerError(f"{self._url}: no schema on {self._topics.config_schema}")
        return self._schema.config

    def push(
        self,
        config: Mapping[str, Any],
        *,
        revision: int | None = None,
        restart: Literal["now", "later"] = "now",
        timeout_s: float = 120.0,
        private_key: bytes | None = None,
    ) -> ConfigReported:
        """Send a configuration and wait for what becomes of it.

        With a raw 32-byte Ed25519 `private_key` it is signed, for this box and this revision.

        `revision` None takes the next after the highest that the box has seen. Raises BrokerError
        when the broker is away or refuses, or no report comes in time; UsageError for what is no
        configuration at all; ConfigError where it cannot be signed.
        """
        if revision is None:
            revision = self.reported(timeout_s).seen + 1
        desired = _desired(config, revision, restart)
        document: Document = desired
        if private_key is not None:
            desired = desired.model_copy(update={"to": self._topics.root})
            document = sign_desired(desired, private_key)
        self.wait_connected(timeout_s)
        self._asked, self._answer = desired.id, None
        self._send(document, timeout_s)
        answer = self._await_answer(timeout_s)
        if answer is None:
            raise BrokerError(
                f"{self._url}: revision {revision} is on {self._topics.config_desired}, but the "
                f"box did not report within {timeout_s:g} s; `touchline config show` asks again"
            )
        return answer

    def _send(self, document: Document, timeout_s: float) -> None:
        topic = self._topics.config_desired
        properties = (("schema", document.SCHEMA),)
        mid = self._connection.send(
            Outgoing(topic, document.payload(), 1, retain=True, user_properties=properties)
        )
        self._wait(lambda: mid is None or mid in self._sent, timeout_s)
        if mid is None or mid not in self._sent:
            raise BrokerError(f"{self._url}: the connection was lost; nothing was sent")
        refusal = self._sent.pop(mid)
        if refusal is not None:
            raise BrokerError(
                f"{self._url}: the broker refused a message on {topic}: {refusal.lower()}; check "
                "the access rules of this user"
            )

    def _await_answer(self, timeout_s: float) -> ConfigReported | None:
        self._wait(lambda: self._answer is not None, timeout_s)
        return self._answer

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(condition, timeout_s)

    # -- on the network's thread

    def _note_sent(self, mid: int, refusal: str | None) -> None:
        with self._changed:
            self._sent[mid] = refusal
            self._changed.notify_all()

    def _take(self, incoming: Incoming) -> None:
        try:
            with self._changed:
                if incoming.topic == self._topics.config_reported:
                    report = ConfigReported.model_validate_json(incoming.payload)
                    self._reported = report
                    about = report.desired
                    if about is not None and about.id is not None and about.id == self._asked:
                        self._answer = report
                elif incoming.topic == self._topics.config_schema:
                    self._schema = ConfigSchema.model_validate_json(incoming.payload)
                self._changed.notify_all()
        except ValidationError:  # no report of ours, or an empty one that clears the topic
            return


def _desired(
    config: Mapping[str, Any], revision: int, restart: Literal["now", "later"]
) -> ConfigDesired:
    try:
        return ConfigDesired(
            revision=revision, id=secrets.token_hex(8), restart=restart, config=dict(config)
        )
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise UsageError(f"{where}: {detail['msg']}") from error
