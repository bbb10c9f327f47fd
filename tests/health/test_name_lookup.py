"""Names are looked up with a deadline, whatever the name server does."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from pathlib import Path

import pytest

from edge.name_lookup import connect, look_up
from tests import black_hole
from tests.publish.parts import free_port

_ASK = """
import socket, sys, threading, time
from edge.name_lookup import look_up

def ask(name, **how):
    begun = time.monotonic()
    try:
        look_up(name, 80, **how)
        says = "found"
    except OSError as error:
        says = type(error).__name__
    print(says, time.monotonic() - begun < 5)

ask("camera.example", timeout_s=0.5)
for _ in range(30):
    ask("camera.example", timeout_s=0.01)
print(sum(t.name == "name-lookup" for t in threading.enumerate()))
for number in range(40):
    ask(f"camera{number}.example", timeout_s=0.01)
print(sum(t.name == "name-lookup" for t in threading.enumerate()) <= 16)
stop = threading.Event()
threading.Timer(0.2, stop.set).start()
ask("camera.example", timeout_s=20, cancelled=stop)
ask("127.0.0.1")
ask("localhost")
"""


@pytest.mark.process
def test_a_name_server_that_answers_nothing_holds_nobody_and_piles_up_no_threads(tmp_path: Path):
    done = black_hole.run(tmp_path / "hole", sys.executable, "-c", _ASK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:31] == ["TimeoutError True"] * 31
    assert lines[31] == "1", "callers share one lookup"
    assert lines[32:72] == ["TimeoutError True"] * 40
    assert lines[72:] == ["True", "InterruptedError True", "found True", "TimeoutError True"]


def test_numbers_and_names_of_this_machine_are_found():
    for host in ("127.0.0.1", "localhost"):
        found = look_up(host, 80, family=socket.AF_INET)
        assert found[0] == (socket.AF_INET, ("127.0.0.1", 80))
    assert look_up("::1", 80)[0][1][:2] == ("::1", 80)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 70, "..", "ü" * 80 + ".example"])
def test_a_name_that_is_none_is_an_os_error(name: str):
    with pytest.raises(OSError, match=r".+"):
        look_up(name, 80, timeout_s=30)


def test_a_connection_is_made_and_one_that_cannot_be_says_why():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect("localhost", port, timeout_s=20) as made:
            assert made.getpeername()[1] == port
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", free_port(), timeout_s=20)
    stop = threading.Event()
    stop.set()
    assert look_up("127.0.0.1", 80, cancelled=stop), "a number asks nobody"


def test_a_host_that_answers_nothing_is_given_up_at_the_deadline_and_when_told():
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # its queue is full: a SYN gets no answer
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        with pytest.raises(TimeoutError):
            connect("127.0.0.1", port, timeout_s=0.3)
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(InterruptedError):
            connect("127.0.0.1", port, timeout_s=100, cancelled=stop)
