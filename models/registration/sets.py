"""A benchmark's sets of pictures: answers, figures with intervals, and what is shown of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from edge.errors import UsageError
from edge.fields import Field, load_field
from models.registration import report
from models.registration.metrics import intervals
from models.registration.report import Case, aligned, bin_lines, finite
from models.registration.scoring import Registers, Scored, by_score, reasons, score_view, summary
from models.registration.truth import Shown

WORST = 12
_COLUMNS = (
    ("answered", "answered", "{:.0f}"),
    ("right", "right", "{:.3f}"),
    ("IoU part", "iou_part_mean", "{:.3f}"),
    ("median", "iou_part_median", "{:.3f}"),
    ("IoU whole", "iou_whole_mean", "{:.3f}"),
    ("median", "iou_whole_median", "{:.3f}"),
    ("proj m median", "proj_m_median", "{:.2f}"),
    ("reproj median", "reproj_median", "{:.4f}"),
)
"""Head, key and format of the columns that have an interval."""


@dataclass(frozen=True, slots=True)
class SetResult:
    """Answers to one set of pictures of a sport."""

    name: str
    rows: tuple[Scored, ...]
    worst: tuple[Case, ...] = ()
    """The worst first; negatives without an answer are not among them."""

    @property
    def positives(self) -> list[Scored]:
        """Answers to the pictures that show a field to register."""
        return [r for r in self.rows if not r.negative]

    @property
    def negatives(self) -> list[Scored]:
        """Answers to the others."""
        return [r for r in self.rows if r.negative]

    @property
    def false(self) -> int:
        """How many negatives were given a homography."""
        return sum(r.answered for r in self.negatives)


class Pool:
    """Registrars by field, made when first asked for."""

    def __init__(self, make: Callable[[Field], Registers]) -> None:
        self._make = make
        self._made: dict[tuple[str, tuple[float, float]], Registers] = {}

    def get(self, name: str, size_m: tuple[float, float]) -> Registers:
        """The registrar of a field of a size, (length, width)."""
        key = name, size_m
        if key not in self._made:
            field = load_field(name, length_m=size_m[0], width_m=size_m[1])
            self._made[key] = self._make(field)
        return self._made[key]

    def close(self) -> None:
        """Free all of them."""
        for made in self._made.values():
            close = getattr(made, "close", None)
            if close is not None:
                close()
        self._made.clear()


def run(name: str, shown: Iterable[Shown], pool: Pool, worst: int = WORST) -> SetResult:
    """Register the pictures of a set in their order and keep the worst."""
    rows: list[Scored] = []
    cases: list[Case] = []
    for number, picture in enumerate(shown):
        view = picture.view
        registrar = pool.get(view.field_name, view.field_m)
        rows.append(score_view(registrar, view, alone=picture.alone))
        case = Case(number, view, rows[-1], picture.name)
        if rows[-1].answered or not rows[-1].negative:
            cases = sorted([*cases, case], key=report.badness, reverse=True)[:worst]
    return SetResult(name, tuple(rows), tuple(cases))


def pooled(name: str, results: Sequence[SetResult]) -> SetResult:
    """Several sets as one, without a gallery."""
    return SetResult(name, tuple(row for r in results for row in r.rows))


def text(sport: str, results: Sequence[SetResult]) -> str:
    """A sport's tables."""
    said = [f"{sport} (below each figure its 95 % interval)", *aligned(_table(results))]
    refused = [
        f"  {r.name}: " + ", ".join(f"{n} {why}" for why, n in reasons(r.rows).items())
        for r in results
        if reasons(r.rows)
    ]
    if refused:
        said += ["", "refused", *refused]
    for r in results:
        if r.positives:
            said += ["", f"score against truth, {r.name}", *bin_lines(by_score(r.positives))]
    return "\n".join([*said, ""])


def _table(results: Sequence[SetResult]) -> list[list[str]]:
    heads = ["", "frames", *(head for head, _, _ in _COLUMNS), "dense", "ms", "false"]
    table = [heads]
    for r in results:
        on = r.positives
        false = f"{r.false} of {len(r.negatives)}" if r.negatives else "-"
        if not on:
            table.append([r.name, "0", *("-" for _ in _COLUMNS), "-", "-", false])
            continue
        found, between = summary(on), intervals([s.errors for s in on])
        figures = [form.format(found[key]) for _, key, form in _COLUMNS]
        cost = [f"{found['dense_share']:.2f}", f"{found['ms_median']:.1f}"]
        table.append([r.name, str(len(on)), *figures, *cost, false])
        ends = ["-".join(form.format(e) for e in between[key]) for _, key, form in _COLUMNS]
        table.append(["", "", *ends, "", "", ""])
    return table


def record(result: SetResult) -> dict[str, Any]:
    """One set's figures as JSON, infinities as null."""
    on = result.positives
    between = intervals([s.errors for s in on])
    return {
        "set": result.name,
        "summary": {k: finite(v) for k, v in summary(on).items()} if on else None,
        "intervals": {k: [finite(e) for e in ends] for k, ends in between.items()},
        "by_score": report.bin_records(by_score(on)) if on else [],
        "negatives": len(result.negatives),
        "false": result.false,
        "refused": reasons(result.rows),
        "worst": [{"image": c.label} | report.case_record(c) for c in result.worst],
    }


def plot(sport: str, results: Sequence[SetResult], path: Path) -> None:
    """Write a sport's plot: errors, score and expected error of each set."""
    groups = {r.name: r.positives for r in results if r.positives}
    if groups:
        report.draw([report.Panel(sport.replace("_", " "), groups, groups)], path)


def write(folder: Path, sport: str, results: Sequence[SetResult]) -> list[Path]:
    """Write SPORT.txt, SPORT.png and SPORT-SET-worst.jpg; the paths written.

    Raises UsageError when the folder cannot be written to.
    """
    table = folder / f"{sport}.txt"
    written(table, text(sport, results))
    picture = folder / f"{sport}.png"
    plot(sport, results, picture)
    paths = [table, picture]
    for r in results:
        if r.worst:
            paths.append(folder / f"{sport}-{r.name.replace(' ', '-')}-worst.jpg")
            cv2.imwrite(str(paths[-1]), report.gallery(r.worst))
    return [path for path in paths if path.is_file()]


def write_json(path: Path, made: Mapping[str, Any]) -> None:
    """Write a record. Raises UsageError when it cannot be."""
    written(path, json.dumps(made, indent=1) + "\n")


def written(path: Path, content: str) -> None:
    """Write a file and its folder; UsageError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written to: {error.strerror}") from error
