"""The comparison table, the shortcut probes and the calibration of trained heads.

    python -m models.segments.evaluate CACHE RUN --out runs/segments/figures

Everything is measured on cached synthetic programmes that no training saw, and every table says
so. Writes `figures.md` and `figures.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.segments.crf import viterbi
from edge.segments.features import LOW_PICTURE
from edge.segments.types import Emissions, Segment
from edge.types import FloatArray
from models.registration.commands import one_line_errors
from models.segments.change import CHANGES
from models.segments.dataset import Item, Reductions, load, paths
from models.segments.judge import Judge, abstain_curve, calibrate, reliability
from models.segments.network import LABELS, Head, HeadMean
from models.segments.rendered_cache import spans_of
from models.segments.scoring import Tally, figures, intervals, runs, seconds_of, tally
from models.segments.train import (
    ROWS,
    counted,
    crf_of,
    decode,
    fixed_keys,
    judged,
    restore,
    restore_mean,
    scores_of,
)
from models.segments.verifier import read_verifiers

POSITION = "position"
"""No network: a guess by the seconds since the beginning."""
STEP_S = 10
"""Seconds whose labels such a guess counts together."""
LIFT = 2.0
"""A label is guessed where it is so many times as frequent as in all of a programme."""
LADDER = (
    "frame",
    "lstm",
    "lstm2",
    "bilstm",
    "bilstm+viterbi",
    "bilstm-chain",
    "bilstm-crf",
    "video",
    "audio",
)
SHIPPED = "bilstm-crf"
AS_SHIPPED = "key frames and a second look"
COLUMNS = (
    "intro P",
    "intro R",
    "intro F1",
    "recap P",
    "recap R",
    "recap F1",
    "intro F1@1",
    "intro F1@3",
    "intro F1@5",
    "recap F1@1",
    "recap F1@3",
    "recap F1@5",
    "skipped s/h",
    "false alarms",
)
RECAP_COLUMNS = tuple(c for c in COLUMNS if c.startswith("recap"))
Found = Sequence[Sequence[Segment]]


@dataclass(slots=True)
class Held:
    """Programmes that no training saw, reduced as one head's features are."""

    items: list[Item]
    keys: list[NDArray[np.float64] | None]

    @classmethod
    def of(cls, cache: Path, split: str, by: Reductions, *, exact: bool, mel: bool = False) -> Held:
        """A split's programmes, with their key frames or with a picture a second."""
        items = [load(p, by, mel=mel) for p in paths(cache, split)]
        return cls(items, [None if exact else fixed_keys(i) for i in items])

    def tallies(self, found: Found) -> list[Tally]:
        """Each programme's tally."""
        pairs = zip(self.items, found, strict=True)
        return [tally(i.spans, f, len(i.labels)) for i, f in pairs]

    def judged(self, head: Head | HeadMean, *, again: bool = False) -> list[Emissions]:
        """Each programme, judged; `again`: after the second look that the box takes."""
        return judged(head, self.items, self.keys, again=again)


def found_by(
    name: str, head: Head, scores: Sequence[Emissions], train: Sequence[Item]
) -> list[list[Segment]]:
    """Segments of a row of the ladder: the best path or label, and nothing held back."""
    if name == "bilstm+viterbi":
        crf = counted(train)
        return [runs(viterbi(_log_softmax(s.emissions), crf)[0]) for s in scores]
    return [runs(decode(head, s)) for s in scores]


def ladder(
    cache: Path, run: Path, seeds: Sequence[int], say: Callable[[str], None]
) -> dict[str, list[dict[str, float]]]:
    """Figures of each row, one dictionary a seed, from key frames."""
    out: dict[str, list[dict[str, float]]] = {}
    labelled: list[Item] | None = None
    for name in (*LADDER, "own-sound"):
        file = name.split("+")[0]
        for seed in seeds:
            path = run / f"{file}-{seed}.pt"
            if not path.exists():
                continue
            head, by, _ = restore(path)
            held = Held.of(cache, "test", by, exact=False, mel=head.shape.own_sound)
            if name == "bilstm+viterbi" and labelled is None:
                labelled = [load(p, by) for p in paths(cache, "train")]
            scores = scores_of(head, held.items, held.keys)
            found = found_by(name, head, scores, labelled or [])
            out.setdefault(name, []).append(figures(held.tallies(found)))
        if name in out:
            say(f"{name}: {len(out[name])} seeds")
    if out:
        out = {POSITION: [by_position(cache, Held.of(cache, "test", by, exact=False))]} | out
    return out


def by_position(cache: Path, held: Held) -> dict[str, float]:
    """Figures of a guess by the seconds since the beginning alone."""
    counts = np.zeros((1, LABELS))
    for path in paths(cache, "train"):
        with np.load(path) as kept:
            labels = seconds_of(spans_of(kept["spans"]), len(kept["low"]))
        steps = np.arange(len(labels)) // STEP_S
        counts = np.pad(counts, ((0, max(0, steps[-1] + 1 - len(counts))), (0, 0)))
        np.add.at(counts, (steps, labels), 1)
    lifted = counts / counts.sum(1, keepdims=True).clip(1) / counts.sum(0).clip(1) * counts.sum()
    guess = np.where(lifted[:, 1:].max(1) > LIFT, 1 + lifted[:, 1:].argmax(1), 0)
    found = []
    for item in held.items:
        steps = (np.arange(len(item.labels)) // STEP_S).clip(0, len(guess) - 1)
        found.append(runs(guess[steps]))
    return figures(held.tallies(found))


def shipped(cache: Path, run: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Figures, intervals, probes and calibration of the head, or the mean of heads, that ships."""
    head, by, _ = restore_mean([run / f"{SHIPPED}-{seed}.pt" for seed in seeds])
    crf = crf_of(head)
    if crf is None:
        raise UsageError(f"{SHIPPED}-{seeds[0]} has no CRF")
    validation = Held.of(cache, "validation", by, exact=False)
    verifiers = read_verifiers(run)
    judge = calibrate(crf, verifiers, validation.items, validation.judged(head, again=True))
    out: dict[str, Any] = {
        "seeds": list(seeds),
        "temperature": judge.temperature,
        "thresholds": {k.text: r.threshold for k, r in judge.rules.items()},
        "ends": {label.text: rule.ends for label, rule in judge.rules.items()},
        "rows": {},
    }
    for split, way in (
        ("test", AS_SHIPPED), ("test", "key frames alone"), ("test", "a picture a second"),
        ("far", AS_SHIPPED),
    ):  # fmt: skip
        held = Held.of(cache, split, by, exact=way == "a picture a second")
        seen = held.judged(head, again=way == AS_SHIPPED)
        out["rows"][f"{split}, {way}"] = row(held, [judge.segments(j) for j in seen])
    test = Held.of(cache, "test", by, exact=False)
    seen = test.judged(head, again=True)
    out["reliability"] = reliability(judge, test.items, seen)
    out["abstain"] = abstain_curve(judge, test.items, seen)
    out["probes"] = probes(head, judge, test) | changed(cache, head, judge, by)
    out["recaps"] = recaps(test, [judge.segments(j) for j in seen])
    out["cnn"] = in_float(cache, head, judge, by)
    return out


def row(held: Held, found: Found) -> dict[str, Any]:
    """Figures and their intervals over series."""
    tallies = held.tallies(found)
    series = [i.series for i in held.items]
    return {
        "figures": figures(tallies),
        "intervals": intervals(tallies, series),
        "programmes": len(tallies),
        "series": len(set(series)),
    }


def probes(head: Head | HeadMean, judge: Judge, test: Held) -> dict[str, dict[str, float]]:
    """The same head on programmes without what it should need."""
    rng = np.random.default_rng(0)
    out = {}
    for name in ("seconds shuffled", "sound of another programme"):
        items = [_spoilt(name, rng, i, test.items) for i in test.items]
        held = Held(items, [None] * len(items))
        out[name] = figures(held.tallies([judge.segments(j) for j in held.judged(head)]))
    return out


def changed(
    cache: Path, head: Head | HeadMean, judge: Judge, by: Reductions
) -> dict[str, dict[str, float]]:
    """The same head on the programmes as they were drawn without a cue, where that was done."""
    out = {}
    for how in CHANGES:
        if (cache / how).is_dir():
            held = Held.of(cache / how, "test", by, exact=False)
            seen = held.judged(head, again=True)
            out[how] = figures(held.tallies([judge.segments(j) for j in seen]))
    return out


def recaps(held: Held, found: Found) -> dict[str, dict[str, float]]:
    """Figures of recaps by how they are announced."""
    out = {}
    ways: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "words": lambda r: r["recap_text"] != "none",
        "a voice alone": lambda r: r["recap_text"] == "none" and r["recap_voice"],
        "neither": lambda r: r["recap_text"] == "none" and not r["recap_voice"],
    }
    for what, told in ways.items():
        told_so = [i.recipe["layout"].count("R") > 0 and told(i.recipe) for i in held.items]
        rows = np.flatnonzero(told_so).tolist()
        if rows:
            part = Held([held.items[n] for n in rows], [held.keys[n] for n in rows])
            out[what] = figures(part.tallies([found[n] for n in rows])) | {
                "programmes": float(len(rows))
            }
    return out


def _spoilt(name: str, rng: np.random.Generator, item: Item, others: Sequence[Item]) -> Item:
    if name == "seconds shuffled":
        rows = rng.permutation(len(item.labels))
        return replace(item, visual=item.visual[rows], sound=item.sound[rows], low=item.low[rows])
    other = others[int(rng.integers(len(others)))]
    rows = np.arange(len(item.labels)) % len(other.labels)
    low = item.low.copy()
    low[:, LOW_PICTURE:] = other.low[rows, LOW_PICTURE:]
    return replace(item, sound=other.sound[rows], low=low)


def in_float(cache: Path, head: Head | HeadMean, judge: Judge, by: Reductions) -> dict[str, Any]:
    """The head on features of the INT8 and of the FP32 CNN, where the cache has both."""
    both = []
    for path in paths(cache, "test"):
        with np.load(path) as kept:
            if "visual_fp32" in kept.files:
                both.append(path)
    out: dict[str, Any] = {"programmes": len(both)}
    for name, floats in (("int8", False), ("fp32", True)):
        items = [load(p, by, in_float=floats) for p in both]
        held = Held(items, [None] * len(items))
        if items:
            out[name] = figures(held.tallies([judge.segments(j) for j in held.judged(head)]))
    return out


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    counts = found["counts"]
    parts = [
        f"## Ladder: synthetic test programmes ({counts['test']}), key frames, nothing held back\n",
        "Mean of the seeds, and the least and largest.\n",
        _table(
            ("row", "seeds", *COLUMNS),
            [
                (name, str(len(rows)), *(_spread([r[c] for r in rows]) for c in COLUMNS))
                for name, rows in found["ladder"].items()
            ],
        ),
    ]
    for one in (found["shipped"],):
        parts += [
            f"\n## What ships: synthetic programmes, seeds {one['seeds']}, with its thresholds\n",
            (
                f"Temperature {one['temperature']}, thresholds {one['thresholds']}, ends from "
                f"{one['ends']} on; "
                "in brackets the 95 % interval over series.\n"
            ),
            _table(
                ("figure", *one["rows"]),
                [
                    (key, *(_interval(r, key) for r in one["rows"].values()))
                    for key in next(iter(one["rows"].values()))["figures"]
                ],
            ),
            "\n## Recaps by how they are announced: synthetic test programmes\n",
            _table(
                ("announced by", "programmes", *RECAP_COLUMNS),
                [
                    (n, *(_number(f[c]) for c in ("programmes", *RECAP_COLUMNS)))
                    for n, f in one["recaps"].items()
                ],
            ),
            "\n## Probes: synthetic test programmes\n",
            (
                "Shuffled seconds and another's sound with a picture a second, "
                "the others with key frames and a second look, to be compared with what ships.\n"
            ),
            _table(
                ("probe", *COLUMNS),
                [(n, *(_number(f[c]) for c in COLUMNS)) for n, f in one["probes"].items()],
            ),
            "\n## Thresholds: synthetic test programmes, one for both labels\n",
            _table(
                tuple(one["abstain"][0]),
                [tuple(_number(v) for v in r.values()) for r in one["abstain"]],
            ),
            "\n## Calibration of a second's probability: synthetic test programmes\n",
            _table(
                ("label", "ECE", "told -> true (seconds)"),
                [
                    (name, _number(error), ", ".join(f"{p:.2f}->{s:.2f} ({n})" for p, s, n in t))
                    for name, (error, t) in one["reliability"].items()
                ],
            ),
            f"\n## INT8 CNN against FP32: {one['cnn']['programmes']} synthetic test programmes\n",
            _table(
                ("CNN", *COLUMNS),
                [
                    (n, *(_number(one["cnn"][n][c]) for c in COLUMNS))
                    for n in ("int8", "fp32")
                    if n in one["cnn"]
                ],
            ),
        ]
    return "\n".join(parts) + "\n"


def _log_softmax(scores: FloatArray) -> NDArray[np.float64]:
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return np.asarray(logs, np.float64)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(x: float) -> str:
    return "-" if not np.isfinite(x) else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(float(np.mean(values)))} ({_number(min(values))}-{_number(max(values))})"


def _interval(row: dict[str, Any], key: str) -> str:
    low, high = row["intervals"][key]
    return f"{_number(row['figures'][key])} ({_number(low)}, {_number(high)})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.segments.evaluate", description=__doc__)
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("run", type=Path, help="folder of heads")
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--ship",
        type=int,
        nargs="+",
        default=[0],
        help="seed of the head that ships, or of all (0)",
    )
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with one_line_errors(parser):
        made = {
            "title": "synthetic programmes",
            "counts": {s: len(paths(args.cache, s)) for s in ("train", "validation", "test")},
            "shipped": shipped(args.cache, args.run, args.ship),
            "ladder": ladder(args.cache, args.run, args.seeds, print),
        }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "figures.json").write_text(json.dumps(made, indent=1) + "\n")
    (args.out / "figures.md").write_text(markdown(made))


assert set(LADDER) - {"bilstm+viterbi"} <= set(ROWS)

if __name__ == "__main__":
    main()
