"""One MQTT connection that comes back: connects, says why it cannot, reconnects with backoff.

Used by the publisher and by the client. paho-mqtt carries the protocol; what it leaves open is done
here: reason codes are read and turned into a line for a person, the socket's send buffer is kept
small so that a slow link shows early, and a wait between attempts grows and is spread.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import BrokerError
from edge.publish import complaints
from edge.publish.endpoint import Endpoint

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
_GOODBYE_S = 2.0
_SEND_BUFFER = 16 * 1024
_RECEIVE_MAXIMUM = 65535  # MQTT 5's when the broker names none


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: doubled from `first_s` up to `most_s`.

    The longest is short, so that graphics have their homographies back soon after a broker is.
    """

    first_s: float = 0.25
    most_s: float = 1.5

    def spread(self) -> tuple[float, float]:
        """Return both, off by up to a quarter at random: boxes must not come back all at once."""
        factor = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        return self.first_s * factor, self.most_s * factor


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expiry_s: int | None = None
    user_properties: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message received."""

    topic: str
    payload: bytes
    retained: bool
    """Whether the broker had kept it from before the subscription."""


def _nothing(*_: Any) -> None:
    """Ignore a callback."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What to call on the network's thread; none may block or raise."""

    up: Callable[[int, bool], None] = _nothing
    """Connected and subscribed: how many unacknowledged messages the broker takes at once, and
    whether it still had this client's session."""
    down: Callable[[], None] = _nothing
    """The connection is gone."""
    sent: Callable[[int, str | None], None] = _nothing
    """A message id is through (QoS 0: written; QoS 1: acknowledged), or refused for the reason."""
    message: Callable[[Incoming], None] = _nothing
    """A message came."""


@dataclass(frozen=True, slots=True)
class Session:
    """How the broker knows this client."""

    client_id: str
    clean_start: bool = True
    """Whether the broker forgets what it held for this client; False resumes the session."""
    expiry_s: int = 0
    """How long the broker keeps the session of a client that is away."""
    will: Outgoing | None = None
    will_delay_s: int = 0
    subscriptions: Sequence[tuple[str, int]] = field(default_factory=tuple)
    """Topic filters and their QoS, subscribed on every connection."""
    most_bytes: int | None = None
    """Largest packet that the broker may send (MQTT 5); None: any."""


class Connection:
    """Keeps one connection to a broker; only `wait_connected` raises for the network."""

    def __init__(
        self,
        endpoint: Endpoint,
        session: Session,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used."""
        self._endpoint = endpoint
        self._session = session
        self._hooks = Hooks()
        self._changed = threading.Condition()
        self._connected = False
        self._answered = False
        """Whether the broker answered the last attempt."""
        self._problem: str | None = None
        self._stopping = False
        self._terms = (_RECEIVE_MAXIMUM, False)
        """What the broker said as it accepted the connection: `Hooks.up`'s arguments."""
        self._client = self._make_client(backoff or Backoff())

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted connection and subscriptions, and the link stands."""
        return self._connected

    @property
    def problem(self) -> str | None:
        """Why there is no connection, one line for a person; None while there is one."""
        return self._problem

    def start(self, hooks: Hooks) -> None:
        """Start connecting, and keep at it until `stop`."""
        self._hooks = hooks
        self._client.connect_async(
            self._endpoint.host, self._endpoint.port, self._endpoint.keepalive_s, **self._v5()
        )
        self._client.loop_start()

    def wait_connected(self, timeout_s: float) -> None:
        """Wait for the first attempt; raises BrokerError when it fails or takes longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._problem is not None, timeout_s)
            if self._connected:
                return
            problem = self._problem
        raise BrokerError(problem or complaints.no_answer(self._endpoint, timeout_s))

    def send(self, message: Outgoing) -> int | None:
        """Hand a message to the network thread; its id, or None when there is no connection.

        What is not through (`Hooks.sent`) when the connection is lost is forgotten with it.
        """
        if not self._connected:
            return None
        info = self._client.publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            self._publish_properties(message),
        )
        if info.rc == paho.MQTT_ERR_QUEUE_SIZE:
            return None
        return None if message.qos == 0 and info.rc == paho.MQTT_ERR_NO_CONN else info.mid

    def stop(self) -> None:
        """Say goodbye (the will is not sent then), and end the thread."""
        self._stopping = True
        self._client.disconnect()
        cut = threading.Timer(_GOODBYE_S, self._cut)
        cut.start()
        self._client.loop_stop()
        cut.cancel()
        cut.join()
        self._client._reset_sockets()  # noqa: SLF001 - paho leaves its wake-up sockets to __del__

    def _cut(self) -> None:
        """Give up on a goodbye that a stalled link does not carry."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):  # closed in the meantime
                sock.shutdown(socket.SHUT_RDWR)

    # -- paho's callbacks, on its thread

    def _on_pre_connect(self, _client: Any, _data: Any) -> None:
        self._answered = False

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this from its handler and does not pass the error on
        self._fail(complaints.unreachable(self._endpoint, error or OSError("no connection")))

    def _go_up(self) -> None:
        with self._changed:
            self._connected, self._problem = True, None
            self._changed.notify_all()
        log.info("connected to %s", self._endpoint.url)
        self._hooks.up(*self._terms)

    def _fail(self, problem: str) -> None:
        with self._changed:
            if self._problem != problem and not self._stopping:
                log.warning("%s", problem)
            self._problem = problem
            self._changed.notify_all()

    def _on_connect(
        self,
        _client: Any,
        _data: Any,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._answered = True
        if self._stopping:  # `stop` came while the socket was being opened
            self._client.disconnect()
            return
        if code.is_failure:
            self._fail(complaints.refused(self._endpoint, code))
            return
        self._client.drop_out_messages()  # whoever sent them sends them again, in order
        maximum = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self._terms = (maximum, flags.session_present)
        if self._session.subscriptions:  # it is of use once the broker has answered this
            self._client.subscribe(list(self._session.subscriptions))
        else:
            self._go_up()

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        was, self._connected = self._connected, False
        if not self._stopping:
            if was:
                self._fail(complaints.lost(self._endpoint, code))
            elif not self._answered:
                self._fail(complaints.closed(self._endpoint))
        if was:
            self._hooks.down()

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, codes: Sequence[ReasonCode], _properties: Any
    ) -> None:
        refused = [
            complaints.subscription_refused(self._endpoint, topic, code)
            for (topic, _), code in zip(self._session.subscriptions, codes, strict=False)
            if code.is_failure
        ]
        if len(refused) < len(codes):
            self._go_up()
        if refused:
            self._fail(refused[0])

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        self._hooks.sent(mid, str(code) if code.is_failure else None)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no topic of ours
            return
        self._hooks.message(Incoming(topic, bytes(message.payload), message.retain))

    # -- paho's options

    def _make_client(self, backoff: Backoff) -> paho.Client:
        five = self._endpoint.mqtt_version == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session.client_id,
            clean_session=None if five else self._session.clean_start,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.reconnect_delay_set(*backoff.spread())  # type: ignore[arg-type] # takes fractions too
        if self._endpoint.username is not None:
            client.username_pw_set(self._endpoint.username, self._endpoint.password)
        context = self._endpoint.ssl_context()
        if context is not None:
            client.tls_set_context(context)
        self._set_will(client)
        client.on_socket_open = _tune_socket
        client.on_pre_connect = self._on_pre_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _set_will(self, client: paho.Client) -> None:
        will = self._session.will
        if will is None:
            return
        properties = None
        if self._endpoint.mqtt_version == "5":
            properties = _described(_properties(PacketTypes.WILLMESSAGE), will)
            if self._session.will_delay_s:
                properties.WillDelayInterval = self._session.will_delay_s
        client.will_set(will.topic, will.payload, will.qos, will.retain, properties)

    def _v5(self) -> dict[str, Any]:
        if self._endpoint.mqtt_version != "5":
            return {}
        properties = _properties(PacketTypes.CONNECT)
        if self._session.expiry_s:
            properties.SessionExpiryInterval = self._session.expiry_s
        if self._session.most_bytes is not None:
            properties.MaximumPacketSize = self._session.most_bytes
        return {"clean_start": self._session.clean_start, "properties": properties}

    def _publish_properties(self, message: Outgoing) -> Properties | None:
        if self._endpoint.mqtt_version != "5":
            return None
        return _described(_properties(PacketTypes.PUBLISH), message)


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _described(properties: Properties, message: Outgoing) -> Properties:
    properties.ContentType = "application/json"
    properties.PayloadFormatIndicator = 1
    if message.expiry_s is not None:
        properties.MessageExpiryInterval = message.expiry_s
    if message.user_properties:
        properties.UserProperty = list(message.user_properties)
    return properties


def _tune_socket(_client: Any, _data: Any, sock: Any) -> None:
    """Keep little in the kernel: on a slow link frames wait here, where old ones are dropped."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
