"""Real brokers for the tests: the embedded one, and mosquitto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import EmbeddedBrokerConfig
from edge.publish import EmbeddedBroker, Endpoint
from tests.publish.parts import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(EmbeddedBrokerConfig(type="embedded", port=0)) as broker:
        yield broker


@pytest.fixture(params=["embedded", "mosquitto"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """Return the endpoint of each kind of broker in turn."""
    broker: EmbeddedBroker | Mosquitto = request.getfixturevalue(request.param)
    return broker.endpoint
