"""The results pages, written from what the benchmarks measured.

    python -m benchmarks.registration --views 120 --real ... --json > registration.json
    python -m benchmarks.results --record registration registration.json --command "…"
    python -m benchmarks.results --write      # docs/results/*.md from docs/results/data/*.json
    python -m benchmarks.results --check      # 1 when a page is not what its data say

`--record` puts the output of a benchmark into docs/results/data beside the machine, the commit and
the command. A test runs `--check`: no figure of a page is written by hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PAGES = Path("docs/results")
DATA = PAGES / "data"

Data = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--record", nargs=2, metavar=("NAME", "FILE.json"))
    what.add_argument("--write", action="store_true")
    what.add_argument("--check", action="store_true")
    parser.add_argument("--command", help="the command that measured, for --record")
    parser.add_argument("--note", default="", help="a sentence about the measurement")
    args = parser.parse_args(arguments)
    if args.record is not None:
        if not args.command:
            parser.error("--record needs --command: a figure without its command is none")
        record(args.record[0], Path(args.record[1]), args.command, args.note)
        return 0
    stale = [p for p, text in pages().items() if not p.exists() or p.read_text() != text]
    for path in stale:
        if args.write:
            path.write_text(pages()[path])
        print(path)
    return 1 if args.check and stale else 0


def record(name: str, file: Path, command: str, note: str) -> None:
    """Store a benchmark's output with where it comes from."""
    from edge.cli.bench import machine  # noqa: PLC0415 - only here are engines looked for

    DATA.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    made = {
        "command": command,
        "commit": commit,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": machine(),
        "note": note,
        "measured": json.loads(file.read_text()),
    }
    (DATA / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n")


def pages() -> dict[Path, str]:
    """Return every page's path and text, from the data that are there."""
    return {
        PAGES / f"{page}.md": title + "\n\n" + "\n\n".join(_sections(parts)) + "\n"
        for page, (title, parts) in _PAGES.items()
    }


def _sections(parts: dict[str, Callable[[Data], list[str]]]) -> list[str]:
    out: list[str] = []
    for name, render in parts.items():
        path = DATA / f"{name}.json"
        if path.exists():
            data = json.loads(path.read_text())
            out += [*render(data["measured"]), _origin(data)]
    return out


def _origin(data: Data) -> str:
    box = data["machine"]
    features = ", ".join(box.get("features", ()))
    lines = [
        f"Measured by `{data['command']}`, commit {data['commit']}, {data['date']}, on "
        f"{box['cpu']}, {box['cores']:g} cores" + (f" ({features})." if features else "."),
    ]
    if data["note"]:
        lines.append(data["note"])
    return " ".join(lines)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _number(value: object, digits: int = 3) -> str:
    return "–" if not isinstance(value, (int, float)) else f"{value:.{digits}f}"


def _between(ends: Sequence[object] | None, digits: int = 2) -> str:
    return "" if not ends else f" ({_number(ends[0], digits)}–{_number(ends[1], digits)})"


# -- registration


def registration(measured: Data) -> list[str]:
    """Render `benchmarks.registration --json`."""
    out = ["## Right frames, overlap and error, by sport", _REGISTRATION_KEY]
    rows = [
        [sport.replace("_", " "), *_set_row(found)]
        for sport, made in measured.items()
        for found in made["sets"]
    ]
    heads = ["sport", "set", "frames", "answered", "right (95 %)", "IoU part", "IoU whole"]
    out.append(table([*heads, "reprojection", "false"], rows))
    out += ["## What a score means", _SCORE_KEY, table(_SCORE_HEADS, list(_scores(measured)))]
    return out


def _set_row(found: Data) -> list[object]:
    false = f"{found['false']} of {found['negatives']}" if found["negatives"] else ""
    s, between = found["summary"], found["intervals"]
    if s is None:
        return [found["set"], "", "", "", "", "", "", false]
    return [
        found["set"],
        s["frames"],
        s["answered"],
        _number(s["right"]) + _between(between.get("right")),
        _number(s["iou_part_mean"]),
        _number(s["iou_whole_mean"]),
        _number(s["reproj_median"], 4),
        false,
    ]


_REGISTRATION_KEY = (
    "Every frame counts: a frame without an answer has overlaps of 0 and an infinite error. "
    "`right` is a reprojection error under 2 % of the picture's height. IoU part and IoU whole are "
    "means, the reprojection is a median over the picture's height, `false` counts pictures "
    "without a field that got an answer. Stills are answered each alone, sequences in order."
)
_SCORE_KEY = "Answers of the real sets by their score: how many, and which share is right."
_SCORE_HEADS = ("sport", "set", "score", "answers", "mean score", "right")


def _scores(measured: Data) -> list[list[object]]:
    rows: list[list[object]] = []
    for sport, made in measured.items():
        for found in made["sets"]:
            if found["set"].startswith("rendered"):
                continue
            for row in found["by_score"]:
                count = row["count"] - row["refused"]
                if count > 0:
                    interval = f"{row['low']:g} to {row['high']:g}"
                    rows.append(
                        [
                            sport.replace("_", " "),
                            found["set"],
                            interval,
                            count,
                            _number(row["score"], 2),
                            _number(row["right"], 2),
                        ]
                    )
    return rows


def ablation(measured: Data) -> list[str]:
    """Render `benchmarks.ablation --json`."""
    rows = [
        [
            sport.replace("_", " "),
            part["set"],
            name,
            _number(f["right"]),
            _number(f["iou_whole_mean"]),
        ]
        for sport, made in measured.items()
        for part in made["sets"]
        for name, f in part["variants"].items()
    ]
    return ["## What each part contributes", table(_ABLATION_HEADS, rows)]


_ABLATION_HEADS = ("sport", "set", "what gives the homography", "right", "IoU whole")


# -- performance


def engines(measured: Sequence[Data]) -> list[str]:
    """Render `benchmarks.engines --json`."""
    rows = [
        [r["bundle"], r["engine"], r["precision"], _number(r["megabytes"], 1)]
        + [
            f"{_number(m, 1)} / {_number(p, 1)}"
            for m, p in zip(r["median_ms"], r["p95_ms"], strict=True)
        ]
        + [_number(r["iou_whole"]), _number(r["projection_m"], 2)]
        for r in measured
    ]
    heads = ["bundle", "engine", "precision", "MB", "1 thread: median / p95 ms", "2 threads"]
    return [
        "## Engines and precisions",
        (
            "Milliseconds of the encoder for one frame. All rows of a sport run in turns over the "
            "same rendered views."
        ),
        table([*heads, "IoU whole", "projection m"], rows),
    ]


def pipeline(measured: Data) -> list[str]:
    """Render `benchmarks.pipeline --json`."""
    rows = []
    for name, title in (("run", "from a file"), ("run at its own pace", "live, 60 a second")):
        run = measured[name]
        total = run["latency_ms"]["total"]
        rows.append(
            [
                title,
                _number(run["fps"], 1),
                run["captured"],
                sum(run["dropped"].values()),
                _number(total["p50"], 1),
                _number(total["p95"], 1),
                _number(run["first_homography_s"], 1),
                _number(run["peak_mb"], 0),
            ]
        )
    heads = ["", "frames a second", "frames", "dropped", "median ms", "p95 ms"]
    stages = [
        [s["stage"], s["frames"], _number(s["median_ms"], 2), _number(s["p95_ms"], 2)]
        for s in measured["stages"]
    ]
    return [
        "## End to end",
        (
            "`touchline run` over a rendered clip of 1280x720, H.264, 60 frames a second, with the "
            "embedded broker and one subscriber. Milliseconds count from the decoded frame to its "
            "publication."
        ),
        table([*heads, "start to first homography s", "memory MB"], rows),
        "## Stages on one thread",
        table(["stage", "frames", "median ms", "p95 ms"], stages),
    ]


def size(measured: Data) -> list[str]:
    """Render the install's size and start-up times."""
    return ["## Size and start", table(["", ""], [[k, v] for k, v in measured.items()])]


# -- segments


def segments(measured: Data) -> list[str]:
    """Render tables that stand in the data as heads and rows."""
    out: list[str] = []
    for part in measured["tables"]:
        out += [f"## {part['title']}", *([part["text"]] if part.get("text") else [])]
        out.append(table(part["heads"], part["rows"]))
    return out


_PAGES: dict[str, tuple[str, dict[str, Callable[[Any], list[str]]]]] = {
    "registration": (
        "# Results: registration",
        {"registration": registration, "ablation": ablation, "install_arm64": segments},
    ),
    "performance": (
        "# Results: speed, memory, size",
        {"pipeline": pipeline, "engines": engines, "size": size},
    ),
    "segments": ("# Results: recap and intro", {"segments": segments}),
}


if __name__ == "__main__":
    sys.exit(main())
