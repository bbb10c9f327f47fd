"""What changes between two configurations, how it is written, and which secrets travel."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Config, config_from_mapping, parse_config, redacted
from edge.config.effects import changes, heaviest, says_where
from edge.config.secrets import with_secrets
from edge.config.write import to_yaml
from edge.config.yaml_tree import parse
from edge.errors import ConfigError


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({}, {}),
        ({"revision": 9}, {}),
        ({"registration": {"refine": "always"}}, {"registration.refine": "live"}),
        ({"publish": {"events": {"lost_after_frames": 5}}},
         {"publish.events.lost_after_frames": "live"}),
        ({"source": "rendered:"}, {"source": "rebuild"}),
        ({"engine": {"threads": 2}, "site": "x"}, {"engine.threads": "rebuild", "site": "restart"}),
        ({"broker": "embedded:1884"}, {"broker.port": "restart"}),
        ({"broker": "mqtt://host"}, {"broker": "restart"}),
        ({"camera": {"link": {"type": "freed"}}}, {"camera.link": "rebuild"}),
        ({"publish": {"prefix": "club"}}, {"publish.prefix": "restart"}),
    ],
)  # fmt: skip
def test_every_difference_is_named_with_what_it_takes(
    new: dict[str, Any], expected: dict[str, str]
) -> None:
    assert changes(Config(), config_from_mapping(new)) == expected
    assert changes(config_from_mapping(new), Config()).keys() == expected.keys()


def test_the_heaviest_change_decides() -> None:
    assert heaviest([]) == "live"
    assert heaviest(["live", "restart", "rebuild"]) == "restart"
    assert heaviest(["rebuild", "live"]) == "rebuild"


def test_what_moves_the_box_on_the_broker_is_known() -> None:
    assert all(says_where(p) for p in ("broker.port", "broker", "site", "device", "publish.prefix"))
    assert not any(says_where(p) for p in ("publish.frame_expiry_s", "source.url", "sport"))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["no", "1e3", "0o17", "0x1F", "~", "", "12", ".5", "2001-01-01", "- a", "="]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=6), _VALUES, max_size=4))
def test_what_is_written_reads_back_as_the_same(data: dict[str, Any]) -> None:
    try:
        text = to_yaml(data, "a comment")
    except ConfigError:  # a character that YAML cannot carry
        return
    assert parse(text).data == data
    assert text.startswith("# a comment\n")


def test_a_whole_configuration_is_written_and_read() -> None:
    data = redacted(Config())
    assert parse_config(to_yaml(data)) == (Config(), [])


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, [(1,)]])
def test_what_would_not_read_back_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="cannot be written as YAML"):
        to_yaml({"x": value})


SECRET = config_from_mapping(
    {
        "broker": {"type": "mqtt", "url": "mqtt://h", "username": "u", "password": "hush"},
        "source": "rtsp://user:hush@camera/1",
    }
)


def test_a_reported_configuration_comes_back_with_its_secrets() -> None:
    shown = redacted(SECRET)
    assert "hush" not in yaml.safe_dump(shown)
    data, problems = with_secrets(shown, SECRET)
    assert problems == []
    assert config_from_mapping(data) == SECRET


def test_what_is_shown_can_be_sent_as_utf_8() -> None:
    odd = config_from_mapping({"output": {"jsonl": "/out/\udcff"}, "engine": {"bundle": "\ud800"}})
    assert redacted(odd)["output"]["jsonl"].encode() == b"/out/?"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"source": {"type": "rtsp", "url": "rtsp://***@elsewhere/1"}}, "source.url"),
        ({"site": "***"}, "site"),
        ({"source": "rtsp://***@camera/1"}, "source"),
        ({"camera": {"link": {"password": "***"}}}, "camera.link.password"),
        ({"camera": {"link": {"tracking": {"freed": ["***"]}}}}, "camera.link.tracking.freed.0"),
    ],
)
def test_a_secret_goes_nowhere_else(data: dict[str, Any], path: str) -> None:
    filled, problems = with_secrets(data, SECRET)
    assert [p.path for p in problems] == [path]
    assert "hush" not in str(filled)
