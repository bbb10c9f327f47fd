"""Two slots: installed, activated, rolled back, and whole whenever the process dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.bundles import InstallRules, ModelStore, find_bundle, list_bundles
from edge.errors import BundleError
from tests.bundles.packed import PUBLIC, archive

pytestmark = pytest.mark.process

RULES = InstallRules([PUBLIC])


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("archives")
    return {version: archive(folder, version) for version in ("0.2.0", "0.3.0", "0.3.0rc1")}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return ModelStore("soccer")


def version(store: ModelStore) -> str | None:
    bundle = store.active()
    return None if bundle is None else bundle.manifest.version


def test_what_was_installed_is_used_once_activated_and_left_on_rollback(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    shipped = find_bundle("soccer").manifest
    older = shipped.model_copy(update={"version": "0.1.0"})
    first = store.install(archives["0.2.0"], RULES, older)
    assert find_bundle("soccer").manifest == shipped, "installing changes nothing in use"
    store.activate(store.spare())
    assert find_bundle("soccer").manifest == first.manifest
    assert list_bundles()["soccer"] == first.path
    second = store.install(archives["0.3.0"], RULES, first.manifest)
    assert second.path != first.path
    assert version(store) == "0.2.0"
    store.activate(store.spare())
    assert version(store) == "0.3.0"
    store.rollback()
    assert version(store) == "0.2.0"
    store.rollback()
    assert find_bundle("soccer").manifest == shipped
    with pytest.raises(BundleError, match="nothing to go back to"):
        store.rollback()


@pytest.mark.parametrize("older", ["0.2.0", "0.3.0rc1"])
def test_a_downgrade_is_refused_unless_allowed(
    store: ModelStore, archives: dict[str, Path], older: str
) -> None:
    current = store.install(archives["0.3.0"], RULES, None).manifest
    store.activate(store.spare())
    with pytest.raises(BundleError, match=r"older than 0\.3\.0"):
        store.install(archives[older], RULES, current)
    store.install(archives[older], InstallRules([PUBLIC], allow_downgrade=True), current)
    assert version(store) == "0.3.0"


def test_a_version_below_the_floor_is_refused_even_as_a_downgrade(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    rules = InstallRules([PUBLIC], allow_downgrade=True, min_version="0.3.0")
    for older in ("0.2.0", "0.3.0rc1"):
        with pytest.raises(BundleError, match=r"older than 0\.3\.0, the least version"):
            store.install(archives[older], rules, None)
    store.install(archives["0.3.0"], rules, None)


def test_a_bundle_that_fails_its_test_leaves_the_spare_slot_and_the_way_back(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    for name in ("0.2.0", "0.3.0"):
        store.install(archives[name], RULES, None)
        store.activate(store.spare())

    def fail(_bundle: object) -> None:
        raise BundleError("no good")

    with pytest.raises(BundleError, match="no good"):
        store.install(archives["0.3.0"], RULES, None, test=fail)
    assert not list(store.folder.glob(".new-*"))
    found = store.rollback()
    assert found is not None
    assert found.manifest.version == "0.2.0"


def test_going_back_never_leads_to_a_bundle_that_was_installed_and_not_used(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    for name in ("0.2.0", "0.3.0"):
        store.install(archives[name], RULES, None)
        store.activate(store.spare())
    store.install(archives["0.3.0rc1"], RULES, None)  # in the place of 0.2.0
    assert store.rollback() is None, "the one that ships"


def test_another_sports_bundle_is_refused(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is for tennis, not for soccer"):
        store.install(archive(tmp_path, sport="tennis"), RULES, None)
    assert not list(store.folder.glob("[ab]"))


def test_a_damaged_slot_gives_way_to_the_one_before(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    for name in ("0.2.0", "0.3.0"):
        store.install(archives[name], RULES, None)
        store.activate(store.spare())
    active = store.active()
    assert active is not None
    (active.path / "model.onnx").write_bytes(b"bad sector")
    assert version(store) == "0.2.0"
    (store.folder / "state.json").write_text("{")
    assert version(store) is None
    assert find_bundle("soccer").path.parent.name == "bundles", "the shipped one"


def test_an_empty_slot_cannot_be_activated(store: ModelStore) -> None:
    with pytest.raises(BundleError, match="no whole bundle there"):
        store.activate("b")


def test_a_bundle_on_probation_gets_two_starts(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    store.install(archives["0.2.0"], RULES, None)
    store.activate(store.spare())
    store.install(archives["0.3.0"], RULES, None)
    store.activate(store.spare(), on_probation=True)
    with pytest.raises(BundleError, match="on probation"):
        store.install(archives["0.3.0"], RULES, None)
    assert (store.begin(), store.begin()) == (None, None)
    assert version(store) == "0.3.0"
    assert "never lasted" in str(store.begin())
    assert version(store) == "0.2.0"
    assert store.begin() is None


def test_a_bundle_that_passed_its_probation_stays(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    store.install(archives["0.2.0"], RULES, None)
    store.activate(store.spare(), on_probation=True)
    store.begin()
    store.settle()
    assert [store.begin() for _ in range(4)] == [None] * 4
    assert version(store) == "0.2.0"


_PROCESS = """
import os, sys
from pathlib import Path
from edge.bundles import ModelStore, InstallRules
public, paths = bytes.fromhex(sys.argv[1]), sys.argv[2:]
store, rules = ModelStore("soccer"), InstallRules([public], allow_downgrade=True)
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        store.begin()
        while True:  # each slot has one version
            store.install(Path(paths[store.spare() == "b"]), rules, None)
            store.activate(store.spare())
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


class Installing:
    """A process whose children install and activate without end, until each is killed."""

    def __init__(self, archives: list[Path]) -> None:
        command = [sys.executable, "-c", _PROCESS, PUBLIC.hex(), *map(str, archives)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kill_one(self, after_s: float) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        assert process.stdout.readline() == "dead\n"

    def end(self) -> None:
        self._process.communicate()


@pytest.mark.slow
def test_killed_at_any_moment_there_is_one_whole_bundle(
    store: ModelStore, archives: dict[str, Path]
) -> None:
    paths = [archives["0.2.0"], archives["0.3.0"]]
    begun_s = time.monotonic()
    store.install(paths[0], RULES, None)
    store.activate(store.spare())
    window_s = 5 * (time.monotonic() - begun_s)
    moments = random.Random(7)
    versions = set()
    installing = Installing(paths)
    for kill in range(200):
        if kill >= 25 and len(versions) == 2:
            break
        if kill and kill % 25 == 0:  # a child on a busy machine is slower than this process was
            window_s *= 2
        installing.kill_one(moments.uniform(0, window_s))
        active = store.active()
        assert active is not None
        active.verify()
        versions.add(active.manifest.version)
        assert (
            active.path
            == store.folder / json.loads((store.folder / "state.json").read_text())["active"]
        ), "the slot that is named is the one that is whole"
    installing.end()
    assert versions == {"0.2.0", "0.3.0"}, "some died in an install, some after one"
    store.begin()
    assert not list(store.folder.glob(".new-*")), "what died is swept away"
