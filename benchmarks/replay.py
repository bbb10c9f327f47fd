"""Runs the registrar over recorded clips, without decoder and network, and compares with before.

    python -m benchmarks.replay FOLDER [--only BUF-EDM,soccer/] [--save answers.jsonl]
        [--against answers.jsonl] [--network] [--json]

Prints for each clip: frames answered and right, IoU_part, IoU_whole, reprojection (every failure
counted), false answers; how far a graphic would slip against the picture's own motion and how far
it jumps at a look of the network, px of a picture 1280 wide; the share of frames that the network
looked at, and the registrar's milliseconds without it. `--against` adds paired differences with
95 % intervals, drawn over venues where frames stand alone and over blocks of a second in sequences.
`--network` gives no frame times, so that the network looks at every frame.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Clip, RecordedFrame, RecordedGraphs, find_clips
from edge.bundles import find_bundle
from edge.fields import Field, load_field
from edge.geometry import apply_homography
from edge.registration import FieldRegistrar
from edge.types import Registration
from models.registration.commands import one_line_errors
from models.registration.metrics import Errors, errors

BLOCK = 30
"""Frames of a sequence that are drawn together."""
SHOWN_WIDTH = 1280


@dataclass(frozen=True, slots=True)
class Answer:
    """What one frame was given, and what that is worth."""

    clip: str
    number: int
    state: str
    reason: str
    field_from_image: list[float] | None
    score: float
    expected_error_m: float | None
    looked: bool
    """Whether the network's maps were used."""
    ms: float
    negative: bool
    truth: bool
    iou_part: float
    iou_whole: float
    projection_m: float
    reprojection: float
    slip_px: float | None
    """Against the picture's own motion since the frame before, px of 1280."""

    @property
    def answered(self) -> bool:
        """Whether there is a homography."""
        return self.field_from_image is not None

    @property
    def right(self) -> bool:
        """Whether it may be drawn with."""
        return self.reprojection < 0.02


def replay(clip: Clip, *, network: bool = False) -> list[Answer]:
    """Register a clip's frames as a file's are."""
    bundle = find_bundle(clip.info.sport)
    size = (bundle.manifest.input.width, bundle.manifest.input.height)
    registrars: dict[tuple[str, tuple[float, float]], tuple[FieldRegistrar, RecordedGraphs]] = {}
    made: list[Answer] = []
    before: NDArray[np.float64] | None = None
    try:
        for number, frame in enumerate(clip.frames()):
            key = frame.field, frame.field_m
            if key not in registrars:
                field = load_field(frame.field, length_m=key[1][0], width_m=key[1][1])
                graphs = RecordedGraphs(size)
                registrars[key] = FieldRegistrar(bundle, field, graphs=graphs.graphs), graphs
            registrar, graphs = registrars[key]
            registrar.prepare(frame.image)
            graphs.add(graphs.encoder.buffer("image"), frame)
            if frame.alone:
                registrar.reset()
                before = None
            begun = time.perf_counter()
            pts_s = None if network else frame.pts_s
            given = registrar.register(frame.image, pts_s=pts_s)
            ms = (time.perf_counter() - begun) * 1e3
            made.append(_answer(clip, number, frame, given, before, registrar.field, ms))
            h = given.field_from_image
            before = None if h is None else np.asarray(h, np.float64)
    finally:
        for registrar, _ in registrars.values():
            registrar.close()
    return made


def _answer(
    clip: Clip,
    number: int,
    frame: RecordedFrame,
    given: Registration,
    before: NDArray[np.float64] | None,
    field: Field,
    ms: float,
) -> Answer:
    height, width = frame.image.shape[:2]
    h, negative = given.field_from_image, clip.info.truth and frame.truth is None
    e = Errors()
    if frame.truth is not None:
        e = errors(frame.truth, h, *frame.field_m, width, height)
    return Answer(
        clip.label,
        number,
        given.state.value,
        given.reason.value,
        None if h is None else np.asarray(h).ravel().tolist(),
        given.quality.score,
        given.quality.expected_error_m,
        "keypoints" in given.latency_ms,
        ms,
        negative,
        frame.truth is not None,
        e.iou_part,
        e.iou_whole,
        e.projection_m,
        e.reprojection,
        slip_px(before, h, frame.motion, field, (width, height)),
    )


def slip_px(
    before: NDArray[np.float64] | None,
    after: Any,
    motion: NDArray[np.float64] | None,
    field: Field,
    size: tuple[int, int],
) -> float | None:
    """Mean distance of field points carried on by two answers and by the picture, px of 1280."""
    if before is None or after is None or motion is None:
        return None
    width, height = size
    u, v = np.meshgrid(np.linspace(0.15, 0.85, 5) * width, np.linspace(0.3, 0.9, 5) * height)
    px = np.stack([u.ravel(), v.ravel()], 1)
    metres = apply_homography(before, px)
    on = (np.abs(metres) <= np.array([field.length_m, field.width_m]) / 2).all(1)
    if on.sum() < 3:
        return None
    by_answers = apply_homography(np.linalg.inv(np.asarray(after)), metres[on])
    by_picture = apply_homography(motion, px[on])
    distance = np.linalg.norm(by_answers - by_picture, axis=1)
    return float(distance.mean()) * SHOWN_WIDTH / width


def figures(answers: Sequence[Answer]) -> dict[str, float]:
    """A clip's figures."""
    on = [a for a in answers if a.truth]
    negative = [a for a in answers if a.negative]
    slips = np.array([a.slip_px for a in answers if a.slip_px is not None])
    jumps = np.array([a.slip_px for a in answers if a.slip_px is not None and a.looked])
    made: dict[str, float] = {
        "frames": len(answers),
        "answered": sum(a.answered for a in answers) / len(answers),
        "looked": sum(a.looked for a in answers) / len(answers),
        "ms": float(np.mean([a.ms for a in answers])),
        "false": sum(a.answered for a in negative),
    }
    if on:
        sure = [a for a in on if a.answered and a.score >= 0.9]
        made |= {
            "right": sum(a.right for a in on) / len(on),
            "iou_part": float(np.mean([a.iou_part for a in on])),
            "iou_whole": float(np.mean([a.iou_whole for a in on])),
            "reprojection": float(np.median([a.reprojection for a in on])),
            "sure_wrong": sum(not a.right for a in sure) / max(len(sure), 1),
        }
    if len(slips):
        made |= {"slip": float(np.median(slips)), "slip_p95": float(np.percentile(slips, 95))}
    if len(jumps):
        made["jump"] = float(np.median(jumps))
    return made


PAIRED = ("answered", "right", "iou_part", "iou_whole", "slip_px")


def compared(ours: Sequence[Answer], theirs: Sequence[Answer]) -> dict[str, list[float]]:
    """Mean differences of the same frames and the ends of their 95 % intervals."""
    made: dict[str, list[float]] = {}
    for key in PAIRED:
        pairs = [
            (a.number // BLOCK, getattr(a, key), getattr(b, key))
            for a, b in zip(ours, theirs, strict=True)
            if (a.truth or key in {"answered", "slip_px"})
            and getattr(a, key) is not None
            and getattr(b, key) is not None
        ]
        if not pairs:
            continue
        block, a, b = (np.array(column, float) for column in zip(*pairs, strict=True))
        d = a - b
        sums = np.bincount(block.astype(int), d)
        counts = np.bincount(block.astype(int))
        sums, counts = sums[counts > 0], counts[counts > 0]
        pick = np.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))
        means = sums[pick].sum(1) / counts[pick].sum(1)
        made[key] = [float(d.mean()), *np.quantile(means, [0.025, 0.975]).tolist()]
    return made


def read_answers(path: Path) -> dict[str, list[Answer]]:
    """Answers that were saved, by clip."""
    found: dict[str, list[Answer]] = {}
    for line in path.read_text().splitlines():
        answer = Answer(**json.loads(line))
        found.setdefault(answer.clip, []).append(answer)
    return found


def table(made: Mapping[str, Mapping[str, float]]) -> Iterable[str]:
    """Lines of a table of clips."""
    keys = ("frames", "answered", "right", "iou_part", "iou_whole", "reprojection", "sure_wrong")
    keys += ("false", "slip", "slip_p95", "jump", "looked", "ms")
    yield f"{'':34}" + "".join(f"{key[:9]:>10}" for key in keys)
    for label, row in made.items():
        cells = [f"{row[k]:10.4g}" if k in row else f"{'-':>10}" for k in keys]
        yield f"{label:34}" + "".join(cells)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="parts of labels, separated by commas")
    parser.add_argument("--save", type=Path, metavar="ANSWERS.jsonl")
    parser.add_argument("--against", type=Path, metavar="ANSWERS.jsonl")
    parser.add_argument("--network", action="store_true", help="look at every frame")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    made: dict[str, Any] = {}
    every: list[Answer] = []
    with one_line_errors(parser):
        before = read_answers(args.against) if args.against else {}
        for clip in find_clips(args.folder, [part for part in args.only.split(",") if part]):
            answers = replay(clip, network=args.network)
            every += answers
            made[clip.label] = figures(answers)
            if clip.label in before:
                made[clip.label]["against"] = compared(answers, before[clip.label])
    if args.save:
        with args.save.open("w") as file:
            for answer in every:
                row = {k: getattr(answer, k) for k in Answer.__slots__}
                file.write(json.dumps(row) + "\n")
    if args.json:
        print(json.dumps(made, indent=1))
        return 0
    print("\n".join(table(made)))
    for label, row in made.items():
        if "against" in row:
            said = ", ".join(
                f"{k} {m:+.3f} ({a:+.3f} to {b:+.3f})" for k, (m, a, b) in row["against"].items()
            )
            print(f"{label} against before: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
