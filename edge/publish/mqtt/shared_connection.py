"""The one connection of a box, shared by its publisher, its configuration and its model updates.

One client id, one will, one place for subscriptions. Each user has a port: it sends and hears as
over a connection of its own, and comes and goes while the line stands.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import paho.mqtt.client as paho

from edge.publish.mqtt.connection import Backoff, Connection, Hooks, Session
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.packet import Incoming, Outgoing, Subscription
from edge.publish.mqtt.topics import Topics

MOST_BYTES = 4 * 1024 * 1024
"""Packets beyond it the broker keeps (MQTT 5), and they are not passed on."""
_SESSION_EXPIRY_S = 60


class SharedConnection:
    """Connects when its first port starts; any thread may use it."""

    def __init__(self, endpoint: Endpoint, topics: Topics, backoff: Backoff | None = None) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used."""
        self.endpoint = endpoint
        session = Session(
            client_id=f"touchline-{topics.site}-{topics.device}",
            clean_start=False,
            expiry_s=_SESSION_EXPIRY_S,
            most_bytes=MOST_BYTES,
            name=f"the name {topics.site}/{topics.device}",
        )
        self.connection = Connection(endpoint, session, backoff)
        self._lock = threading.Lock()
        self._ports: tuple[ConnectionPort, ...] = ()
        self._started = False

    @property
    def url(self) -> str:
        """The broker's address for people."""
        return self.endpoint.url

    def port(self, subscriptions: Sequence[Subscription] = ()) -> ConnectionPort:
        """Return a port that hears these topics once it is started."""
        return ConnectionPort(self, subscriptions, owner=False)

    def close(self) -> None:
        """Say goodbye and end the connection; ports carry nothing any more."""
        with self._lock:
            started, self._started = self._started, False
        if started:
            self.connection.stop()

    # -- for ports

    def attach(self, port: ConnectionPort) -> None:
        """Give a port its share, and start connecting with the first."""
        connection = self.connection
        with self._lock:
            self._ports = (*self._ports, port)
            first, self._started = not self._started, True
            connection.subscribe(port.subscriptions)
        if first:
            hooks = Hooks(self._up, self._down, self._sent, self._message)
            connection.start(hooks)
        elif connection.connected:
            port.hooks.up(True)

    def detach(self, port: ConnectionPort) -> None:
        """Take a port's share back."""
        with self._lock:
            self._ports = tuple(p for p in self._ports if p is not port)
            kept = [s for p in self._ports for s in p.subscriptions]
            self.connection.unsubscribe([s for s in port.subscriptions if s not in kept])

    # -- on the network's thread

    def _up(self, session_present: bool) -> None:  # noqa: FBT001 - a hook
        for port in self._ports:
            port.hooks.up(session_present)

    def _down(self, closed: bool) -> None:  # noqa: FBT001 - a hook
        for port in self._ports:
            port.hooks.down(closed)

    def _sent(self, mid: int, refusal: str | None) -> None:
        for port in self._ports:  # each knows its own ids
            port.hooks.sent(mid, refusal)

    def _message(self, incoming: Incoming) -> None:
        for port in self._ports:
            if any(paho.topic_matches_sub(s.topic, incoming.topic) for s in port.subscriptions):
                port.hooks.message(incoming)


class ConnectionPort:
    """One user's share of a line."""

    def __init__(
        self, line: SharedConnection, subscriptions: Sequence[Subscription], *, owner: bool
    ) -> None:
        """`owner` says that the line was made for this port and ends with it."""
        self.line = line
        self.subscriptions = tuple(subscriptions)
        self.hooks = Hooks()
        self._owner = owner

    @staticmethod
    def on(
        way: Endpoint | SharedConnection,
        topics: Topics,
        subscriptions: Sequence[Subscription] = (),
        backoff: Backoff | None = None,
    ) -> ConnectionPort:
        """Return a port on a line, or on a new line of its own to an endpoint."""
        if isinstance(way, SharedConnection):
            return way.port(subscriptions)
        return ConnectionPort(SharedConnection(way, topics, backoff), subscriptions, owner=True)

    def start(self, hooks: Hooks) -> None:
        """Begin to hear and send; returns at once."""
        self.hooks = hooks
        self.line.attach(self)

    def also(self, subscription: Subscription) -> None:
        """Hear one more topic from now on."""
        self.subscriptions = (*self.subscriptions, subscription)
        self.line.connection.subscribe([subscription])

    def stop(self) -> None:
        """End; the line stays where others share it."""
        self.line.detach(self)
        if self._owner:
            self.line.close()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self.line.connection.connected

    @property
    def problem(self) -> str | None:
        """Why the broker is not there or of no use, one line; None while all is well."""
        return self.line.connection.problem

    @property
    def silent_s(self) -> float:
        """How long the broker has owed an answer, seconds."""
        return self.line.connection.silent_s

    def send(self, message: Outgoing) -> int | None:
        """Hand a message over, as `Connection.send` does."""
        return self.line.connection.send(message)

    @property
    def room(self) -> int:
        """How many more messages of QoS 1 the broker takes before it acknowledges one."""
        return self.line.connection.room

    def carries(self, within_s: float) -> bool:
        """Whether a frame that is handed over now leaves in time."""
        return self.line.connection.carries(within_s)

    def wait_connected(self, timeout_s: float) -> None:
        """Wait for the first attempt; raises BrokerError when it fails or takes longer."""
        self.line.connection.wait_connected(timeout_s)
