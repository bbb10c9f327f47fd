"""Names of sites, boxes, cameras and programmes reach no other topic and no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import Config, config_from_mapping
from edge.errors import ConfigError, UsageError
from edge.publish import Topics
from edge.publish.mqtt.topics import parse_topic
from edge.publish.queue.segments_publisher import job_of
from edge.publish.queue.spool import spool_path

BAD = [
    "", ".", "..", "../x", "a/b", "a/../b", "+", "#", "a+", "a#", "$SYS", "a\0", "a\n", "\na",
    "a b", "A", "é", "а", "ａ", "a\u200b", "a\u202e", "-a", "_a", "a.b", "a%2fb", "a\\b", "~",
    "a" * 64,
]  # fmt: skip
"""Among them a Cyrillic and a full-width letter, and marks that nobody sees."""


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_more_than_a_name_is_refused(name: str) -> None:
    for key in ("site", "device"):
        with pytest.raises(ConfigError, match=key):
            config_from_mapping({key: name})
    with pytest.raises(ConfigError, match=r"camera\.id"):
        config_from_mapping({"camera": {"id": name}})
    for names in ((name, "box"), ("site", name)):
        with pytest.raises(UsageError):
            Topics("touchline", *names)
    topics = Topics("touchline", "site", "box")
    for make in (topics.homography, topics.event, topics.pose, topics.segments):
        with pytest.raises(UsageError):
            make(name)


@pytest.mark.parametrize(
    "prefix", ["", "/", "a/", "/a", "a//b", "a/b/c/d/e", "+/a", "$SYS", "a/..", "a\n"]
)
def test_a_prefix_that_is_more_than_levels_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        config_from_mapping({"publish": {"prefix": prefix}})
    with pytest.raises(UsageError):
        Topics(prefix, "site", "box")


@pytest.mark.parametrize("name", [n for n in BAD if "/" not in n])
def test_a_topic_with_names_that_no_box_has_is_not_ours(name: str) -> None:
    root = "touchline/v1"
    for topic in (
        f"{root}/{name}/box/state",
        f"{root}/site/{name}/state",
        f"{root}/site/box/cam/{name}/homography",
        f"{root}/site/box/segments/{name}",
    ):
        assert parse_topic("touchline", topic) is None


@pytest.mark.parametrize("path", ["../../etc/passwd", "/", "..", "ёж.mkv", "+/#", "x" * 400])
def test_a_programmes_name_on_the_broker_is_a_name(path: str) -> None:
    topics = Topics("touchline", "site", "box")
    topic = topics.segments(job_of(path))
    assert parse_topic("touchline", topic) is not None


def test_the_spool_of_the_longest_names_is_a_file_in_its_folder() -> None:
    config: Config = config_from_mapping({"site": "s" * 63, "device": "d" * 63})
    path: Path = spool_path(config)
    assert len(path.name) < 255
    assert ".." not in path.parts
