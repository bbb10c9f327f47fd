"""The configuration on disk: whole at any moment, with the last good one to fall back on."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config import Problem
from edge.config.store import AttemptOutcome, AttemptRecord, ConfigStore
from edge.errors import ConfigError
from edge.whole_file import write_whole

ROOT = Path(__file__).parents[2]
RECORD = AttemptRecord(
    7,
    "abc",
    "digest",
    AttemptOutcome.ROLLED_BACK,
    (Problem("engine", None, "no"),),
    ("engine.name",),
)


@pytest.fixture
def store(tmp_path: Path) -> ConfigStore:
    (tmp_path / "touchline.yaml").write_text("revision: 3\nsite: hall\n")
    return ConfigStore(tmp_path / "touchline.yaml")


def test_a_good_file_is_read_as_it_is(store: ConfigStore) -> None:
    loaded = store.load()
    assert (loaded.config.site, loaded.config.revision) == ("hall", 3)
    assert (loaded.text, loaded.problems) == (store.file.read_text(), ())


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"site: hall\nbrokr: x", 2, "did you mean 'broker'"),
        (b"site: [", 1, "expected"),
        (b"\xff\xfe", None, "not UTF-8"),
        (b"\0" * 4096, None, "not allowed"),
        (None, None, "no such file"),
    ],
)
def test_a_broken_file_gives_the_last_good_one_and_says_why(
    store: ConfigStore, content: bytes | None, line: int | None, words: str
) -> None:
    store.keep_good("site: arena\n")
    if content is None:
        store.file.unlink()
    else:
        store.file.write_bytes(content)
    loaded = store.load()
    assert loaded.config.site == "arena"
    assert (loaded.problems[0].line, words in loaded.problems[0].message) == (line, True)


def test_a_broken_file_without_a_good_one_is_one_line(store: ConfigStore) -> None:
    store.file.write_text("sport: x\ncamera: {id: A}\n")
    for good in (None, "site: ["):
        if good is not None:
            store.good.write_text(good)
        with pytest.raises(
            ConfigError, match=r"touchline.yaml: line 1: sport.*and 1 more"
        ) as caught:
            store.load()
        assert "\n" not in str(caught.value)


def test_a_staged_configuration_becomes_the_file_and_keeps_its_permissions(
    store: ConfigStore,
) -> None:
    store.file.chmod(0o640)
    store.stage("site: arena\n")
    assert store.load().config.site == "hall"
    staged = store.staged()
    assert staged is not None
    assert staged[0].site == "arena"
    store.commit()
    assert store.load().config.site == "arena"
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o640
    assert store.staged() is None


def test_files_that_may_hold_passwords_are_for_their_owner(store: ConfigStore) -> None:
    store.stage("site: arena\n")
    store.keep_good("site: arena\n")
    for file in (store.next, store.good):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_discarded_configuration_is_gone(store: ConfigStore) -> None:
    store.stage("site: arena\n")
    store.discard()
    store.discard()
    assert store.staged() is None


def test_a_record_is_read_back_and_a_broken_one_is_none(store: ConfigStore) -> None:
    assert store.record() is None
    store.remember(RECORD)
    assert store.record() == RECORD
    for broken in (b"", b"[]", b"{}", b"\xff", store.state.read_bytes().replace(b"rolled", b"x")):
        store.state.write_bytes(broken)
        assert store.record() is None
    store.forget()
    assert not store.state.exists()


def test_what_a_write_that_was_cut_short_left_is_swept_away(store: ConfigStore) -> None:
    left = store.file.with_name(f".{store.file.name}.whole-123.part")
    left.write_text("site: [")
    store.load()
    assert not left.exists()


def test_a_failed_write_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("old")
    target = tmp_path / "folder"
    target.mkdir()
    (target / "in it").write_text("")
    with pytest.raises(OSError, match="irectory"):
        write_whole(target, b"new")
    assert file.read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"f", "folder"}


_LIMITED = """
import resource, sys
from pathlib import Path
from edge.config.store import ConfigStore
store = ConfigStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.stage("site: arena  # " + "x" * 2000)
except OSError as error:
    print("refused:", error.strerror)
store.keep_good("site: arena  # " + "x" * 2000)
print(store.load().config.site, sorted(p.name for p in store.file.parent.iterdir()))
"""
_READ_ONLY = """
import os, sys
from pathlib import Path
from edge.config.store import ConfigStore
store = ConfigStore(Path(sys.argv[1]))
store.load()  # imports what it needs
store.file.parent.chmod(0o555)
if os.geteuid() == 0:  # root writes anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store.stage("site: arena")
except OSError as error:
    print("refused:", error.strerror)
print(store.load().config.site, sorted(p.name for p in store.file.parent.iterdir()))
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "words"), [(_LIMITED, "File too large"), (_READ_ONLY, "Permission denied")]
)
def test_a_disk_that_takes_no_more_leaves_the_old_file_whole(script: str, words: str) -> None:
    # not under pytest's own folder, which only its owner may enter
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "touchline.yaml"
        file.write_text("site: hall\n")
        file.chmod(0o644)
        answer = subprocess.run(
            [sys.executable, "-c", script, str(file)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        folder.chmod(0o755)
    assert f"refused: {words}" in answer.stdout
    assert "hall ['touchline.yaml']" in answer.stdout


@pytest.mark.process
def test_kill_9_at_random_moments_leaves_whole_valid_files() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_config.py"), "--kills", "25"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert answer.returncode == 0, answer.stderr
    assert "25 kills" in answer.stdout
