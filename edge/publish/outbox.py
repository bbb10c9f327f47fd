"""What waits to be sent, and the thread that sends it: frames, retained documents, events.

The pipeline only puts things here; it never waits for the disk or the network. One thread owns the
spool and everything in flight, and paho's callbacks only leave it a note.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from edge.publish.connection import Outgoing
from edge.publish.event_queue import EventQueue
from edge.publish.messages import Event
from edge.publish.slots import Slots
from edge.publish.spool import Spool

log = logging.getLogger(__name__)

MAX_DRAFTS = 256
"""Events on their way to the spool; beyond it the disk is stuck, and the oldest are dropped."""

_FRAMES_IN_FLIGHT = 8  # not yet taken by the kernel: bridges a busy moment, not a slow link
_IDLE_S = 0.5


@dataclass(frozen=True, slots=True)
class FrameItem:
    """A frame's message to be, and when it was offered."""

    compose: Callable[[], Outgoing]
    offered_s: float


@dataclass(frozen=True, slots=True)
class EventItem:
    """An event's message to be, once it has its number."""

    topic: str
    payload: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class _Up:
    receive_maximum: int
    session_present: bool


@dataclass(frozen=True, slots=True)
class _Down:
    pass


@dataclass(frozen=True, slots=True)
class _Sent:
    mid: int
    refusal: str | None


Compose: TypeAlias = "Callable[[], Outgoing | None]"
"""Makes a retained document at the moment it is sent; None when it has nothing left to say."""

_Note: TypeAlias = "_Up | _Down | _Sent"


@dataclass(slots=True)
class _InFlight:
    """Message ids that wait for the network or the broker."""

    frames: set[int] = field(default_factory=set)
    documents: dict[int, str] = field(default_factory=dict)
    """To the topic."""


class Link(Protocol):
    """What an outbox sends through."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    def send(self, message: Outgoing) -> int | None:
        """Hand a message over; its id, or None when it was not taken."""


class Outbox:
    """Holds what waits and sends it on its own thread."""

    def __init__(
        self,
        link: Link,
        spool: Spool,
        *,
        frame_expiry_s: float,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.frames: Slots[FrameItem] = Slots()
        self.event_drops: Counter[str] = Counter()
        """Events dropped before they reached the spool, by cause."""
        self.problem: str | None = None
        """The last message that the broker refused or that could not be made; None if none was."""
        self._told: set[tuple[str, type[Exception]]] = set()
        self._link = link
        self._events = EventQueue(spool)
        self._spool = spool
        self.frame_expiry_s = frame_expiry_s
        """A frame that waited longer is dropped; may change at any time."""
        self._wall_ns = wall_ns
        self._wake = threading.Condition()
        self._notes: deque[_Note] = deque()
        self._drafts: deque[EventItem] = deque()
        self._documents: dict[str, Compose] = {}
        """The retained set: what each topic says, sent again when the broker may have forgotten."""
        self._dirty: dict[str, float] = {}
        """Topics of the retained set that are to be sent, and when."""
        self._in_flight = _InFlight()
        self._receive_maximum = 0
        self._up = False
        self._kicked = False
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="touchline-outbox", daemon=True)

    # -- for the pipeline: nothing here waits

    def offer_frame(self, key: str, item: FrameItem) -> None:
        """Offer a frame; one under the same key that was not sent yet is dropped."""
        self.frames.put(key, item, "slow_link" if self._link.connected else "offline")
        self._kick()

    def offer_event(self, item: EventItem) -> None:
        """Offer an event; the thread puts it into the spool."""
        with self._wake:
            if len(self._drafts) >= MAX_DRAFTS:
                self._drafts.popleft()
                self.event_drops["overflow"] += 1
            self._drafts.append(item)
        self._kick()

    def set_document(self, topic: str, compose: Compose, *, delay_s: float = 0.0) -> None:
        """Say what a retained topic holds from now on; sent after `delay_s`, newest wins."""
        with self._wake:
            self._documents[topic] = compose
            due = time.monotonic() + delay_s
            self._dirty[topic] = min(due, self._dirty.get(topic, due))
        self._kick()

    # -- notes from the network's thread

    def note_up(self, receive_maximum: int, session_present: bool) -> None:  # noqa: FBT001
        """Take note that the broker accepted the connection, and whether it knew this box."""
        self._note(_Up(receive_maximum, session_present))

    def note_down(self) -> None:
        """Take note that the connection is gone."""
        self._note(_Down())

    def note_sent(self, mid: int, refusal: str | None) -> None:
        """Take note that a message is through, or refused."""
        self._note(_Sent(mid, refusal))

    # -- life

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits or the link is gone; say whether everything was sent."""
        with self._wake:
            self._wake.wait_for(lambda: self._idle() or not self._link.connected, timeout_s)
            return self._idle()

    def stop(self) -> None:
        """End the thread; what waits is dropped (frames) or stays in the spool (events)."""
        self._ending = True
        self._kick()
        self._thread.join()
        for _ in self._in_flight.frames:
            self.frames.settle("stopped")
        self.frames.clear("stopped")

    @property
    def delivered_events(self) -> int:
        """Count the events that the broker acknowledged."""
        return self._events.delivered

    def waiting_events(self) -> int:
        """Count the events that the broker has not yet taken, as of the last step of the thread."""
        return self._waiting + len(self._drafts)

    _waiting = 0

    # -- the thread

    def _run(self) -> None:
        while not self._ending:
            self._read_notes()
            self._store_drafts()
            self._spool.tend()
            self._waiting = len(self._events)
            sent = self._up and (self._send_frame() | self._send_documents() | self._send_events())
            if not sent:
                self._sleep()
        self._read_notes()
        self._store_drafts()

    def _sleep(self) -> None:
        with self._wake:
            self._wake.notify_all()  # whoever flushes looks again
            now = time.monotonic()
            later = [due - now for due in self._dirty.values() if due > now]
            wait = min([_IDLE_S, self._events.pause_s() or _IDLE_S, *later])
            self._wake.wait_for(lambda: self._kicked, wait)
            self._kicked = False

    def _idle(self) -> bool:
        nothing_offered = not (self.frames or self._drafts or self._dirty or self._waiting)
        flying = self._in_flight.frames or self._in_flight.documents or self._events.in_flight
        return nothing_offered and not flying and not self._notes

    def _kick(self) -> None:
        with self._wake:
            self._kicked = True
            self._wake.notify_all()

    def _note(self, note: _Note) -> None:
        self._notes.append(note)
        self._kick()

    def _read_notes(self) -> None:
        while self._notes:
            note = self._notes.popleft()
            if isinstance(note, _Up):
                self._go_up(note)
            elif isinstance(note, _Down):
                self._go_down()
            else:
                self._settle(note.mid, note.refusal)

    def _go_up(self, note: _Up) -> None:
        self._up = True
        self._receive_maximum = note.receive_maximum
        self._in_flight.documents.clear()
        self._events.connected(forgot=not note.session_present)
        with self._wake:  # the broker may have lost what it retained
            now = time.monotonic()
            self._dirty = dict.fromkeys(self._documents, now)

    def _go_down(self) -> None:
        """Count frames in flight as lost; events and documents are sent again once back."""
        self._up = False
        for _ in self._in_flight.frames:
            self.frames.settle("link_lost")
        self._in_flight.frames.clear()

    def _settle(self, mid: int, refusal: str | None) -> None:
        if mid in self._in_flight.frames:
            self._in_flight.frames.discard(mid)
            self.frames.settle()
        elif self._events.settle(mid, refused=refusal is not None):
            if refusal is not None:
                self._complain(f"an event: {refusal}")
        elif mid in self._in_flight.documents:
            topic = self._in_flight.documents.pop(mid)
            if refusal is not None:
                self._complain(f"{topic}: {refusal}")

    def _complain(self, refusal: str) -> None:
        problem = f"the broker refused {refusal.lower()}; check the access rules of this box's user"
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _unmade(self, what: str, error: Exception) -> None:
        """Tell of a message that could not be made: a defect, which must not silence the others."""
        problem = f"{what}: the message could not be made ({type(error).__name__}: {error})"
        if (what, type(error)) not in self._told:
            self._told.add((what, type(error)))
            log.error("%s", problem, exc_info=error)
        self.problem = " ".join(problem.split())

    def _store_drafts(self) -> None:
        while self._drafts:
            with self._wake:
                item = self._drafts.popleft()
            try:
                self._events.append(item.topic, item.payload, self._wall_ns())
            except Exception as error:  # noqa: BLE001 - see _unmade
                self.event_drops["unmade"] += 1
                self._unmade(item.topic, error)

    def _send_frame(self) -> bool:
        if len(self._in_flight.frames) >= _FRAMES_IN_FLIGHT:
            return False
        item = self.frames.take()
        if item is None:
            return False
        if time.monotonic() - item.offered_s > self.frame_expiry_s:
            self.frames.settle("expired")
            return True
        try:
            message = item.compose()
        except Exception as error:  # noqa: BLE001 - see _unmade
            self.frames.settle("unmade")
            self._unmade("a frame", error)
            return True
        mid = self._link.send(message)
        if mid is None:
            self.frames.settle("link_lost")
        else:
            self._in_flight.frames.add(mid)
        return True

    def _send_documents(self) -> bool:
        now = time.monotonic()
        flying = set(self._in_flight.documents.values())
        with self._wake:
            due = [t for t, when in self._dirty.items() if when <= now and t not in flying]
        for topic in due:
            if not self._room():
                return False
            with self._wake:
                self._dirty.pop(topic)
            try:
                message = self._documents[topic]()
            except Exception as error:  # noqa: BLE001 - see _unmade
                self._unmade(topic, error)
                continue
            mid = None if message is None else self._link.send(message)
            if mid is not None:
                self._in_flight.documents[mid] = topic
        return bool(due)

    def _send_events(self) -> bool:
        events = self._events.due(self._room()) if self._waiting else []
        for event in events:
            properties = (("schema", Event.SCHEMA), ("seq", str(event.number)))
            mid = self._link.send(
                Outgoing(event.topic, event.payload, qos=1, user_properties=properties)
            )
            if mid is None:
                return False
            self._events.sent(mid, event)
        return bool(events)

    def _room(self) -> int:
        return self._receive_maximum - self._events.in_flight - len(self._in_flight.documents)
