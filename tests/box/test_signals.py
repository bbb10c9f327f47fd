"""Ctrl-C in a terminal reaches every process of the group, the embedded broker's too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.box.conftest import Subscriber, free_port, wait_for

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from edge.box.box import Options, run_box
from edge.box.outputs.opening import OutputPaths
from edge.box.signals import stop_on_signals
from edge.config import Config, with_changes
from tests.box.conftest import NetworkMaker
from tests.box.parts import ScriptedRegistrar

config = with_changes(Config(), {
    "broker": f"embedded:{sys.argv[1]}",
    "source": {"type": "rendered", "seconds": 600, "width": 160, "height": 96, "live": True},
})
with stop_on_signals() as stop:
    summary = run_box(
        config, Options(outputs=OutputPaths(out=Path(sys.argv[2]))), stop=stop,
        make_network=NetworkMaker(ScriptedRegistrar()),
    )
print(json.dumps(summary.as_json()))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_ends_in_order(tmp_path: Path, number: signal.Signals):
    port, out = free_port(), tmp_path / "h.jsonl"
    command = [sys.executable, "-c", SCRIPT, str(port), str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True, text=True
    ) as box:
        try:
            subscriber = connected(port)
            try:
                wait_for(lambda: len(subscriber.of("homography")) >= 3, most_s=60)
                os.killpg(box.pid, number)
                printed, _ = box.communicate(timeout=60)
            finally:
                subscriber.close()
        finally:
            box.kill()
    assert [m["status"] for m in subscriber.of("state")][-1] == "offline"
    assert box.returncode == 0
    summary = json.loads(printed)
    assert summary["stopped_by"] == "signal"
    assert summary["captured"] == summary["processed"] + sum(summary["dropped"].values())
    lines = out.read_text().splitlines()
    assert len(lines) == summary["processed"] - summary["output_frames_dropped"]
    assert [m["clean"] for m in subscriber.of("state")][-1] is True


def connected(port: int) -> Subscriber:
    found: list[Subscriber] = []

    def attempt() -> bool:
        try:
            found.append(Subscriber(port))
        except OSError:
            return False
        return True

    wait_for(attempt, most_s=120)
    return found[0]
