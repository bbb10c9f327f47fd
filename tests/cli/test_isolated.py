"""No command speaks to a stranger, leaves files about, or prints a line that is not Touchline's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import _COMMANDS
from edge.no_telemetry import VARIABLES
from tests.cli import isolated
from tests.cli.isolated import BESIDE_A_BOX, CASES, Seen

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TOUCHLINE = Path(sys.executable).parent / "touchline"
TITLES = [" ".join(case.arguments) for case in (*CASES, *BESIDE_A_BOX)]
BOX = "run --config live.yaml"


@pytest.fixture(scope="module")
def observed() -> dict[str, Seen]:
    """Every command's behaviour in namespaces of their own."""
    ours = [] if os.geteuid() == 0 else ["--map-root-user"]
    namespaces = ["unshare", *ours, "--net", "--mount", "--pid", "--fork", "--kill-child"]
    program = [sys.executable, isolated.__file__, str(TOUCHLINE)]
    bare = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [*namespaces, *program], env=bare, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return {item["command"]: Seen(**item) for item in json.loads(done.stdout)}


def test_every_command_is_tried():
    assert {title.split()[0] for title in TITLES} == set(_COMMANDS)


def test_the_observer_sees_a_program_that_reports(observed: dict[str, Seen]):
    seen = observed["spoilsport"]
    assert "vendor.example" in seen.asked
    assert "192.0.2.7" in seen.sent_to
    assert seen.files == ["/tmp/home/.cache/id"]


@pytest.mark.slow
@pytest.mark.parametrize("title", [*TITLES, BOX])
def test_a_command_keeps_to_itself(title: str, observed: dict[str, Seen]):
    seen = observed[title]
    assert seen.code == seen.wanted_code, seen.stderr
    assert seen.asked == [], "names looked up"
    assert seen.sent_to == [], "addresses beyond this machine"
    assert seen.files == [], "files outside the state folder"
    strange = [line for line in seen.stderr.splitlines() if not line.startswith("touchline: ")]
    assert strange == [], "lines that are not Touchline's"


@pytest.mark.parametrize("package", ["edge", "firmware_bridge", "models", "quantize", "touchline"])
def test_each_package_keeps_engines_quiet_from_its_import_on(package: str):
    program = f"import os, {package}; print([os.environ.get(n) for n in {list(VARIABLES)!r}])"
    bare = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", program], env=bare, cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == str(list(VARIABLES.values()))
