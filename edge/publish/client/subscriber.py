"""For subscribers: typed messages, reconnection, the latest homography, pixels to metres and back.

import touchline

with touchline.Client("mqtt://192.168.1.20", site="venue") as client:
    for received in client.messages():
        if received.kind == "homography" and received.message.matrix is not None:
            ball = touchline.field_from_pixels(received.message, [[640, 360]])
            print(received.address.device, ball.points_m[0], "±", ball.error_m[0], "m")
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from edge.config import BrokerConfig, EmbeddedBrokerConfig, parse_broker
from edge.errors import UsageError
from edge.publish.client.projection import FieldPoints, field_from_pixels, pixels_from_field
from edge.publish.messages.health import Health
from edge.publish.messages.registration import Event, Homography, Info, StateMessage
from edge.publish.messages.segments import Segments
from edge.publish.mqtt.connection import Backoff, Connection, Hooks, Incoming, Session
from edge.publish.mqtt.endpoint import Endpoint, endpoint_of
from edge.publish.mqtt.topics import Address, Topics, parse_topic, topic_filter

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

__all__ = [
    "AnyMessage",
    "Event",
    "FieldPoints",
    "Health",
    "Homography",
    "Info",
    "Received",
    "Segments",
    "StateMessage",
    "TouchlineClient",
    "client_endpoint",
    "field_from_pixels",
    "pixels_from_field",
]

AnyMessage: TypeAlias = "Homography | StateMessage | Info | Health | Event | Segments"

_MODELS: dict[str, type[AnyMessage]] = {
    "homography": Homography,
    "latest": Homography,
    "state": StateMessage,
    "info": Info,
    "health": Health,
    "event": Event,
    "segments": Segments,
}
_REMEMBERED_EVENTS = 4096
_MAX_FRAMES, _MAX_OTHERS = 256, 4096
_MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Payload of all messages that wait to be read."""
_MAX_KNOWN = 1024
"""Cameras, boxes and programmes that are remembered, each; of more the oldest are forgotten."""
_HUGE_NUMBER = re.compile(rb"[:,\[\s-]\d{20,}\s*[,\]}]")
"""A whole number of more digits than any of the contract; readers could not compute with it."""
MOST_BYTES = 4 * 1024 * 1024
"""Larger messages are not read: none of the contract comes near."""
_SESSION_EXPIRY_S = 3600


@dataclass(frozen=True, slots=True)
class Received:
    """A message and how it came."""

    address: Address
    """Site, device, camera and kind, from the topic."""
    message: AnyMessage
    retained: bool
    """Whether the broker had kept it from before this client subscribed."""
    received_ns: int
    """UTC nanoseconds at which it arrived here."""

    @property
    def kind(self) -> str:
        """`homography`, `latest`, `event`, `state`, `info`, `health` or `segments`."""
        return self.address.kind


@dataclass(frozen=True, slots=True)
class _NewestFrame:
    message: Homography
    at_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: int
    received: Received
    size: int


class TouchlineClient:
    """Listens to one box, or to many; reconnects by itself.

    With a `client_id` of its own the broker keeps events for this client while it is away (up to an
    hour); an event that is sent twice is given once. Thread-safe.
    """

    def __init__(
        self,
        broker: str | Endpoint = "mqtt://127.0.0.1",
        *,
        site: str | None = None,
        device: str | None = None,
        camera: str | None = None,
        prefix: str = "touchline",
        client_id: str | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; None for site, device or camera means all of them.

        `broker` is an address (`mqtt://[user[:password]@]host[:port]`, `mqtts://…`, `embedded`)
        or an endpoint. Raises UsageError for a malformed name or address.
        """
        if not isinstance(broker, (str, Endpoint)):
            raise UsageError(f"{type(broker).__name__} is no broker: give mqtt://host[:port]")
        Topics(prefix, site or "x", device or "x")  # refuses what is no name
        endpoint = broker if isinstance(broker, Endpoint) else client_endpoint(parse_broker(broker))
        self._prefix = prefix
        self._camera = camera
        self._changed = threading.Condition()
        self._frames: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._arrivals = 0
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, str], _NewestFrame] = OrderedDict()
        self._states: OrderedDict[tuple[str, str], StateMessage] = OrderedDict()
        self._programmes: OrderedDict[str, tuple[Segments, int]] = OrderedDict()
        self._waiting_bytes = 0
        self._closed = False
        self.invalid = 0
        """Messages that did not validate or are of no known kind."""
        self.dropped = 0
        """Messages dropped because `messages()` was not read fast enough; frames go first."""
        self.repeated = 0
        """Events that came a second time and were not given again."""
        session = Session(
            client_id=client_id or f"touchline-listen-{secrets.token_hex(6)}",
            clean_start=client_id is None,
            expiry_s=_SESSION_EXPIRY_S if client_id else 0,
            subscriptions=_subscriptions(prefix, site, device, camera),
            most_bytes=MOST_BYTES,
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
        self._connection.start(Hooks(message=self._take))

    def wait_connected(self, timeout_s: float = 5.0) -> None:
        """Wait for the first attempt to connect; raises BrokerError, one line, when it fails."""
        self._connection.wait_connected(timeout_s)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connection.connected

    @property
    def problem(self) -> str | None:
        """Why nothing comes, one line; None when all is well."""
        return self._connection.problem

    def messages(self, timeout_s: float | None = None) -> Iterator[Received]:
        """Yield messages as they come, until `close`; or until none came for `timeout_s`."""
        while True:
            received = self.next(timeout_s)
            if received is None:
                return
            yield received

    def next(self, timeout_s: float | None = None) -> Received | None:
        """Return the next message; None when none came in time, or after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._others or self._closed, timeout_s)
            first = min((q for q in (self._frames, self._others) if q), default=None, key=_oldest)
            return self._pop(first).received if first else None

    def latest(self, max_age_s: float | None = None) -> Homography | None:
        """Return the newest frame's message, lost or not; None if none within `max_age_s`."""
        with self._changed:
            newest = max(self._kept.values(), key=lambda kept: kept.at_s, default=None)
        if newest is None:
            return None
        too_old = max_age_s is not None and time.monotonic() - newest.at_s > max_age_s
        return None if too_old else newest.message

    def state_of(self, site: str, device: str) -> StateMessage | None:
        """Return the last state of a box; None while none came."""
        with self._changed:
            return self._states.get((site, device))

    def segments_of(self, job: str) -> Segments | None:
        """Return the labelled segments of a programme; None while none came."""
        with self._changed:
            known = self._programmes.get(job)
            return None if known is None else known[0]

    def close(self) -> None:
        """Disconnect and end `messages()`."""
        self._connection.stop()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # -- on the network's thread

    def _take(self, incoming: Incoming) -> None:
        address = parse_topic(self._prefix, incoming.topic)
        model = None if address is None else _MODELS.get(address.kind)
        if address is None or model is None or not incoming.payload:
            self.invalid += bool(incoming.payload)  # an empty one clears a retained topic
            return
        if self._camera is not None and address.camera not in {None, self._camera}:
            return
        if len(incoming.payload) > MOST_BYTES or _HUGE_NUMBER.search(incoming.payload):
            self.invalid += 1
            return
        try:
            message = model.model_validate_json(incoming.payload)
        except (ValueError, RecursionError):  # pydantic's errors are ValueErrors
            self.invalid += 1
            return
        received = Received(address, message, incoming.retained, time.time_ns())
        with self._changed:
            if self._is_news(received, len(incoming.payload)):
                self._queue(received, len(incoming.payload))
                self._changed.notify_all()

    def _is_news(self, received: Received, size: int) -> bool:
        message, address = received.message, received.address
        if isinstance(message, Event):
            return self._first_time(message.id)
        if isinstance(message, Homography):
            return self._keep(
                (address.site, address.device, message.camera), received.kind, message
            )
        if isinstance(message, StateMessage):
            return self._new_state((address.site, address.device), message)
        if isinstance(message, Segments):
            self._remember_programme(message, size)
        return True

    def _remember_programme(self, message: Segments, size: int) -> None:
        """Keep the newest programmes, as far as memory set aside for them goes."""
        _remember(self._programmes, message.job, (message, size))
        while sum(kept for _, kept in self._programmes.values()) > _MAX_WAITING_BYTES:
            self._programmes.popitem(last=False)

    def _first_time(self, event_id: str) -> bool:
        if event_id in self._seen:
            self.repeated += 1
            return False
        self._seen[event_id] = None
        if len(self._seen) > _REMEMBERED_EVENTS:
            self._seen.popitem(last=False)
        return True

    def _keep(self, key: tuple[str, str, str], kind: str, message: Homography) -> bool:
        """Remember the newest frame; a retained copy of one that is known already is no news."""
        kept = self._kept.get(key)
        if kept is not None and _is_older(message, kept.message, retained_copy=kind == "latest"):
            return False
        _remember(self._kept, key, _NewestFrame(message, time.monotonic()))
        return True

    def _new_state(self, key: tuple[str, str], message: StateMessage) -> bool:
        """Take a state, but not the will of a session that a newer one has followed."""
        known = self._states.get(key)
        if known is not None and not message.clean and known.session != message.session:
            return False
        _remember(self._states, key, message)
        return True

    def _queue(self, received: Received, size: int) -> None:
        queue, most = (
            (self._frames, _MAX_FRAMES)
            if isinstance(received.message, Homography)
            else (self._others, _MAX_OTHERS)
        )
        if len(queue) >= most:
            self._pop(queue)
            self.dropped += 1
        self._arrivals += 1
        queue.append(_Waiting(self._arrivals, received, size))
        self._waiting_bytes += size
        while self._waiting_bytes > _MAX_WAITING_BYTES:
            self._pop(self._frames or self._others)
            self.dropped += 1

    def _pop(self, queue: deque[_Waiting]) -> _Waiting:
        first = queue.popleft()
        self._waiting_bytes -= first.size
        return first


K = TypeVar("K")
V = TypeVar("V")


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep a value, and forget the oldest where there are too many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MAX_KNOWN:
        known.popitem(last=False)


def client_endpoint(config: BrokerConfig) -> Endpoint:
    """Return where a client finds a configured broker; `embedded` is looked for on this box.

    Raises ConfigError for a password that cannot be read, UsageError for a port that nobody knows.
    """
    if isinstance(config, EmbeddedBrokerConfig):
        if config.port == 0:
            raise UsageError("broker embedded:0 has no fixed port: name the one that it listens on")
        from edge.publish.mqtt.broker import EmbeddedBroker  # noqa: PLC0415 - only to know its address

        return EmbeddedBroker(config).endpoint
    return endpoint_of(config)


def _subscriptions(
    prefix: str, site: str | None, device: str | None, camera: str | None
) -> list[tuple[str, int]]:
    cam = camera or "+"
    kinds = {"state": 1, "info": 1, "health": 1, f"cam/{cam}/event": 1, "segments/+": 1}
    frames = {f"cam/{cam}/homography": 0, f"cam/{cam}/homography/latest": 0}
    wanted = kinds | frames
    return [(topic_filter(prefix, site, device, rest), qos) for rest, qos in wanted.items()]


def _is_older(message: Homography, known: Homography, *, retained_copy: bool) -> bool:
    if message.session == known.session:
        return message.seq <= known.seq
    return retained_copy and message.capture.time_ns < known.capture.time_ns


def _oldest(queue: deque[_Waiting]) -> int:
    return queue[0].arrival
