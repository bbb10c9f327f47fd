"""However a command ends, files are whole or absent, and lines are whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "edge.cli"]
SOURCE = "rendered:?seconds=600&live=1&width=320&height=180"
RUN_SHORT = ["run", "--broker", "embedded:0", "--source", "rendered:?seconds=2"]
SLOW = ["demo-clip", "clip.mp4", "--seconds", "600", "--truth", "t.jsonl"]


@contextmanager
def started(folder: Path, *words: str, **how) -> Iterator[subprocess.Popen[bytes]]:
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True} | how
    with subprocess.Popen([*COMMAND, *words], cwd=folder, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def run_words() -> list[str]:
    outputs = ["--out", "h.jsonl", "--overlay", "o.mp4", "--pictures", "p"]
    return [
        "run",
        "--broker",
        "embedded:0",
        "--engine",
        "onnxruntime",
        "--source",
        SOURCE,
        *outputs,
    ]


def wait_for_lines(file: Path, process: subprocess.Popen[bytes], count: int = 3) -> None:
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") >= count, process)


def wait_until(condition, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    pytest.fail("nothing came")


def whole_lines(file: Path) -> int:
    text = file.read_text()
    assert text.endswith("\n")
    return len([json.loads(line) for line in text.splitlines()])


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 0), (signal.SIGTERM, 0), (signal.SIGINT, 130)]
)
def test_a_signal_ends_a_run_with_whole_outputs(tmp_path: Path, number: signal.Signals, code: int):
    with started(tmp_path, *run_words()) as process:
        wait_for_lines(tmp_path / "h.jsonl", process)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == code
    lines = whole_lines(tmp_path / "h.jsonl")
    with av.open(str(tmp_path / "o.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == lines
    assert {p.name for p in tmp_path.iterdir()} == {"h.jsonl", "o.mp4", "p"}


@pytest.mark.process
@pytest.mark.slow
def test_a_hangup_that_was_ignored_from_the_start_stays_ignored(tmp_path: Path):
    """As nohup starts a command."""
    words = run_words()
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND, *words]
    with subprocess.Popen(
        ignoring, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            wait_for_lines(tmp_path / "h.jsonl", process)
            process.send_signal(signal.SIGHUP)
            seen = whole_lines(tmp_path / "h.jsonl")
            wait_for_lines(tmp_path / "h.jsonl", process, seen + 5)
            process.terminate()
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0


def test_a_killed_run_leaves_its_lines_and_the_next_start_removes_the_rest(tmp_path: Path):
    with started(tmp_path, *run_words()) as process:
        wait_for_lines(tmp_path / "h.jsonl", process)
        wait_until(lambda: list(tmp_path.glob(".o.mp4.*.part")), process)
        process.kill()
        process.wait()
    lines = (tmp_path / "h.jsonl").read_bytes()
    assert whole_lines(tmp_path / "h.jsonl") >= 3
    again = ["run", "--broker", "embedded:0", "--source", "rendered:?seconds=0.2"]
    done = subprocess.run(
        [*COMMAND, *again, "--out", "h.jsonl"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"h.jsonl: exists" in done.stderr
    assert (tmp_path / "h.jsonl").read_bytes() == lines
    done = subprocess.run(
        [*COMMAND, *again, "--overlay", "o.mp4"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"h.jsonl", "o.mp4", "p"}


def test_a_second_signal_ends_a_run_at_once_without_a_part(tmp_path: Path):
    with started(tmp_path, *run_words()) as process:
        wait_for_lines(tmp_path / "h.jsonl", process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert whole_lines(tmp_path / "h.jsonl") >= 3
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_clip_that_is_interrupted_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int, times: int
):
    with started(tmp_path, *SLOW) as process:
        wait_until(lambda: list(tmp_path.glob(".clip.mp4.*.part")), process)
        for _ in range(times):
            process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode in {code, 128 + number}
    assert list(tmp_path.iterdir()) == []
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_register_keeps_the_lines_up_to_its_end(tmp_path: Path, number: signal.Signals):
    film = subprocess.run(
        [*COMMAND, "demo-clip", "film.mp4", "--seconds", "4", "--width", "320", "--height", "180"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert film.returncode == 0, film.stderr
    with started(tmp_path, "register", *["film.mp4"] * 50, "--out", "h.jsonl") as process:
        wait_for_lines(tmp_path / "h.jsonl", process)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode in {130, -signal.SIGTERM, -signal.SIGKILL}
    assert whole_lines(tmp_path / "h.jsonl") >= 3
    assert {p.name for p in tmp_path.iterdir()} == {"film.mp4", "h.jsonl"}


def test_two_runs_do_not_write_one_file(tmp_path: Path):
    with started(tmp_path, *SLOW) as process:
        wait_until(lambda: list(tmp_path.glob(".clip.mp4.*.part")), process)
        done = subprocess.run(
            [*COMMAND, *SLOW, "--overwrite"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 2
        assert f"process {process.pid} is writing it now".encode() in done.stderr
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["demo-clip", "clip.mp4", "--seconds", "4"], set()),
        (["demo-clip", "clip.mp4", "--seconds", "1", "--truth", "t.jsonl", "--width", "64"], set()),
        ([*RUN_SHORT, "--overlay", "o.mp4"], set()),
        ([*RUN_SHORT, "--out", "h.jsonl"], {"h.jsonl"}),
    ],
    ids=["clip", "truth", "overlay", "lines"],
)
def test_a_full_disk_is_one_line(tmp_path: Path, words: list[str], left: set[str]):
    """A limit of 8 KiB on the size of files stands for the disk's end."""
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *COMMAND, *words]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(limited, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.splitlines() if b"File too large" in line]
    assert len(said) == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert {p.name for p in tmp_path.iterdir()} - {"state"} == left
    if left:
        assert whole_lines(tmp_path / "h.jsonl") >= 3
