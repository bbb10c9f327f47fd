"""A configuration file: what is read, what is refused, and how the refusal reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from edge.config import (
    Config,
    EmbeddedBrokerConfig,
    FileSource,
    FolderSource,
    RemoteBrokerConfig,
    RenderedSource,
    RtspSource,
    V4l2Source,
    config_schema,
    load_config,
    parse_broker,
    parse_config,
    validate_text,
    with_changes,
)
from edge.config.reference import models_in
from edge.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_an_empty_file_is_the_default_configuration() -> None:
    assert parse_config("") == (Config(), [])
    assert Config().broker == EmbeddedBrokerConfig(type="embedded")
    assert Config().field_name == "soccer"


def test_the_example_is_valid_and_says_what_it_sets() -> None:
    config = load_config(ROOT / "configs" / "touchline.example.yaml")
    assert (config.site, config.device, config.field.length_m) == ("riverside", "box-north", 100)
    assert isinstance(config.source, RtspSource)


@pytest.mark.parametrize(
    ("text", "path", "line", "words"),
    [
        ("site: no\nbrokr: embedded", "brokr", 2, "unknown key; did you mean 'broker'?"),
        ("broker:\n  type: embedded\n  prot: 3", "broker.prot", 3, "did you mean 'port'?"),
        ("\n\nzzz: 1", "zzz", 3, "unknown key; known are broker, camera"),
        ("source: {type: fil}", "source", 1, "unknown type 'fil'; known are 'file'"),
        ("source: {type: file}", "source.path", 1, "is missing"),
        ("broker: {host: x}", "broker", 1, "needs a key `type`"),
        ("broker: http://x", "broker", 1, "expected embedded, mqtt://"),
        ("broker: 'mqtt://h:99999'", "broker", 1, "malformed"),
        ("broker: 'mqtt://h:0'", "broker", 1, "port 0"),
        ("broker: 'mqtt:///x'", "broker", 1, "no host"),
        ("broker: 'mqtt://h/topic'", "broker", 1, "nothing may follow the port"),
        ("broker: {type: mqtt, url: 'mqtt://h', tls: {ca: c}}", "broker", 1, "mqtts://"),
        ("broker:\n  type: embedded\n  password: x", "broker", 1, "without a username"),
        ("broker: {type: mqtt, url: 'mqtts://h', tls: {cert: c}}", "broker.tls", 1, "both"),
        ("sport: socer", "sport", 1, "unknown sport 'socer', did you mean 'soccer'?"),
        ("field:\n  length_m: 1", "field", 1, "length_m"),
        ("field: {name: nothing}", "field", 1, "unknown field 'nothing'"),
        ("camera: 3", "camera", 1, "expected a section"),
        ("- 1", "", 1, "expected a section"),
        ("camera:\n  id: A B", "camera.id", 2, "a-z"),
        ("site: 2024", "site", 1, "expected text (put it in quotes), got 2024"),
        ("site: venue\nsite: other", "", 2, "a second time"),
        ("source:\n  type: rendered\n  seed: abc", "source.seed", 3, "a whole number, got 'abc'"),
        ("publish: {spool: {max_mb: lots}}", "publish.spool.max_mb", 1, "expected a number"),
        ("publish: {spool: {max_mb: 0}}", "publish.spool.max_mb", 1, "greater than or equal"),
        ("publish: {latest_interval_s: .inf}", "publish.latest_interval_s", 1, "a number"),
        ("source: 'rtsp://'", "source", 1, "expected rtsp://"),
        ("source: 'rendered:hockey'", "source", 1, "the sport stands under `sport`"),
        ("source: 'rendered:?seed=x'", "source", 1, "a whole number"),
        ("source: 'rendered:?sed=1'", "source", 1, "unknown key"),
        ("a: [1, 2", "", 1, "expected ',' or ']'"),
        ("a: &a [*a]", "", 1, "nested deeper"),
        ("x: !!python/object:os.system 1", "", 1, "not allowed"),
        ("? [1]\n: 2", "", 1, "a key must be a word"),
        ("a: \x01", "", None, "special characters are not allowed"),
        ("[" * 1500, "", None, "nested deeper"),
        ("a: " + "x" * 300_000, "", None, "at most"),
    ],
)
def test_a_refusal_names_path_line_and_what_was_expected(
    text: str, path: str, line: int | None, words: str
) -> None:
    problems = validate_text(text)
    assert problems, "nothing was refused"
    first = problems[0]
    assert (first.path, first.line) == (path, line)
    assert words in first.message
    assert "\n" not in str(first)


def test_every_problem_is_named_in_the_order_of_lines() -> None:
    problems = validate_text("sport: x\ncamera:\n  id: A\nengine:\n  threads: 0\n  nam: auto\n")
    assert [(p.path, p.line) for p in problems] == [
        ("sport", 1),
        ("camera.id", 3),
        ("engine.threads", 5),
        ("engine.nam", 6),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("on", "on"), ("1e3x", "1e3x"), ('"12"', "12"), ("0-1", "0-1")],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: str) -> None:
    config, problems = parse_config(f"site: {text}")
    assert problems == []
    assert config is not None
    assert config.site == value


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("rtsp://u:p@cam/1", RtspSource(type="rtsp", url="rtsp://u:p@cam/1")),
        ("/dev/video2", V4l2Source(type="v4l2", device=Path("/dev/video2"))),
        ("v4l2:/dev/camera", V4l2Source(type="v4l2", device=Path("/dev/camera"))),
        ("v4l2:video1", V4l2Source(type="v4l2", device=Path("/dev/video1"))),
        ("rendered:", RenderedSource(type="rendered")),
        ("rendered:?seed=7&fps=50", RenderedSource(type="rendered", seed=7, fps=50)),
        ("match.mp4", FileSource(type="file", path=Path("match.mp4"))),
        ("file:///a%20b.mp4", FileSource(type="file", path=Path("/a b.mp4"))),
        (str(ROOT), FolderSource(type="folder", path=ROOT)),
    ],
)
def test_short_forms_of_a_source(spec: str, expected: BaseModel) -> None:
    assert with_changes(Config(), {"source": spec}).source == expected


def test_short_forms_of_a_broker() -> None:
    assert parse_broker("embedded") == EmbeddedBrokerConfig(type="embedded")
    assert parse_broker("embedded:1885") == EmbeddedBrokerConfig(type="embedded", port=1885)
    broker = parse_broker("mqtts://[::1]")
    assert isinstance(broker, RemoteBrokerConfig)
    assert (broker.host, broker.port, broker.secure) == ("::1", 8883, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"broker": "mqtt//x"}, "broker: expected embedded"),
        ({"camera.id": "A"}, "camera.id: expected only a-z"),
        ({"sport": "chess"}, "unknown sport 'chess'"),
    ],
)
def test_options_are_checked_like_the_file(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        with_changes(Config(), changes)


def test_options_lie_over_the_file_and_leave_the_rest() -> None:
    config, _ = parse_config("publish: {prefix: club}\nbroker: {type: embedded, port: 5}")
    assert config is not None
    changed = with_changes(config, {"broker": "mqtt://h", "camera.id": "cam2"})
    assert (changed.publish.prefix, changed.camera.id) == ("club", "cam2")
    assert changed.broker == parse_broker("mqtt://h")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"camera: {id: A}\nsport: x", "line 1: camera.id.*and 1 more"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "touchline.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder"):
        load_config(tmp_path)


def test_every_setting_is_described_and_has_a_unit_where_it_counts() -> None:
    def check(model: type[BaseModel], path: str) -> int:
        count = 0
        for name, info in model.model_fields.items():
            where = f"{path}.{name}"
            assert info.title, where
            assert info.description, where
            assert info.description.endswith("."), where
            extra = info.json_schema_extra
            assert isinstance(extra, dict), where
            assert extra["x-change"] in {"live", "rebuild", "restart"}, where
            assert extra["x-restart"] == (extra["x-change"] == "restart"), where
            if name.endswith(("_s", "_m", "_mb", "_h")):
                assert extra["x-unit"] in {"s", "m", "MB", "h"}, where
            count += 1 + sum(check(inner, where) for inner in models_in(info.annotation))
        return count

    assert check(Config, "") > 60


def test_the_schema_accepts_the_example_and_refuses_what_the_models_refuse() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    example_file = ROOT / "configs" / "touchline.example.yaml"
    validator.validate(yaml.safe_load(example_file.read_text()))
    for wrong in ({"brokr": 1}, {"camera": {"id": "A"}}, {"broker": {"type": "mqtt"}}):
        assert list(validator.iter_errors(wrong)), wrong


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_KEYS = st.sampled_from(
    ["site", "broker", "type", "url", "port", "source", "path", "tls", "publish", "spool", "x"]
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=30,
)


_YAML_MARKS = "{}[]:,-#&*!|>'\"%@`\\ \n\tab01~?<=.xU"


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text(_YAML_MARKS, max_size=60))
@example("a: !!int x")
@example("a: 0x")
@example('a: "\\UFFFFFFFF"')
@example("a: " + "9" * 5000)
@example("<<: *x")
@example("%YAML 9.9\n---\na: 1")
@example("--- a\n--- b")
def test_any_text_gives_a_configuration_or_problems(text: str) -> None:
    config, problems = parse_config(text)
    assert (config is None) == bool(problems)
    assert all("\n" not in str(p) for p in problems)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_KEYS, _TREES, max_size=6))
def test_any_tree_gives_a_configuration_or_problems(tree: dict[str, Any]) -> None:
    config, problems = parse_config(yaml.safe_dump(tree, allow_unicode=True))
    assert (config is None) == bool(problems)
    assert all("\n" not in str(p) for p in problems)
