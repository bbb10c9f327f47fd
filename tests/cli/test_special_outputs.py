"""Outputs that are no files: standard output, pipes, devices; and stops before there is a frame."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from edge.box.outputs.atomic_file import STDOUT, LineFile, check_writable
from edge.box.outputs.overlay import OverlaySink
from edge.cli import main
from edge.errors import UsageError
from tests.box.parts import write_video

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "edge.cli"]
ROOT = Path(__file__).parents[2]
FRAMES = 4


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", frames=FRAMES)


def words(film: Path, out: str) -> list[str]:
    run = ["run", "--broker", "embedded:0", "--engine", "onnxruntime", "--source", str(film)]
    return [*run, "--out", out]


def indices(lines: bytes) -> list[int]:
    return [int(json.loads(line)["image"].rsplit("/", 1)[1]) for line in lines.splitlines()]


@pytest.mark.parametrize("out", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("as_file", [False, True])
def test_standard_output_gets_the_objects_alone(
    film: Path, tmp_path: Path, out: str, as_file: bool
):
    target = tmp_path / "shell"
    with target.open("wb") as shell:
        done = subprocess.run(
            [*COMMAND, *words(film, out)],
            stdout=shell if as_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    lines = target.read_bytes() if as_file else done.stdout
    if out in {"-", "/dev/stdout"}:  # under the other names the summary follows
        assert indices(lines) == list(range(FRAMES))
        assert b"frames of" in done.stderr
    else:
        assert indices(b"".join(lines.splitlines(True)[:FRAMES])) == list(range(FRAMES))
    assert not (ROOT / "-").exists()


def test_the_summary_as_json_leaves_standard_output_to_the_frames(film: Path):
    done = subprocess.run(
        [*COMMAND, *words(film, "-"), "--json"], capture_output=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert indices(done.stdout) == list(range(FRAMES))
    assert json.loads(done.stderr[done.stderr.index(b"{") :])["processed"] == FRAMES


def test_what_a_file_on_standard_output_held_before_stays(tmp_path: Path):
    target = tmp_path / "log"
    script = "import sys; from edge.box.outputs.atomic_file import *; f = LineFile(STDOUT); "
    script += "f.write_json({'a': 1}); f.close(); print('after')"
    target.write_text("before\n")
    with target.open("a") as end:
        subprocess.run([sys.executable, "-c", script], stdout=end, cwd=ROOT, check=True)
    assert target.read_text() == 'before\n{"a":1}\nafter\n'


def test_a_named_pipe_is_written_and_stays(film: Path, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    assert main(words(film, str(pipe))) == 0
    reader.join(30)
    assert indices(heard[0]) == list(range(FRAMES))
    assert pipe.is_fifo()


def test_a_named_pipe_that_nobody_reads_is_told(tmp_path: Path, film: Path, capfd):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(words(film, str(pipe))) == 2
    assert f"{pipe}: a pipe that no program reads; start the reader first" in capfd.readouterr().err


def test_a_pipe_may_lie_in_a_folder_where_nothing_else_may_be_made(tmp_path: Path):
    folder = tmp_path / "closed"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "pipe").chmod(0o666)
    folder.chmod(0o555)
    for path in (folder / "pipe", Path(os.devnull), STDOUT):
        check_writable(path)
    folder.chmod(0o755)


def test_an_open_file_that_is_not_open_is_told():
    with pytest.raises(UsageError, match="/dev/fd/987: nothing is connected there"):
        LineFile(Path("/dev/fd/987"))


@pytest.mark.parametrize(
    ("option", "target", "says"),
    [
        ("--out", "", "the name is empty; name a file"),
        ("--pictures", "film.mp4", "is a file; name a folder"),
        ("--out", "film.mp4/x.jsonl", "film.mp4: is a file; name a folder"),
    ],
)
def test_a_wrong_output_is_one_line_that_says_what_to_do(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd, option, target, says
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        sys.exit(main(["run", "--source", film.name, option, target]))
    err = capfd.readouterr().err
    assert (leaving.value.code, err.count("\n")) == (2, 1)
    assert says in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_stop_before_the_first_frame_is_no_failure(tmp_path: Path, number: int, code: int):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    run = ["run", "--broker", "embedded:0", "--engine", "onnxruntime", "--source", str(pipe)]
    started = (
        "import sys, edge.box.stages.source_plan as s\n"
        "from edge.cli import main\n"
        "o = s._Opening\n"
        "def begin(*a):\n print('opening', flush=True); return o(*a)\n"
        "s._Opening = begin\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", started, *run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"opening\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, b"touchline: stopped before the source was open\n")


def test_a_failed_output_is_named_once(film: Path, tmp_path: Path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    run = ["run", "--broker", "embedded:0", "--engine", "onnxruntime", "--source", film.name]
    started = OverlaySink.write

    def meanwhile(self: OverlaySink, *frame: Any) -> None:
        Path("x.mp4").write_text("another's")
        started(self, *frame)

    monkeypatch.setattr(OverlaySink, "write", meanwhile)
    assert main([*run, "--overlay", "x.mp4"]) == 1
    assert "touchline: x.mp4: writing failed: another program" in capfd.readouterr().err
    assert Path("x.mp4").read_text() == "another's"
