"""Where state is kept, also where there is no home."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ASK = """
import logging, os
from edge.paths import cache_folder, state_folder
logging.basicConfig(format="%(message)s")
for _ in range(2):
    print(state_folder())
"""
STRANGER = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
"""Runs a program as a user without an entry in passwd, who reads what this one may."""


def ask(tmp_path: Path, **environment: str) -> tuple[Path, str]:
    """Return the state folder that a stranger gets, and what is said about it."""
    temporary = tmp_path / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [*STRANGER, sys.executable, "-c", ASK],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **environment},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == second
    return Path(first), done.stderr


@pytest.mark.parametrize("home", [None, "", "relative", "{ro}", "{ro}/absent", "/dev/null"])
def test_without_a_usable_home_state_is_kept_in_a_private_folder(tmp_path: Path, home: str | None):
    read_only = tmp_path / "ro"
    read_only.mkdir(mode=0o555)
    environment = {} if home is None else {"HOME": home.format(ro=read_only)}
    folder, said = ask(tmp_path, **environment)
    private = tmp_path / "tmp" / "touchline-12345"
    assert folder == private / "state"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert said.count("\n") == 1
    assert str(private) in said


def test_a_home_or_a_named_folder_is_used_in_silence(tmp_path: Path):
    home, named = tmp_path / "home", tmp_path / "named"
    home.mkdir()
    assert ask(tmp_path, HOME=str(home)) == (home / ".local" / "state" / "touchline", "")
    environment = {"HOME": str(home), "XDG_STATE_HOME": str(named)}
    assert ask(tmp_path, **environment) == (named / "touchline", "")
    assert ask(tmp_path, **environment, STATE_DIRECTORY=str(named)) == (named, "")
    environment["XDG_STATE_HOME"] = "relative"
    assert ask(tmp_path, **environment)[0] == home / ".local" / "state" / "touchline"


@pytest.mark.parametrize("trap", ["open folder", "link", "file"])
def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path: Path, trap: str):
    """Models are loaded from it."""
    taken = tmp_path / "tmp" / "touchline-12345"
    taken.parent.mkdir()
    if trap == "open folder":
        taken.mkdir()
        taken.chmod(0o777)
    elif trap == "link":
        (tmp_path / "else").mkdir(mode=0o700)
        taken.symlink_to(tmp_path / "else")
    else:
        taken.write_text("x")
    folder, _ = ask(tmp_path)
    assert folder.parent != taken
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
