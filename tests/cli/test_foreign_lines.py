"""What libraries say of a user's files never reaches the terminal; Touchline says what matters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.capture.test_damaged_pictures import SAID, WHOLE_PNG, damaged, jpeg

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "edge.cli"]


def run(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, done.stderr


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, data in enumerate(WHOLE_PNG.values()):
        (folder / f"{number}.png").write_bytes(data)
    (folder / "whole.jpg").write_bytes(jpeg("baseline"))
    (folder / "z.jpg").write_bytes(damaged(jpeg("baseline"), "zeros"))
    return folder


def test_register_says_damage_and_nothing_else(tmp_path: Path, pictures: Path) -> None:
    code, said = run(tmp_path, "register", "pictures", "--out", "o.jsonl")
    assert (code, said) == (0, f"touchline: pictures/z.jpg: {SAID}\n")


def test_run_says_damage_and_nothing_else(tmp_path: Path, pictures: Path) -> None:
    words = ["run", "--source", "pictures", "--broker", "embedded:0", "--out", "o.jsonl"]
    code, said = run(tmp_path, *words, "--json")
    start, *rest = said.splitlines()
    assert (code, rest) == (0, [f"touchline: pictures/z.jpg: {SAID}"])
    assert start.startswith("touchline: pictures: 300x200; ")


def test_register_says_that_a_film_is_cut_off(tmp_path: Path) -> None:
    size = ("--width", "640", "--height", "360")
    assert run(tmp_path, "demo-clip", "whole.mkv", "--seconds", "1", *size)[0] == 0
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    code, said = run(
        tmp_path, "register", "whole.mkv", "cut.mkv", "--every", "9", "--out", "o.json"
    )
    assert code == 0
    (line,) = said.splitlines()
    assert line.startswith("touchline: cut.mkv: ")
    assert line.endswith("frames were there; the file is cut off or damaged")
