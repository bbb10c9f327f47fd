"""Brokers that refuse, break, stall and come back."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config import TlsConfig
from edge.errors import BrokerError
from edge.publish import Endpoint, EventDraft, EventKind, Topics
from edge.publish.client.subscriber import TouchlineClient
from edge.publish.messages.compose import Stamp
from tests.publish.listener import Listener
from tests.publish.parts import (
    FAST,
    Mosquitto,
    answered,
    eventually,
    find_program,
    free_port,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def refusal(endpoint: Endpoint, timeout_s: float = 20.0) -> str:
    """Return the line with which a publisher says that it cannot connect."""
    publisher = make_publisher(endpoint)
    with publisher, pytest.raises(BrokerError) as caught:
        publisher.wait_connected(timeout_s)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_broker_is_one_clear_line() -> None:
    port = free_port()
    line = refusal(Endpoint("127.0.0.1", port))
    assert line.startswith(f"mqtt://127.0.0.1:{port}: nothing listens there")


def test_an_unknown_host_is_one_clear_line() -> None:
    assert "no such host" in refusal(Endpoint("no-such-host.invalid", 1883))


def test_a_port_that_is_no_broker_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_at_once() -> None:
            for _ in range(3):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.recv(1000)
                connection.close()

        thread = threading.Thread(target=close_at_once)
        thread.start()
        line = refusal(Endpoint("127.0.0.1", server.getsockname()[1]))
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "closed without an answer" in line


def test_a_broker_that_does_not_answer_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint("127.0.0.1", silent.getsockname()[1])
        assert "no answer within 0.2 s" in refusal(endpoint, timeout_s=0.2)


# -- the shipped mosquitto configuration: TLS, passwords, access rules


class Hardened(Mosquitto):
    """mosquitto with configs/mosquitto.conf, its paths and port moved into a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        certificates = [str(ROOT / "configs" / "make-certificates"), str(folder / "certs")]
        subprocess.run([*certificates, "localhost", "127.0.0.1"], check=True, capture_output=True)
        for user in ("venue/box", "venue/other", "reader"):
            self._add_user(folder / "touchline.passwd", user)
        shutil.copy(ROOT / "configs" / "mosquitto.acl", folder / "touchline.acl")
        text = (ROOT / "configs" / "mosquitto.conf").read_text()
        text = text.replace("/etc/mosquitto", str(folder))
        text, moved = re.subn(r"(?m)^listener 8883$", f"listener {self.port} 127.0.0.1", text)
        assert moved == 1
        self._config.write_text(self._config.read_text().split("\n")[0] + "\n" + text)

    @staticmethod
    def _add_user(file: Path, user: str) -> None:
        create = [] if file.exists() else ["-c"]
        command = [find_program("mosquitto_passwd"), "-b", *create, str(file), user, "s3cret"]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            "localhost",
            self.port,
            secure=True,
            username="venue/box",
            password="s3cret",
            tls=TlsConfig(ca=self.folder / "certs" / "ca.crt"),
        )


@pytest.fixture
def hardened(tmp_path: Path) -> Iterator[Hardened]:
    broker = Hardened(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def test_over_tls_with_a_password_a_box_publishes_and_a_reader_reads(hardened: Hardened) -> None:
    reader = replace(hardened.endpoint, username="reader")
    with make_publisher(hardened.endpoint) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(7), answered())
        with TouchlineClient(reader, site="venue", backoff=FAST) as client:
            client.wait_connected()
            eventually(client.latest, "the latest homography")
            latest = client.latest()
        assert latest is not None
        assert latest.frame_id == 7
        assert publisher.problem is None


def test_a_wrong_password_no_password_and_an_unknown_user_are_refused(hardened: Hardened) -> None:
    endpoint = hardened.endpoint
    assert "wrong user name or password" in refusal(replace(endpoint, password="wrong"))
    assert "wrong user name or password" in refusal(replace(endpoint, username="nobody"))
    assert "(none was given)" in refusal(replace(endpoint, username=None, password=None))


def test_a_certificate_of_an_unknown_authority_or_another_name_is_refused(
    hardened: Hardened,
) -> None:
    assert "its certificate is not trusted" in refusal(replace(hardened.endpoint, tls=TlsConfig()))
    assert "its certificate is not trusted" in refusal(replace(hardened.endpoint, host="127.1"))


def test_plain_text_to_a_tls_port_and_tls_to_a_plain_one_are_refused(
    hardened: Hardened, mosquitto: Mosquitto
) -> None:
    plain = replace(hardened.endpoint, secure=False, tls=TlsConfig())
    assert "with TLS (mqtts://)?" in refusal(plain)
    assert "no TLS connection" in refusal(replace(hardened.endpoint, port=mosquitto.port))


def test_a_missing_or_damaged_certificate_is_one_line(tmp_path: Path) -> None:
    missing, damaged = tmp_path / "missing.pem", tmp_path / "damaged.pem"
    damaged.write_text("no certificate")
    for file, words in ((missing, "cannot be read"), (damaged, "not usable")):
        endpoint = Endpoint("h", 8883, secure=True, tls=TlsConfig(ca=file))
        with pytest.raises(BrokerError, match=f"{file.name}: the authority .*{words}"):
            make_publisher(endpoint)


def test_a_box_cannot_write_the_topics_of_another(hardened: Hardened) -> None:
    reader = replace(hardened.endpoint, username="reader")
    other = Topics("touchline", "venue", "other")
    with TouchlineClient(reader, backoff=FAST) as client:
        client.wait_connected()
        with make_publisher(hardened.endpoint, other) as publisher:
            eventually(lambda: publisher.problem, "the complaint")
            assert "not authorized" in str(publisher.problem)
            publisher.event(EventDraft(EventKind.CUT, Stamp.of(make_frame())))
            eventually(lambda: publisher.counts().events.dropped == {"refused": 1}, "the refusal")
        with make_publisher(hardened.endpoint) as publisher:
            publisher.wait_connected()
            eventually(lambda: client.state_of("venue", "box"), "the state of the real one")
        assert client.state_of("venue", "other") is None


def test_a_reader_cannot_write(hardened: Hardened) -> None:
    with make_publisher(replace(hardened.endpoint, username="reader")) as publisher:
        eventually(lambda: publisher.problem, "the complaint")
        assert "not authorized" in str(publisher.problem)


def test_certificates_are_made_once_and_for_clients_too(tmp_path: Path) -> None:
    script = str(ROOT / "configs" / "make-certificates")

    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [script, str(tmp_path), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    assert make("broker.example", "192.0.2.7", "::1").returncode == 0
    before = (tmp_path / "ca.crt").read_bytes()
    again = make("broker.example")
    assert (again.returncode, "server.crt exists" in again.stderr) == (1, True)
    assert make("--client", "venue-box").returncode == 0
    assert make("--client", "../x").returncode == 2
    assert make("--client", "ca").returncode == 2
    assert (tmp_path / "ca.crt").read_bytes() == before
    for name in ("server", "venue-box"):
        verify = [
            "openssl",
            "verify",
            "-CAfile",
            str(tmp_path / "ca.crt"),
            f"{tmp_path}/{name}.crt",
        ]
        subprocess.run(verify, check=True, capture_output=True)
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o077 == 0
    shown = subprocess.run(
        ["openssl", "x509", "-in", f"{tmp_path}/server.crt", "-noout", "-ext", "subjectAltName"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "DNS:broker.example" in shown
    assert "IP Address:192.0.2.7" in shown
    assert "IP Address:0:0:0:0:0:0:0:1" in shown


# -- a broker that dies under a stream of events


@pytest.mark.slow
def test_no_event_is_lost_or_doubled_while_the_broker_is_killed_five_times(tmp_path: Path) -> None:
    persistence = (
        f"persistence true\npersistence_location {tmp_path}/\n"
        "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
    )
    broker = Mosquitto(tmp_path, persistence)
    broker.start()
    client = TouchlineClient(broker.endpoint, client_id="archive", backoff=FAST)
    publisher = make_publisher(broker.endpoint, spool_path=tmp_path / "spool.sqlite")
    received: list[int] = []
    sent = 0
    stop = threading.Event()

    def collect() -> None:
        received.extend(r.message.seq for r in client.messages() if r.kind == "event")

    def stream() -> None:
        nonlocal sent
        while not stop.wait(0.005):
            publisher.event(EventDraft(EventKind.CUT, Stamp.of(make_frame(sent))))
            sent += 1

    threads = [threading.Thread(target=collect), threading.Thread(target=stream)]
    try:
        with client, publisher:
            client.wait_connected(90)
            broker.save()  # the subscriber's session outlives the broker from here on
            for thread in threads:
                thread.start()
            for _ in range(5):
                seen = len(received)
                eventually(lambda n=seen: len(received) > n + 5, "events, the broker being there")
                broker.kill()
                away = sent
                eventually(lambda n=away: sent > n + 10, "events, the broker being away")
                broker.start()
            seen = len(received)
            eventually(lambda n=seen: len(received) > n + 5, "events after the last restart")
            stop.set()
            threads[1].join()
            eventually(lambda: len(received) >= sent, f"all {sent} events")
            eventually(lambda: publisher.counts().events.waiting == 0, "an empty spool")
        threads[0].join()
    finally:
        stop.set()
        broker.stop()
    assert received == list(range(1, sent + 1))
    assert publisher.counts().events.delivered == sent
    assert publisher.counts().events.dropped == {}


# -- a link that stalls


class StallingLink:
    """A TCP relay that can stop carrying what the client sends."""

    def __init__(self, port: int) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.listen()
        self.port: int = self._server.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.flowing.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._sockets:
            with suppress(OSError):  # its peer may have gone first
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        try:
            client, _ = self._server.accept()
        except OSError:
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        broker = socket.create_connection(("127.0.0.1", self._target))
        self._sockets += [client, broker]
        for source, sink, gate in ((client, broker, self.flowing), (broker, client, None)):
            self._threads.append(threading.Thread(target=self._carry, args=(source, sink, gate)))
            self._threads[-1].start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket, gate: threading.Event | None) -> None:
        with suppress(OSError):  # an end that is gone ends the relay
            while data := source.recv(4096):
                if gate is not None:
                    gate.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


def test_on_a_stalled_link_frames_are_dropped_and_the_newest_arrives(mosquitto: Mosquitto) -> None:
    link = StallingLink(mosquitto.port)
    endpoint = replace(mosquitto.endpoint, port=link.port, keepalive_s=3600)
    try:
        with Listener(mosquitto.port) as listener, make_publisher(endpoint) as publisher:
            publisher.wait_connected()
            link.flowing.clear()
            index = 0

            def slow() -> bool:
                nonlocal index
                publisher.publish(make_frame(index), answered())
                index += 1
                return publisher.counts().frames.dropped.get("slow_link", 0) > 200

            eventually(slow, "frames dropped on the stalled link")
            counts = publisher.counts().frames
            assert counts.unaccounted == 0
            assert counts.pending <= 9, "the slot, and eight on their way to the kernel"
            link.flowing.set()
            stalled_at = index

            def newer_came() -> bool:
                slow()
                frames = listener.of("/homography")
                return bool(frames) and frames[-1].data["frame_id"] >= stalled_at

            eventually(newer_came, "a frame from after the stall")
            publisher.stop()
            counts = publisher.counts().frames
            assert (counts.pending, counts.unaccounted) == (0, 0)
            eventually(
                lambda: len(listener.of("/homography")) == counts.published, "all published frames"
            )
            numbers = [h.data["frame_id"] for h in listener.of("/homography")]
            assert numbers == sorted(numbers)
    finally:
        link.close()


def test_a_publisher_can_stop_on_a_link_that_carries_nothing(mosquitto: Mosquitto) -> None:
    link = StallingLink(mosquitto.port)
    try:
        publisher = make_publisher(replace(mosquitto.endpoint, port=link.port, keepalive_s=3600))
        publisher.start()
        publisher.wait_connected()
        link.flowing.clear()
        publisher.publish(make_frame(), answered())
        assert not publisher.stop(0.1), "it cannot have said goodbye"
    finally:
        link.close()


def test_a_subscription_that_is_refused_is_one_clear_line() -> None:
    """mosquitto's access file refuses no subscription, so the packets are played by hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x20\x03\x00\x00\x00")
                subscribe = connection.recv(4096)
                codes = b"\x87" * 6
                connection.sendall(b"\x90\x09" + subscribe[2:4] + b"\x00" + codes)
                connection.recv(4096)

        thread = threading.Thread(target=refuse)
        thread.start()
        endpoint = Endpoint("127.0.0.1", server.getsockname()[1])
        client = TouchlineClient(endpoint, backoff=FAST)
        with client, pytest.raises(BrokerError, match=r"refused the subscription to touchline/v1/"):
            client.wait_connected(90)
        thread.join()
