"""Segments of programmes on the broker: retained, acknowledged, read by the typed client."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from edge.config.ids import ID_PATTERN
from edge.errors import BrokerError, UsageError
from edge.publish import Endpoint
from edge.publish.client.subscriber import Segments, TouchlineClient
from edge.publish.messages.examples import TOPICS as DOCS
from edge.publish.messages.registration import schema_of
from edge.publish.messages.segments import MarkedSegment, Programme
from edge.publish.mqtt.topics import parse_topic
from edge.publish.queue.segments_publisher import SegmentsPublisher, job_of
from tests.publish.listener import Listener
from tests.publish.parts import FAST, TOPICS, eventually, free_port

pytestmark = pytest.mark.process


def programme(probability: float = 0.9) -> Programme:
    spans = (MarkedSegment(label="intro", start_s=1, end_s=31.5, probability=probability),)
    return Programme(file="a.mkv", duration_s=600, source="model", segments=spans)


def test_who_comes_later_finds_the_newest(endpoint: Endpoint) -> None:
    with SegmentsPublisher(endpoint, TOPICS, FAST) as publisher:
        publisher.wait_connected(60)
        for probability in (0.5, 0.9):
            topic = publisher.publish("e1", programme(probability))
        publisher.publish("e2", programme())
    assert topic == f"{TOPICS.root}/segments/e1"
    with Listener(endpoint.port) as listener:
        eventually(lambda: len(listener.of("/e1")) == 1 and listener.of("/e2"), "both")
        heard = listener.of("/e1")[0]
    assert heard.retained
    assert heard.data["programme"]["segments"][0]["probability"] == 0.9
    jsonschema.Draft202012Validator(schema_of(Segments)).validate(heard.data)


def test_the_client_has_it_typed(endpoint: Endpoint) -> None:
    with SegmentsPublisher(endpoint, TOPICS, FAST) as publisher:
        publisher.wait_connected(60)
        publisher.publish("e1", programme())
    with TouchlineClient(endpoint, backoff=FAST) as client:
        received = next(r for r in client.messages(60) if r.kind == "segments")
        assert received.address.job == "e1"
        assert client.segments_of("e1") == received.message
        assert client.segments_of("e2") is None
    assert isinstance(received.message, Segments)
    assert received.message.programme == programme()


def test_no_broker_is_one_line() -> None:
    with (
        SegmentsPublisher(Endpoint("127.0.0.1", free_port()), TOPICS, FAST) as publisher,
        pytest.raises(BrokerError, match=r"not published; the same command sends"),
    ):
        publisher.publish("e1", programme(), timeout_s=0.2)


def test_a_job_that_is_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="job 'a/b'"):
        TOPICS.segments("a/b")


@pytest.mark.parametrize(
    "path", ["/a/Ep 01.mkv", "Ä.mkv", ".mkv", "x" * 300, "日本語.mp4", "a\udcff"]
)
@pytest.mark.parametrize("prefix", [None, "Nightly run"])
def test_every_file_has_a_job_of_its_own(path: str, prefix: str | None) -> None:
    made = job_of(path, prefix)
    assert re.fullmatch(ID_PATTERN, made)
    assert made != job_of("b/" + path, prefix)


def test_a_file_has_one_job_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "season" / "e1.mkv"
    film.parent.mkdir()
    film.touch()
    (tmp_path / "link").symlink_to("season")
    (tmp_path / "e1 by a link.mkv").symlink_to(film)
    monkeypatch.chdir(tmp_path)
    names = ["season/e1.mkv", "./season//e1.mkv", "season/../season/e1.mkv", "link/e1.mkv",
             "e1 by a link.mkv", str(film)]  # fmt: skip
    assert len({job_of(name) for name in names}) == 1
    (tmp_path / "round.mkv").symlink_to("round.mkv")
    assert job_of("round.mkv") != job_of("season/e1.mkv")


def test_topics_of_segments_come_apart() -> None:
    address = parse_topic("touchline", TOPICS.segments("e1"))
    assert address is not None
    assert (address.kind, address.job, address.camera) == ("segments", "e1", None)
    example = next(d for d in DOCS if d.message is Segments).examples[0]
    assert Segments.model_validate(json.loads(example.payload())) == example
