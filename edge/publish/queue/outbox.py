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
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from edge.publish.messages.registration import Event
from edge.publish.mqtt.packet import Incoming, Outgoing, UnsendableError
from edge.publish.queue.event_queue import EventQueue
from edge.publish.queue.retained_set import Compose, RetainedSet
from edge.publish.queue.slots import Slots
from edge.publish.queue.spool import Spool, Spooled
from edge.publish.queue.suspects import Suspects

log = logging.getLogger(__name__)

MAX_DRAFTS = 256
"""Events on their way to the spool; beyond it the disk is stuck, and the oldest are dropped."""

_FRAMES_IN_FLIGHT = 8  # not yet taken by the kernel: bridges a busy moment, not a slow link
_IDLE_S = 0.5
_PATIENCE_S = 1.5
"""Who waits until all is sent does not wait for a broker that owes an answer for so long."""
_SHARE_OF_EXPIRY = 0.5
"""A frame is handed over where it leaves within this share of its expiry."""
_GATE_S = 0.02
"""How soon a link that carries no frame in time is looked at again."""
_MOST_FAILURES = 5
"""Failures in a row that this thread goes on after; one more ends it, which shows in health."""
_MOST_NOTES = 1000
"""Messages heard and not yet looked at; a stranger may write faster than this thread reads."""


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
    session_present: bool


@dataclass(frozen=True, slots=True)
class _Down:
    closed: bool


@dataclass(frozen=True, slots=True)
class _Sent:
    mid: int
    refusal: str | None


_Note: TypeAlias = "_Up | _Down | _Sent | Incoming"

Heard: TypeAlias = "Callable[[Incoming, bool], None]"
"""Takes a message that came on a topic of this box, and whether it is newer than the box's own."""


class OutboxLink(Protocol):
    """What an outbox sends through."""

    @property
    def silent_s(self) -> float:
        """How long the broker has owed an answer, seconds."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    def send(self, message: Outgoing) -> int | None:
        """Hand a message over; its id, or None when it cannot be taken now.

        Raises UnsendableError for one that is never taken.
        """

    @property
    def room(self) -> int:
        """How many more messages of QoS 1 the broker takes now."""

    def carries(self, within_s: float) -> bool:
        """Whether a frame that is handed over now leaves within so many seconds."""


class Outbox:
    """Holds what waits and sends it on its own thread."""

    def __init__(
        self,
        link: OutboxLink,
        spool: Spool,
        *,
        frame_expiry_s: float,
        wall_ns: Callable[[], int] = time.time_ns,
        on_heard: Heard = lambda _message, _newer: None,
        name: str = "publisher",
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
        self._on_heard = on_heard
        self._documents = RetainedSet()
        self._flying_frames: set[int] = set()
        self._suspects = Suspects()
        self._failures = 0
        self._up = False
        self._kicked = False
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)

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
        self._documents.put(topic, compose, time.monotonic() + delay_s)
        self._kick()

    # -- notes from the network's thread

    def note_up(self, session_present: bool) -> None:  # noqa: FBT001
        """Take note that the broker accepted the connection, and whether it knew this box."""
        self._note(_Up(session_present))

    def note_down(self, closed: bool) -> None:  # noqa: FBT001
        """Take note that the connection is gone, and whether the broker closed it."""
        self._note(_Down(closed))

    def note_heard(self, message: Incoming) -> None:
        """Take note of what came on a topic of this box; of too many the rest are dropped."""
        if len(self._notes) < _MOST_NOTES:
            self._note(message)

    def note_sent(self, mid: int, refusal: str | None) -> None:
        """Take note that a message is through, or refused."""
        self._note(_Sent(mid, refusal))

    # -- life

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits or the link is of no use; say whether everything was sent."""

        def over() -> bool:
            link = self._link
            return self._idle() or not link.connected or link.silent_s > _PATIENCE_S

        with self._wake:
            self._wake.wait_for(over, timeout_s)
            return self._idle()

    def stop(self) -> None:
        """End the thread; what waits is dropped (frames) or stays in the spool (events)."""
        self._ending = True
        self._kick()
        self._thread.join()
        for _ in self._flying_frames:
            self.frames.settle("stopped")
        self.frames.clear("stopped")

    @property
    def overwritten(self) -> int:
        """Count the messages of others on the retained topics of this box."""
        return self._documents.own.overwritten

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
            self._safely(self._step)
        self._read_notes()
        self._store_drafts()

    def _safely(self, step: Callable[[], None]) -> None:
        """Do a step; a failure is told and gone on after, unless they do not cease."""
        try:
            step()
            self._failures = 0
        except Exception as error:
            self._failures += 1
            self._unmade("the outbox", error)
            if self._failures > _MOST_FAILURES:
                raise  # seen by who watches threads
            time.sleep(_IDLE_S)

    def _step(self) -> None:
        self._read_notes()
        self._store_drafts()
        self._spool.tend()
        self._waiting = len(self._events)
        sent = self._up and (self._send_frame() | self._send_documents() | self._send_events())
        if not sent:
            self._sleep()

    def _sleep(self) -> None:
        if self._idle():
            self._suspects.calm()
        with self._wake:
            self._wake.notify_all()  # whoever flushes looks again
            now_s = time.monotonic()
            next_s = self._documents.next_s(now_s)
            wait_s = min(_IDLE_S, self._events.pause_s() or _IDLE_S)
            if next_s is not None:
                wait_s = min(wait_s, next_s - now_s)
            if self.frames and self._up:
                wait_s = min(wait_s, _GATE_S)
            self._wake.wait_for(lambda: self._kicked, wait_s)
            self._kicked = False

    def _idle(self) -> bool:
        nothing_offered = not (self.frames or self._drafts or self._documents or self._waiting)
        flying = self._flying_frames or self._documents.flying or self._events.in_flight
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
                self._go_down(note)
            elif isinstance(note, _Sent):
                self._settle(note.mid, note.refusal)
            else:
                newer = self._documents.own.watches(note.topic)
                self._documents.heard(note.topic, note.payload, time.monotonic())
                self._on_heard(note, newer)

    def _go_up(self, note: _Up) -> None:
        self._up = True
        self._events.connected(forgot=not note.session_present)
        self._documents.renew(time.monotonic())

    def _go_down(self, note: _Down) -> None:
        """Count frames in flight as lost; events and documents are sent again once back."""
        self._up = False
        for _ in self._flying_frames:
            self.frames.settle("link_lost")
        self._flying_frames.clear()
        self._documents.lost()
        flying = [*self._documents.flying, *self._events.flying]
        guilty = self._suspects.closed(flying) if note.closed else None
        if isinstance(guilty, str):
            self._leave_out(guilty, "the broker closes the connection for it")
        elif isinstance(guilty, int):
            self._events.set_aside(guilty, "refused")
            self._tell(f"event {guilty}: given up: the broker closes the connection for it")

    def _settle(self, mid: int, refusal: str | None) -> None:
        if mid in self._flying_frames:
            self._flying_frames.discard(mid)
            self.frames.settle()
            return
        number = self._events.number_of(mid)
        if number is not None:
            self._events.settle(mid, refused=refusal is not None)
            self._suspects.went(number)
            if refusal is not None:
                self._complain(f"an event: {refusal}")
            return
        topic = self._documents.settle(mid, taken=refusal is None)
        if topic is not None:
            self._suspects.went(topic)
            if refusal is not None:
                self._complain(f"{topic}: {refusal}")

    def _complain(self, refusal: str) -> None:
        self._tell(
            f"the broker refused {refusal.lower()}; check the access rules of this box's user"
        )

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _leave_out(self, topic: str, why: str) -> None:
        """Leave a document out for a while, so that what comes behind it goes on."""
        self._documents.set_aside(topic, time.monotonic())
        self._tell(f"{topic}: not sent: {why}")

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
        if not self.frames or len(self._flying_frames) >= _FRAMES_IN_FLIGHT:
            return False
        if not self._link.carries(_SHARE_OF_EXPIRY * self.frame_expiry_s):
            return False
        item = self.frames.take()
        if item is None:
            return False
        if time.monotonic() - item.offered_s > self.frame_expiry_s:
            self.frames.settle("expired")
            return True
        try:
            mid = self._link.send(item.compose())
        except UnsendableError as error:
            self.frames.settle("unsendable")
            self._tell(f"a frame: not sent: {error}")
            return True
        except Exception as error:  # noqa: BLE001 - see _unmade
            self.frames.settle("unmade")
            self._unmade("a frame", error)
            return True
        if mid is None:
            self.frames.settle("link_lost")
        else:
            self._flying_frames.add(mid)
        return True

    def _send_documents(self) -> bool:
        due = self._documents.due(time.monotonic())
        for topic in due:
            if not self._room():
                return False
            try:
                message = self._documents.take(topic)
                mid = None if message is None else self._link.send(message)
            except UnsendableError as error:
                self._leave_out(topic, str(error))
                continue
            except Exception as error:  # noqa: BLE001 - see _unmade
                self._unmade(topic, error)
                continue
            now_s = time.monotonic()
            if message is not None and mid is None:
                self._documents.put_back(topic, now_s)
                return False
            if message is not None and mid is not None:
                self._documents.sent(mid, message)
        return bool(due)

    def _send_events(self) -> bool:
        events = self._events.due(self._room()) if self._waiting else []
        sent = False
        for event in events:
            if not self._send_event(event):
                break  # those behind it keep their order
            sent = True
        return sent

    def _send_event(self, event: Spooled) -> bool:
        properties = (("schema", Event.SCHEMA), ("seq", str(event.number)))
        message = Outgoing(event.topic, event.payload, qos=1, user_properties=properties)
        try:
            mid = self._link.send(message)
        except UnsendableError as error:
            self._events.set_aside(event.number, "unsendable")
            self._tell(f"event {event.number}: given up: {error}")
            return True
        if mid is None:
            return False
        self._events.sent(mid, event)
        return True

    def _room(self) -> int:
        """Return how many more messages may be on their way: one at a time under suspicion."""
        if not self._suspects.careful:
            return self._link.room
        return 0 if self._events.in_flight or self._documents.flying else 1
