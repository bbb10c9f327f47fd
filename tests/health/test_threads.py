"""Threads that die are noted, whoever started them."""

from __future__ import annotations

import logging
import sys
import threading

from edge.threads import watch_threads


def run_in_thread(name: str, call) -> None:
    thread = threading.Thread(target=call, name=name)
    thread.start()
    thread.join()


def fail() -> None:
    raise ValueError("wrong " * 200)


def test_an_exception_is_noted_and_logged_with_its_traceback(caplog):
    with watch_threads() as watch:
        assert watch.problem is None
        run_in_thread("good", lambda: None)
        run_in_thread("leaves", sys.exit)
        assert watch.count == 0
        run_in_thread("bad", fail)
    (failure,) = watch.failures
    assert failure.thread == "bad"
    assert failure.error.startswith("ValueError: wrong wrong")
    assert len(failure.error) < 400
    assert watch.problem is not None
    assert "thread bad ended by ValueError" in watch.problem
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.exc_info is not None


def test_nested_watches_both_note_and_one_logs(caplog):
    before = threading.excepthook
    with watch_threads() as outer:
        with watch_threads() as inner:
            run_in_thread("one", fail)
        run_in_thread("two", fail)
    assert threading.excepthook is before
    assert [f.thread for f in inner.failures] == ["one"]
    assert [f.thread for f in outer.failures] == ["one", "two"]
    assert len(caplog.records) == 2


def test_many_failures_are_counted_in_bounded_memory():
    with watch_threads() as watch:
        for number in range(40):
            run_in_thread(f"t{number}", fail)
    assert watch.count == 40
    assert len(watch.failures) == 16
