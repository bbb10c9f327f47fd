"""`touchline completion`: a real bash completes commands, options, sports, fields and files."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.completion import SHELLS
from edge.fields import FIELD_NAMES, SPORTS

pytestmark = pytest.mark.process

COMPLETE = """
source "$1"; shift
function=$(complete -p touchline | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
"$function" touchline "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Does what bash does at TAB; the words are arguments."""
_LIMIT_S = 30.0


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "touchline.bash"
    path.write_text(script("bash"))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("match.mp4", "still.png", "box.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "matches").mkdir()
    return tmp_path


def script(shell: str) -> str:
    command = [sys.executable, "-m", "touchline", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("r", {"run", "register"}),
        ("comp", {"completion"}),
        ("run --sp", {"--sport"}),
        ("run --sport ", set(SPORTS)),
        ("run --sport soc", {"soccer"}),
        ("run --field ", set(FIELD_NAMES)),
        ("run --engine o", {"onnxruntime", "openvino"}),
        ("run --camera-side ", {"near", "far"}),
        ("run --sport soccer --over", {"--overlay", "--overwrite"}),
        ("run --source ma", {"match.mp4", "matches"}),
        ("run --config b", {"box.yaml"}),
        ("run --bundle ma", {"matches"}),
        ("run --overlay ma", {"match.mp4", "matches"}),
        ("register s", {"still.png"}),
        ("register still.png ma", {"match.mp4", "matches"}),
        ("register still.png --sport t", {"tennis"}),
        ("segments ma", {"match.mp4", "matches"}),
        ("segments --out ma", {"matches"}),
        ("bench --engine ", {"auto", "onnxruntime", "openvino", "tflite"}),
        ("models ", {"list", "verify", "pack", "install", "activate", "rollback"}),
        ("models rollback ", set(SPORTS)),
        ("models verify t", {"tennis"}),
        ("camera watch ", {"freed", "opentrackio", "visca", "onvif"}),
        ("config val", {"validate"}),
        ("config push b", {"box.yaml"}),
        ("install --sport t", {"tennis"}),
        ("completion ", set(SHELLS)),
        ("run --sport curl", set()),
    ],
)
def test_bash_completes(bash_script: Path, folder: Path, line: str, offered: set[str]):
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", str(bash_script), "touchline", *line.split(" ")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered
    assert done.stderr == ""


def test_a_person_at_a_terminal_presses_tab(bash_script: Path, folder: Path):
    """An interactive bash on a terminal of its own; TAB, then what stands on its line."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        os.write(terminal, b"PS1='rea''dy> '; bind 'set enable-bracketed-paste off'\n")
        os.write(terminal, f"source {bash_script}; echo sour''ced\n".encode())
        wait_for(terminal, "sourced")
        os.write(terminal, b"touchline run --sport ice\t--source mat\t\t")
        wait_for(terminal, "touchline run --sport ice_hockey --source match")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def wait_for(terminal: int, text: str) -> None:
    """Read what a terminal shows until the text is there."""
    shown = ""
    deadline = time.monotonic() + _LIMIT_S
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"not shown: {text!r}, but {shown!r}"
        shown += os.read(terminal, 4096).decode(errors="replace").replace("\a", "")  # the bell


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_words(shell: str):
    text = script(shell)
    for word in (*SPORTS, *FIELD_NAMES, "rollback", "camera-side", "overwrite"):
        assert word in text


def test_without_the_extra_a_line_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert "pip install 'touchline[completion]'" in error


def test_other_commands_do_not_load_it():
    program = (
        "import sys; from edge.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m in ('shtab', 'edge.cli.completion', 'numpy')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
