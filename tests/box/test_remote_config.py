"""Remote configuration of a running box, against real brokers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.box.box import NullObserver
from edge.box.loaded_model import Network
from edge.box.remote_config.controller import ConfigController
from edge.box.remote_config.run_handle import RunWishes
from edge.config import Config, Problem, load_config
from edge.config.store import AttemptOutcome, AttemptRecord, ConfigStore
from edge.config.write import to_yaml
from edge.errors import BrokerError, UsageError
from edge.publish import Endpoint
from edge.publish.messages.config import ConfigDesired
from tests.box.remote_parts import (
    ManagedBox,
    Networks,
    Probe,
    client_of,
    settings,
    write_config,
)
from tests.publish.conftest import embedded, endpoint, mosquitto
from tests.publish.parts import Mosquitto, eventually, free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
LONG = settings("embedded")["remote"] | {"probation_s": 3600}
BREAKS: dict[str, Any] = {"engine": {"threads": 13}, "remote": LONG}
"""Breaks before its probation is over, however slow the machine is."""

__all__ = ["embedded", "endpoint", "mosquitto"]


@pytest.fixture
def url(endpoint: Endpoint) -> str:
    return endpoint.url


@pytest.fixture
def at(mosquitto: Mosquitto) -> Endpoint:
    """Return the one broker of the tests that need not see both."""
    return mosquitto.endpoint


@pytest.mark.process
@pytest.mark.slow
def test_a_push_is_applied_to_the_next_frame(tmp_path: Path, endpoint: Endpoint, url: str) -> None:
    file = write_config(tmp_path, settings(url))
    wanted = settings(url, registration={"refine": "always"})
    with Probe(endpoint.port) as probe, ManagedBox(file) as box, client_of(endpoint) as client:
        before = client.reported(60)
        assert (before.status.value, before.revision, before.desired) == ("applied", 0, None)
        assert before.config["site"] == "hall"
        assert client.schema()["properties"]["sport"]
        first = probe.wait("cam/cam1/homography", lambda m: True)
        report = client.push(wanted)
        assert (report.status.value, report.revision, report.errors) == ("applied", 1, [])
        assert report.changed == ["registration.refine"]
        assert report.config["registration"]["refine"] == "always"
        after = probe.wait("cam/cam1/homography", lambda m: m["config_revision"] == "1")
        assert after["session"] == first["session"]  # nothing was built anew
        assert box.networks.refines[-1] == "always"
        info = probe.wait("info", lambda m: m["config_revision"] == "1")
        assert info["session"] == first["session"]
    assert len(box.networks.made) == 1
    assert load_config(file).registration.refine == "always"
    assert box.store.good.read_bytes() == file.read_bytes()
    assert box.store.staged() is None


@pytest.mark.process
@pytest.mark.slow
def test_stages_are_built_anew_where_a_change_takes_that(
    tmp_path: Path, endpoint: Endpoint, url: str
) -> None:
    file = write_config(tmp_path, settings(url))
    wanted = settings(url, engine={"threads": 2})
    wanted["source"] |= {"width": 192}
    with Probe(endpoint.port) as probe, ManagedBox(file) as box, client_of(endpoint) as client:
        probe.wait("cam/cam1/homography", lambda m: m["image_size"] == [160, 96])
        report = client.push(wanted)
        assert (report.status.value, report.revision, report.errors) == ("applied", 1, [])
        assert set(report.changed) == {"engine.threads", "source.width"}
        probe.wait("cam/cam1/homography", lambda m: m["image_size"] == [192, 96])
    assert [r.closed for r in box.networks.made] == [True, True]  # the dry run's went into service
    check_account(box, dry_runs=1)


def check_account(box: ManagedBox, *, dry_runs: int, failed: int = 0) -> None:
    """Every frame of every run is under one cause; a dry run registers one picture as well."""
    summary = box.summary
    assert summary is not None
    assert summary.stopped_by == "signal"
    assert summary.processed == sum(r.seen for r in box.networks.made) - dry_runs
    assert summary.captured == summary.processed + sum(summary.dropped.values())
    assert (summary.dropped.get("failed", 0), "unaccounted" in summary.dropped) == (failed, False)
    assert sum(summary.states.values()) == summary.processed == summary.latency["total"].count
    assert summary.publication["offered"] == summary.processed


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"brokr": 1}, "brokr", "did you mean 'broker'?"),
    ({"engine": {"threads": 0}}, "engine.threads", "greater than or equal to 1, got 0"),
    ({"source": "/no/such/film.mp4"}, "source.path", "remote.folders (it names none)"),
    ({"source": "/dev/video999"}, "source.device", "no such file"),
    ({"source": {"type": "rtsp", "url": "rtsp://127.0.0.1:9/1"}}, "source", "127.0.0.1:9"),
    ({"engine": {"threads": 14}}, "engine", "14 threads are too many"),
    ({"engine": {"threads": 15}}, "engine", "thread 15 is missing"),
    ({"camera": {"link": {"type": "visca", "host": "h", "password_file": "/nowhere"}}},
     "camera.link.password_file", "not changed from afar"),
    ({"output": {"jsonl": "/dev/null/x"}}, "output.jsonl", "not changed from afar"),
    ({"broker": {"type": "mqtt", "url": "mqtts://h", "tls": {"ca": "/nowhere"}}},
     "broker.tls.ca", "remote.folders"),
]  # fmt: skip


@pytest.mark.process
@pytest.mark.slow
def test_what_would_not_do_is_refused_and_the_box_goes_on(tmp_path: Path, at: Endpoint) -> None:
    file = write_config(tmp_path, settings(at.url))
    before = file.read_bytes()
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        first = probe.wait("cam/cam1/homography", lambda m: True)
        for change, path, words in REFUSED:
            report = client.push(settings(at.url) | change)
            assert (report.status.value, report.revision) == ("rejected", 0)
            assert [e.path for e in report.errors] == [path]
            assert words in report.errors[0].message
            assert report.config["source"]["width"] == 160
        seen = len(probe.of("cam/cam1/homography"))
        eventually(lambda: len(probe.of("cam/cam1/homography")) > seen + 5, "frames")
        assert probe.of("cam/cam1/homography")[-1]["session"] == first["session"]
    assert file.read_bytes() == before


@pytest.mark.process
@pytest.mark.slow
def test_a_stale_revision_is_refused_and_says_so(tmp_path: Path, at: Endpoint) -> None:
    file = write_config(tmp_path, settings(at.url, revision=7))
    with ManagedBox(file), client_of(at) as client:
        assert client.reported(60).seen == 7
        for revision in (7, 3):
            report = client.push(settings(at.url), revision=revision)
            assert (report.status.value, report.revision, report.seen) == ("rejected", 7, 7)
            assert report.errors[0].path == "revision"
            assert f"{revision} is stale: the box has seen 7" in report.errors[0].message
            assert "8 is the next" in report.errors[0].message
        assert client.push(settings(at.url)).revision == 8
        with pytest.raises(UsageError, match="revision"):
            client.push({}, revision=0)


@pytest.mark.process
@pytest.mark.slow
def test_what_fails_on_probation_is_rolled_back(
    tmp_path: Path, endpoint: Endpoint, url: str
) -> None:
    file = write_config(tmp_path, settings(url))
    before = file.read_bytes()
    with Probe(endpoint.port) as probe, ManagedBox(file) as box, client_of(endpoint) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        report = client.push(settings(url, **BREAKS))
        assert (report.status.value, report.revision, report.seen) == ("rolled_back", 0, 1)
        assert report.errors[0].message == "thread 13 is missing"
        assert report.config["engine"]["threads"] is None
        seen = len(probe.of("cam/cam1/homography"))
        eventually(lambda: len(probe.of("cam/cam1/homography")) > seen + 5, "frames again")
        assert probe.of("cam/cam1/homography")[-1]["config_revision"] is None
        assert client.push(settings(url, engine={"threads": 2})).status.value == "applied"
    assert box.store.record() is not None
    assert load_config(file).revision == 2
    assert before != file.read_bytes()
    check_account(box, dry_runs=2, failed=1)


def test_what_was_rolled_back_is_not_tried_again_at_the_next_start(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        report = client.push(settings(at.url, **BREAKS))
        assert report.status.value == "rolled_back"
    networks = Networks()
    with ManagedBox(file, networks), Probe(at.port) as probe, client_of(at) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        report = client.reported(60)
        assert (report.status.value, report.seen) == ("rolled_back", 1)
        assert report.errors[0].message == "thread 13 is missing"
        assert len(networks.made) == 1
        # even where somebody else sends it again
        desired = ConfigDesired(revision=1, config=settings(at.url, **BREAKS))
        probe.desire(desired.payload())
        assert client.push(settings(at.url), revision=2).status.value == "applied"


def test_what_was_applied_while_no_frame_came_is_put_back_when_the_first_frames_break_it(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with Probe(at.port) as probe:
        with ManagedBox(file) as box:
            eventually(box.store.good.exists, "the last good one")
        good = box.store.good.read_bytes()
        # as a push leaves it that found a silent camera
        file.write_text(to_yaml(settings(at.url, **BREAKS, revision=1)))
        box.store.remember(
            AttemptRecord(1, "x", "d", AttemptOutcome.APPLIED, (), ("engine.threads",))
        )
        with ManagedBox(file) as box:
            report = probe.wait("config/reported", lambda m: m["status"] == "rolled_back")
            assert report["errors"][0]["message"] == "thread 13 is missing"
            assert (report["revision"], report["seen"]) == (0, 1)
            seen = len(probe.of("cam/cam1/homography"))
            eventually(lambda: len(probe.of("cam/cam1/homography")) > seen + 5, "frames again")
    assert (box.error, file.read_bytes()) == (None, good)


def test_a_file_that_a_person_wrote_and_that_breaks_ends_the_box_with_its_error(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with ManagedBox(file) as box:
        eventually(box.store.good.exists, "the last good one")
    write_config(tmp_path, settings(at.url, **BREAKS))
    with ManagedBox(file) as box:
        eventually(lambda: not box.running, "the end")
    assert str(box.error) == "thread 13 is missing"


def test_a_box_whose_file_is_broken_starts_on_its_last_good_one_and_says_so(
    tmp_path: Path, endpoint: Endpoint, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_config(tmp_path, settings(url))
    with ManagedBox(file) as box, client_of(endpoint) as client:
        assert client.push(settings(url)).revision == 1
    file.write_text("site: hall\nbrokr: embedded\n")
    with Probe(endpoint.port) as probe, ManagedBox(file) as box, client_of(endpoint) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        # the desired one is still retained: it does not hide what is wrong here
        report = probe.wait("config/reported", lambda m: m["status"] == "rejected")
        assert report["errors"] == [
            {"path": "brokr", "message": "unknown key; did you mean 'broker'?", "line": 2}
        ]
        assert (report["revision"], report["desired"]) == (1, None)
        eventually(lambda: "last good one is used" in caplog.text, "a line in the log")
        # what the broker retained from the run before may come first
        eventually(lambda: client.reported(60).status.value == "rejected", "the report")
        assert client.push(settings(url)).status.value == "applied"
    assert load_config(file).revision == 2
    assert box.error is None


def test_a_box_that_said_applied_before_any_frame_has_a_good_one_to_start_with(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    waits = threading.Event()

    class Late(Networks):
        """The first picture takes until the test says so, as on a box under load."""

        def __call__(self, config: Config) -> Network:
            network = super().__call__(config)
            self.made[-1]._hook = lambda _number: waits.wait(60)
            return network

    with ManagedBox(file, Late()) as box, client_of(at) as client:
        try:
            assert client.push(settings(at.url)).status.value == "applied"
            good = box.store.last_good()
        finally:
            waits.set()
    assert good is not None
    assert good[0].revision == 1
    assert box.error is None
    file.write_text("brokr: embedded\n")
    with ManagedBox(file) as box, Probe(at.port) as probe:
        report = probe.wait("config/reported", lambda m: m["status"] == "rejected")
        assert report["revision"] == 1
        probe.wait("cam/cam1/homography", lambda m: True)
    assert box.error is None


def test_a_file_that_ran_well_is_kept_as_good(tmp_path: Path, at: Endpoint) -> None:
    file = write_config(tmp_path, settings(at.url))
    with ManagedBox(file) as box:
        eventually(box.store.good.exists, "the last good one")
    assert box.store.good.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("when", ["now", "later"])
def test_what_takes_a_start_waits_for_it(tmp_path: Path, at: Endpoint, when: Any) -> None:
    file = write_config(tmp_path, settings(at.url))
    before = file.read_bytes()
    change = {"device": "box2"} if when == "now" else {"engine": {"threads": 2}}
    with ManagedBox(file) as box, client_of(at) as client:
        report = client.push(settings(at.url) | change, restart=when)
        assert (report.status.value, report.revision, report.seen) == ("pending_restart", 0, 1)
        assert report.config["device"] == "box1"
        assert len(box.networks.made) == (1 if when == "now" else 2)
        eventually(lambda: box.networks.made[-1].closed or when == "now", "the dry run's end")
    assert file.read_bytes() == before
    name = change.get("device", "box1")
    with ManagedBox(file), client_of(at, str(name)) as client:
        eventually(lambda: client.reported(60).status.value == "applied", "the trial's end")
        assert client.reported().revision == 1
    config = load_config(file)
    assert (config.device, config.engine.threads) in {("box2", None), ("box1", 2)}


def test_what_waits_for_a_start_goes_on_waiting_when_a_later_one_is_not_taken(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        report = client.push(settings(at.url, device="box2"), restart="now")
        assert (report.status.value, report.seen) == ("pending_restart", 1)
        report = client.push(settings(at.url, engine={"threads": 14}))
        assert (report.status.value, report.seen) == ("rejected", 2)
        report = client.push(settings(at.url, **BREAKS))
        assert (report.status.value, report.seen) == ("rolled_back", 3)
    with ManagedBox(file), client_of(at, "box2") as client:
        eventually(lambda: client.reported(60).status.value == "applied", "the trial's end")
        assert client.reported().revision == 1
    assert load_config(file).device == "box2"


def test_what_waits_for_a_start_gives_way_to_a_later_one_that_is_taken(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with ManagedBox(file) as box, client_of(at) as client:
        report = client.push(settings(at.url, device="box2"))
        assert report.status.value == "pending_restart"
        report = client.push(settings(at.url, registration={"refine": "always"}))
        assert (report.status.value, report.revision) == ("applied", 2)
    assert not box.store.pending.exists()
    with ManagedBox(file), client_of(at) as client:
        assert client.reported(60).revision == 2
    assert load_config(file).device == "box1"


def test_a_push_that_comes_before_a_start_that_fails_does_not_hang_the_box(tmp_path: Path) -> None:
    file = write_config(tmp_path, settings("embedded:0"))
    keeper = ConfigController(ConfigStore(file), RunWishes({}, None, NullObserver(), Networks()))
    desired = ConfigDesired(revision=1, config=settings("embedded:0", engine={"threads": 2}))
    keeper.receive(desired.payload())
    keeper.start()
    first, given = keeper.first, []
    keeper.failed(first, RuntimeError("no camera"))
    waiting = threading.Thread(target=lambda: given.append(keeper.following()), daemon=True)
    waiting.start()
    waiting.join(60)
    keeper.close()
    assert given
    assert given[0] is not None, "what is desired is tried in the place of what failed"
    assert given[0].config.engine.threads == 2


def test_a_broker_that_is_not_there_is_rolled_back_at_the_start(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    with ManagedBox(file), client_of(at) as client:
        report = client.push(settings(f"mqtt://127.0.0.1:{free_port()}"))
        assert report.status.value == "pending_restart"
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        report_again = probe.wait("config/reported", lambda m: m["status"] == "rolled_back")
        assert "the broker was not reached" in report_again["errors"][0]["message"]
        probe.wait("cam/cam1/homography", lambda m: True)
        assert client.push(settings(at.url)).status.value == "applied"
    assert load_config(file).revision == 2


def test_a_trial_that_the_box_did_not_survive_is_rolled_back(tmp_path: Path, at: Endpoint) -> None:
    file = write_config(tmp_path, settings(at.url))
    box = ManagedBox(file)
    record = AttemptRecord(4, "x", "d", AttemptOutcome.TRYING, (), ("engine.threads",))
    box.store.remember(record)
    box.store.stage("site: elsewhere")
    with box, client_of(at) as client:
        report = client.reported(60)
        assert (report.status.value, report.revision, report.seen) == ("rolled_back", 0, 4)
        assert "stopped or crashed" in report.errors[0].message
    assert box.store.staged() is None
    crashed = Problem("", None, "the box stopped or crashed while this was on trial")
    assert box.store.record() == replace(
        record, outcome=AttemptOutcome.ROLLED_BACK, problems=(crashed,)
    )


def test_a_trial_that_a_clean_stop_cut_short_is_tried_at_the_next_start(
    tmp_path: Path, at: Endpoint
) -> None:
    data = settings(at.url, remote=LONG)
    file = write_config(tmp_path, data)
    wanted = ConfigDesired(revision=1, config=settings(at.url, engine={"threads": 2}) | {
        "remote": {"probation_s": 3600}
    })  # fmt: skip
    with Probe(at.port) as probe:
        with ManagedBox(file) as box:
            probe.wait("cam/cam1/homography", lambda m: True)
            probe.desire(wanted.payload())
            probe.wait("cam/cam1/homography", lambda m: m["config_revision"] == "1")
        assert (box.store.record(), box.store.staged()) == (None, None)
        shorter = wanted.config | {"remote": {"probation_s": 0.1}}
        probe.desire(wanted.model_copy(update={"config": shorter}).payload())
        with ManagedBox(file), client_of(at) as client:
            eventually(lambda: client.reported(60).revision == 1, "the second trial")


def test_remote_configuration_can_be_off(tmp_path: Path, at: Endpoint) -> None:
    file = write_config(tmp_path, settings(at.url, remote={"enabled": False}))
    with ManagedBox(file), client_of(at) as client:
        report = client.push(settings(at.url))
        assert (report.status.value, report.errors[0].path) == ("rejected", "remote.enabled")


def test_options_of_the_command_line_lie_over_every_configuration(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings("embedded:0"))
    options = {"broker": at.url, "registration.refine": "never"}
    with ManagedBox(file, **options) as box, client_of(at) as client:
        report = client.push(settings("embedded:0", registration={"refine": "always"}))
        assert (report.status.value, report.changed) == ("applied", [])
        assert report.config["registration"]["refine"] == "never"
        assert report.config["broker"]["url"] == at.url
    assert load_config(file).registration.refine == "always"
    assert box.error is None


def test_secrets_stay_on_the_box(tmp_path: Path, at: Endpoint) -> None:
    source = {"type": "rtsp", "url": "rtsp://user:hush@127.0.0.1:9/1"}
    link = {"type": "onvif", "host": "127.0.0.1", "username": "u", "password": "hush"}
    data = settings(at.url, camera={"link": {"type": "none"} | {"username": "u"}})
    file = write_config(tmp_path, data)
    with Probe(at.port) as probe, ManagedBox(file), client_of(at) as client:
        probe.wait("cam/cam1/homography", lambda m: True)
        wanted = settings(at.url, camera={"link": link | {"type": "none"}})
        assert client.push(wanted).status.value == "applied"
        shown = client.reported().config
        assert shown["camera"]["link"]["password"] == "***"
        assert client.push(shown).status.value == "applied"  # as it was reported
        client.push(wanted | {"source": source})
        assert not [m for m in probe.of("config/reported") if "hush" in json.dumps(m)]
    assert load_config(file).camera.link is not None
    assert load_config(file).camera.link.password == "hush"  # type: ignore[union-attr]


def test_a_disk_that_takes_no_more_is_reported_and_the_box_goes_on(
    tmp_path: Path, at: Endpoint
) -> None:
    file = write_config(tmp_path, settings(at.url))
    before = file.read_bytes()
    command = [sys.executable, "-m", "tests.box.limited_box", str(file), str(len(before) + 200)]
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as box,
        Probe(at.port) as probe,
        client_of(at) as client,
    ):
        try:
            probe.wait("cam/cam1/homography", lambda m: True)
            receivers = [f"host{i}:4000" for i in range(100)]
            link = {"tracking": {"freed": receivers}}
            report = client.push(settings(at.url, camera={"link": link}))
            assert (report.status.value, report.revision, report.seen) == ("rejected", 0, 0)
            assert report.errors[0].message == "touchline.yaml cannot be written: File too large"
            assert file.read_bytes() == before
            names = {p.name for p in tmp_path.iterdir() if p.name.startswith("touch")}
            assert names <= {"touchline.yaml", "touchline.yaml.good"}
            fits = client.push(settings(at.url, registration={"refine": "never"}))
            assert (fits.status.value, fits.revision) == ("applied", 1)
        finally:
            said, _ = box.communicate("")
    assert said == "signal\n"
    assert load_config(file).revision == 1


def test_a_client_says_why_it_has_no_answer(at: Endpoint) -> None:
    with client_of(at) as client:
        client.wait_connected(60)
        with pytest.raises(BrokerError, match=r"no report on .*is the box"):
            client.reported(0.3)
        with pytest.raises(BrokerError, match="did not report within"):
            client.push({}, revision=1, timeout_s=0.3)
    nobody = Endpoint("127.0.0.1", free_port())
    with client_of(nobody) as client, pytest.raises(BrokerError, match="nothing listens"):
        client.push({}, revision=1, timeout_s=20)


def test_a_box_without_any_good_configuration_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "touchline.yaml"
    file.write_text("sport: chess")
    with ManagedBox(file) as box:
        eventually(lambda: not box.running, "the end")
    assert isinstance(box.error, UsageError)
    assert "line 1: sport: unknown sport 'chess'" in str(box.error)


def test_a_film_under_a_file_ends_as_one_without(tmp_path: Path, at: Endpoint) -> None:
    data = settings(at.url)
    data["source"] |= {"seconds": 0.5, "live": False}
    file = write_config(tmp_path, data)
    with ManagedBox(file) as box:
        eventually(lambda: not box.running, "the end")
    assert box.summary is not None
    assert (box.summary.stopped_by, box.summary.processed) == ("end", 25)
    assert Config().remote.enabled
