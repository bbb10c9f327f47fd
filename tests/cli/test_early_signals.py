"""A signal ends a command without a traceback at any moment, while it loads too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SCRIPT = Path(sysconfig.get_path("scripts")) / "touchline"
AT_IMPORT = """
import os, runpy, signal, sys

class Sends:
    def find_spec(self, name, path=None, target=None):
        if name == WANTED:
            sys.meta_path.remove(self)
            send()
        return None

def send():
    os.kill(os.getpid(), NUMBER)

class Ends:
    def __del__(self):
        os.kill(os.getpid(), NUMBER)
        signal.getsignal(NUMBER)  # the handler runs here, where it cannot raise

def send_in_a_finalizer():
    Ends()

HOW
sys.meta_path.insert(0, Sends())
sys.argv[:] = ARGV
if MODULE:
    runpy.run_module(MODULE, run_name="__main__")
else:
    runpy.run_path(ARGV[0], run_name="__main__")
"""
MODULES = ["edge.cli", "edge.box.signals", "ssl", "edge.redaction", "edge.cli.parser", "numpy",
           "cv2", "edge.cli.register", "edge.capture.decode", "onnxruntime"]  # fmt: skip
ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)]


def ended(
    folder: Path, at: str, number: int, *, how: str = "", module: str | None = None
) -> tuple[int, bytes]:
    argv = ["-m" if module else str(SCRIPT), "register", "missing.png"]
    program = AT_IMPORT.replace("HOW", how)
    for name, value in {
        "WANTED": at,
        "NUMBER": int(number),
        "ARGV": argv,
        "MODULE": module,
    }.items():
        program = program.replace(name, repr(value))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("at", MODULES)
@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_signal_while_a_module_loads(
    tmp_path: Path, at: str, number: signal.Signals, code: int
) -> None:
    assert ended(tmp_path, at, number) == (code, b"")


@pytest.mark.parametrize("module", ["edge.cli", "touchline"])
@pytest.mark.parametrize("at", ["edge.box.signals", "edge.cli.register"])
def test_a_signal_while_a_module_loads_that_was_started_by_its_name(
    tmp_path: Path, module: str, at: str
) -> None:
    assert ended(tmp_path, at, signal.SIGINT, module=module) == (130, b"")


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_signal_in_a_finalizer_is_not_lost(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    found = ended(tmp_path, "edge.cli.register", number, how="send = send_in_a_finalizer")
    assert found == (code, b"")


def test_a_ctrl_c_that_is_ignored_stays_so_while_loading(
    tmp_path: Path,
) -> None:
    """As a shell starts a command in the background."""
    how = "signal.signal(NUMBER, signal.SIG_IGN)"
    code, said = ended(tmp_path, "edge.redaction", signal.SIGINT, how=how)
    assert code == 1
    assert b"missing.png: no such file" in said


def test_a_program_that_imports_the_package_keeps_its_own_signals() -> None:
    program = "import signal, touchline, edge.cli, edge.entry; print(signal.getsignal(2).__name__)"
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    assert out.decode().strip() == "default_int_handler"
    assert os.path.lexists(SCRIPT)
