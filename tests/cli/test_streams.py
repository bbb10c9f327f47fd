"""Commands on terminals of other encodings, without standard streams, and without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.box.parts import write_video
from tests.test_paths import STRANGER

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "edge.cli"]
ROOT = Path(__file__).parents[2]


def sh(script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `"$@"` is a command of ours."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, *words],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


ENCODINGS = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "latin-1:strict"},
    {"PYTHONIOENCODING": "cp437:strict"},
]
COMMANDS = [
    ["--help"],
    ["run", "--help"],
    ["config", "show"],
    ["config", "schema"],
    ["models", "list"],
    ["camera", "profiles"],
]


@pytest.mark.parametrize("environment", ENCODINGS, ids=str)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_terminal_shows_what_it_can(environment: dict[str, str], words: list[str]):
    done = sh('"$@"', *words, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


@pytest.mark.parametrize("environment", ENCODINGS, ids=str)
def test_answers_are_whole_in_every_locale(tmp_path: Path, environment: dict[str, str]):
    """Names, tables and the summary, of a film whose name no such terminal has."""
    film = write_video(tmp_path / "Spiel – 北.mp4", frames=2)
    out = tmp_path / "ü.jsonl"
    words = ["--broker", "embedded:0", "--engine", "onnxruntime", "--source", str(film)]
    done = sh('"$@"', "run", *words, "--out", str(out), **environment)
    assert done.returncode == 0, done.stderr
    assert b"2 frames of" in done.stdout
    assert len(out.read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('"$@" >&-', 0),
        ('"$@" 2>&-', 0),
        ('"$@" <&- >&- 2>&-', 0),
        ('"$@" | true; exit ${PIPESTATUS[0]}', 0),
        ('"$@" 2>&1 | true; exit ${PIPESTATUS[0]}', 0),
        ('"$@" | head -1 >/dev/null; exit ${PIPESTATUS[0]}', 0),
        ('"$@" >/dev/full', 1),
        ('"$@" 2>/dev/full', 0),
    ],
)
@pytest.mark.parametrize(
    "words", [["config", "schema"], ["models", "list"], ["camera", "profiles"]]
)
def test_without_a_reader(script: str, code: int, words: list[str]):
    done = sh(script, *words)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.stderr.count(b"\n") == code


def test_a_closed_stream_gives_its_number_to_no_file(tmp_path: Path):
    """What a library prints would land in the user's file."""
    film, out = write_video(tmp_path / "film.mp4", frames=2), tmp_path / "h.jsonl"
    before = film.read_bytes()
    words = ["--broker", "embedded:0", "--engine", "onnxruntime", "--source", str(film)]
    done = sh('"$@" <&- >&- 2>&-', "run", *words, "--out", str(out))
    assert done.returncode == 0
    assert [line[:1] + line[-1:] for line in out.read_bytes().splitlines()] == [b"{}"] * 2
    assert film.read_bytes() == before


@pytest.mark.parametrize("home", [None, "{ro}/absent"])
def test_every_command_works_without_a_home(tmp_path: Path, home: str | None):
    film, out = write_video(tmp_path / "film.mp4", frames=2), tmp_path / "h.jsonl"
    (tmp_path / "ro").mkdir(mode=0o555)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    if home is not None:
        environment["HOME"] = home.format(ro=tmp_path / "ro")
    run = ["run", "--broker", "embedded:0", "--engine", "onnxruntime", "--source", str(film)]
    for words in ([*run, "--out", str(out)], ["models", "list"], ["config", "show"]):
        done = subprocess.run(
            [*STRANGER, *COMMAND, *words],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(b"state is kept in") == (words[0] != "config")
    assert len(out.read_bytes().splitlines()) == 2
