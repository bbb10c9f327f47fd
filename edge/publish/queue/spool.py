"""Events on disk until the broker has them: in order, bounded in size and age, each numbered once.

SQLite in WAL mode: what was appended survives a crash of the process, and a power cut can take the
last moments but never the file. Not thread-safe: one thread owns a spool.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge.config import Config
from edge.paths import state_folder

log = logging.getLogger(__name__)

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_ns INTEGER NOT NULL
)
"""
_MB = 1_000_000
_RETRY_S = 10.0
"""How often a file that could not be used is tried again."""
_MOST_NUMBER = 2**53
"""Numbers beyond it are damage: readers of JSON could not tell them apart."""
_DAMAGED = f"""
typeof(topic) <> 'text' OR typeof(payload) <> 'blob' OR typeof(created_ns) <> 'integer'
OR number > {_MOST_NUMBER} OR length(topic) NOT BETWEEN 1 AND 65535
OR length(payload) NOT BETWEEN 1 AND 1000000
"""
_JUMP_NS = 60 * 10**9
"""A clock that moves by more against the monotonic one was set."""


def spool_path(config: Config) -> Path:
    """Return the file in which events wait: the configured one, or one in the state folder."""
    if config.publish.spool.path is not None:
        return config.publish.spool.path
    return state_folder() / f"spool-{config.site}-{config.device}.sqlite"


@dataclass(frozen=True, slots=True)
class Spooled:
    """An event that waits."""

    number: int
    topic: str
    payload: bytes


class Spool:
    """A queue of events in one SQLite file, held by one process at a time.

    Where the file cannot be used (disk full, read-only, held by another process, damaged) events
    wait in memory instead, and `problem` says why; `tend` goes back to a file that failed once it
    can be used again. A clock that is set makes no event older or younger.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int = 16 * _MB,
        max_age_ns: int = 72 * 3600 * 10**9,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or make the file; `path` None keeps events in memory by intent."""
        self._max_bytes = max_bytes
        self._max_age_ns = max_age_ns
        self._dropped: Counter[str] = Counter()
        self.problem: str | None = None
        """Why events wait in memory instead of on disk; None when they need not."""
        self._path = path
        self._clock_s = clock_s
        self._tried_s = clock_s()
        self._may_return = False
        """Whether all that the file holds is in memory, so that it may be written again."""
        self._clocks: tuple[int, float] | None = None
        """Wall and monotonic clock when they were last compared."""
        self._last = 0
        """The highest number given; numbers go on from there whatever becomes of the file."""
        self._bytes = 0
        self._count: int | None = None
        """Events that wait; None when they are to be counted."""
        self._db = _memory() if path is None else self._open(path)
        self._discard_damaged()
        self._bytes = self._guarded(self._sum_bytes)

    def tend(self) -> None:
        """Go back to the file, now and then, where events wait in memory because of a fault."""
        if not self._may_return or self._path is None:
            return
        now_s = self._clock_s()
        if now_s - self._tried_s < _RETRY_S:
            return
        self._tried_s = now_s
        try:
            file = _file(self._path)
        except (OSError, sqlite3.Error):
            return
        try:
            with file:  # what the file held was taken over when it failed
                file.execute("DELETE FROM event")
                _copy(self._db, file)
        except sqlite3.Error:
            file.close()
            return
        self._db.close()
        self._db = file
        self.problem, self._may_return = None, False
        log.warning("events wait on disk again")

    def append(self, topic: str, payload: Callable[[int], bytes], now_ns: int) -> int:
        """Add an event, its payload made from its number; drop the oldest beyond size and age."""

        def step() -> int:
            self._follow_clock(now_ns)
            return self._insert(topic, payload, now_ns)

        number = self._guarded(step)
        self._guarded(lambda: self._trim(now_ns))
        return number

    def waiting(self, limit: int, after: int = 0) -> list[Spooled]:
        """Return the oldest events with numbers beyond `after`, at most `limit`.

        Rows that are damaged are given up, and block nothing behind them.
        """
        return self._guarded(lambda: self._read(limit, after))

    def remove(self, number: int) -> None:
        """Forget an event that the broker has taken."""
        self._guarded(lambda: self._delete(number))

    def drop(self, number: int, cause: str) -> None:
        """Forget an event that the broker will never take, and count it under `cause`."""
        self.remove(number)
        self._dropped[cause] += 1

    @property
    def dropped(self) -> Mapping[str, int]:
        """Events that were not delivered, by cause.

        `size`, `age`, `refused` (by the broker), `unsendable` (no broker takes it), `damaged` (on
        disk).
        """
        return dict(self._dropped)

    def __len__(self) -> int:
        """Count the events that wait."""
        if self._count is None:
            self._count = self._guarded(
                lambda: int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])
            )
        return self._count

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        self._db.close()

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _file(path)
        except (OSError, sqlite3.Error) as error:
            self._complain(f"{path}: {error}")
            return _memory()

    def _guarded(self, step: Callable[[], T]) -> T:
        """Do a step; where the file fails, go on in memory and do it there."""
        try:
            return step()
        except sqlite3.Error as error:
            self._fall_back(error)
            return step()

    def _discard_damaged(self) -> None:
        """Give up rows that cannot be events, and a count that went out of range."""

        def step() -> int:
            with self._db:
                found = self._db.execute(f"DELETE FROM event WHERE {_DAMAGED}").rowcount  # noqa: S608
                self._db.execute(
                    "UPDATE sqlite_sequence SET seq = (SELECT coalesce(max(number), 0) FROM event) "
                    "WHERE name = 'event' AND (typeof(seq) <> 'integer' OR seq > ?)",
                    (_MOST_NUMBER,),
                )
            last = self._db.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0]
            self._last = max(self._last, last or 0)
            return found

        self._give_up(self._guarded(step))

    def _give_up(self, count: int) -> None:
        if count:
            self._dropped["damaged"] += count
            log.warning("%d events on disk are damaged and were given up", count)

    def _read(self, limit: int, after: int) -> list[Spooled]:
        found: list[Spooled] = []
        while len(found) < limit:
            rows = self._db.execute(
                "SELECT number, CAST(topic AS BLOB), payload FROM event WHERE number > ? "
                "ORDER BY number LIMIT ?",
                (after, limit - len(found)),
            ).fetchall()
            if not rows:
                break
            after = rows[-1][0]
            for row in rows:
                event = _spooled(*row)
                if event is None:
                    self._delete(row[0])
                    self._give_up(1)
                else:
                    found.append(event)
        return found

    def _complain(self, why: str) -> None:
        self.problem = f"events wait in memory, not on disk: {why}"
        log.warning("%s", self.problem)

    def _insert(self, topic: str, payload: Callable[[int], bytes], now_ns: int) -> int:
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO event (topic, payload, created_ns) VALUES (?, x'', ?)", (topic, now_ns)
            )
            number = cursor.lastrowid
            assert number is not None
            data = payload(number)
            self._db.execute("UPDATE event SET payload = ? WHERE number = ?", (data, number))
        self._bytes, self._count, self._last = self._bytes + len(data), None, number
        return number

    def _delete(self, number: int) -> None:
        row = self._db.execute(
            "SELECT length(payload) FROM event WHERE number = ?", (number,)
        ).fetchone()
        if row is not None:
            with self._db:
                self._db.execute("DELETE FROM event WHERE number = ?", (number,))
            self._bytes, self._count = self._bytes - row[0], None

    def _follow_clock(self, now_ns: int) -> None:
        """Move the times of waiting events with a clock that was set."""
        now_s = self._clock_s()
        before, self._clocks = self._clocks, (now_ns, now_s)
        if before is None:
            return
        jump_ns = now_ns - before[0] - int(1e9 * (now_s - before[1]))
        if abs(jump_ns) > _JUMP_NS:
            with self._db:
                self._db.execute("UPDATE event SET created_ns = created_ns + ?", (jump_ns,))

    def _trim(self, now_ns: int) -> None:
        while self._bytes > self._max_bytes and len(self) > 1:
            self.drop(self.waiting(1)[0].number, "size")
        old = self._db.execute(
            "SELECT number FROM event WHERE created_ns < ?", (now_ns - self._max_age_ns,)
        ).fetchall()
        for (number,) in old:
            self.drop(number, "age")

    def _sum_bytes(self) -> int:
        total: int = self._db.execute(
            "SELECT coalesce(sum(length(payload)), 0) FROM event"
        ).fetchone()[0]
        return total

    def _fall_back(self, error: sqlite3.Error) -> None:
        """Go on in memory with what can still be read, numbers going on where they were."""
        self._complain(str(error))
        memory = _memory()
        try:
            _copy(self._db, memory)
            memory.commit()
            self._may_return, self._tried_s = True, self._clock_s()
        except sqlite3.Error as lost:
            log.warning("some events that waited on disk cannot be read: %s", lost)
            with contextlib.suppress(sqlite3.Error):
                found = self._db.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0]
                self._last = max(self._last, min(int(found or 0), _MOST_NUMBER))
            missing = _salvage(self._db, memory)
            if missing:
                self._dropped["damaged"] += missing
            memory.execute("DELETE FROM sqlite_sequence")
            memory.execute("INSERT INTO sqlite_sequence VALUES ('event', ?)", (self._last,))
            memory.commit()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._db = memory
        self._bytes, self._count = self._sum_bytes(), None


def _spooled(number: int, topic: Any, payload: Any) -> Spooled | None:
    """Return an event as it was read; None for damage."""
    try:
        return Spooled(number, topic.decode(), bytes(payload))
    except (UnicodeDecodeError, TypeError, AttributeError):
        return None


def _file(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two boxes must not send each other's events
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        with db:
            db.execute(_SCHEMA)
            db.execute("DELETE FROM event WHERE number < 0")  # takes the write lock now, not later
    except sqlite3.Error:
        db.close()
        raise
    return db


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy the events that wait, and the number at which the next ones go on."""
    target.executemany(
        "INSERT INTO event VALUES (?, ?, ?, ?)", source.execute("SELECT * FROM event")
    )
    last = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchall()
    if last:
        target.execute("DELETE FROM sqlite_sequence")
        target.executemany("INSERT INTO sqlite_sequence VALUES ('event', ?)", last)


def _salvage(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Copy the events before a damaged page, and those behind it; return how many lay on it."""
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            for row in source.execute(f"SELECT * FROM event ORDER BY number {order}"):  # noqa: S608
                target.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)", row)
    target.execute(f"DELETE FROM event WHERE {_DAMAGED}")  # noqa: S608
    rows, least, most = target.execute(
        "SELECT count(*), coalesce(min(number), 1), coalesce(max(number), 0) FROM event"
    ).fetchone()
    return int(most - least + 1 - rows)


def _memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute(_SCHEMA)
    return db
