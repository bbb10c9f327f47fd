"""`scripts/install-check --arch arm64`: what it refuses, which stills it takes, how it compares."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TRUTH = ROOT / "scripts/install_check_truth.py"
BESIDE = [0.1, 0.0, -32.0, 0.0, 0.3, -20.0, 0.0, 0.002, 1.0]
"""A homography of a picture of 640x360: a camera at the side of a soccer pitch."""
OFF = [*BESIDE[:2], BESIDE[2] + 4.0, *BESIDE[3:]]
"""The same, four metres along the pitch: wrong."""


def row(number: int, sport: str = "soccer", h: list[float] | None = BESIDE) -> dict[str, Any]:
    """Return a row of a truth file."""
    size = {"soccer": (105.0, 68.0), "tennis": (23.77, 10.97)}[sport]
    return {
        "image": f"{sport}/{number}.png",
        "sport": sport,
        "field": {"soccer": "soccer", "tennis": "itf"}[sport],
        "width": 640,
        "height": 360,
        "field_length_m": size[0],
        "field_width_m": size[1],
        "field_from_image": h,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """Return a folder of jobs of 8 soccer and 2 tennis stills, one of them without a field."""
    rows = [*(row(n) for n in range(8)), row(8, "tennis"), row(9, "tennis", None)]
    for r in rows:
        (tmp_path / r["sport"]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / r["image"]), np.full((360, 640, 3), 90, np.uint8))
    truth = write(tmp_path / "truth.jsonl", rows)
    assert run("plan", tmp_path / "jobs", truth, "--rows", "0").returncode == 0
    return tmp_path / "jobs"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script from elsewhere."""
    command = [sys.executable, str(TRUTH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    """Read the jobs of a folder."""
    return [json.loads(line) for line in (folder / "jobs.jsonl").read_text().splitlines()]


def answers(
    folder: Path,
    machine: str,
    give: Callable[[dict[str, Any]], list[float] | None],
    other: dict[str, str] | None = None,
) -> Path:
    """Write the answers of a machine to the jobs of a folder."""
    made = {"machine": machine, "engine": "onnxruntime:cpu", "precision": "int8"} | (other or {})
    rows = [{"file": job["file"], "field_from_image": give(job)} | made for job in jobs_of(folder)]
    return write(folder / f"{machine}.jsonl", rows)


def truth_of(job: dict[str, Any]) -> list[float] | None:
    """Answer rightly."""
    found: list[float] | None = job["field_from_image"]
    return found


def test_plan_copies_pictures_and_draws_the_same_rows_each_time(
    planned: Path, tmp_path: Path
) -> None:
    assert len(jobs_of(planned)) == 10
    drawn = []
    for name in ("a", "b"):
        truth = tmp_path / "truth.jsonl"
        assert run("plan", tmp_path / name, truth, "--rows", "4").returncode == 0
        drawn.append([job["image"] for job in jobs_of(tmp_path / name)])
        assert all((tmp_path / name / job["file"]).is_file() for job in jobs_of(tmp_path / name))
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4


def test_equal_answers_are_equal(planned: Path, tmp_path: Path) -> None:
    sides = [answers(planned, machine, truth_of) for machine in ("x86_64", "aarch64")]
    done = run("table", planned, *sides, "--json", tmp_path / "table.json")
    assert done.returncode == 0, done.stderr
    (table,) = json.loads((tmp_path / "table.json").read_text())["tables"]
    cells = {r[0]: dict(zip(table["heads"], r, strict=True)) for r in table["rows"]}
    assert list(cells) == ["soccer", "tennis", "all"]
    assert cells["all"]["frames"] == "9"
    assert cells["all"]["right, arm64"] == "1.000"
    assert cells["all"]["difference (95 %)"] == "+0.000 (+0.000 to +0.000)"
    assert cells["tennis"]["without a field: answered, x86-64, arm64"] == "0, 0 of 1"


@pytest.mark.parametrize("wrong", [None, OFF], ids=["unanswered", "off"])
def test_a_difference_beyond_its_interval_fails_and_names_the_sport(
    planned: Path, wrong: list[float] | None
) -> None:
    def give(job: dict[str, Any]) -> list[float] | None:
        return truth_of(job) if job["sport"] == "tennis" else wrong

    done = run(
        "table", planned, answers(planned, "x86_64", truth_of), answers(planned, "aarch64", give)
    )
    assert done.returncode == 1
    assert "right answers differ: soccer, all" in done.stderr


@pytest.mark.parametrize(
    "other", [{"precision": "fp32"}, {"machine": "x86_64"}], ids=["fp32", "machine"]
)
def test_answers_of_another_precision_or_machine_are_refused(
    planned: Path, other: dict[str, str]
) -> None:
    here = answers(planned, "x86_64", truth_of)
    done = run("table", planned, here, answers(planned, "aarch64", truth_of, other))
    assert done.returncode == 1
    assert "not by one engine in INT8" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--arch", "arm64"), "run as root"),
        (("--arch", "mips"), "the only one is arm64"),
        (("--arch", "arm64", "--rows", "few"), "--rows few: a whole number"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(
        # in a user namespace without a mapping nobody is root
        ["unshare", "--user", "bash", str(ROOT / "scripts/install-check"), *arguments],
        env={"PATH": "/usr/bin:/bin", "TOUCHLINE_ROOT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "cache").exists()
