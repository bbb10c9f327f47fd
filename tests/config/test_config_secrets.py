"""Passwords are found where the configuration says, and never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import Config, credentials, parse_broker, redacted, validate_text, with_changes
from edge.config.brokers import RemoteBrokerConfig
from edge.errors import ConfigError

SECRET = "tops3cret"


def remote(**keys: object) -> RemoteBrokerConfig:
    return RemoteBrokerConfig.model_validate({"type": "mqtt", "url": "mqtt://h", **keys})


def test_a_password_comes_from_file_variable_url_or_the_section(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\nnot this\n")
    assert credentials(remote(username="u", password_file=file)) == ("u", SECRET)
    environ = {"BROKER_PASSWORD": SECRET}
    by_variable = remote(username="u", password_env="BROKER_PASSWORD")
    assert credentials(by_variable, environ) == ("u", SECRET)
    assert credentials(remote(username="u", password=SECRET)) == ("u", SECRET)
    assert credentials(parse_broker("mqtt://a%40b:p%2Fw@h")) == ("a@b", "p/w")
    assert credentials(remote()) == (None, None)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"password_file": "missing"}, "missing: the password file cannot be read"),
        ({"password_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE"),
    ],
)
def test_a_password_that_is_not_there_is_one_line(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        credentials(remote(username="u", **keys), {})


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="first line is empty"):
        credentials(remote(username="u", password_file=file))


@pytest.mark.parametrize(
    "changes",
    [
        {"broker": f"mqtt://user:{SECRET}@h"},
        {"broker": {"type": "embedded", "username": "u", "password": SECRET}},
        {"source": f"rtsp://user:{SECRET}@camera/1"},
        {"source": f"rtsp://user:{SECRET}@x@camera/1"},
    ],
)
def test_a_shown_configuration_has_no_secret(changes: dict[str, object]) -> None:
    shown = json.dumps(redacted(with_changes(Config(), changes)))
    assert SECRET not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        f"broker: 'mqtt://u:{SECRET}@h:port'",
        f"broker: 'mqtt://u:{SECRET}#x@h'",
        f"broker: 'http://u:{SECRET}@h'",
        f"broker: {{type: embedded, password: {SECRET}, username: [1]}}",
        f"broker: {{type: embedded, password: [{SECRET}]}}",
        f"broker: {{type: mqtt, url: 'http://u:{SECRET}@h'}}",
        f"broker: {{password: {SECRET}}}",
        f"source: 'rtsp://u:{SECRET}@:port'",
    ],
)
def test_a_refusal_has_no_secret(text: str) -> None:
    problems = validate_text(text)
    assert problems
    assert SECRET not in " ".join(map(str, problems))


def test_a_refused_option_has_no_secret() -> None:
    with pytest.raises(ConfigError, match=r"\*\*\*") as caught:
        parse_broker(f"mqtt://u:{SECRET}@h/x")
    assert SECRET not in str(caught.value)
