"""A stop that hangs is cut short, and the line says where it hung."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge.box.signals import StopGuard
from tests.box.conftest import wait_for

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
HANGS = """
import os, signal, sys, threading, time
from contextlib import closing
from edge.box.signals import StopGuard, stop_on_signals

def leave(why):
    print(why, flush=True)
    os._exit(7)

def waits_for_ever():
    time.sleep(1000)

with stop_on_signals() as stop, closing(StopGuard(stop, leave, patience_s=0.3)):
    os.kill(os.getpid(), signal.SIGTERM)
    waits_for_ever()
"""


IN_NATIVE_CODE = """
import ctypes, os, signal, sys, threading
from contextlib import closing
from edge.box.signals import StopGuard, stop_on_signals

def leave(why):
    print(why, flush=True)
    os._exit(7)

libc = (ctypes.PyDLL if sys.argv[1] == "with the lock" else ctypes.CDLL)(None)
with stop_on_signals() as stop, closing(StopGuard(stop, leave, patience_s=0.3)):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    if sys.argv[1] == "with the lock":
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.is_set():
            pass
        threading.Event().wait(0.2)  # the guard has heard it
    for _ in range(2):
        libc.sleep(100)  # no handler of Python's runs meanwhile; a signal ends one sleep
        libc.sleep(100)
"""


def test_native_code_that_lets_no_handler_run_is_ended_too():
    for how, code in (("without the lock", 7), ("with the lock", 1)):
        done = subprocess.run(
            [sys.executable, "-c", IN_NATIVE_CODE, how], cwd=ROOT, check=False, timeout=60,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == code, (how, done.stderr)


def test_a_stop_that_hangs_is_ended_and_its_place_named():
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "over 0.3 s" in done.stdout
    assert "waits_for_ever < " in done.stdout


def test_a_stop_that_ends_in_time_and_a_run_without_a_signal_are_left_alone():
    left: list[str] = []
    before = threading.active_count()
    for signalled in (True, False):
        stop = threading.Event()
        with closing(StopGuard(stop, left.append, patience_s=30)):
            if signalled:
                stop.set()
    assert left == []
    wait_for(lambda: threading.active_count() <= before)
