"""The embedded broker: one port for both versions, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from edge.config import EmbeddedBrokerConfig, parse_broker
from edge.errors import BrokerError, ConfigError
from edge.publish import EmbeddedBroker, open_broker
from edge.publish.client.subscriber import TouchlineClient
from edge.publish.mqtt.connection import Connection, Hooks, Outgoing, Session
from tests.publish.listener import Listener
from tests.publish.parts import FAST, answered, eventually, free_port, make_frame, make_publisher

pytestmark = pytest.mark.process


def config(**keys: object) -> EmbeddedBrokerConfig:
    return EmbeddedBrokerConfig.model_validate({"type": "embedded", "port": 0, **keys})


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=2).close()
        return True
    return False


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_one_port_serves_both_versions_with_properties_for_those_who_have_them(
    embedded: EmbeddedBroker,
) -> None:
    port = embedded.endpoint.port
    with (
        make_publisher(embedded.endpoint) as publisher,
        Listener(port) as five,
        Listener(port, version=paho.MQTTv311) as old,
    ):
        publisher.publish(make_frame(), answered())
        for listener in (five, old):
            eventually(lambda li=listener: li.of("/homography"), "a homography")
            eventually(lambda li=listener: li.of("/info"), "the retained info")
    assert five.of("/homography")[0].data == old.of("/homography")[0].data
    assert five.of("/homography")[0].properties["ContentType"] == "application/json"
    assert old.of("/homography")[0].properties == {}


def test_it_ends_with_the_block_and_frees_its_port() -> None:
    with EmbeddedBroker(config()) as broker:
        port, pid = broker.endpoint.port, broker.pid
        assert pid is not None
        assert listens(port)
    assert not alive(pid)
    assert not listens(port)
    broker.stop()  # a second time is harmless


def test_what_was_acknowledged_is_delivered_before_it_ends() -> None:
    with EmbeddedBroker(config()) as broker, Listener(broker.endpoint.port) as listener:
        with make_publisher(broker.endpoint) as publisher:
            publisher.wait_connected()
            for index in range(50):
                publisher.publish(make_frame(index), answered())
        broker.stop()
        eventually(lambda: listener.of("/state")[-1:], "a state")
        eventually(lambda: listener.of("/state")[-1].data["status"] == "offline", "offline")


@pytest.mark.slow
def test_a_taken_port_is_one_clear_line() -> None:
    with EmbeddedBroker(config()) as broker:
        port = broker.endpoint.port
        second = EmbeddedBroker(config(port=port))
        with pytest.raises(BrokerError, match=f"127.0.0.1:{port}: another program does") as caught:
            second.start()
        assert "\n" not in str(caught.value)
        assert second.pid is None
        assert listens(port), "the first goes on"


def test_an_address_that_is_not_of_this_box_is_one_clear_line() -> None:
    with pytest.raises(BrokerError, match=r"cannot listen on 192\.0\.2\.1:"):
        EmbeddedBroker(config(host="192.0.2.1", username="u", password="p")).start()


def test_it_starts_again_on_its_port_when_it_dies(embedded: EmbeddedBroker) -> None:
    with make_publisher(embedded.endpoint) as publisher:
        publisher.wait_connected()
        first = embedded.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        eventually(lambda: embedded.pid not in {None, first}, "a new process")
        with Listener(embedded.endpoint.port) as listener:
            eventually(lambda: listener.of("/info"), "the retained set, published again")


def test_it_does_not_outlive_a_process_that_is_killed() -> None:
    port = free_port()
    script = (
        "import time\n"
        "from edge.config import EmbeddedBrokerConfig\n"
        "from edge.publish import EmbeddedBroker\n"
        f"broker = EmbeddedBroker(EmbeddedBrokerConfig(type='embedded', port={port}))\n"
        "broker.start()\n"
        "print(broker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not listens(port), "the port is free")
    eventually(lambda: not alive(pid), "the broker has ended")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password_is_refused_and_the_right_one_is_not(version: str) -> None:
    keys = {"username": "u", "password": 'p"w', "mqtt_version": version}
    with EmbeddedBroker(config(**keys)) as broker:
        port = broker.endpoint.port
        with TouchlineClient(broker.endpoint, backoff=FAST) as client:
            client.wait_connected()
        for login in ("", "u:wrong@"):
            wrong = TouchlineClient(f"mqtt://{login}127.0.0.1:{port}", backoff=FAST)
            with wrong, pytest.raises(BrokerError, match="wrong user name or password"):
                wrong.wait_connected()


def test_by_default_it_listens_on_loopback_alone() -> None:
    with EmbeddedBroker(config()) as broker:
        address = _address_of_this_box()
        assert listens(broker.endpoint.port)
        assert not listens(broker.endpoint.port, address)
    with EmbeddedBroker(config(host="0.0.0.0", username="u", password="p")) as broker:
        assert listens(broker.endpoint.port, address)
        assert broker.endpoint.host == "127.0.0.1"


NETWORK = ["0.0.0.0", "::", "0", "0x0", "192.0.2.1", "::ffff:0.0.0.0", "2001:db8::1", "fe80::1%lo"]


@pytest.mark.parametrize("host", NETWORK)
@pytest.mark.parametrize("user", [{}, {"username": "u"}, {"username": "u", "password": ""}])
def test_an_address_of_the_network_wants_a_password(host: str, user: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"lets the network in.* password_file"):
        config(host=host, **user)
    with pytest.raises(ConfigError, match="lets the network in"):
        parse_broker(f"embedded:[{host}]:1883" if ":" in host else f"embedded:{host}:1883")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_wants_none(host: str) -> None:
    assert config(host=host).host == host


OPEN = """
import sys
from edge.config import EmbeddedBrokerConfig
from edge.errors import BrokerError, ConfigError
from edge.publish import EmbeddedBroker
for name in sys.argv[1:]:
    try:
        with EmbeddedBroker(EmbeddedBrokerConfig(type="embedded", port=0, host=name)):
            print(name, "listens")
    except BrokerError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_name_that_is_an_address_of_the_network_wants_a_password(tmp_path: Path) -> None:
    """In a mount namespace with an /etc/hosts of its own, where names are what a venue's are."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost home\n0.0.0.0 venue\n:: venue6\n")
    script = tmp_path / "open.py"
    script.write_text(OPEN)
    own = "mount --bind $0 /etc/hosts && exec $1 $2 venue venue6 home"
    who = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *who, "--mount", "sh", "-c", own, hosts, sys.executable, script]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    venue, venue6, home = answer.stdout.splitlines()
    for name, address, line in (("venue", "0.0.0.0", venue), ("venue6", "::", venue6)):
        assert f"does not start: {name} is {address}: {address} lets the network in" in line
    assert home == "home listens"


def test_with_a_password_it_says_that_the_network_is_let_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = {"username": "u", "password": "p"}
    with EmbeddedBroker(config(host="0.0.0.0", **keys)) as broker:
        assert f"listens on 0.0.0.0:{broker.endpoint.port}" in caplog.text
        nobody = TouchlineClient(f"mqtt://127.0.0.1:{broker.endpoint.port}", backoff=FAST)
        with nobody, pytest.raises(BrokerError, match="wrong user name or password"):
            nobody.wait_connected(60)
    caplog.clear()
    with EmbeddedBroker(config(**keys)):
        assert "listens" not in caplog.text


def test_an_empty_password_from_outside_the_file_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "")
    keys = {"host": "0.0.0.0", "username": "u", "password_env": "BROKER_PASSWORD"}
    with pytest.raises(BrokerError, match="lets the network in"):
        EmbeddedBroker(config(**keys)).start()


def _address_of_this_box() -> str:
    """Return an address of this machine that is not the broker's: all of 127/8 is loopback."""
    return "127.0.0.2"


@pytest.mark.parametrize(
    "junk",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x30\x05\x00\x01thi", b"\x10\x00"],
)
def test_junk_on_its_port_closes_that_connection_and_no_other(
    embedded: EmbeddedBroker, junk: bytes
) -> None:
    pid = embedded.pid
    with socket.create_connection(("127.0.0.1", embedded.endpoint.port), timeout=15) as sock:
        sock.sendall(junk)
        assert sock.recv(100) == b""
    with Listener(embedded.endpoint.port):
        assert embedded.pid == pid


def test_a_large_message_passes(embedded: EmbeddedBroker) -> None:
    connection = Connection(embedded.endpoint, Session("big"))
    with Listener(embedded.endpoint.port) as listener:
        connection.start(Hooks())
        connection.wait_connected(90)
        payload = b'{"text": "' + b"x" * 1_000_000 + b'"}'
        connection.send(Outgoing("touchline/big", payload, qos=1))
        eventually(lambda: listener.of("/big"), "a megabyte")
        connection.stop()


def test_another_broker_is_used_as_it_is() -> None:
    with open_broker(parse_broker("mqtt://u:p@broker.example:1884")) as endpoint:
        assert (endpoint.url, endpoint.username, endpoint.password) == (
            "mqtt://broker.example:1884",
            "u",
            "p",
        )
    assert "'p'" not in repr(endpoint)
