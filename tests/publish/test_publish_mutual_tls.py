"""The shipped mosquitto configuration with client certificates; boxes are let in by add-box."""

from __future__ import annotations

import re
import shutil
import signal
import ssl
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config import TlsConfig
from edge.errors import BrokerError
from edge.publish import Endpoint, Topics
from edge.publish.client.subscriber import TouchlineClient
from tests.publish.parts import (
    FAST,
    Mosquitto,
    answered,
    eventually,
    find_program,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
BOX, OTHER = ("venue", "box"), ("venue", "other")


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "configs" / name), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def make_authority(folder: Path) -> None:
    done = script("make-certificates", str(folder / "certs"), "localhost", "127.0.0.1")
    assert done.returncode == 0, done.stderr


def add_box(folder: Path, site: str, device: str) -> Path:
    done = script("add-box", str(folder), site, device)
    assert done.returncode == 0, done.stderr
    return folder / "boxes" / f"{site}.{device}"


class Venue(Mosquitto):
    """mosquitto with configs/mosquitto.conf where a certificate is required."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_authority(folder)
        for box in (BOX, OTHER):
            add_box(folder, *box)
        reader = [find_program("mosquitto_passwd"), "-b", str(folder / "touchline.passwd")]
        subprocess.run([*reader, "reader", "r3ader"], check=True, capture_output=True)
        shutil.copy(ROOT / "configs" / "mosquitto.acl", folder / "touchline.acl")
        text = (ROOT / "configs" / "mosquitto.conf").read_text()
        text = text.replace("/etc/mosquitto", str(folder))
        for old, new in (
            ("^listener 8883$", f"listener {self.port} 127.0.0.1"),
            ("^require_certificate false$", "require_certificate true"),
        ):
            text, count = re.subn(f"(?m){old}", new, text)
            assert count == 1
        self._config.write_text(self._config.read_text().split("\n")[0] + "\n" + text)

    def reload(self) -> None:
        """Have it read its files again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def box(self, site: str, device: str) -> Endpoint:
        """What a box gets from its folder."""
        given = self.folder / "boxes" / f"{site}.{device}"
        return Endpoint(
            "localhost",
            self.port,
            secure=True,
            username=f"{site}/{device}",
            password=(given / "broker.password").read_text().strip(),
            tls=TlsConfig(ca=given / "ca.crt", cert=given / "box.crt", key=given / "box.key"),
        )


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    broker = Venue(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def refusal(endpoint: Endpoint) -> str:
    publisher = make_publisher(endpoint)
    with publisher, pytest.raises(BrokerError) as caught:
        publisher.wait_connected(20)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_box_with_its_folder_publishes_and_a_reader_reads(venue: Venue) -> None:
    box = venue.box(*BOX)
    reader = replace(box, username="reader", password="r3ader")
    with make_publisher(box) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(7), answered())
        with TouchlineClient(reader, site="venue", backoff=FAST) as client:
            client.wait_connected()
            eventually(client.latest, "the latest homography")
        assert publisher.problem is None


def test_no_certificate_and_one_of_another_authority_are_refused(
    venue: Venue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = venue.box(*BOX)
    ca = box.tls.ca
    assert "it wants a certificate" in refusal(replace(box, tls=TlsConfig(ca=ca)))
    stranger = tmp_path_factory.mktemp("stranger")
    make_authority(stranger)
    made = add_box(stranger, *BOX)
    tls = TlsConfig(ca=ca, cert=made / "box.crt", key=made / "box.key")
    assert f"it does not take the certificate {tls.cert}" in refusal(replace(box, tls=tls))
    with make_publisher(box) as publisher:
        publisher.wait_connected()


def test_a_certificate_alone_is_no_entry(venue: Venue) -> None:
    box = venue.box(*BOX)
    assert "(none was given)" in refusal(replace(box, username=None, password=None))
    assert "wrong user name or password" in refusal(replace(box, password="wrong"))
    stolen = replace(venue.box(*OTHER), username="venue/box")
    assert "wrong user name or password" in refusal(stolen)


def test_another_boxs_topics_are_refused_to_write_and_silent_to_read(venue: Venue) -> None:
    box, other = venue.box(*BOX), venue.box(*OTHER)
    with make_publisher(box, Topics("touchline", *OTHER)) as intruder:
        eventually(lambda: intruder.problem, "the complaint")
        assert "not authorized" in str(intruder.problem)
    with TouchlineClient(box, backoff=FAST) as spy:
        spy.wait_connected()
        with make_publisher(other, Topics("touchline", *OTHER)) as publisher:
            publisher.wait_connected()
            publisher.publish(make_frame(1), answered())
            with make_publisher(box) as own:
                own.wait_connected()
                eventually(lambda: spy.state_of(*BOX), "its own state")
                eventually(lambda: publisher.counts().frames.published, "the other's frame")
        assert spy.state_of(*OTHER) is None


def test_a_box_gets_another_password_and_its_neighbours_keep_theirs(tmp_path: Path) -> None:
    make_authority(tmp_path)
    folder = add_box(tmp_path, *BOX)
    add_box(tmp_path, *OTHER)
    users = (tmp_path / "touchline.passwd").read_text().splitlines()
    password = (folder / "broker.password").read_text()
    certificate = (folder / "box.crt").read_text()
    assert add_box(tmp_path, *BOX) == folder
    again = (tmp_path / "touchline.passwd").read_text().splitlines()
    assert [u.split(":")[0] for u in again] == ["venue/other", "venue/box"]
    assert again[0] == users[1]
    assert (folder / "broker.password").read_text() != password
    assert (folder / "box.crt").read_text() == certificate
    assert password.strip() not in "".join(users), "hashed"
    for file in folder.iterdir():
        private = file.name in {"broker.password", "box.key"}
        assert not private or stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("Venue", "box"), 2), (("venue", "../box"), 2), (("venue",), 2), (("venue", "box"), 1)],
)
def test_what_cannot_be_a_box_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    done = script("add-box", str(tmp_path), *arguments)
    assert done.returncode == code
    assert list(tmp_path.iterdir()) == []


def presented(port: int) -> str:
    """Return the certificate that the broker shows."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_a_renewed_certificate_is_taken_on_reload_and_nobody_is_cut_off(venue: Venue) -> None:
    box = venue.box(*BOX)
    with make_publisher(box) as publisher:
        publisher.wait_connected()
        before = presented(venue.port)
        for end in ("crt", "key"):
            (venue.folder / "certs" / f"server.{end}").unlink()
        make_authority(venue.folder)  # the authority stays, the broker's certificate is new
        venue.reload()
        eventually(lambda: presented(venue.port) != before, "the new certificate")
        assert publisher.connected
    with make_publisher(box) as publisher:
        publisher.wait_connected()
