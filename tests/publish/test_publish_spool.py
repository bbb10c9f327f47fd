"""Slots and spool: what waits, what is dropped, and that the counts add up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.publish.queue.slots import Slots
from edge.publish.queue.spool import Spool

SECOND = 10**9


def append(spool: Spool, text: str, now_ns: int = 0) -> int:
    return spool.append("t", lambda number: f"{number}:{text}".encode(), now_ns)


def payloads(spool: Spool) -> list[bytes]:
    return [event.payload for event in spool.waiting(100)]


def test_events_wait_in_order_with_their_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "spool.sqlite")
    assert [append(spool, c) for c in "abc"] == [1, 2, 3]
    assert payloads(spool) == [b"1:a", b"2:b", b"3:c"]
    assert [e.number for e in spool.waiting(1, after=1)] == [2]
    spool.remove(2)
    spool.remove(2)
    assert (payloads(spool), len(spool), spool.problem) == ([b"1:a", b"3:c"], 2, None)
    spool.close()


def test_events_outlive_the_process_and_numbers_are_never_reused(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    first = Spool(path)
    append(first, "a")
    first.remove(append(first, "b"))
    first.close()
    second = Spool(path)
    assert payloads(second) == [b"1:a"]
    assert append(second, "c") == 3
    second.close()


def test_the_oldest_go_when_the_size_is_reached() -> None:
    spool = Spool(None, max_bytes=12)
    for c in "abcdef":
        append(spool, c)
    assert payloads(spool) == [b"3:c", b"4:d", b"5:e", b"6:f"]
    assert spool.dropped == {"size": 2}
    append(spool, "x" * 50)
    assert len(spool) == 1, "one event is kept whatever its size"
    spool.close()


def test_old_events_go() -> None:
    now_s = 0.0
    spool = Spool(None, max_age_ns=10 * SECOND, clock_s=lambda: now_s)
    for text, now_s in (("a", 0.0), ("b", 5.0), ("c", 12.0)):
        append(spool, text, int(now_s * SECOND))
    assert payloads(spool) == [b"2:b", b"3:c"]
    assert spool.dropped == {"age": 1}
    spool.close()


@pytest.mark.parametrize("jump_s", [86_400, -86_400, 40 * 365 * 86_400])
def test_a_clock_that_is_set_makes_no_event_older_or_younger(jump_s: int) -> None:
    now_s, start = 0.0, 50 * 365 * 86_400
    spool = Spool(None, max_age_ns=100 * SECOND, clock_s=lambda: now_s)
    append(spool, "a", start * SECOND)
    now_s = 40.0
    append(spool, "b", (start + 40 + jump_s) * SECOND)
    assert payloads(spool) == [b"1:a", b"2:b"]
    now_s = 120.0
    append(spool, "c", (start + 120 + jump_s) * SECOND)
    assert payloads(spool) == [b"2:b", b"3:c"], "the first is old now, by any clock"
    spool.close()


def test_events_go_back_to_the_disk_when_it_can_be_written_again(tmp_path: Path) -> None:
    now_s = 0.0
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, clock_s=lambda: now_s)
    for text in "ab":
        append(spool, text)
    spool.remove(1)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "disk is full"
    append(spool, "c" * 9000)
    spool.remove(2)
    assert spool.problem is not None
    spool.tend()
    assert spool.problem is not None, "not at once"
    now_s = 11.0
    spool.tend()
    assert spool.problem is None
    assert append(spool, "d") == 4
    spool.close()
    again = Spool(path)
    assert [e.number for e in again.waiting(9)] == [3, 4], "what was sent meanwhile is not there"
    again.close()


def test_a_file_that_was_another_processs_is_left_to_it(tmp_path: Path) -> None:
    now_s = 0.0
    path = tmp_path / "spool.sqlite"
    first = Spool(path)
    append(first, "a")
    second = Spool(path, clock_s=lambda: now_s)
    first.close()
    now_s = 100.0
    second.tend()
    assert second.problem is not None
    second.close()
    third = Spool(path)
    assert payloads(third) == [b"1:a"]
    third.close()


def test_a_second_process_does_not_send_the_first_ones_events(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    first = Spool(path)
    append(first, "a")
    second = Spool(path)
    assert second.problem is not None
    assert "locked" in second.problem
    assert (len(second), append(second, "b")) == (0, 1)
    assert payloads(first) == [b"1:a"]
    first.close()
    second.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 90])
def test_a_damaged_file_is_reported_and_events_wait_in_memory(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(content)
    spool = Spool(path)
    assert spool.problem is not None
    assert "memory" in spool.problem
    assert append(spool, "a") == 1
    spool.close()


def test_a_path_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool.sqlite")
    assert spool.problem is not None
    assert append(spool, "a") == 1
    spool.close()


def test_a_full_disk_loses_no_event_and_no_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.remove(append(spool, "a"))
    append(spool, "b")
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "disk is full"
    assert append(spool, "c" * 9000) == 3
    assert spool.problem is not None
    assert "full" in spool.problem
    assert [e.number for e in spool.waiting(9)] == [2, 3]
    spool.close()


def test_the_file_is_a_plain_sqlite_database(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    append(spool, "a")
    spool.close()
    db = sqlite3.connect(tmp_path / "spool.sqlite")
    assert db.execute("SELECT number, topic, payload FROM event").fetchall() == [(1, "t", b"1:a")]
    db.close()


@given(st.lists(st.sampled_from(["put a", "put b", "take", "sent", "lost", "clear"]), max_size=60))
def test_slots_keep_the_newest_and_account_for_every_item(steps: list[str]) -> None:
    slots: Slots[int] = Slots()
    newest: dict[str, int] = {}
    taken = 0
    for number, step in enumerate(steps):
        if step.startswith("put"):
            slots.put(step, number, "slow_link")
            newest[step] = number
        elif step == "take":
            item = slots.take()
            assert item in newest.values() or (item is None and not newest)
            newest = {key: value for key, value in newest.items() if value != item}
            taken += item is not None
        elif step == "clear":
            slots.clear("stopped")
            newest.clear()
        elif taken:
            taken -= 1
            slots.settle(None if step == "sent" else "link_lost")
        counts = slots.counts()
        assert counts.unaccounted == 0
        assert counts.pending == len(newest) + taken
        assert bool(slots) == bool(newest)


DAMAGE = {
    "a topic of bytes": "INSERT INTO event VALUES (NULL, x'ff00', x'7b7d', 0)",
    "no UTF-8": "INSERT INTO event VALUES (NULL, CAST(x'fffe' AS TEXT), x'7b7d', 0)",
    "a payload of text": "INSERT INTO event VALUES (NULL, 't', 'text', 0)",
    "no payload": "INSERT INTO event VALUES (NULL, 't', x'', 0)",
    "a time of text": "INSERT INTO event VALUES (NULL, 't', x'7b7d', 'yesterday')",
    "a huge payload": "INSERT INTO event VALUES (NULL, 't', zeroblob(2000000), 0)",
    "a huge number": "INSERT INTO event VALUES (9223372036854775807, 't', x'7b7d', 0)",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_row_is_given_up_and_blocks_nothing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "spool.sqlite"
    with closing(Spool(path)) as spool:
        append(spool, "a")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(DAMAGE[what])
    with closing(Spool(path)) as spool:
        append(spool, "b")
        texts = [payload.partition(b":")[2] for payload in payloads(spool)]
        assert texts == [b"a", b"b"]
        assert spool.dropped == {"damaged": 1}
        assert spool.problem is None
        for event in spool.waiting(10):
            spool.remove(event.number)
        assert len(spool) == 0


def test_damaged_pages_take_their_events_alone_and_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    with closing(Spool(path)) as spool:
        for _ in range(200):
            append(spool, "x" * 200)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with closing(Spool(path)) as spool:
        found = spool.waiting(1000)
        assert len(found) >= 100
        assert append(spool, "new") == 201
        assert spool.waiting(1000)[-1].payload == b"201:new"
        assert len(spool) == len(spool.waiting(1000))
