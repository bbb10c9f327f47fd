"""A reader of stderr that stands still stops nobody."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from edge.health.log_stream import LogStream
from tests.box.conftest import wait_for


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page: it is full soon."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def read_all(descriptor: int, into: bytearray) -> None:
    while data := os.read(descriptor, 4096):
        into.extend(data)


def test_all_is_written_in_order_to_a_reader_that_reads(pipe: tuple[int, int]):
    reading, writing = pipe
    got = bytearray()
    reader = threading.Thread(target=read_all, args=(reading, got))
    reader.start()
    stream = LogStream(writing)
    texts = [f"line {number} ü\n" for number in range(2000)] + ["x" * 50_000 + "\n"]
    for text in texts:
        assert stream.write(text) == len(text)
    assert stream.end(30)
    os.close(writing)
    reader.join()
    assert got.decode() == "".join(texts)
    assert stream.dropped == 0


def test_a_reader_that_stands_still_costs_the_oldest_lines_and_is_told(pipe: tuple[int, int]):
    reading, writing = pipe
    stream = LogStream(writing, most_bytes=10_000, tell_dropped=lambda count: f"missing {count}\n")
    for number in range(5000):
        stream.write(f"line {number:06}\n")
    assert stream.drain(0.05) is False
    assert stream._bytes <= 10_000
    dropped = stream.dropped
    assert dropped > 3000
    got = bytearray()
    reader = threading.Thread(target=read_all, args=(reading, got), daemon=True)
    reader.start()
    assert stream.end(30)
    os.close(writing)
    reader.join()
    lines = got.decode().splitlines()
    told = [int(line.split()[1]) for line in lines if line.startswith("missing ")]
    assert sum(told) == dropped
    assert lines[-1] == "line 004999", "the newest are kept"
    assert sum(line.startswith("line ") for line in lines) == 5000 - dropped


def test_its_end_waits_no_longer_than_asked_and_writes_after_it_return(pipe: tuple[int, int]):
    _, writing = pipe
    stream = LogStream(writing)
    for _ in range(100):
        stream.write("x" * 1000)
    assert stream.end(0.1) is False
    assert not stream._thread.is_alive()
    for _ in range(3000):
        stream.write("y" * 1000)
    assert stream._bytes <= 1 << 20


@pytest.mark.parametrize("how", ["pipe", "socket"])
def test_a_reader_that_is_gone_is_no_error(how: str):
    """Journald gives a socket."""
    if how == "pipe":
        reading, writing = os.pipe()
    else:
        pair = socket.socketpair()
        reading, writing = (end.detach() for end in pair)
    with closing(os.fdopen(writing, "wb", buffering=0)):
        stream = LogStream(writing)
        stream.write("a\n")
        wait_for(lambda: stream.drain(0.1))
        assert os.read(reading, 10) == b"a\n"
        os.close(reading)
        for _ in range(10):
            stream.write("b\n")
        assert stream.end(10)


def test_a_stalled_socket_as_journald_gives_stops_nobody():
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        stream = LogStream(writing.fileno(), most_bytes=20_000)
        for _ in range(5000):
            stream.write("z" * 500 + "\n")
        assert stream.dropped > 0
        assert stream.end(0.1) is False
