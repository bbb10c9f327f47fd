"""Signed configuration: only the holders of the box's keys decide, for one box, each once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.box.remote_config.request import ConfigCandidate, Known, Refusal, judge, read_desired
from edge.cli import main
from edge.config import Config, config_from_mapping
from edge.config.write import to_yaml
from edge.publish.messages.config import ConfigDesired
from edge.publish.messages.config_signing import sign_desired
from tests.box.remote_parts import ManagedBox, Probe, client_of, settings, write_config
from tests.publish.conftest import mosquitto
from tests.publish.parts import Mosquitto

__all__ = ["mosquitto"]

KEYS = [Ed25519PrivateKey.generate() for _ in range(2)]
OURS, OTHERS = (key.private_bytes_raw() for key in KEYS)
TO = "touchline/v1/hall/box1"


def public(folder: Path, key: Ed25519PrivateKey = KEYS[0]) -> Path:
    file = folder / "fleet.pub"
    file.write_text(key.public_key().public_bytes_raw().hex())
    file.chmod(0o644)
    return file


def box(folder: Path, **remote: Any) -> Config:
    keys = [str(public(folder))]
    return config_from_mapping(
        {"site": "hall", "device": "box1", "remote": {"keys": keys} | remote}
    )


def desired(**changes: Any) -> ConfigDesired:
    return ConfigDesired(**({"revision": 1, "to": TO, "config": {}} | changes))


def problem(payload: bytes, file: Config, seen: int = 0) -> str | None:
    answer = read_desired(payload, file)
    if not isinstance(answer, Refusal):
        verdict = judge(answer, Known(file, seen, {}))
        if isinstance(verdict, ConfigCandidate):
            return None
        answer = verdict
    return str(answer.problems[0])


def test_what_the_boxs_key_signed_is_taken(tmp_path: Path) -> None:
    assert problem(sign_desired(desired(), OURS).payload(), box(tmp_path)) is None


def tampered(**changes: Any) -> bytes:
    data = json.loads(sign_desired(desired(), OURS).payload())
    return json.dumps({**data, **changes}).encode()


OTHER_TEXT = desired(revision=2).payload().decode()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (desired().payload(), "it is not signed"),
        (desired(to=None).payload(), "it is not signed"),
        (sign_desired(desired(), OTHERS).payload(), "signed by key"),
        (tampered(signed=OTHER_TEXT), "does not fit"),
        (tampered(signature="A" * 86 + "=="), "does not fit"),
        (tampered(key_id="0" * 16), "signed by key"),
        (tampered(signed=""), "does not fit"),
        (tampered(signed="\ud800"), ""),
        (sign_desired(desired(to="touchline/v1/hall/box2"), OURS).payload(), "is for"),
        (sign_desired(desired(to="touchline/v1/hall/box1/"), OURS).payload(), "is for"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, payload: bytes, words: str) -> None:
    answer = problem(payload, box(tmp_path))
    assert answer is not None
    assert words in answer


def test_a_signed_message_is_good_for_one_revision(tmp_path: Path) -> None:
    payload = sign_desired(desired(revision=4), OURS).payload()
    assert problem(payload, box(tmp_path), seen=3) is None
    assert "stale" in str(problem(payload, box(tmp_path), seen=4))


def test_a_signed_configuration_changes_no_more_than_a_bare_one(tmp_path: Path) -> None:
    grab = desired(config={"updates": {"keys": ["/tmp/key"]}})
    assert "updates.keys" in str(problem(sign_desired(grab, OURS).payload(), box(tmp_path)))


def test_both_are_taken_while_a_fleet_changes_over(tmp_path: Path) -> None:
    file = box(tmp_path, require_signature=False)
    assert problem(desired().payload(), file) is None
    assert problem(sign_desired(desired(), OURS).payload(), file) is None
    assert "signed by key" in str(problem(sign_desired(desired(), OTHERS).payload(), file))


def test_a_key_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    file = box(tmp_path)
    (tmp_path / "fleet.pub").unlink()
    assert "fleet.pub" in str(problem(sign_desired(desired(), OURS).payload(), file))
    assert "not signed" in str(problem(desired().payload(), file))


@pytest.mark.process
@pytest.mark.slow
def test_push_signs_over_a_real_broker(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    at = mosquitto.endpoint
    keys = {"keys": [str(public(tmp_path))], "probation_s": 0.3}
    (tmp_path / "box").mkdir()
    file = write_config(tmp_path / "box", settings(at.url, remote=keys))
    wanted = tmp_path / "wanted.yaml"
    data = settings(at.url, registration={"refine": "always"})
    wanted.write_text(to_yaml({k: v for k, v in data.items() if k != "remote"}))
    for name, key in (("fleet.key", OURS), ("other.key", OTHERS)):
        (tmp_path / name).write_text(key.hex())
        (tmp_path / name).chmod(0o600)
    push = ["config", "push", str(wanted), "--timeout", "90"]
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        assert client.push(data).status.value == "rejected"
        for name, code, words in [
            ("other.key", 1, "signed by key"),
            ("fleet.key", 0, "revision 1: applied"),
        ]:
            assert main([*push, "--sign", str(tmp_path / name)]) == code
            assert words in capsys.readouterr().out
