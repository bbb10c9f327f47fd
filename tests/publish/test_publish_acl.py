"""The shipped access rules on a real mosquitto: who reads and writes what, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.publish.parts import Mosquitto, eventually, find_program

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
USERS = ("venue/box", "venue/other", "reader", "operator")
OWN, OTHER = "touchline/v1/venue/box", "touchline/v1/venue/other"
SAID = (
    "state", "info", "health", "cam/cam1/homography", "cam/cam1/homography/latest",
    "cam/cam1/pose", "cam/cam1/event", "segments/job1", "config/reported", "config/schema",
    "model/reported",
)  # fmt: skip
DESIRED = ("config/desired", "model/desired")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    folder = tmp_path_factory.mktemp("acl")
    shutil.copy(ROOT / "configs" / "mosquitto.acl", folder / "acl")
    (folder / "users").touch()
    for user in USERS:
        command = [find_program("mosquitto_passwd"), "-b", str(folder / "users"), user, "pw"]
        subprocess.run(command, check=True, capture_output=True)
    for name in ("acl", "users"):
        (folder / name).chmod(0o600)
    rules = f"acl_file {folder}/acl\npassword_file {folder}/users\nallow_anonymous false"
    broker = Mosquitto(folder, listener=rules)
    broker.start()
    yield broker
    broker.stop()


class Client:
    """One user: what he may write, and what reaches him."""

    def __init__(self, port: int, user: str) -> None:
        self.refused: dict[int, bool] = {}
        self.heard: list[str] = []
        self.ready = False
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.username_pw_set(user, "pw")
        client.on_connect = lambda c, *_: c.subscribe("#", qos=1)
        client.on_subscribe = lambda *_: setattr(self, "ready", True)
        client.on_publish = self._answered
        client.on_message = lambda _c, _d, m: self.heard.append(m.topic)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client
        eventually(lambda: self.ready, user)

    def _answered(self, _client: Any, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        self.refused[mid] = code.is_failure

    def may_write(self, topic: str) -> bool:
        mid = self._client.publish(topic, b"{}", qos=1).mid
        eventually(lambda: mid in self.refused, f"the broker's word on {topic}")
        return not self.refused[mid]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def clients(broker: Mosquitto) -> Iterator[dict[str, Client]]:
    made = {user: Client(broker.port, user) for user in USERS}
    yield made
    for client in made.values():
        client.close()


def topics(root: str, names: tuple[str, ...]) -> list[str]:
    return [f"{root}/{name}" for name in names]


def test_a_box_writes_what_it_says_and_not_what_is_desired_of_it(
    clients: dict[str, Client],
) -> None:
    box = clients["venue/box"]
    assert [t for t in topics(OWN, SAID) if not box.may_write(t)] == []
    more = ("config/desired/x", "config", "cam/cam1", "cmd/reboot", "x", "model/desired/")
    assert [t for t in topics(OWN, DESIRED + more) if box.may_write(t)] == []


def test_a_box_writes_no_other_boxs_topics(clients: dict[str, Client]) -> None:
    box = clients["venue/box"]
    roots = (OTHER, "touchline/v1/venue/box2", "touchline/v1/venue", "touchline/v2/venue/box")
    tried = [t for root in roots for t in topics(root, SAID + DESIRED)]
    tried += ["touchline/v1/venue/box/../other/state", "x", "touchline", "$SYS/x", "$SYS/broker"]
    assert [t for t in tried if box.may_write(t)] == []


def test_the_operator_writes_what_is_desired_and_nothing_else(clients: dict[str, Client]) -> None:
    operator = clients["operator"]
    wanted = [t for root in (OWN, OTHER) for t in topics(root, DESIRED)]
    assert [t for t in wanted if not operator.may_write(t)] == []
    assert [t for t in topics(OWN, SAID) if operator.may_write(t)] == []


def test_a_reader_writes_nothing_of_any_box(clients: dict[str, Client]) -> None:
    reader = clients["reader"]
    tried = [t for root in (OWN, OTHER) for t in topics(root, SAID + DESIRED)]
    assert [t for t in tried if reader.may_write(t)] == []


def test_each_hears_what_is_his(clients: dict[str, Client]) -> None:
    operator, other = clients["operator"], clients["venue/other"]
    for client in clients.values():
        client.heard.clear()
    assert operator.may_write(f"{OWN}/config/desired")
    assert other.may_write(f"{OTHER}/state")
    for user in ("reader", "operator"):
        eventually(lambda c=clients[user]: len(c.heard) == 2, "both")
    eventually(lambda: clients["venue/box"].heard, "its desired one")
    eventually(lambda: other.heard, "its own state")
    assert clients["venue/box"].heard == [f"{OWN}/config/desired"]
    assert other.heard == [f"{OTHER}/state"]
