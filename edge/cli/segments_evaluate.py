"""`touchline segments evaluate`: how well the bundle does on a user's own labelled films."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from edge.cli.output import note, print_json, progress, stdout
from edge.cli.segments_run import Task, tasks_of
from edge.errors import SourceError, UsageError
from edge.segments.analyse import analyse
from edge.segments.chapters import labelled
from edge.segments.formats import read_labels
from edge.segments.inference import SegmentsNetwork
from edge.segments.manifest import load_segments_bundle
from edge.segments.media import open_media
from edge.segments.scores import TOLERANCES_S, LabelScore, SegmentScores
from edge.segments.types import Segment

_UNFIT = ("out", "explain", "broker", "config", "job", "site", "device", "format")


@dataclass(frozen=True, slots=True)
class _Labelled:
    film: Path
    truth: tuple[Segment, ...]
    duration_s: float
    of: str
    """`json` or `chapters`."""


def run(options: argparse.Namespace) -> int:
    """Analyse each labelled film and compare; 1 when none is labelled or one failed."""
    folders = options.files[1:]
    if not folders:
        raise UsageError("evaluate what? touchline segments evaluate FOLDER")
    for name in _UNFIT:
        if getattr(options, name) is not None:
            raise UsageError(f"segments evaluate takes no --{name}")
    bundle = load_segments_bundle(options.bundle).with_thresholds(dict(options.threshold))
    films: list[_Labelled] = []
    failed = 0
    for task in tasks_of(folders):
        labels = _told_truth(task)
        failed += labels is None
        films += labels or []
    if not films:
        note(
            "no labelled film: put a.json beside a.mkv, or name its chapters Recap and Intro "
            "(docs/how-to/skip-marks.md)"
        )
        return 1
    scores, rows = SegmentScores(), list[dict[str, Any]]()
    network = SegmentsNetwork(bundle, threads=1)
    try:
        failed += _compare(films, network, options, scores, rows)
    finally:
        network.close()
    summary = _summary(scores) | {"bundle": bundle.label, "mode": _mode(options)}
    if options.json:
        print_json({**summary, "files": rows}, indent=2)
    else:
        _print(scores, films, bundle.label, _mode(options))
    return 1 if failed else 0


def _compare(
    films: Sequence[_Labelled],
    network: SegmentsNetwork,
    options: argparse.Namespace,
    scores: SegmentScores,
    rows: list[dict[str, Any]],
) -> int:
    failed = 0
    with progress() as bar:
        task = bar.add_task("comparing", total=len(films), detail="")
        for item in films:
            bar.update(task, detail=item.film.name)
            try:
                found = analyse(
                    item.film,
                    network,
                    exact=options.exact,
                    window_s=options.window,
                    use_chapters=False,  # they may be the truth
                )
            except SourceError as error:
                failed += 1
                note(str(error))
                continue
            finally:
                bar.advance(task)
            end_s = found.duration_s if options.window is None else options.window
            end_s = min(end_s, found.duration_s)
            truth = [s for s in item.truth if s.start_s < end_s]
            scores.add(truth, found.segments, end_s)
            rows.append(
                {
                    "file": str(item.film),
                    "labels": item.of,
                    "truth": [_plain(s) for s in truth],
                    "found": [_plain(s) for s in found.segments],
                }
            )
    return failed


def _told_truth(task: Task) -> list[_Labelled] | None:
    """The film with its labels, none where there are none; None, and a line, where they are bad."""
    try:
        return list(_truth_of(task))
    except SourceError as error:
        note(str(error))
        return None


def _truth_of(task: Task) -> Iterator[_Labelled]:
    """The film with its labels; nothing where there are none."""
    film = task.film
    with open_media(film) as media:
        chapters, duration_s = media.chapters, media.duration_s or 0.0
    for beside in (film.with_suffix(".json"), film.with_name(film.name + ".json")):
        if not beside.exists():
            continue
        try:
            labels = read_labels(beside.read_text(encoding="utf-8"), duration_s)
        except (OSError, ValueError) as error:
            raise SourceError(f"{beside}: no labels: {error}") from error
        truth = tuple(Segment(label, start_s, end_s) for label, start_s, end_s in labels)
        yield _Labelled(film, truth, duration_s, "json")
        return
    if truth := labelled(chapters):
        yield _Labelled(film, truth, duration_s, "chapters")


def _summary(scores: SegmentScores) -> dict[str, Any]:
    return {
        "programmes": scores.programmes,
        "hours": round(scores.total_s / 3600, 4),
        "intro": _figures(scores.intro),
        "recap": _figures(scores.recap),
        "content_skipped_s_per_hour": _rounded(scores.skipped_s_per_hour),
        "programmes_with_neither": scores.clean,
        "false_alarms": scores.alarms,
    }


def _figures(score: LabelScore) -> dict[str, Any]:
    return {
        "segments": score.segments,
        "marked": score.marked,
        "precision": _rounded(score.precision),
        "recall": _rounded(score.recall),
        "f1": _rounded(score.f1),
        "segment_f1": {f"{t:g}s": _rounded(score.segment_f1(t)) for t in TOLERANCES_S},
        "start_error_s": _errors(score.start_errors_s),
        "end_error_s": _errors(score.end_errors_s),
    }


def _errors(errors_s: Sequence[float]) -> dict[str, float] | None:
    if not errors_s:
        return None
    return {
        "median": round(statistics.median(abs(e) for e in errors_s), 3),
        "bias": round(statistics.fmean(errors_s), 3),
    }


def _print(scores: SegmentScores, films: Sequence[_Labelled], bundle: str, mode: str) -> None:
    own = sum(film.of == "json" for film in films)
    print(
        f"{bundle}, {mode}: {scores.programmes} films, {scores.total_s / 3600:.2f} h; "
        f"{own} labelled beside them, {len(films) - own} by their chapters"
    )
    table = Table("", "intro", "recap")
    for name, of in _ROWS:
        table.add_row(name, of(scores.intro), of(scores.recap))
    stdout().print(table)
    skipped = scores.skipped_s_per_hour
    print(f"content wrongly marked: {'-' if skipped is None else f'{skipped:.1f}'} s an hour")
    if scores.clean:
        print(f"marked in {scores.alarms} of {scores.clean} films that have neither")


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _off(errors_s: Sequence[float]) -> str:
    found = _errors(errors_s)
    return "-" if found is None else f"{found['median']:.1f} ({found['bias']:+.1f}) s"


_ROWS: tuple[tuple[str, Callable[[LabelScore], str]], ...] = (
    ("true segments", lambda s: str(s.segments)),
    ("marked", lambda s: str(s.marked)),
    ("precision, seconds", lambda s: _two(s.precision)),
    ("recall, seconds", lambda s: _two(s.recall)),
    ("F1, seconds", lambda s: _two(s.f1)),
    *((f"F1, segments within {t:g} s", lambda s, t=t: _two(s.segment_f1(t))) for t in TOLERANCES_S),
    ("begins off by: median (mean)", lambda s: _off(s.start_errors_s)),
    ("ends off by: median (mean)", lambda s: _off(s.end_errors_s)),
)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _plain(segment: Segment) -> dict[str, Any]:
    return {
        "label": segment.label.text,
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
        "probability": round(segment.probability, 4),
    }


def _mode(options: argparse.Namespace) -> str:
    return "exact" if options.exact else "keyframes"
