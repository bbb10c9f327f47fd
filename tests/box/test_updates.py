"""Bundles that are desired over MQTT while a box runs, from a real server, on a real broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.publish as publish
import pytest

from edge.box.box import Options, Started, run_box
from edge.box.loaded_model import Network
from edge.box.model_updates.hot_swap import Conduct, SwitchingRegistrar, worse
from edge.box.model_updates.self_test_process import SelfTestResult
from edge.box.monitoring.run_summary import Accounts, Summary
from edge.bundles import Bundle, ModelStore, SlotRecord
from edge.config import Config, with_changes
from edge.fields import load_field
from edge.registration.golden import self_test
from edge.types import Quality, Registration, RegistrationState
from tests.box.conftest import Mosquitto, Subscriber, wait_for
from tests.box.parts import GOOD, LOST, ScriptedRegistrar, write_video
from tests.bundles.packed import OTHER_KEY, PUBLIC, TRUTH, archive, sha256
from tests.bundles.parts import bundle as plain_bundle

pytestmark = pytest.mark.process

WEAK = Registration(RegistrationState.VERIFIED, field_from_image=TRUTH, quality=Quality(score=0.6))


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (Conduct(100, 0.1, 0.9, 10), Conduct(100, 0.1, 0.9, 10), None),
        (Conduct(100, 0.1, 0.9, 10), Conduct(100, 0.19, 0.86, 19), None),
        (Conduct(100, 0.1, 0.9, 10), Conduct(100, 0.3, 0.9, 10), "30% of 100 frames are lost"),
        (Conduct(100, 0.1, 0.9, 10), Conduct(100, 0.1, 0.8, 10), "mean score is 0.80, 0.90"),
        (Conduct(100, 0.1, 0.9, 10), Conduct(100, 0.1, 0.9, 25), "takes 25 ms, 10 ms before"),
        (Conduct(100, 1.0, None, 10), Conduct(100, 0.9, 0.5, 10), None),
        (Conduct(100, 0.0, 0.9, 10), Conduct(100, 1.0, None, 10), "100% of 100"),
        (Conduct(5, 0.0, 0.9, 10), Conduct(100, 1.0, None, 10), None),
        (Conduct(100, 0.0, 0.9, 10), Conduct(5, 1.0, None, 10), None),
    ],
)
def test_what_worse_means(before: Conduct, now: Conduct, words: str | None) -> None:
    found = worse(before, now)
    assert found is None if words is None else words in str(found)


def network(registrar: ScriptedRegistrar, bundle: Bundle | None = None) -> Network:
    return Network(registrar, load_field("soccer"), bundle, "scripted", "fp32")


def test_a_network_is_taken_between_two_frames_and_the_old_one_kept_until_it_settles() -> None:
    old, new = ScriptedRegistrar(), ScriptedRegistrar([WEAK])
    told: list[Network] = []
    switching = SwitchingRegistrar(network(old))
    switching.on_switch = told.append
    image = plain_picture()
    switching.register(image)
    following = network(new)
    assert switching.switch(following)
    assert switching.network.registrar is old, "not before the next frame"
    assert switching.register(image).quality.score == 0.6
    assert told == [following]
    assert not old.closed
    switching.back()
    assert switching.register(image) is GOOD
    assert new.closed
    assert switching.switch(network(ScriptedRegistrar()))
    switching.register(image)
    switching.settle()
    assert old.closed
    switching.close()
    assert not switching.switch(network(last := ScriptedRegistrar()))
    assert last.closed, "a network that comes too late is closed"


def test_a_network_that_is_taken_later_has_the_configuration_that_is_in_force() -> None:
    told: list[tuple[str, str]] = []

    def named(name: str) -> Network:
        made = network(ScriptedRegistrar())
        return replace(made, apply=lambda c: told.append((name, c.registration.refine)))

    def refine(how: str) -> Config:
        return with_changes(Config(), {"registration.refine": how})

    switching = SwitchingRegistrar(named("first"))
    switching.apply(refine("always"))
    switching.switch(named("second"))
    assert told == [("first", "always"), ("second", "always")]
    told.clear()
    switching.apply(refine("never"))  # before the first frame of the second
    assert set(told) == {("first", "never"), ("second", "never")}
    switching.register(plain_picture())
    told.clear()
    switching.apply(refine("auto"))  # the first may come back
    assert set(told) == {("first", "auto"), ("second", "auto")}


def test_a_network_that_raises_is_left_within_the_same_frame() -> None:
    def fail(number: int) -> None:
        raise MemoryError("out of memory")

    old = ScriptedRegistrar()
    switching = SwitchingRegistrar(network(old))
    switching.switch(network(ScriptedRegistrar(hook=fail)))
    assert switching.register(plain_picture()) is GOOD
    assert switching.failure == "MemoryError: out of memory"
    with pytest.raises(MemoryError):
        SwitchingRegistrar(network(ScriptedRegistrar(hook=fail))).register(plain_picture())


def plain_picture() -> Any:
    import numpy as np

    return np.zeros((36, 64, 3), np.uint8)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o644)
    return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield lambda name: f"http://127.0.0.1:{httpd.server_port}/{name}"
    httpd.shutdown()
    thread.join(60)
    httpd.server_close()


class Box:
    """A box that plays a film without end, and whose bundles answer as a test tells."""

    def __init__(
        self, tmp_path: Path, mosquitto: Mosquitto, hosts: Sequence[str] = (), **changes: object
    ) -> None:
        written(tmp_path / "key.hex", PUBLIC.hex())
        self.root = "touchline/v1/hall/box1"
        self.port = mosquitto.port
        self.answers: list[Registration] = [GOOD]
        self.hook: Callable[[int], None] | None = None
        self.summary: Summary | None = None
        self.applied: list[str] = []
        """What bundles that came by update were told of `registration.refine`."""
        self._first = plain_bundle(tmp_path / "first")
        self._stop = threading.Event()
        film = write_video(tmp_path / "film.mp4", frames=50, fps=50, size=(64, 36))
        config = with_changes(
            Config(),
            {
                "broker": mosquitto.url,
                "site": "hall",
                "device": "box1",
                "source": {"type": "file", "path": film, "loop": True},
                "updates.keys": [tmp_path / "key.hex"],
                "updates.schemes": ["https", "http", "file"],
                "updates.hosts": ["127.0.0.1:1", *hosts],
                "updates.folder": tmp_path,
                "updates.probation_s": 1.0,
            }
            | changes,
        )
        self._thread = threading.Thread(target=self._run, args=(config,))
        self._thread.start()

    def _run(self, config: Config) -> None:
        self.summary = run_box(
            config,
            Options(realtime=True),
            stop=self._stop,
            make_network=lambda _: network(ScriptedRegistrar(), self._first),
            make_updated=self._updated,
            self_test=self._tested,
            observer=self,
        )

    def _updated(self, _config: Config, bundle: Bundle) -> Network:
        made = network(ScriptedRegistrar(self.answers, self.hook), bundle)
        return replace(made, apply=lambda config: self.applied.append(config.registration.refine))

    def _tested(self, _config: Config, bundle: Bundle, _stopped: object) -> SelfTestResult:
        """Ask the scripted answers in this process: the bundle's own graphs know no field."""
        problems = self_test(ScriptedRegistrar(self.answers), bundle, load_field("soccer"))
        return SelfTestResult(tuple(problems))

    def started(self, started: Started) -> None:
        self.registrar = started.registrar

    def frame(self, *_: object) -> None:
        pass

    def desire(self, path: Path, url: str, **changes: object) -> None:
        version = path.stem.partition("-")[2]
        message = {
            "schema": "touchline.model_desired/1",
            "name": "soccer",
            "version": version,
            "url": url,
            "sha256": sha256(path),
        } | changes
        self.send(json.dumps(message).encode())

    def send(self, payload: bytes) -> None:
        publish.single(f"{self.root}/model/desired", payload, 1, retain=True, port=self.port)

    def end(self) -> Summary:
        self._stop.set()
        self._thread.join(60)
        assert self.summary is not None
        return self.summary


@pytest.fixture
def box(
    tmp_path: Path,
    mosquitto: Mosquitto,
    monkeypatch: pytest.MonkeyPatch,
    server: Callable[[str], str],
) -> Iterator[Box]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    running = Box(tmp_path, mosquitto, [urlsplit(server("")).netloc])
    yield running
    running.end()


def reported(subscriber: Subscriber) -> dict[str, Any]:
    return (subscriber.of("reported") or [{}])[-1]


def until(subscriber: Subscriber, status: str) -> dict[str, Any]:
    wait_for(lambda: reported(subscriber).get("status") == status, 60)
    return reported(subscriber)


@pytest.mark.slow
def test_a_good_bundle_is_fetched_tested_switched_in_and_stays(
    tmp_path: Path, box: Box, subscriber: Subscriber, server: Callable[[str], str]
) -> None:
    first = until(subscriber, "applied")
    assert first["active"] == {"name": "soccer", "version": "0.1.0"}
    wait_for(lambda: len(subscriber.of("homography")) > 60, 60)
    box.registrar.apply(with_changes(Config(), {"registration.refine": "always"}))
    path = archive(tmp_path / "served")
    box.desire(path, server(path.name), id="order-1")
    wait_for(lambda: reported(subscriber).get("active", {}).get("version") == "0.2.0", 60)
    done = until(subscriber, "applied")
    assert done["desired"]["id"] == "order-1"
    statuses = [m["status"] for m in subscriber.of("reported")]
    assert statuses.index("testing") < statuses.index("probation")
    assert box.applied == ["always"], "it begins as the configuration has it by now"
    wait_for(lambda: subscriber.of("homography")[-1]["bundle"] == "soccer 0.2.0", 60)
    bundles = [m["bundle"] for m in subscriber.of("homography")]
    switched = bundles.index("soccer 0.2.0")
    assert set(bundles[:switched]) == {"soccer 0.1.0"}
    assert set(bundles[switched:]) == {"soccer 0.2.0"}
    frames = [m["frame_id"] for m in subscriber.of("homography")]
    assert frames == sorted(frames)
    wait_for(lambda: subscriber.of("info")[-1]["bundles"][0]["version"] == "0.2.0")
    summary = box.end()
    assert summary.bundle == "soccer 0.2.0"
    assert summary.captured == summary.processed + sum(summary.dropped.values())
    record = ModelStore("soccer").record()
    assert (record.on_probation, ModelStore("soccer").active().manifest.version) == (False, "0.2.0")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["lost", "weak", "raises"])
def test_a_bundle_that_does_worse_is_rolled_back_and_not_tried_again(
    tmp_path: Path, box: Box, subscriber: Subscriber, how: str
) -> None:
    until(subscriber, "applied")
    wait_for(lambda: len(subscriber.of("homography")) > 60, 60)
    path = archive(tmp_path)

    def fail(number: int) -> None:
        if number == 20:  # before a probation can be over
            raise RuntimeError("broken graph")

    box.answers = {"lost": [GOOD, LOST], "weak": [GOOD, *[WEAK] * 50], "raises": [GOOD]}[how]
    box.hook = fail if how == "raises" else None
    box.desire(path, path.as_uri())
    failed = until(subscriber, "rolled_back")
    assert failed["active"]["version"] == "0.1.0"
    words = {"lost": "frames are lost, 0% before", "weak": "score", "raises": "broken graph"}[how]
    assert words in failed["errors"][0]["message"]
    assert failed["errors"][0]["path"] == "probation"
    assert ModelStore("soccer").active() is None, "the one that ships is used at the next start"
    wait_for(lambda: subscriber.of("homography")[-1]["bundle"] == "soccer 0.1.0")
    box.desire(path, path.as_uri(), id="again")
    again = until(subscriber, "rejected")
    assert "was tried and did not do" in again["errors"][0]["message"]


def await_refusal(subscriber: Subscriber, words: str, order: str | None) -> dict[str, Any]:
    def refused() -> bool:
        found = reported(subscriber)
        about = (found.get("desired") or {}).get("id")
        named = [error["message"] for error in found.get("errors", [])]
        return found.get("status") == "rejected" and about == order and words in str(named)

    wait_for(refused, 60)
    return reported(subscriber)


@pytest.mark.slow
def test_whatever_is_wrong_with_a_desired_bundle_is_reported_and_changes_nothing(
    tmp_path: Path, box: Box, subscriber: Subscriber, server: Callable[[str], str]
) -> None:
    until(subscriber, "applied")
    path = archive(tmp_path / "served")
    foreign = archive(tmp_path / "a", key=OTHER_KEY)
    older = archive(tmp_path / "b", "0.0.9")
    bare = archive(tmp_path / "c", golden=False)
    wrong = archive(tmp_path / "d", truth=2 * TRUTH + 0.1)
    tennis = archive(tmp_path / "e", sport="tennis")
    cut = tmp_path / "served" / "soccer-0.2.1.bundle"
    cut.write_bytes(path.read_bytes()[:-500])
    url = server(path.name)
    plain = written(tmp_path / "served" / "secret-0.2.0", "mqtt password: 1234")
    bomb = written(tmp_path / "served" / "bomb-0.2.0", "PK" * 1000)
    (tmp_path / "link-0.2.0").symlink_to(path)
    nothing = "no archive with this sha256 and the signature of a trusted key"
    cases: list[tuple[Path, str, dict[str, object], str]] = [
        (path, url, {"sha256": "0" * 64}, nothing),
        (path, server("absent"), {}, nothing),
        (path, "http://127.0.0.1:1/x", {}, nothing),
        (cut, server(cut.name), {}, nothing),
        (foreign, foreign.as_uri(), {}, nothing),
        (plain, server(plain.name), {}, nothing),
        (plain, plain.as_uri(), {}, nothing),
        (plain, plain.as_uri(), {"sha256": "0" * 64}, nothing),
        (bomb, bomb.as_uri(), {}, nothing),
        (path, (tmp_path / "absent").as_uri(), {}, nothing),
        (path, (tmp_path / "link-0.2.0").as_uri(), {}, nothing),
        (path, tmp_path.as_uri() + "/served", {}, nothing),
        (path, "file:///etc/passwd", {}, "is not where this file lies"),
        (path, "http://127.0.0.1:9/x", {}, "does not name this host and port"),
        (path, "ftp://127.0.0.1/x", {}, "give an https://, http:// or file:// address"),
        (path, "file://elsewhere/x", {}, "names a file on this box"),
        (path, url, {"version": "7.7.7"}, "the archive holds soccer 0.2.0"),
        (older, older.as_uri(), {}, "older than 0.1.0"),
        (older, older.as_uri(), {"allow_downgrade": True}, "older than 0.1.0"),
        (bare, bare.as_uri(), {}, "no golden frames"),
        (wrong, wrong.as_uri(), {}, "of the height"),
        (tennis, tennis.as_uri(), {"name": "tennis"}, "is for tennis, not for soccer"),
        (path, "x" * 9, {}, "give an https://"),
        (path, url, {"sha256": "short"}, "pattern"),
    ]
    unverified: list[object] = []
    for number, (file, where, changes, words) in enumerate(cases):
        order = f"case-{number}"
        box.desire(file, where, **({"id": order} | changes))
        found = await_refusal(
            subscriber, words, order if changes.get("sha256") != "short" else None
        )
        assert found["active"]["version"] == "0.1.0"
        if words == nothing:
            unverified.append(found["errors"])
    assert unverified == [unverified[0]] * len(unverified), "whatever is there reads the same"
    for payload in (b"{", b"\xff\xfe", b"[]", b'{"name": 1}', b"null"):
        before = len(subscriber.of("reported"))
        box.send(payload)
        wait_for(lambda n=before: len(subscriber.of("reported")) > n, 60)
        assert reported(subscriber)["status"] == "rejected"
    summary = box.end()
    assert {m["bundle"] for m in subscriber.of("homography")} == {"soccer 0.1.0"}
    assert summary.stopped_by == "signal"
    assert not list((tmp_path / "state").rglob(".new-*"))


@pytest.mark.slow
def test_runs_that_follow_one_another_are_one_start_of_a_bundle_on_probation(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = ModelStore("soccer")
    store._write(SlotRecord(None, None, on_probation=True))
    film = write_video(tmp_path / "film.mp4", frames=5, size=(64, 36))
    accounts = Accounts()
    for _ in range(2):
        summary = run_box(
            with_changes(Config(), {"broker": mosquitto.url}),
            Options(source=str(film), realtime=True),
            stop=threading.Event(),
            make_network=lambda _: network(ScriptedRegistrar()),
            accounts=accounts,
        )
    assert (store.record().starts, store.record().on_probation) == (1, True)
    assert (summary.captured, accounts.empty) == (10, False)


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"updates.keys": []}, "updates.keys"), ({"updates.enabled": False}, "updates.enabled")],
)
def test_a_box_that_takes_no_updates_says_so(
    tmp_path: Path,
    mosquitto: Mosquitto,
    subscriber: Subscriber,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    path: str,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    box = Box(tmp_path, mosquitto, **changes)
    try:
        until(subscriber, "applied")
        file = archive(tmp_path)
        box.desire(file, file.as_uri())
        assert until(subscriber, "rejected")["errors"][0]["path"] == path
    finally:
        box.end()
