"""The stills of truth files for scripts/install-check-debian: which, and how the answers compare.

install_check_truth.py plan FOLDER [--rows N] FILE.jsonl...
    draw N rows of each truth file (0: all), copy their pictures and write FOLDER/jobs.jsonl
install_check_truth.py table FOLDER HERE.jsonl THERE.jsonl [--json FILE.json]
    score the answers of x86-64 (HERE) and arm64 (THERE) and print a table by sport; exit code 1
    where the shares of right answers differ by more than their interval
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from models.registration.metrics import Errors, difference, errors

SEED = 0
HEADS = (
    "sport",
    "frames",
    "answered, x86-64",
    "answered, arm64",
    "right, x86-64",
    "right, arm64",
    "difference (95 %)",
    "answers apart, median (largest)",
    "without a field: answered, x86-64, arm64",
)
TEXT = (
    "Real stills, each alone, by the same INT8 networks and the same version of ONNX Runtime. "
    "The arm64 side is Debian 12 under QEMU. `right` is a reprojection error under 2 % of the "
    "picture's height. The difference is arm64 minus x86-64 over the same frames, with its paired "
    "bootstrap interval. Apart: mean distance in the picture between the two answers to a frame "
    "that both answer, percent of its height."
)

Row = dict[str, Any]


def main() -> int:
    """Plan or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    plan_parser = commands.add_parser("plan")
    plan_parser.add_argument("folder", type=Path)
    plan_parser.add_argument("truths", type=Path, nargs="+", metavar="FILE.jsonl")
    plan_parser.add_argument("--rows", type=int, default=40)
    table_parser = commands.add_parser("table")
    for name in ("folder", "here", "there"):
        table_parser.add_argument(name, type=Path)
    table_parser.add_argument("--json", type=Path, metavar="FILE.json")
    args = parser.parse_args()
    if args.command == "plan":
        plan(args.folder, args.truths, args.rows)
        return 0
    pairs = read_pairs(args.folder, args.here, args.there)
    rows = [compare(sport, pairs) for sport in sorted({p.sport for p in pairs})]
    rows.append(compare("all", pairs))
    print_table([r.cells for r in rows])
    if args.json is not None:
        write_json(args.json, [r.cells for r in rows])
    apart = [r.cells[0] for r in rows if not r.same]
    if apart:
        print(f"the shares of right answers differ: {', '.join(apart)}", file=sys.stderr)
    return 1 if apart else 0


# -- which stills


def plan(folder: Path, truths: Sequence[Path], rows: int) -> None:
    """Copy the pictures of the drawn rows, sport by sport, so that each network loads once."""
    folder.mkdir(parents=True)
    jobs = [(truth.parent, row) for truth in truths for row in draw(truth, rows)]
    jobs.sort(key=lambda job: job[1]["sport"])
    with (folder / "jobs.jsonl").open("w", encoding="utf-8") as file:
        for number, (beside, row) in enumerate(jobs):
            name = f"{number:04d}{Path(row['image']).suffix}"
            shutil.copyfile(beside / row["image"], folder / name)
            file.write(json.dumps(row | {"file": name}) + "\n")


def draw(truth: Path, rows: int) -> list[Row]:
    """Return at most `rows` rows of a truth file in its order, always the same ones; 0 for all."""
    found = [json.loads(line) for line in truth.read_text("utf-8").splitlines() if line.strip()]
    if "video" in {key for row in found for key in row}:
        sys.exit(f"{truth}: frames of a video; name truth files of stills")
    if not 0 < rows < len(found):
        return found
    chosen = sorted(np.random.default_rng(SEED).choice(len(found), rows, replace=False))
    return [found[i] for i in chosen]


# -- how the answers compare


@dataclass(frozen=True, slots=True)
class Pair:
    """One still's answers."""

    sport: str
    negative: bool
    """Whether it shows no field to register."""
    here: Errors
    there: Errors
    answered: tuple[bool, bool]
    """Whether x86-64 and arm64 gave a homography."""
    apart: float
    """Distance between the two answers over the height; infinite unless both answered."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of the table."""

    cells: tuple[str, ...]
    same: bool
    """Whether the interval of the difference holds 0."""


def read_pairs(folder: Path, here: Path, there: Path) -> list[Pair]:
    """Score the answers of both sides; ends the program where they do not belong together."""
    jobs, ours, theirs = map(read_lines, (folder / "jobs.jsonl", here, there))
    sides = (("x86_64", ours), ("aarch64", theirs))
    for machine, answers in sides:
        if [a["file"] for a in answers] != [job["file"] for job in jobs]:
            sys.exit(f"{machine}: the answers are not those of {folder}/jobs.jsonl")
        made = {(a["machine"], a["engine"], a["precision"]) for a in answers if "error" not in a}
        if {(m, p) for m, _, p in made} != {(machine, "int8")} or len(made) != 1:
            sys.exit(f"{machine}: answered by {sorted(made)}, not by one engine in INT8")
    return [pair(*rows) for rows in zip(jobs, ours, theirs, strict=True)]


def read_lines(path: Path) -> list[Row]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def pair(job: Row, ours: Row, theirs: Row) -> Pair:
    """Score one still; a picture that a side could not read ends the program."""
    for answer in (ours, theirs):
        if "error" in answer:
            sys.exit(f"{job['image']}: {answer['error']}")
    a, b, truth = (row["field_from_image"] for row in (ours, theirs, job))
    shape = job["field_length_m"], job["field_width_m"], job["width"], job["height"]
    return Pair(
        sport=job["sport"],
        negative=truth is None,
        here=Errors() if truth is None else errors(truth, a, *shape),
        there=Errors() if truth is None else errors(truth, b, *shape),
        answered=(a is not None, b is not None),
        apart=float("inf") if a is None else errors(a, b, *shape).reprojection,
    )


def compare(sport: str, pairs: Sequence[Pair]) -> Compared:
    """Make a sport's row; `all` takes every pair."""
    mine = [p for p in pairs if sport in ("all", p.sport)]
    on = [p for p in mine if not p.negative]
    off = [p for p in mine if p.negative]
    false = ", ".join(str(sum(p.answered[side] for p in off)) for side in (0, 1))
    cells = [sport.replace("_", " "), str(len(on))]
    cells += [str(sum(p.answered[side] for p in on)) for side in (0, 1)]
    if not on:
        return Compared((*cells, "–", "–", "–", "–", f"{false} of {len(off)}"), same=True)
    here, there = (
        np.array([e.right for e in side]) for side in ([p.here for p in on], [p.there for p in on])
    )
    mean, low, high = difference(there, here)
    cells += [f"{here.mean():.3f}", f"{there.mean():.3f}"]
    cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
    both = 100 * np.array([p.apart for p in mine if np.isfinite(p.apart)])
    cells.append(f"{np.median(both):.3f} ({both.max():.3f})" if len(both) else "–")
    return Compared((*cells, f"{false} of {len(off)}"), same=low <= 0 <= high)


# -- the table


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print columns with their heads."""
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    for row in (HEADS, *rows):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def write_json(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write the table as benchmarks.results takes it."""
    part = {"title": "x86-64 and arm64", "text": TEXT, "heads": HEADS, "rows": rows}
    path.write_text(json.dumps({"tables": [part]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
