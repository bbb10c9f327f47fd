"""Fetching an archive: from where it may come, in time, in size, whatever a server does."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.box.model_updates.download import Stopped, fetch
from edge.box.model_updates.fetch_policy import FetchPolicy, NotAllowedError, WebAddress, is_public
from edge.config import Config, with_changes
from edge.errors import BundleError, ConfigError

DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA


def policy(**changes: object) -> FetchPolicy:
    """The policy of a configuration with these `updates`."""
    names = {f"updates.{name}": value for name, value in changes.items()}
    return FetchPolicy.of(with_changes(Config(), names).updates)


class Server:
    """Answers each connection by a function, on a thread of its own."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.asked: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._main = threading.Thread(target=self._serve)
        self._main.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._one, args=(line,))
            thread.start()
            self._threads.append(thread)

    def _one(self, line: socket.socket) -> None:
        with line:
            line.settimeout(60)
            try:
                request = line.recv(65536)
                self.asked.append(request)
                self._answer(line, request)
            except OSError:
                pass  # the box has left

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://{self.host}/soccer.bundle"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._main.join(60)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "the connection was left open"


@contextmanager
def serving(answer: Callable[[socket.socket, bytes], None]) -> Iterator[Server]:
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


def says(data: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda line, _request: line.sendall(data)


def never() -> bool:
    return False


def get(url: str, target: Path, allowed: FetchPolicy, sha256: str = SHA256) -> None:
    fetch(url, target, sha256, allowed, never)


def test_an_archive_is_fetched_whole(tmp_path: Path) -> None:
    with serving(says(OK)) as server:
        get(server.url(), tmp_path / "a", policy(schemes=["http"], hosts=[server.host]))
    assert (tmp_path / "a").read_bytes() == DATA
    assert b"GET /soccer.bundle HTTP/1.1\r\n" in server.asked[0]
    assert b"Accept-Encoding: identity\r\n" in server.asked[0]


def test_a_chunked_answer_and_one_that_ends_with_its_connection_are_fetched(
    tmp_path: Path,
) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += b"%x;x=y\r\n%b\r\n0\r\n\r\n" % (len(DATA), DATA)
    for number, answer in enumerate((chunked, b"HTTP/1.0 200 OK\r\n\r\n" + DATA)):
        with serving(says(answer)) as server:
            target = tmp_path / str(number)
            get(server.url(), target, policy(schemes=["http"], hosts=[server.host]))
        assert target.read_bytes() == DATA


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x16\x03\x01nonsense\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Content-Length: 999999999999\r\n\r\nabcd",
        HEAD + b"Content-Length: -1\r\n\r\nabcd",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabcd",
        HEAD + b"Content-Length: 4, 4\r\n\r\nabcd",
        HEAD + b"Content-Length: %d\r\n\r\n" % len(DATA) + DATA[:-1],
        HEAD + b"Content-Length: %d\r\n\r\n" % len(DATA) + DATA[:-1] + b"x",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
        HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n",
        HEAD + b"\r\n" + bytes(1_200_000),
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /soccer.bundle\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: gopher://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_any_other_answer_is_an_error_of_one_line(tmp_path: Path, answer: bytes) -> None:
    with serving(says(answer)) as server:
        allowed = policy(
            schemes=["http", "file"], hosts=[server.host], folder="/srv/bundles", most_mb=1
        )
        with pytest.raises(BundleError) as caught:
            get(server.url(), tmp_path / "a", allowed)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, NotAllowedError), "what a server says is for the log"


def test_a_redirect_to_an_allowed_host_is_followed_and_no_other_is_asked(tmp_path: Path) -> None:
    with serving(says(OK)) as mirror, serving(says(OK)) as stranger:

        def redirect(line: socket.socket, request: bytes) -> None:
            where = (mirror if b"/mirror" in request else stranger).url()
            answer = f"HTTP/1.1 307 T\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
            line.sendall(answer.encode())

        with serving(redirect) as server:
            allowed = policy(schemes=["http"], hosts=[server.host, mirror.host])
            get(f"http://{server.host}/mirror", tmp_path / "a", allowed)
            with pytest.raises(BundleError, match="does not name this host"):
                get(f"http://{server.host}/stranger", tmp_path / "b", allowed)
    assert (len(mirror.asked), len(stranger.asked)) == (1, 0)


def drip(line: socket.socket, data: bytes) -> None:
    """Send a byte every 20 ms, as long as somebody listens."""
    for byte in data:
        line.sendall(bytes([byte]))
        time.sleep(0.02)


def dripping_head(line: socket.socket, _request: bytes) -> None:
    drip(line, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60_000)


def dripping_body(line: socket.socket, _request: bytes) -> None:
    line.sendall(HEAD + b"Content-Length: 500000\r\n\r\n")
    drip(line, bytes(60_000))


def endless_continue(line: socket.socket, _request: bytes) -> None:
    while True:
        line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)
        time.sleep(0.01)


def silent(line: socket.socket, _request: bytes) -> None:
    line.recv(1)


def endless_redirects(line: socket.socket, _request: bytes) -> None:
    drip(line, b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")


HOSTILE = [dripping_head, dripping_body, endless_continue, silent, endless_redirects]


@pytest.mark.parametrize("answer", HOSTILE)
def test_the_whole_fetch_has_one_deadline(
    tmp_path: Path, answer: Callable[[socket.socket, bytes], None]
) -> None:
    with serving(answer) as server:
        allowed = policy(schemes=["http"], hosts=[server.host], fetch_s=1)
        with pytest.raises(BundleError, match="not there within 1 s"):
            get(server.url(), tmp_path / "a", allowed)


@pytest.mark.parametrize("answer", HOSTILE)
def test_a_box_that_stops_does_not_wait_for_a_server(
    tmp_path: Path, answer: Callable[[socket.socket, bytes], None]
) -> None:
    with serving(answer) as server:
        allowed = policy(schemes=["http"], hosts=[server.host])
        with pytest.raises(Stopped):
            fetch(server.url(), tmp_path / "a", SHA256, allowed, lambda: bool(server.asked))


def test_what_does_not_fit_on_the_disk_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.bundles.space.RESERVE_BYTES", 10**18)
    with serving(says(OK)) as server:
        allowed = policy(schemes=["http"], hosts=[server.host])
        with pytest.raises(BundleError, match="MB are free"):
            get(server.url(), tmp_path / "a", allowed)


# -- TLS


def certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "models")])
    now = dt.datetime.now(dt.timezone.utc)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serving_tls(pem: Path, data: bytes = OK) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server.__new__(Server)
        server.host, server.asked = f"127.0.0.1:{listener.getsockname()[1]}", []

        def serve() -> None:
            line, _ = listener.accept()
            try:
                with context.wrap_socket(line, server_side=True) as secure:
                    server.asked.append(secure.recv(65536))
                    secure.sendall(data)
            except OSError:
                line.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server
        thread.join(60)


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    refused = pytest.raises(BundleError, match="CERTIFICATE_VERIFY_FAILED")
    with serving_tls(pem) as server, refused:
        get(server.url("https"), tmp_path / "a", policy(hosts=[server.host]))
    assert not server.asked
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serving_tls(pem) as server:
        get(server.url("https"), tmp_path / "b", policy(hosts=[server.host]))
    assert (tmp_path / "b").read_bytes() == DATA


def test_https_does_not_lead_to_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serving(says(OK)) as plain:
        moved = f"HTTP/1.1 302 F\r\nLocation: {plain.url()}\r\nContent-Length: 0\r\n\r\n"
        with serving_tls(pem, moved.encode()) as server:
            allowed = policy(schemes=["https", "http"], hosts=[server.host, plain.host])
            with pytest.raises(BundleError, match="redirects to http://"):
                get(server.url("https"), tmp_path / "a", allowed)
    assert not plain.asked


def test_a_proxy_of_the_environment_is_asked_for_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setenv("no_proxy", "")

    def relay(line: socket.socket, request: bytes) -> None:
        assert request.startswith(f"CONNECT {inner.host} HTTP/1.1\r\n".encode())
        with socket.create_connection(inner.host.split(":"), timeout=60) as onward:
            line.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
            back = threading.Thread(target=pump, args=(onward, line))
            back.start()
            pump(line, onward)
            back.join(60)

    with serving_tls(pem) as inner, serving(relay) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:word@{proxy.host}")
        get(inner.url("https"), tmp_path / "a", policy(hosts=[inner.host]))
    assert (tmp_path / "a").read_bytes() == DATA
    assert b"Proxy-Authorization: Basic " in proxy.asked[0]


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# -- what is allowed


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://elsewhere.example/x", "updates.hosts"),
        ("https://models.example.evil.example/x", "updates.hosts"),
        ("https://models.example./x", "updates.hosts"),
        ("https://models.example:22/x", "updates.hosts"),
        ("https://models%2eexample/x", "updates.hosts"),
        ("https://127.0.0.1/x", "updates.hosts"),
        ("https://[::1]/x", "updates.hosts"),
        ("https://0/x", "updates.hosts"),
        ("http://models.example/x", "updates.schemes"),
        ("file:///srv/bundles/x", "updates.schemes"),
        ("https://user@models.example/x", "url"),
        ("https://models.example@elsewhere.example/x", "url"),
        ("https://elsewhere.example\\@models.example/x", "url"),
        ("https://models.example/x\r\nHost: y", "url"),
        ("https://models.example/a b", "url"),
        ("https://models.example/x#y", "url"),
        ("https://models.example:99999/x", "url"),
        ("https://[::1/x", "url"),
        ("https:///x", "url"),
        ("ftp://models.example/x", "url"),
        ("data:,x", "url"),
        ("jar:https://models.example/x", "url"),
        ("/srv/bundles/x", "url"),
        ("", "url"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused_before_anything_is_asked(
    url: str, path: str
) -> None:
    with pytest.raises(NotAllowedError) as caught:
        policy(hosts=["models.example"]).check(url)
    assert caught.value.path == path


def test_an_address_that_is_allowed_is_asked_as_it_stands() -> None:
    allowed = policy(hosts=["Models.example", "[2001:db8::1]:8443"])
    found = allowed.check("https://MODELS.example/a%20b/soccer.bundle?x=1&y=%2F")
    assert found == WebAddress("https", "models.example", 443, "/a%20b/soccer.bundle?x=1&y=%2F")
    other = allowed.check("https://[2001:db8::1]:8443/x")
    assert other == WebAddress("https", "2001:db8::1", 8443, "/x")


def test_without_hosts_nothing_is_fetched() -> None:
    with pytest.raises(NotAllowedError, match="does not name this host"):
        policy().check("https://models.example/x")


@pytest.mark.parametrize("host", ["", "a b", "https://x", "x/y", "x:port", "x:123456", "::1", "@x"])
def test_a_host_that_is_none_does_not_validate(host: str) -> None:
    with pytest.raises(ConfigError):
        policy(hosts=[host])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("::7f00:1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("not an address", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_name_that_stands_for_this_box_is_connected_to_only_if_that_is_configured(
    tmp_path: Path,
) -> None:
    with serving(says(OK)) as server:
        host = f"localhost:{server.port}"
        url = f"http://{host}/x"
        with pytest.raises(BundleError, match=r"private network; set updates\.private_hosts"):
            get(url, tmp_path / "a", policy(schemes=["http"], hosts=[host]))
        assert not server.asked
        get(url, tmp_path / "b", policy(schemes=["http"], hosts=[host], private_hosts=True))
    assert (tmp_path / "b").read_bytes() == DATA


# -- files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bundles"
    (made / "soccer").mkdir(parents=True)
    (made / "soccer" / "1 0.bundle").write_bytes(DATA)
    (tmp_path / "outside").write_bytes(DATA)
    return made


def test_a_file_below_the_folder_is_taken(folder: Path, tmp_path: Path) -> None:
    allowed = policy(schemes=["file"], folder=folder)
    get((folder / "soccer" / "1 0.bundle").as_uri(), tmp_path / "a", allowed)
    assert (tmp_path / "a").read_bytes() == DATA
    with pytest.raises(NotAllowedError):
        policy(schemes=["file"]).check((folder / "soccer" / "1 0.bundle").as_uri())


def link(folder: Path) -> str:
    (folder / "link").symlink_to(folder.parent / "outside")
    return "/link"


def linked_folder(folder: Path) -> str:
    (folder / "up").symlink_to(folder.parent)
    return "/up/outside"


def hard_link(folder: Path) -> str:
    (folder / "hard").hardlink_to(folder.parent / "outside")
    return "/hard"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return "/pipe"


@pytest.mark.parametrize(
    "place",
    [
        link,
        linked_folder,
        hard_link,
        pipe,
        lambda _: "/absent",
        lambda _: "/soccer",
        lambda _: "/",
        lambda _: "/../outside",
        lambda _: "/%2e%2e/outside",
        lambda _: "/soccer/../../outside",
        lambda _: "/soccer%00",
        lambda _: "/%ff",
        lambda _: "-other/x",
    ],
)
def test_what_is_no_regular_file_below_the_folder_is_refused(
    folder: Path, tmp_path: Path, place: Callable[[Path], str]
) -> None:
    url = f"file://{folder}{place(folder)}"
    with pytest.raises(BundleError):
        get(url, tmp_path / "a", policy(schemes=["file"], folder=folder))
    assert not (tmp_path / "a").exists()
