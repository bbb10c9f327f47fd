from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge.cli import main

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "touchline: a command is missing; --help lists them; see touchline --help"),
        (["rnu"], "touchline: unknown command 'rnu', did you mean 'run'?; see touchline --help"),
        (["--versoin"], "did you mean '--version'?"),
        (["demo-clip", "a.mp4", "--secnds", "3"], "did you mean '--seconds'?"),
        (["demo-clip", "a.mp4", "--seconds", "three"], "argument --seconds: "),
        (["run", "--refine", "allways"], "did you mean 'always'?"),
        (["run", "--max-frames", "-3"], "argument --max-frames: "),
        (["config"], "touchline config: a command is missing"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    argv: list[str], line: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as leaving:
        main(argv)
    out, err = capsys.readouterr()
    assert leaving.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert line in err


def test_help_names_every_command_without_importing_any(capsys: pytest.CaptureFixture[str]):
    script = (
        "import sys\nfrom edge.cli import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'pydantic', 'av', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("run", "register", "listen", "config", "models", "camera", "bench", "doctor"):
        assert f"    {command} " in done.stdout


def test_the_unexpected_is_one_line_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def explode(_arguments: list[str]) -> int:
        return 1 // 0

    monkeypatch.setattr("edge.cli._dispatch", explode)
    assert main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "unexpected ZeroDivisionError" in err
    assert "--debug" in err
    assert main(["doctor", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_failure():
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "edge.cli", "config", "schema"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")
