"""Attacks on a box by MQTT alone: who may write `config/desired` does not own the box.

Each is sent by an anonymous client to a real broker, and to a box that runs. It is refused under
its key, nothing is opened, the box's file stays as it is, and its operator is not locked out.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.box.remote_config.request import ConfigCandidate, Known, Refusal, judge, read_desired
from edge.config import Config, config_from_mapping, load_config, redacted
from edge.config.store import ConfigStore
from edge.errors import ConfigError
from edge.publish import Endpoint
from tests.box.remote_parts import ManagedBox, Probe, client_of, settings, write_config
from tests.publish.conftest import embedded, endpoint, mosquitto
from tests.publish.parts import Mosquitto, eventually

__all__ = ["embedded", "endpoint", "mosquitto"]

KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
"""A stranger's: any text of the configuration could carry it."""

SECRET_BOX = config_from_mapping(
    {
        "site": "hall",
        "source": {
            "type": "rtsp",
            "url": "rtsps://camera/1",
            "username": "u",
            "password_file": "/etc/touchline/camera",
        },
        "camera": {
            "link": {"type": "onvif", "host": "camera", "username": "u", "password": "hush"}
        },
        "broker": {
            "type": "mqtt",
            "url": "mqtts://broker",
            "username": "u",
            "password_file": "/etc/touchline/broker",
        },
        "remote": {"allow": ["broker"]},
    }
)
"""Three secrets, each for one host; the operator even lets the broker be changed from afar."""


def verdict(config: dict[str, Any], file: Config = SECRET_BOX, **envelope: Any) -> Any:
    message = {"revision": file.revision + 1, "config": config} | envelope
    desired = read_desired(json.dumps(message).encode(), file)
    return desired if isinstance(desired, Refusal) else judge(desired, Known(file, 0, {}))


def refused(config: dict[str, Any], file: Config = SECRET_BOX) -> dict[str, str]:
    answer = verdict(config, file)
    assert isinstance(answer, Refusal), config
    return {problem.path: problem.message for problem in answer.problems}


LOCAL: list[tuple[dict[str, Any], str]] = [
    ({"updates": {"keys": ["/tmp/key"]}}, "updates.keys"),
    ({"updates": {"enabled": False}}, "updates.enabled"),
    ({"updates": {"most_mb": 1e4}}, "updates.most_mb"),
    ({"remote": {"allow": ["updates"]}}, "remote.allow"),
    ({"remote": {"folders": ["/"]}}, "remote.folders"),
    ({"remote": {"keys": ["/tmp/key"]}}, "remote.keys"),
    ({"remote": {"require_signature": False}}, "remote.require_signature"),
    ({"remote": {"enabled": False}}, "remote.enabled"),
    ({"remote": {"probation_s": 0}}, "remote.probation_s"),
    ({"output": {"jsonl": "/etc/cron.d/touchline"}}, "output.jsonl"),
    ({"output": {"overlay": "/etc"}}, "output.overlay"),
    ({"publish": {"spool": {"path": "/etc/passwd"}}}, "publish.spool.path"),
    ({"publish": {"spool": {"max_mb": 10_000}}}, "publish.spool.max_mb"),
    ({"publish": {"prefix": "elsewhere"}}, "publish.prefix"),
    ({"site": "other"}, "site"),
    ({"device": "other"}, "device"),
    ({"engine": {"bundle": "/tmp/mine"}}, "engine.bundle"),
    ({"health": {"http": {"bind": "0.0.0.0"}}}, "health.http.bind"),
    ({"health": {"http": None}}, "health.http"),
    ({"broker": "embedded"}, "broker"),
    ({"broker": "mqtt://evil.example"}, "broker"),
    ({"source": "/etc/shadow"}, "source.path"),
    ({"source": "/proc/self/environ"}, "source.path"),
    ({"source": "/no/such"}, "source.path"),
    ({"source": "/"}, "source.path"),
    ({"source": "film.mp4"}, "source.path"),
    ({"source": "file:///etc/shadow"}, "source.path"),
    ({"source": {"type": "folder", "path": "/root"}}, "source.path"),
    ({"source": "/dev/watchdog"}, "source.path"),
    ({"source": "/dev/video0/../watchdog"}, "source.device"),
    ({"source": {"type": "v4l2", "device": "/dev/watchdog"}}, "source.device"),
    ({"source": "v4l2:../etc/shadow"}, "source.device"),
    ({"source": "v4l2:/etc/shadow"}, "source.device"),
    ({"source": {"type": "rtsp", "url": "rtsp://evil/1", "username": "u",
                 "password_file": "/etc/shadow"}}, "source.password_file"),
    ({"source": {"type": "rtsp", "url": "rtsp://evil/1", "username": "u",
                 "password_env": "AWS_SECRET_ACCESS_KEY"}}, "source.password_env"),
    ({"camera": {"link": {"type": "onvif", "host": "evil", "username": "u",
                          "password_file": "/etc/shadow"}}}, "camera.link.password_file"),
    ({"camera": {"link": {"type": "recording", "file": "/etc/shadow"}}}, "camera.link.file"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "path"), LOCAL, ids=[f"{p}-{i}" for i, (_, p) in enumerate(LOCAL)]
)
def test_what_only_the_boxs_own_file_sets_is_refused(config: dict[str, Any], path: str) -> None:
    file = config_from_mapping({"source": "rendered:", "broker": "mqtt://broker"})
    if path == "broker" and config["broker"] != "embedded":
        file = Config()
    assert path in refused(config, file)


SOURCE = {"type": "rtsp", "url": "rtsps://camera/1", "username": "u"}
LINK = {"type": "onvif", "host": "camera", "username": "u", "password": "***"}
BROKER = {"type": "mqtt", "url": "mqtts://broker", "username": "u"}
STRAY: list[tuple[dict[str, Any], str]] = [
    *(
        ({"source": SOURCE | {"url": url} | more}, "source.url")
        for url in (
            "rtsps://evil/1",
            "rtsp://camera/1",
            "rtsps://camera:555/1",
            "rtsps://camera@evil/1",
            "rtsps://camera.evil.example/1",
            "rtsps://camera\\@evil/1",
            "rtsps://evil\\@camera/1",
            "rtsps://evil#@camera/1",
            "rtsps://cam\nera/1",
            "rtsps://camera\t/1",
            "rtsps://ｃamera/1",
            "rtsps://127.0.0.1/1",
        )
        for more in ({}, {"password_file": "/etc/touchline/camera"})
    ),
    ({"source": "rtsp://evil/1"}, "source.url"),
    ({"camera": {"link": LINK | {"host": "evil"}}}, "camera.link.host"),
    ({"camera": {"link": LINK | {"port": 81}}}, "camera.link.host"),
    ({"camera": {"link": LINK | {"host": "evil", "type": "visca"}}}, "camera.link.host"),
    ({"broker": BROKER | {"url": "mqtts://evil"}}, "broker.url"),
    ({"broker": BROKER | {"url": "mqtt://broker"}}, "broker.url"),
    ({"broker": BROKER | {"url": "mqtts://broker:1"}}, "broker.url"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "path"), STRAY, ids=[str(i) for i in range(len(STRAY))])
def test_a_secret_stays_with_its_host(config: dict[str, Any], path: str) -> None:
    file = SECRET_BOX
    if path == "broker.url":  # the password file is not repeated: it stays, as it is left out
        allow = ["broker.url", "broker.tls"]
        data = json.loads(file.model_dump_json(exclude_unset=True))
        file = config_from_mapping(data | {"remote": {"allow": allow}})
    problems = refused(config, file)
    assert path in problems
    message = problems[path]
    assert "password" in message or "expected" in message


def test_a_new_host_is_taken_with_a_secret_of_its_own_or_none() -> None:
    source = SOURCE | {"url": "rtsp://u:new@other/1", "username": None, "password_file": None}
    link = LINK | {"host": "other", "password": "new"}
    for config in ({"source": source}, {"camera": {"link": link}}, {"source": "rendered:"}):
        answer = verdict(config)
        assert isinstance(answer, ConfigCandidate), answer
        assert "/etc/touchline/camera" not in answer.text or "source" not in config


def test_two_steps_lead_no_further_than_one() -> None:
    """Taking the secret away and bringing it back for another host."""
    first = verdict({"source": SOURCE | {"url": "rtsp://evil/1", "password_file": None}})
    assert isinstance(first, ConfigCandidate)
    second = {"source": SOURCE | {"url": "rtsp://evil/1", "password_file": "/etc/touchline/camera"}}
    assert "source.password_file" in refused(second, first.file)


def test_what_was_reported_is_taken_back_and_changes_nothing() -> None:
    shown = json.loads(json.dumps(redacted(SECRET_BOX)))
    answer = verdict(shown)
    assert isinstance(answer, ConfigCandidate)
    assert (dict(answer.changes), answer.file.broker) == ({}, SECRET_BOX.broker)


def test_what_is_left_out_stays_as_the_boxs_own_file_has_it() -> None:
    answer = verdict({"source": SOURCE, "registration": {"refine": "always"}})
    assert isinstance(answer, ConfigCandidate)
    file = answer.file
    assert (file.site, file.remote, file.broker) == ("hall", SECRET_BOX.remote, SECRET_BOX.broker)
    assert isinstance(file.source, type(SECRET_BOX.source))
    assert str(file.source.password_file) == "/etc/touchline/camera"  # type: ignore[union-attr]


def test_a_key_in_the_configuration_is_no_key(tmp_path: Path) -> None:
    """The takeover: the box's own file as the trusted key, a label in it holds the key."""
    file = tmp_path / "touchline.yaml"
    for name in (file, tmp_path / "touchline.yaml.good", tmp_path / "x" / ".." / file.name):
        data = {"updates": {"keys": [str(name)]}, "remote": {"allow": ["updates"]}}
        file.write_text(json.dumps(data))
        with pytest.raises(ConfigError, match=r"updates\.keys: .* of the configuration itself"):
            ConfigStore(file).load()
    link = tmp_path / "key.pem"
    link.symlink_to(file)
    os.link(file, tmp_path / "hard.pem")
    for name in (link, tmp_path / "hard.pem"):
        allowed = config_from_mapping(
            {"remote": {"allow": ["updates"], "folders": [str(tmp_path)]}}
        )
        message = {"revision": 1, "config": {"updates": {"keys": [str(name)]}}}
        desired = read_desired(json.dumps(message).encode())
        assert not isinstance(desired, Refusal)
        answer = judge(desired, Known(allowed, 0, {}, file))
        assert isinstance(answer, Refusal)
        assert answer.problems[0].path == "updates.keys"


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        yield server


@pytest.mark.process
@pytest.mark.slow
def test_a_stranger_on_the_broker_does_not_get_the_box(tmp_path: Path, endpoint: Endpoint) -> None:
    file = write_config(tmp_path, settings(endpoint.url, remote={"probation_s": 0.3}))
    before = file.read_bytes()
    with (
        listening() as evil,
        Probe(endpoint.port) as probe,
        ManagedBox(file) as box,
        client_of(endpoint) as operator,
    ):
        probe.wait("cam/cam1/homography", lambda m: True)
        host = f"127.0.0.1:{evil.getsockname()[1]}"
        smuggled = {"camera": {"link": {"tracking": {"label": KEY}}}}
        attacks = [
            ({"updates": {"keys": [str(file)]}} | smuggled, "updates.keys"),
            ({"updates": {"keys": [f"{file}.good"]}} | smuggled, "updates.keys"),
            ({"broker": f"mqtt://{host}"}, "broker.url"),
            ({"broker": {"type": "embedded", "host": "0.0.0.0"}}, "broker"),
            ({"source": {"type": "rtsp", "url": f"rtsp://{host}/1", "username": "u",
                         "password_file": str(file)}}, "source.password_file"),
            ({"output": {"jsonl": str(tmp_path / "planted")}}, "output.jsonl"),
            ({"source": str(file)}, "source.path"),
            ({"remote": {"enabled": False}}, "remote.enabled"),
            ({"device": "twin"}, "device"),
        ]  # fmt: skip
        for number, (change, path) in enumerate(attacks):
            config = settings(endpoint.url)
            config.pop("remote")
            message = {"revision": number + 1, "id": f"attack-{number}", "config": config | change}
            probe.desire(json.dumps(message).encode())
            report = probe.wait(
                "config/reported",
                lambda m, n=number: (m["desired"] or {}).get("id") == f"attack-{n}",
            )
            assert report["status"] == "rejected", change
            assert path in [error["path"] for error in report["errors"]]
            assert report["config"]["updates"]["keys"] == []
        with pytest.raises(BlockingIOError):
            evil.accept()
        assert file.read_bytes() == before
        names = {p.name for p in tmp_path.iterdir() if p.name.startswith(("touch", "plant"))}
        assert names <= {"touchline.yaml", "touchline.yaml.good"}
        harmless = settings(endpoint.url, registration={"refine": "always"})
        harmless.pop("remote")
        report = operator.push(harmless)
        assert (report.status.value, report.revision) == ("applied", 1)
    assert box.error is None
    assert load_config(file).updates.keys == ()


BURNT: list[Any] = [
    2**63 - 1, 2**64, 2**53 - 1, 2**53, 2**40, -1, -(2**63), 0, 10**400, 1.5, 1e308, "9" * 30, "9",
    True, None, [], {},
]  # fmt: skip


@pytest.mark.process
@pytest.mark.slow
def test_revisions_cannot_be_used_up(tmp_path: Path, mosquitto: Mosquitto) -> None:
    at = mosquitto.endpoint
    file = write_config(tmp_path, settings(at.url))
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as operator:
        probe.wait("cam/cam1/homography", lambda m: True)
        texts = [json.dumps(revision) for revision in BURNT] + [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
        ]
        for text in texts:
            config = json.dumps(settings(at.url, engine={"threads": 14}))
            probe.desire(f'{{"revision": {text}, "id": "burn", "config": {config}}}'.encode())
        probe.desire(b'{"revision": 5, "id": "end", "config": {"x": 1}}')
        probe.wait("config/reported", lambda m: (m["desired"] or {}).get("id") == "end")
        assert operator.push(settings(at.url)).revision == 1


def test_a_number_of_seconds_since_1970_is_a_revision() -> None:
    assert isinstance(verdict({}, Config(), revision=1_800_000_000), ConfigCandidate)


PLACES = ["link", "sub/link/film.mp4", "fifo", "gone.mp4", "folder", "sub/../../out", "../out"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_path_from_afar_is_a_plain_file_below_a_named_folder(
    tmp_path: Path, mosquitto: Mosquitto, place: str
) -> None:
    films = tmp_path / "films"
    (films / "sub").mkdir(parents=True)
    (films / "folder").mkdir()
    (tmp_path / "out").write_text("secret")
    (films / "link").symlink_to(tmp_path / "out")
    (films / "sub" / "link").symlink_to(tmp_path)
    os.mkfifo(films / "fifo")
    at = mosquitto.endpoint
    box_folder = tmp_path / "box"
    box_folder.mkdir()
    file = write_config(
        box_folder, settings(at.url, remote={"probation_s": 0.3, "folders": [str(films)]})
    )
    wanted = settings(at.url, source={"type": "file", "path": f"{films}/{place}"})
    wanted.pop("remote")
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as operator:
        probe.wait("cam/cam1/homography", lambda m: True)
        report = operator.push(wanted)
        assert report.status.value == "rejected"
        assert [error.path for error in report.errors] == ["source.path"]
        seen = len(probe.of("cam/cam1/homography"))
        eventually(lambda: len(probe.of("cam/cam1/homography")) > seen, "frames go on")


def test_what_the_boxs_own_file_names_may_be_changed_from_afar(tmp_path: Path) -> None:
    file = config_from_mapping(
        {"remote": {"allow": ["output.overlay"], "folders": [str(tmp_path)]}}
    )
    answer = verdict({"output": {"overlay": str(tmp_path / "o.mp4")}}, file)
    assert isinstance(answer, ConfigCandidate)
    assert [str(p.path) for p in answer.paths] == [str(tmp_path / "o.mp4")]
    assert answer.file.remote == file.remote
    assert "output.overlay" in refused({"output": {"overlay": "/etc/o.mp4"}}, file)
    assert "output.jsonl" in refused({"output": {"jsonl": str(tmp_path / "j")}}, file)


@pytest.mark.process
@pytest.mark.slow
def test_what_a_person_edits_while_a_configuration_waits_is_not_undone(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    at = mosquitto.endpoint
    keys = [str(tmp_path / "old.pem")]
    data = settings(at.url, updates={"keys": keys})
    file = write_config(tmp_path, data)
    with ManagedBox(file), client_of(at) as client:
        report = client.push(settings(at.url, engine={"threads": 2}), restart="later")
        assert report.status.value == "pending_restart"
    write_config(tmp_path, data | {"updates": {"keys": []}})  # the old key is no longer trusted
    with ManagedBox(file), client_of(at) as client:
        eventually(lambda: client.reported(60).status.value == "rolled_back", "the report")
        assert "edited since: updates.keys" in client.reported().errors[0].message
    assert load_config(file).updates.keys == ()
