"""One MQTT connection that comes back: says why it cannot, and tries again with growing pauses.

paho-mqtt carries the protocol; what it leaves open is done here, on a thread of this project's own:
the CONNACK is read and obeyed, each answer of the broker has a deadline, reason codes are turned
into a line for a person, and whatever a broker sends ends a connection at most, never the thread.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import BrokerError
from edge.name_lookup import connect
from edge.publish.mqtt import broker_errors, send_queue
from edge.publish.mqtt.ack_clock import AckClock
from edge.publish.mqtt.backoff import Backoff, Ending, Pauses
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.limits import BrokerLimits, packet_bytes
from edge.publish.mqtt.packet import Incoming, Outgoing, Subscription, UnsendableError
from edge.publish.mqtt.send_queue import SendQueue

__all__ = [
    "Backoff",
    "Connection",
    "Hooks",
    "Incoming",
    "Outgoing",
    "Session",
    "Subscription",
    "UnsendableError",
]

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
ANSWER_S = 10.0
"""Time for the broker's answer to CONNECT and to a subscription."""
ACK_S = 20.0
"""Time for the acknowledgement of a message that the kernel has taken."""
_GOODBYE_S = 2.0
_JOIN_S = 4.0
_LOOK_S = 0.1
_SEND_BUFFER = 16 * 1024
_UNWRITTEN_BYTES = 8 * 1024
"""No frame is added where more than this waits for the kernel."""
_SAME_LINE_S = 600.0
"""The same line is not logged again within this."""
_GOES_AWAY = frozenset({"Server shutting down", "Server busy", "Keep alive timeout"})
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
"""The kernel finds a peer that is gone, also where the broker switched MQTT's keep-alive off."""


def _nothing(*_: Any) -> None:
    """Ignore a callback."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What to call on the network's thread; none may block or raise."""

    up: Callable[[bool], None] = _nothing
    """Connected and subscribed; whether the broker still had this client's session."""
    down: Callable[[bool], None] = _nothing
    """The connection is gone; whether the broker closed it and did not say why, as some do for a
    message that they do not take."""
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
    subscriptions: Sequence[tuple[str, int] | Subscription] = field(default_factory=tuple)
    """Topic filters and their QoS, subscribed on every connection."""
    most_bytes: int | None = None
    """Largest packet that the broker may send (MQTT 5), and largest payload that is passed on."""
    name: str | None = None
    """What another client of the same id uses, in words: `the name venue/box`."""


class _Client(paho.Client):
    """paho's client, its connecting bounded as a whole and given up when asked."""

    def __init__(self, stopping: threading.Event, **options: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, **options)
        self._stopping = stopping

    def _create_socket_connection(self) -> socket.socket:
        sock = connect(
            self._host, self._port, timeout_s=CONNECT_TIMEOUT_S, cancelled=self._stopping
        )
        _tune(sock)
        return sock


@dataclass(slots=True)
class _Attempt:
    """One try at a connection, from the first packet to the last."""

    begun_s: float
    asked_s: float | None = None
    """When the subscriptions were asked for; None once they are granted."""
    answered: bool = False
    up_s: float | None = None
    problem: str | None = None
    """Why it ended, where that is known."""
    ending: Ending | None = None
    closed: bool = False
    """Whether the broker closed it, for no reason that has to do with this client's name."""
    left_s: float | None = None
    """When it was ended to come back with another will."""


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
        self._filters = [_subscription(s) for s in session.subscriptions]
        self._active: list[Subscription] = []
        self._asked: dict[int, list[Subscription]] = {}
        self._hooks = Hooks()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        """Held to hand a message to paho. Never taken in one of paho's callbacks, which hold locks
        that handing over needs."""
        self._connected = False
        self._problem: str | None = None
        self._doubt: str | None = None
        """Why a connection that stands is not believed in yet; None once the broker acknowledged
        a message."""
        self.suspicion: str | None = None
        """Who else may use this client's name, where that was heard: told when the link breaks."""
        self.silent_s = 0.0
        """How long the broker has owed an answer, seconds; as of the thread's last round."""
        self._said: dict[str, float] = {}
        self._stopping = threading.Event()
        self._goodbye_s = float("inf")
        self._limits = BrokerLimits()
        self._assumed = BrokerLimits()
        """What the broker is known not to take in a will, from its refusals."""
        self._acks = AckClock()
        self._through: deque[int] = deque()
        self._queue = SendQueue()
        self._frame_bytes = 1024
        self._session_present = False
        self._attempt = _Attempt(time.monotonic())
        self._will = self._will_used = session.will
        self._will_delay_s = session.will_delay_s
        self._pauses = Pauses(backoff or Backoff())
        self._client = self._make_client()
        self._thread = threading.Thread(
            target=self._run, name=f"mqtt-{session.client_id}"[:60], daemon=True
        )

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted connection and subscriptions, and the link stands."""
        return self._connected

    @property
    def problem(self) -> str | None:
        """Why there is no connection or a useless one, one line; None while all is well."""
        return self._problem

    @property
    def lacks(self) -> list[str]:
        """What this project needs and the connected broker refuses, one line each."""
        return [f"{self._endpoint.url}: {line}" for line in self._limits.lacks()]

    def start(self, hooks: Hooks) -> None:
        """Start connecting, and keep at it until `stop`."""
        self._hooks = hooks
        self._client.connect_async(
            self._endpoint.host, self._endpoint.port, self._endpoint.keepalive_s, **self._v5()
        )
        self._thread.start()

    def wait_connected(self, timeout_s: float) -> None:
        """Wait for the first attempt; raises BrokerError when it fails or takes longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._problem is not None, timeout_s)
            if self._connected:
                return
            problem = self._problem
        raise BrokerError(problem or broker_errors.no_answer(self._endpoint, timeout_s))

    def send(self, message: Outgoing) -> int | None:
        """Hand a message to the network thread; its id, or None when it cannot be taken now.

        That is while there is no connection, and while the broker has as many messages as it takes
        unacknowledged. What is not through (`Hooks.sent`) when the connection is lost is forgotten
        with it. Raises UnsendableError for a message that this broker will never take.
        """
        with self._sending:
            if not self._connected:
                return None
            fitted = self._limits.fit(message)
            if fitted.qos and not self.room:
                return None
            try:
                properties = self._publish_properties(fitted)
                info = self._client.publish(
                    fitted.topic, fitted.payload, fitted.qos, fitted.retain, properties
                )
            except (ValueError, TypeError, AttributeError, struct.error, MQTTException) as error:
                raise UnsendableError(" ".join(str(error).split())[:200]) from error
            if info.rc == paho.MQTT_ERR_QUEUE_SIZE:
                return None
            if fitted.qos == 0 and info.rc == paho.MQTT_ERR_NO_CONN:
                return None
            size = packet_bytes(fitted)
            if fitted.qos == 0:
                self._frame_bytes = size
            self._acks.sent(info.mid, fitted.qos, size)
            return info.mid

    @property
    def room(self) -> int:
        """How many more messages of QoS 1 the broker takes before it acknowledges one."""
        return max(0, self._limits.receive_maximum - self._acks.in_flight)

    def carries(self, within_s: float) -> bool:
        """Whether a frame that is handed over now leaves this box within so many seconds."""
        with self._sending:
            if self._acks.unwritten_bytes > _UNWRITTEN_BYTES:
                return False
            sock = self._client.socket()
            reading = send_queue.read(sock) if isinstance(sock, socket.socket) else None
            if reading is None:
                return True
            return self._queue.takes(reading, self._frame_bytes, within_s, time.monotonic())

    def change_will(self, will: Outgoing, delay_s: int) -> None:
        """Leave the broker and come back with another will, at once."""
        with self._changed:
            self._will, self._will_delay_s = will, delay_s
            if self._thread.is_alive():
                self._connected, self._problem = False, None

    def subscribe(self, filters: Sequence[Subscription]) -> None:
        """Hear more topics from now on, on this connection and those after it."""
        self._filters = self._filters + [f for f in filters if f not in self._filters]

    def unsubscribe(self, filters: Sequence[Subscription]) -> None:
        """Hear these topics no more."""
        self._filters = [f for f in self._filters if f not in filters]

    def stop(self) -> None:
        """Say goodbye (the will is not sent then), and end the thread."""
        self._goodbye_s = time.monotonic() + _GOODBYE_S
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
        self._client.disconnect()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if not self._thread.is_alive():  # else it hangs in TLS, and ends with the process
            self._client._reset_sockets()  # noqa: SLF001 - paho leaves its sockets to __del__

    # -- the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            attempt = self._attempt = _Attempt(time.monotonic())
            try:
                self._serve(attempt)
            except Exception as error:
                log.debug("%s", self._endpoint.url, exc_info=error)
                self._blame(broker_errors.nonsense(self._endpoint), Ending.FAULT)
            self._cut()
            self._go_down()
            if self._stopping.is_set():
                return
            if attempt.left_s is not None:
                continue
            lasted_s = None if attempt.up_s is None else time.monotonic() - attempt.up_s
            ending = attempt.ending or Ending.LOST
            if attempt.problem is not None:
                self._fail(attempt.problem)
            if ending is not Ending.FAULT:  # it may come back with other limits
                self._assumed = BrokerLimits()
            pause_s = self._pauses.after(ending, lasted_s)
            log.info("%s: the next attempt comes in %.1f s", self._endpoint.url, pause_s)
            self._stopping.wait(pause_s)

    def _serve(self, attempt: _Attempt) -> None:
        """Connect, and carry packets until the connection ends."""
        self._through.clear()
        self._will_used = self._will
        self._set_will(self._client)
        try:
            self._client.reconnect()
        except (OSError, ValueError) as error:
            self._blame(broker_errors.unreachable(self._endpoint, error), Ending.AWAY)
            return
        while self._client.socket() is not None:
            if self._client.loop(_LOOK_S) != paho.MQTT_ERR_SUCCESS:
                break
            self._tick(attempt)

    def _tick(self, attempt: _Attempt) -> None:
        now_s = time.monotonic()
        silent_s = self.silent_s = self._read_acks(now_s)
        if attempt.up_s is not None:
            self._ask()
        if self._stopping.is_set():
            if now_s > self._goodbye_s:
                self._cut()
        elif attempt.left_s is not None:
            if now_s > attempt.left_s + _GOODBYE_S:
                self._cut()
        elif self._will is not self._will_used and attempt.answered:
            attempt.left_s = now_s
            self._client.disconnect()
        elif (problem := self._overdue(attempt, now_s, silent_s)) is not None:
            self._blame(problem, Ending.FAULT)
            self._cut()

    def _read_acks(self, now_s: float) -> float:
        """Take what came through; return how long the broker has had what it owes an answer to."""
        with self._sending:
            while self._through:
                self._acks.through(self._through.popleft(), now_s)
            if not self._client.want_write():
                self._acks.all_written(now_s)
            silent_s, proven = self._acks.oldest_s(now_s), self._acks.ever
        if proven and self._doubt is not None:
            with self._changed:
                self._doubt = self._problem = None
        return silent_s

    def _overdue(self, attempt: _Attempt, now_s: float, silent_s: float) -> str | None:
        """Say which answer of the broker is overdue; None while none is."""
        if silent_s > ACK_S:
            self._doubt = broker_errors.no_acknowledgement(self._endpoint, ACK_S)
            return self._doubt
        if not attempt.answered and now_s - attempt.begun_s > ANSWER_S:
            return broker_errors.silent(self._endpoint, ANSWER_S)
        if attempt.asked_s is not None and now_s - attempt.asked_s > ANSWER_S:
            return broker_errors.no_subscription(self._endpoint, ANSWER_S)
        return None

    def _blame(self, problem: str, ending: Ending) -> None:
        """Note why this attempt ends; the first reason counts."""
        attempt = self._attempt
        if attempt.problem is None:
            attempt.problem, attempt.ending = problem, ending

    def _cut(self) -> None:
        """End the connection without a goodbye: the peer carries none."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):  # closed in the meantime
                sock.shutdown(socket.SHUT_RDWR)

    def _go_up(self) -> None:
        if self._will is not self._will_used:  # it comes back with the other will at once
            return
        self._attempt.asked_s, self._attempt.up_s = None, time.monotonic()
        self._pauses.connected()
        with self._sending:
            self._queue.clear()
        with self._changed:
            self._connected, self._problem = True, self._doubt
            self._changed.notify_all()
        log.info("connected to %s", self._endpoint.url)
        for line in self.lacks:
            self._say(line)
        self._hooks.up(self._session_present)

    def _go_down(self) -> None:
        was, self._connected = self._attempt.up_s is not None, False
        with self._sending:
            self._acks.clear()
        if was:
            self._hooks.down(self._attempt.closed)

    def _fail(self, problem: str) -> None:
        with self._changed:
            self._problem = problem
            self._changed.notify_all()
        if not self._stopping.is_set():
            self._say(problem)

    def _say(self, line: str) -> None:
        """Log a line, but not again and again while nothing changes."""
        now_s = time.monotonic()
        self._said = {old: at for old, at in self._said.items() if now_s - at < _SAME_LINE_S}
        if line not in self._said:
            self._said[line] = now_s
            log.warning("%s", line)

    # -- subscriptions, on the thread

    def _ask(self) -> None:
        """Subscribe to what is wanted and not asked for, and leave what is wanted no more."""
        filters = self._filters
        gone = [s.topic for s in self._active if s not in filters]
        new = [s for s in filters if s not in self._active]
        self._active = list(filters)
        if gone:
            self._client.unsubscribe(gone)
        if new:
            _, mid = self._client.subscribe([self._requested(s) for s in new])
            if mid is not None:
                self._asked[mid] = new

    def _requested(self, s: Subscription) -> Any:
        if self._endpoint.mqtt_version != "5":
            return s.topic, s.qos
        options = SubscribeOptions(qos=s.qos, noLocal=s.own, retainAsPublished=s.own)
        return s.topic, options

    # -- paho's callbacks, on the thread

    def _on_connect(
        self,
        _client: Any,
        _data: Any,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        attempt = self._attempt
        attempt.answered = True
        if self._stopping.is_set():  # `stop` came while the socket was being opened
            self._client.disconnect()
            return
        if code.is_failure:
            self._learn(code)
            self._blame(broker_errors.refused(self._endpoint, code), Ending.FAULT)
            return
        self._client.drop_out_messages()  # whoever sent them sends them again, in order
        self._limits = BrokerLimits.of_connack(properties).within(self._assumed)
        self._session_present = flags.session_present
        self._asked.clear()
        self._active = []
        if self._filters:  # it is of use once the broker has answered this
            attempt.asked_s = time.monotonic()
            self._ask()
        else:
            self._go_up()

    def _learn(self, code: ReasonCode) -> None:
        """Note what this broker does not take, where it says so by a refusal alone."""
        if code.getName() == "Retain not supported":
            self._assumed = replace(self._assumed, retain=False)
        elif code.getName() == "QoS not supported":
            self._assumed = replace(self._assumed, qos=0)

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        self._connected = False
        attempt = self._attempt
        if self._stopping.is_set() or attempt.left_s is not None:
            return
        self._learn(code)
        if code.getName() == "Protocol error" and not flags.is_disconnect_packet_from_server:
            self._blame(broker_errors.nonsense(self._endpoint), Ending.FAULT)
            return
        taken = flags.is_disconnect_packet_from_server and code.getName() == "Session taken over"
        if taken:
            self._blame(broker_errors.taken_over(self._endpoint, self._session.name), Ending.FAULT)
        elif self.suspicion is not None:
            self._blame(f"{self._endpoint.url}: {self.suspicion}", Ending.FAULT)
        elif attempt.up_s is not None:
            attempt.closed = attempt.problem is None and code.getName() != "Keep alive timeout"
            named = flags.is_disconnect_packet_from_server and code.is_failure
            ending = Ending.FAULT if named and code.getName() not in _GOES_AWAY else Ending.LOST
            self._blame(broker_errors.lost(self._endpoint, code), ending)
        elif not attempt.answered and code.getName() == "Keep alive timeout":
            waited_s = time.monotonic() - attempt.begun_s
            self._blame(broker_errors.silent(self._endpoint, waited_s), Ending.FAULT)
        elif not attempt.answered:
            self._blame(broker_errors.closed(self._endpoint), Ending.LOST)
        else:
            self._blame(broker_errors.lost(self._endpoint, code), Ending.LOST)

    def _on_subscribe(
        self, _client: Any, _data: Any, mid: int, codes: Sequence[ReasonCode], _properties: Any
    ) -> None:
        answers = list(zip(self._asked.get(mid, self._filters), codes, strict=False))
        wanted = [(s, code) for s, code in answers if not s.own]
        refused = [
            broker_errors.subscription_refused(self._endpoint, s.topic, code)
            for s, code in wanted
            if code.is_failure
        ]
        if self._attempt.up_s is None and (len(refused) < len(wanted) or not wanted):
            self._go_up()
        if refused and self._attempt.up_s is None:
            self._blame(refused[0], Ending.FAULT)
            self._fail(refused[0])
            self._cut()
        elif refused:
            self._fail(refused[0])

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        self._through.append(mid)
        self._hooks.sent(mid, str(code) if code.is_failure else None)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no topic of ours
            return
        most = self._session.most_bytes
        if most is not None and len(message.payload) > most:
            return
        try:
            self._hooks.message(Incoming(topic, bytes(message.payload), message.retain))
        except Exception as error:  # whatever a stranger sends must not end the connection
            log.debug("%s", topic, exc_info=error)
            self._say(f"a message on {topic[:200]!r} was not understood ({type(error).__name__})")

    # -- paho's options

    def _make_client(self) -> paho.Client:
        five = self._endpoint.mqtt_version == "5"
        client = _Client(
            self._stopping,
            client_id=self._session.client_id,
            clean_session=None if five else self._session.clean_start,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # `room` bounds them
        if self._endpoint.username is not None:
            client.username_pw_set(self._endpoint.username, self._endpoint.password)
        context = self._endpoint.ssl_context()
        if context is not None:
            client.tls_set_context(context)
        client.on_socket_register_write = _nothing  # this thread writes, and no other
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _set_will(self, client: paho.Client) -> None:
        will = self._will_used
        if will is None:
            return
        properties = None
        if self._endpoint.mqtt_version == "5":
            properties = _described(_properties(PacketTypes.WILLMESSAGE), will)
            if self._will_delay_s:
                properties.WillDelayInterval = self._will_delay_s
        qos, retain = min(will.qos, self._assumed.qos), will.retain and self._assumed.retain
        client.will_set(will.topic, will.payload, qos, retain, properties)

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


def _subscription(given: tuple[str, int] | Subscription) -> Subscription:
    return given if isinstance(given, Subscription) else Subscription(*given)


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


def _tune(sock: socket.socket) -> None:
    """Keep little in the kernel: on a slow link frames wait here, where old ones are dropped."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
