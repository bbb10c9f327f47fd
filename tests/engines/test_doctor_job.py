"""The doctor does the main job: what it says where it works, and where a part is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

BREAK = {
    "av": "import av\ndef broken(*a, **k): raise TypeError('no such argument')\nav.open = broken\n",
    "onnxruntime": "raise ImportError('libcudart.so is missing')\n",
    "iotcore": "raise ImportError('built for another Python')\n",
}
"""What a broken package does."""


def doctor(path: str = "") -> subprocess.CompletedProcess[str]:
    program = "import sys; from edge.cli import main; sys.exit(main(['doctor']))"
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_decodes_registers_and_hears_its_own_answer() -> None:
    done = doctor()
    assert done.returncode == 0, done.stdout
    for words in ("frames of a rendered clip", "heard from an embedded broker on loopback"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("package", "part", "cure"),
    [
        ("av", "decode a clip", "av"),
        ("onnxruntime", "register a frame", "onnxruntime"),
        ("iotcore", "publish over MQTT", "iotcore"),
    ],
)
def test_a_broken_package_fails_its_part_and_is_named(
    package: str, part: str, cure: str, tmp_path: Path
) -> None:
    if package == "av":
        (tmp_path / "sitecustomize.py").write_text(BREAK["av"])
    else:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(BREAK[package])
    done = doctor(str(tmp_path))
    assert done.returncode == 1, done.stdout
    (verdict,) = [line for line in done.stdout.splitlines() if "cannot run" in line]
    assert part in verdict
    lines = done.stdout.splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.startswith("FAIL") and part in line]
    assert "--force-reinstall" in lines[at + 1]
    assert cure in lines[at + 1]
