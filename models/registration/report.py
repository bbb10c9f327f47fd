"""What an evaluation shows: rows, the verdict against the truth, a plot, the worst views."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.errors import UsageError
from edge.fields import Field, load_field
from edge.overlay import contact_sheet, marking_segments, project_segments
from edge.types import FloatArray, ImageArray
from models.registration.held_out import View
from models.registration.metrics import NEAR
from models.registration.scoring import Bin, Scored, by_score, summary

TRUTH_BGR = (90, 255, 90)
ANSWER_BGR = (60, 60, 255)
COLUMNS = (
    ("answered", "answered", "{:.0f}"),
    ("right", "right", "{:.3f}"),
    ("IoU part", "iou_part_mean", "{:.3f}"),
    ("median", "iou_part_median", "{:.3f}"),
    ("IoU whole", "iou_whole_mean", "{:.3f}"),
    ("median", "iou_whole_median", "{:.3f}"),
    ("proj m", "proj_m_mean_answered", "{:.2f}"),
    ("median", "proj_m_median", "{:.2f}"),
    ("reproj", "reproj_mean_answered", "{:.4f}"),
    ("median", "reproj_median", "{:.4f}"),
    ("dense", "dense_share", "{:.2f}"),
    ("ms", "ms_median", "{:.1f}"),
)
"""Head, key of the summary and format of the table's columns."""
REFUSAL = 0.05
"""Reprojection error that a refusal counts as when the worst views are chosen.

A wrong answer is worse than none, a refusal worse than an answer that is a little off.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One view with the product's answer."""

    number: int
    view: View
    scored: Scored
    name: str = ""
    """What to call it; else its number."""

    @property
    def label(self) -> str:
        """What the gallery calls it."""
        return self.name or str(self.number)


@dataclass(frozen=True, slots=True)
class ReportPart:
    """Everything about the views of one prior."""

    prior: str
    rows: dict[str, list[Scored]]
    """Answers by mode, in the order of the views."""
    product: str
    """The mode that the box runs in."""
    worst: list[Case]


def badness(case: Case) -> float:
    """How much a view deserves to be looked at."""
    if case.scored.negative:
        return float("inf") if case.scored.answered else 0.0
    return case.scored.errors.reprojection if case.scored.answered else REFUSAL


def text(part: ReportPart) -> str:
    """The tables of one prior."""
    n = len(part.rows[part.product])
    heads = ["", *(head for head, _, _ in COLUMNS)]
    lines = [f"prior {part.prior}, {n} views (means over answered views for proj and reproj)"]
    table = [heads]
    for name, rows in part.rows.items():
        found = summary(rows)
        table.append([name, *(form.format(found[key]) for _, key, form in COLUMNS)])
    lines += aligned(table)
    for name in dict.fromkeys((part.product, "raw")):
        if name in part.rows:
            lines += ["", f"score against truth, {name}", *bin_lines(by_score(part.rows[name]))]
    return "\n".join([*lines, ""])


def bin_lines(found: Sequence[Bin]) -> list[str]:
    """The score against the truth, as lines of a table."""
    table = [["score", "views", "refused", "right", "mean score", "proj m median", "expected"]]
    table += [
        [
            f"{b.low:.2f}-{b.high:.2f}",
            str(b.count),
            str(b.refused),
            number_or_dash(b.right, "{:.3f}"),
            number_or_dash(b.score, "{:.3f}"),
            number_or_dash(b.projection_m, "{:.2f}"),
            number_or_dash(b.expected_m, "{:.2f}"),
        ]
        for b in found
    ]
    return aligned(table)


def number_or_dash(value: float | None, form: str) -> str:
    """A number in a format, `-` for none."""
    return "-" if value is None else form.format(value)


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]


def record(part: ReportPart) -> dict[str, Any]:
    """One prior's figures as JSON, infinities as null."""
    modes = {
        name: {
            "summary": {k: finite(v) for k, v in summary(rows).items()},
            "by_score": bin_records(by_score(rows)),
        }
        for name, rows in part.rows.items()
    }
    return {"prior": part.prior, "modes": modes, "worst": [case_record(c) for c in part.worst]}


def bin_records(found: Sequence[Bin]) -> list[dict[str, Any]]:
    """The score against the truth as JSON."""
    return [{k: finite(v) for k, v in asdict(b).items()} for b in found]


def case_record(case: Case) -> dict[str, Any]:
    """One view's figures as JSON."""
    r = case.scored.registration
    figures = {k: finite(v) for k, v in asdict(case.scored.errors).items()}
    verdict = {"state": r.state.value, "reason": r.reason.value, "score": r.quality.score}
    return {"view": case.number, **verdict, **figures}


def finite(value: float | None) -> float | None:
    """A number that JSON knows: infinities and NaN as null."""
    return value if value is not None and math.isfinite(value) else None


def write(folder: Path, parts: Sequence[ReportPart], *, bundle: str, seed: int) -> list[Path]:
    """Write evaluation.json, evaluation.png and worst-PRIOR.jpg; the paths written.

    Raises UsageError when the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / "evaluation.json"]
        made = {"bundle": bundle, "seed": seed, "parts": [record(p) for p in parts]}
        paths[0].write_text(json.dumps(made, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from error
    paths.append(folder / "evaluation.png")
    plot(parts, paths[-1])
    for part in parts:
        paths.append(folder / f"worst-{part.prior}.jpg")
        cv2.imwrite(str(paths[-1]), gallery(part.worst))
    return paths


def gallery(cases: Sequence[Case], columns: int = 3) -> ImageArray:
    """Views with the truth in green and the answer in red."""
    return contact_sheet([_drawn(c) for c in cases], columns=columns, tile_width=640)


def _drawn(case: Case) -> ImageArray:
    picture: ImageArray = case.view.image.copy()
    length_m, width_m = case.view.field_m
    field = load_field(case.view.field_name, length_m=length_m, width_m=width_m)
    answer = case.scored.registration
    for homography, colour in (
        (case.view.field_from_image, TRUTH_BGR),
        (answer.field_from_image, ANSWER_BGR),
    ):
        if homography is not None:
            _draw_lines(picture, homography, field, colour)
    said = f"{case.label}: {answer.state.value}, score {answer.quality.score:.2f}"
    if case.scored.negative:
        said += ", no field" if not case.scored.answered else ", there is no field to register"
    elif case.scored.answered:
        e = case.scored.errors
        said += f", {e.projection_m:.1f} m, {100 * e.reprojection:.1f} % of the height off"
    else:
        said += f", {answer.reason.value}"
    font, size, bottom = cv2.FONT_HERSHEY_SIMPLEX, 0.45, picture.shape[0]
    (wide, high), _ = cv2.getTextSize(said, font, size, 1)
    cv2.rectangle(picture, (0, bottom - high - 12), (wide + 12, bottom), (0, 0, 0), -1)
    cv2.putText(picture, said, (6, bottom - 7), font, size, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _draw_lines(
    picture: ImageArray, field_from_image: FloatArray, field: Field, colour: tuple[int, int, int]
) -> None:
    height, width = picture.shape[:2]
    forward = np.linalg.inv(field_from_image)
    segments = project_segments(forward, marking_segments(field), width, height)
    fixed = list(np.round(segments * 16).astype(np.int32))
    cv2.polylines(picture, fixed, False, colour, 1, cv2.LINE_AA, 4)


@dataclass(frozen=True, slots=True)
class Panel:
    """A row of the plot: three pictures of answers, each by the name of their group."""

    title: str
    errors: Mapping[str, Sequence[Scored]]
    """Groups whose errors are shown."""
    judged: Mapping[str, Sequence[Scored]]
    """Groups whose score and expected error are shown."""


def plot(parts: Sequence[ReportPart], path: Path) -> None:
    """Write a picture: errors of all modes, and how honest score and expected error are."""
    judged = [
        {name: p.rows[name] for name in dict.fromkeys((p.product, "raw")) if name in p.rows}
        for p in parts
    ]
    draw([Panel(f"prior {p.prior}", p.rows, j) for p, j in zip(parts, judged, strict=True)], path)


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Write the panels as a picture, three columns: errors, score, expected error."""
    import matplotlib as mpl  # noqa: PLC0415 - takes long to load, and only this needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(len(panels), 3, figsize=(15, 4.5 * len(panels)), squeeze=False)
    for panel, (left, middle, right) in zip(panels, axes, strict=True):
        _plot_errors(left, panel)
        _plot_score(middle, panel)
        _plot_metres(right, panel)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _plot_errors(axis: Any, panel: Panel) -> None:
    for name, rows in panel.errors.items():
        found = np.sort([r.errors.reprojection for r in rows])
        axis.step(np.clip(found, 1e-4, 1), np.arange(1, len(found) + 1) / len(found), label=name)
    axis.axvline(NEAR, color="grey", linestyle=":")
    axis.set(xscale="log", xlim=(1e-3, 0.99), ylim=(0, 1))
    axis.set(title=panel.title, xlabel="reprojection error / height", ylabel="share of the views")
    axis.legend()


def _plot_score(axis: Any, panel: Panel) -> None:
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, rows in panel.judged.items():
        found = [b for b in by_score(rows) if b.right is not None]
        axis.plot([b.score for b in found], [b.right for b in found], "o-", label=name)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="mean score", ylabel="share right")
    axis.legend()


def _plot_metres(axis: Any, panel: Panel) -> None:
    axis.plot([0.01, 100], [0.01, 100], color="grey", linestyle=":")
    for name, rows in panel.judged.items():
        answered = [r for r in rows if r.answered]
        expected = [r.registration.quality.expected_error_m or np.nan for r in answered]
        true = [r.errors.projection_m for r in answered]
        axis.plot(expected, true, ".", markersize=4, label=name)
    axis.set(xscale="log", yscale="log", xlim=(0.05, 20), ylim=(0.02, 100))
    axis.set(xlabel="expected error, m", ylabel="true projection error, m")
    axis.legend()
