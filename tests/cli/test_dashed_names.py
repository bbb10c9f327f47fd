"""A file whose name begins with a dash: every command says how it is given, and takes it so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import main

pytestmark = pytest.mark.process

TOLD = "a name that begins with a dash is read as an option: write ./{}; see"


@pytest.mark.parametrize(
    "words",
    [
        "register {}",
        "register other.png {}",
        "register --json {}",
        "run --source {}",
        "run --source {} --broker embedded:0",
        "run --config {}",
        "run --source film.mp4 --out {}",
        "segments {}",
        "segments film.mkv --out {}",
        "segments evaluate {}",
        "config validate {}",
        "config show {}",
        "config push {}",
        "models verify {}",
        "camera simulate --clip {}",
        "bench {}",
        "doctor {}",
        "install --source {}",
        "demo-clip {}",
        "listen {}",
        "{}",
    ],
)
@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("-x.png", True),
        ("-x.png", False),
        ("-1.jpg", False),
        ("--json.yaml", True),
        ("-noending", True),
        ("-h.mp4", True),
    ],
)
def test_a_dashed_name_is_told_how_to_write(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    name: str,
    *,
    there: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        Path(name).touch()
    with pytest.raises(SystemExit) as left:
        main(words.format(name).split())
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert TOLD.format(name) in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", ["register --jsn a.png", "register", "run --sauce=a.mp4", "-x"])
def test_other_mistakes_say_nothing_of_dashes(
    capsys: pytest.CaptureFixture[str], words: str
) -> None:
    with pytest.raises(SystemExit):
        main(words.split())
    assert "begins with a dash" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["./-x.png"], ["--", "-x.png"]])
def test_a_dashed_name_written_so_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("-x.png", np.zeros((90, 160, 3), np.uint8))
    assert main(["register", "--engine", "onnxruntime", *words]) == 0
    assert '"state":"lost"' in capsys.readouterr().out
