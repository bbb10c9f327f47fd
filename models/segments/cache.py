"""Features of synthetic programmes, one file each: what training and evaluation read.

    python -m models.segments.cache CACHE --cnn CNN --train 700 --validation 100 --test 150 --far 60

Episodes come in an order that mixes the splits, so that what is there after any time is a set to
train on. Files that exist are kept: stop and start as you like. Two processes share the work with
`--part 0/2` and `--part 1/2`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines import Engine, EngineOptions, load_named
from edge.errors import UsageError
from edge.segments.features import FEATURES, assemble
from edge.segments.pictures import as_input, measures, thumbs
from edge.segments.sound import SILENCE, as_picture, log_mel
from edge.segments.types import Label, Segment
from models.registration.commands import one_line_errors
from models.segments.backbone import BATCH, FP32, INT8
from models.segments.episodes import Episode, episode
from models.segments.library import Library

SPLITS = ("train", "validation", "test", "far")
MEL_FLOOR, MEL_STEP = -14.0, 0.1
"""Log-mel patches are kept in bytes: floor + step * byte."""
IN_FLOAT = 16
"""So many test programmes are also put through the FP32 CNN."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Job:
    """One programme to be."""

    split: str
    seed: int

    @property
    def name(self) -> str:
        """File name in the cache."""
        return f"{self.split}-{self.seed:05d}.npz"


def jobs(counts: Mapping[str, int]) -> list[Job]:
    """All programmes, the splits mixed in proportion."""
    placed = [
        ((seed + 0.5) / count, Job(split, seed))
        for split, count in counts.items()
        for seed in range(count)
    ]
    return [job for _, job in sorted(placed, key=lambda p: p[0])]


def features(cnn: Engine, part: Iterator[Floats] | Sequence[Floats]) -> Floats:
    """Run the CNN over batches of pictures or patches: (k, 1280)."""
    return np.concatenate([cnn.run({"image": batch})["features"].copy() for batch in part])


def pictures_of(frames: NDArray[np.uint8]) -> Iterator[Floats]:
    """(n, 144, 256, 3) pictures in batches, as the CNN takes them."""
    for at in range(0, len(frames), BATCH):
        yield as_input(frames[at : at + BATCH])


def patches_of(mel: Floats) -> Iterator[Floats]:
    """The programme's sound patches in batches, as the CNN takes them."""
    for at in range(0, len(mel), BATCH):
        yield np.ascontiguousarray(as_picture(mel[at : at + BATCH]))


def analyse(programme: Episode, cnn: Engine, in_float: Engine | None = None) -> dict[str, Any]:
    """Everything that is kept of a programme, as arrays."""
    count = len(programme.frames)
    mel = padded(log_mel(programme.sound), count)
    visual = features(cnn, pictures_of(programme.frames))
    sound = features(cnn, patches_of(mel))
    times_s = np.asarray(np.arange(count) + 0.5, np.float64)
    looks, small = measures(programme.frames), thumbs(programme.frames)
    track = assemble(visual, looks, small, times_s, sound, mel)
    out: dict[str, Any] = {
        "visual": visual.astype(np.float16),
        "sound": sound.astype(np.float16),
        "low": track.low,
        "measures": looks,
        "thumbs": small,
        "cut_visual": _at_cuts(programme, cnn).astype(np.float16),
        "cut_measures": measures(programme.cut_frames),
        "cut_thumbs": thumbs(programme.cut_frames),
        "mel": to_bytes(mel),
        "spans": np.array([(s.label, s.start_s, s.end_s) for s in programme.spans]).reshape(-1, 3),
        "cuts_s": np.asarray(programme.cuts_s, np.float64),
        "series": programme.series,
        "recipe": json.dumps(programme.recipe, default=str),
    }
    if in_float is not None:
        out["cut_visual_fp32"] = _at_cuts(programme, in_float).astype(np.float16)
        out["visual_fp32"] = features(in_float, pictures_of(programme.frames)).astype(np.float16)
        out["sound_fp32"] = features(in_float, patches_of(mel)).astype(np.float16)
    return out


def _at_cuts(programme: Episode, cnn: Engine) -> Floats:
    """(c, 1280) of the shots' first pictures."""
    if not len(programme.cut_frames):
        return np.empty((0, FEATURES), np.float32)
    return features(cnn, pictures_of(programme.cut_frames))


def padded(mel: Floats, seconds: int) -> Floats:
    """Cut or extend (s, 64, 100) patches to as many seconds as there are pictures."""
    missing = seconds - len(mel)
    if missing <= 0:
        return mel[:seconds]
    silence = np.full((missing, *mel.shape[1:]), SILENCE, np.float32)
    return np.concatenate([mel, silence])


def to_bytes(mel: Floats) -> NDArray[np.uint8]:
    """Natural logarithms of power as bytes."""
    return np.rint((mel - MEL_FLOOR) / MEL_STEP).clip(0, 255).astype(np.uint8)


def from_bytes(kept: NDArray[np.uint8]) -> Floats:
    """What `to_bytes` kept, 0.05 off at most."""
    return kept.astype(np.float32) * np.float32(MEL_STEP) + np.float32(MEL_FLOOR)


def spans_of(rows: NDArray[np.float64]) -> tuple[Segment, ...]:
    """The true segments as they are kept, of probability 1."""
    return tuple(Segment(Label(int(k)), float(a), float(b), 1.0) for k, a, b in rows)


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write one file whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(path)


def fill(
    folder: Path,
    todo: Sequence[Job],
    make: Callable[[Job], Episode],
    cnn: Path,
    *,
    minutes: float,
    say: Callable[[str], None] = print,
) -> int:
    """Make and analyse what is missing until all is there or the time is up; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    options = EngineOptions(threads=1)
    engine = load_named(cnn / INT8, "onnxruntime", options)
    in_float = load_named(cnn / FP32, "onnxruntime", options)
    started, made = time.monotonic(), 0
    for job in todo:
        if (folder / job.name).exists():
            continue
        if time.monotonic() - started > minutes * 60:
            break
        both = job.split == "test" and job.seed < IN_FLOAT
        write(folder / job.name, analyse(make(job), engine, in_float if both else None))
        made += 1
        if made % 10 == 0:
            say(f"{made} made, {(time.monotonic() - started) / made:.1f} s each, now {job.name}")
    return made


def part(text: str) -> tuple[int, int]:
    """Parse `0/2`: the first of two shares."""
    first, _, count = text.partition("/")
    if not (first.isdecimal() and count.isdecimal() and int(first) < int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write it as 0/2")
    return int(first), int(count)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m models.segments.cache", description=__doc__)
    out.add_argument("cache", type=Path, help="folder of features")
    out.add_argument("--cnn", type=Path, required=True, help="folder that backbone wrote")
    out.add_argument("--library", type=Path, required=True, help="folder of clips and sounds")
    for split, count in zip(SPLITS, (700, 100, 150, 60), strict=True):
        out.add_argument(f"--{split}", type=int, default=count, help=f"programmes ({count})")
    out.add_argument("--part", type=part, default=(0, 1), help="share of the work, e.g. 0/2")
    out.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    return out


def check(cnn: Path) -> None:
    """Raise UsageError where the CNN's graphs are missing."""
    for name in (FP32, INT8):
        if not (cnn / name).is_file():
            raise UsageError(f"{cnn}: no {name}; `python -m models.segments.backbone` writes it")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    args = parser().parse_args(arguments)
    with one_line_errors(parser()):
        check(args.cnn)
        library = Library(args.library)
        first, count = args.part
        todo = jobs({split: getattr(args, split) for split in SPLITS})[first::count]
        fill(
            args.cache,
            todo,
            lambda job: episode(job.seed, job.split, library),
            args.cnn,
            minutes=args.minutes,
            say=lambda text: print(text, flush=True),
        )


if __name__ == "__main__":
    main()
