"""What may come on `config/desired`: 2,000 bad messages are refused, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.box.box import NullObserver
from edge.box.remote_config.controller import ConfigController
from edge.box.remote_config.request import ConfigCandidate, Known, Refusal, judge, read_desired
from edge.box.remote_config.run_handle import RunWishes
from edge.config import config_from_mapping
from edge.config.store import ConfigStore
from edge.publish.messages.config import ConfigDesired
from tests.box.remote_parts import Networks, write_config

pytestmark = pytest.mark.process

GOOD = json.loads(
    config_from_mapping(
        {
            "site": "hall",
            "source": "rtsp://camera/1",
            "broker": "mqtts://broker",
            "camera": {"link": {"type": "freed", "tracking": {"freed": ["h:1"], "rate": [25, 1]}}},
        }
    ).model_dump_json(exclude_none=True)
)
"""Every section has something in it."""


def paths(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, (dict, list)):
            yield from paths(value, (*at, key))


PATHS = [p for p in paths(GOOD) if p != ("revision",)]


def replaced(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(GOOD))
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


def envelope(config: Any, **changes: Any) -> bytes:
    desired = {"schema": ConfigDesired.SCHEMA, "revision": 1, "config": config}
    return json.dumps(desired | changes).encode()


_ODD = st.text(max_size=8) | st.integers() | st.none() | st.booleans()
_WRONG = st.one_of(
    st.dictionaries(st.sampled_from(["x", "typ", "véé", "", "a.b", "__class__"]), _ODD, min_size=1),
    st.lists(st.lists(_ODD, max_size=3), min_size=1, max_size=3),
)
"""Wrong at every place: no setting takes lists of lists, no section has such keys."""
_DEEP = st.integers(40, 3000).map(lambda n: "[" * n + "]" * n)
_MUTATED = st.builds(lambda p, v: (envelope(replaced(p, v)), p), st.sampled_from(PATHS), _WRONG)
_UNKNOWN = st.builds(
    lambda key, value: (envelope({**GOOD, f"x{key}": value}), (f"x{key}",)),
    st.text(max_size=30), _ODD | _WRONG,
)  # fmt: skip
_HUGE = st.builds(
    lambda size, path: (envelope(replaced(path, [["9" * size]])), path),
    st.integers(1, 90_000), st.sampled_from(PATHS),
)  # fmt: skip
_WIDE = st.integers(1, 20_000).map(lambda n: envelope({f"x{i}": i for i in range(n)}))
_NESTED = _DEEP.map(lambda text: envelope("@").replace(b'"@"', b'{"x": %s}' % text.encode()))
_REVISIONS = (
    st.sampled_from([-1, 0, 2**53, 10**400, 1.5, "1", True, None, [], {}, "", 1e308])
    .map(lambda revision: envelope(GOOD, revision=revision))
)  # fmt: skip
_ENVELOPES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=50).map(str.encode),
    st.sampled_from(["utf-16", "utf-32", "latin-1"]).map(
        lambda encoding: envelope(GOOD).decode().replace("hall", "häll").encode(encoding)
    ),
    st.sampled_from([b"\xef\xbb\xbf", b"\x00", b"//", b"\xff"]).map(lambda b: b + envelope(GOOD)),
    st.integers(1, 900).map(lambda end: envelope(GOOD)[:-end]),
    (_ODD | _WRONG).map(envelope),
    st.sampled_from(["config", "revision"]).map(
        lambda key: json.dumps({k: 1 for k in ("config", "revision") if k != key}).encode()
    ),
    st.just(envelope(GOOD).replace(b"hall", b"\\ud800")),
    st.just(envelope(GOOD, revision=1).replace(b'"revision": 1', b'"revision": NaN')),
)
BAD = st.one_of(
    _MUTATED,
    _MUTATED,
    _UNKNOWN,
    _HUGE,
    (_WIDE | _NESTED | _REVISIONS | _ENVELOPES).map(lambda payload: (payload, None)),
    _ENVELOPES.map(lambda payload: (payload, None)),
)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> ConfigController:
    """Return a keeper without a broker: what it would report is looked at."""
    file = write_config(tmp_path_factory.mktemp("box"), GOOD)
    return ConfigController(ConfigStore(file), RunWishes({}, None, NullObserver(), Networks()))


def folder_of(keeper: ConfigController) -> dict[str, bytes]:
    folder = keeper._attempts._store.file.parent
    return {p.name: p.read_bytes() for p in folder.iterdir()}


_AT_ONCE = 5
"""Messages an example: what hypothesis does for each example costs more than a message."""


@pytest.mark.slow
@settings(max_examples=2000 // _AT_ONCE)
@given(several=st.lists(BAD, min_size=_AT_ONCE, max_size=_AT_ONCE))
def test_2000_bad_messages_are_refused_with_a_path_and_change_nothing(
    keeper: ConfigController, several: list[tuple[bytes, tuple[Any, ...] | None]]
) -> None:
    before = folder_of(keeper)
    for payload, path in several:
        check_refused(keeper, payload, path)
    assert folder_of(keeper) == before
    assert keeper.first.config == keeper._config


def check_refused(keeper: ConfigController, payload: bytes, path: tuple[Any, ...] | None) -> None:
    keeper._handle(payload)
    report = keeper.reports.last
    assert report is not None
    assert (report.status.value, report.revision, report.seen) == ("rejected", 0, 0)
    assert report.errors
    assert all("\n" not in e.message and len(e.message) <= 300 for e in report.errors)
    assert len(report.payload()) < 40_000
    if path is not None and len(payload) < 200_000:
        dotted = ".".join(str(part) for part in path)
        short = dotted[:299]
        assert any(e.path[:299] and _related(e.path[:299], short) for e in report.errors), (
            dotted,
            report.errors,
        )
    keeper.reports.say(report.status, keeper._config, seen=0)  # the next one must speak anew


def _related(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


KNOWN = Known(config_from_mapping({"remote": {"allow": ["broker", "site"]}}), 3, {})


def test_a_good_message_may_be_tried() -> None:
    config = {key: value for key, value in GOOD.items() if key != "remote"}
    desired = read_desired(envelope(config, revision=4, id="me", restart="later"))
    assert isinstance(desired, ConfigDesired)
    candidate = judge(desired, KNOWN)
    assert isinstance(candidate, ConfigCandidate)
    assert (candidate.revision, candidate.ref.id, candidate.takes) == (4, "me", "restart")
    assert candidate.file.revision == 4
    assert "revision: 4" in candidate.text


def test_later_makes_a_rebuild_wait_and_nothing_else() -> None:
    for change, now, later in [
        ({"registration": {"refine": "never"}}, "live", "live"),
        ({"engine": {"threads": 2}}, "rebuild", "restart"),
        ({"site": "x"}, "restart", "restart"),
    ]:
        for word, expected in (("now", now), ("later", later)):
            desired = ConfigDesired(revision=4, config=change, restart=word)  # type: ignore[arg-type]
            candidate = judge(desired, KNOWN)
            assert isinstance(candidate, ConfigCandidate)
            assert candidate.takes == expected


def test_a_message_is_as_long_as_a_file_may_be() -> None:
    refusal = read_desired(b" " * (256 * 1024 + 1))
    assert isinstance(refusal, Refusal)
    assert refusal.problems[0].message == "more than 262144 bytes"


def test_the_first_problems_are_named_and_the_rest_counted() -> None:
    desired = ConfigDesired(revision=4, config={f"x{i}": i for i in range(9000)})
    refusal = judge(desired, KNOWN)
    assert isinstance(refusal, Refusal)
    assert len(refusal.problems) == 101
    assert refusal.problems[-1].message == "and 8900 more problems"


@pytest.mark.slow
def test_bad_messages_over_a_real_broker_leave_the_box_running(tmp_path: Path) -> None:
    from tests.box.remote_parts import ManagedBox, Probe, client_of
    from tests.box.remote_parts import settings as box_settings
    from tests.publish.parts import Mosquitto, eventually

    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        folder = tmp_path / "box"
        folder.mkdir()
        file = write_config(folder, box_settings(broker.endpoint.url))
        before = file.read_bytes()
        with (
            Probe(broker.port) as probe,
            ManagedBox(file) as box,
            client_of(broker.endpoint) as client,
        ):
            probe.wait("cam/cam1/homography", lambda m: True)
            payloads = [b"\xff" * 300_000, b"", b"[" * 100_000, envelope({"brokr": 1}), b"{}"]
            for payload in payloads * 4:
                probe.desire(payload)
            probe.desire(envelope({"engine": {"thread": 1}}, id="last"))
            last = probe.wait("config/reported", lambda m: (m["desired"] or {}).get("id") == "last")
            assert last["errors"][0]["path"] == "engine.thread"
            seen = len(probe.of("cam/cam1/homography"))
            eventually(lambda: len(probe.of("cam/cam1/homography")) > seen + 5, "frames")
            assert file.read_bytes() == before
            assert client.push(box_settings(broker.endpoint.url)).status.value == "applied"
        assert box.error is None
    finally:
        broker.stop()
