"""Programmes drawn once and kept, so that features can be computed of them again.

    python -m models.segments.rendered_cache DRAWN --library LIBRARY --train 1200 --validation 72

One file a programme: its pictures as JPEG, its sound as log-mel patches, what both show, and its
segments. Programmes come in an order that mixes the splits, so that what is there after any time
is a set to train on. Files that exist are kept: stop and start as you like; processes share the
work with `--part 0/2` and `--part 1/2`. `--change erased` draws test programmes without a cue.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.segments.sound import SILENCE, log_mel
from edge.segments.types import Label, Segment
from models.registration.commands import one_line_errors
from models.segments.change import CHANGES
from models.segments.episodes import Episode, episode
from models.segments.library import Library
from models.segments.sources import SPLITS

QUALITY = 92
"""Of the kept pictures' JPEG."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Job:
    """One programme to be."""

    split: str
    seed: int

    @property
    def name(self) -> str:
        """File name of the programme, drawn or as features."""
        return f"{self.split}-{self.seed:05d}.npz"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A programme of s seconds with c cuts."""

    pictures: tuple[bytes, ...]
    """s + c JPEGs: the one in each second's middle, then the first of each shot."""
    mel: Floats
    """(s, 64, 100) natural logarithms of mel power."""
    shown: NDArray[np.bool_]
    """(s + c, 8), see `episodes.Episode`."""
    heard: Floats
    """(s, 5)."""
    cuts_s: NDArray[np.float64]
    spans: tuple[Segment, ...]
    series: str
    recipe: dict[str, Any]

    def frames(self, rows: Sequence[int] | NDArray[np.intp]) -> NDArray[np.uint8]:
        """(n, 144, 256, 3) RGB of these rows."""
        return np.array([picture(self.pictures[int(i)]) for i in rows], np.uint8)


def picture(kept: bytes) -> NDArray[np.uint8]:
    """(144, 256, 3) RGB of one kept picture."""
    seen = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.uint8)


def drawn(programme: Episode) -> Drawn:
    """What is kept of a programme."""
    frames = [*programme.frames, *programme.cut_frames]
    return Drawn(
        pictures=tuple(_jpeg(f) for f in frames),
        mel=padded(log_mel(programme.sound), len(programme.frames)),
        shown=programme.shown,
        heard=programme.heard,
        cuts_s=np.asarray(programme.cuts_s, np.float64),
        spans=programme.spans,
        series=programme.series,
        recipe=programme.recipe,
    )


def padded(mel: Floats, seconds: int) -> Floats:
    """Cut or extend (s, 64, 100) patches to as many seconds as there are pictures."""
    missing = seconds - len(mel)
    if missing <= 0:
        return mel[:seconds]
    silence = np.full((missing, *mel.shape[1:]), SILENCE, np.float32)
    return np.concatenate([mel, silence])


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write one file whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(path)


def keep(path: Path, made: Drawn) -> None:
    """Write a drawn programme."""
    write(path, {
        "jpeg": np.frombuffer(b"".join(made.pictures), np.uint8),
        "ends": np.cumsum([len(p) for p in made.pictures], dtype=np.int64),
        "mel": made.mel.astype(np.float16),
        "shown": made.shown,
        "heard": made.heard.astype(np.float16),
        "cuts_s": made.cuts_s,
        "spans": rows_of(made.spans),
        "series": made.series,
        "recipe": json.dumps(made.recipe, default=str),
    })  # fmt: skip


def read(path: Path) -> Drawn:
    """A programme that `keep` wrote; UsageError where there is none."""
    if not path.is_file():
        raise UsageError(
            f"{path}: not drawn yet; `python -m models.segments.rendered_cache` does it"
        )
    with np.load(path) as kept:
        data, ends = kept["jpeg"].tobytes(), kept["ends"].tolist()
        return Drawn(
            pictures=tuple(data[a:b] for a, b in zip([0, *ends], ends, strict=False)),
            mel=kept["mel"].astype(np.float32),
            shown=kept["shown"],
            heard=kept["heard"].astype(np.float32),
            cuts_s=kept["cuts_s"],
            spans=spans_of(kept["spans"]),
            series=str(kept["series"]),
            recipe=json.loads(str(kept["recipe"])),
        )


def rows_of(spans: Sequence[Segment]) -> NDArray[np.float64]:
    """(n, 3): label, start, end."""
    return np.array([(s.label, s.start_s, s.end_s) for s in spans], np.float64).reshape(-1, 3)


def spans_of(rows: NDArray[np.float64]) -> tuple[Segment, ...]:
    """The true segments as they are kept, of probability 1."""
    return tuple(Segment(Label(int(k)), float(a), float(b), 1.0) for k, a, b in rows)


def jobs(counts: Mapping[str, int]) -> list[Job]:
    """All programmes, the splits mixed in proportion."""
    placed = [
        ((seed + 0.5) / count, Job(split, seed))
        for split, count in counts.items()
        for seed in range(count)
    ]
    return [job for _, job in sorted(placed, key=lambda p: p[0])]


def part(text: str) -> tuple[int, int]:
    """Parse `0/2`: the first of two shares."""
    first, _, count = text.partition("/")
    if not (first.isdecimal() and count.isdecimal() and int(first) < int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write it as 0/2")
    return int(first), int(count)


def counted_arguments(out: argparse.ArgumentParser) -> None:
    """How many programmes of each split, and how the work is shared."""
    for split, count in zip(SPLITS, (1200, 72, 112, 32), strict=True):
        out.add_argument(f"--{split}", type=int, default=count, help=f"programmes ({count})")
    out.add_argument("--part", type=part, default=(0, 1), help="share of the work, e.g. 0/2")
    out.add_argument("--minutes", type=float, default=1e9, help="stop after so long")


def chosen(arguments: argparse.Namespace) -> list[Job]:
    """The programmes of this process."""
    first, count = arguments.part
    return jobs({split: getattr(arguments, split) for split in SPLITS})[first::count]


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.segments.rendered_cache", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("drawn", type=Path, help="folder of drawn programmes")
    parser.add_argument("--library", type=Path, required=True, help="folder of clips and sounds")
    parser.add_argument("--change", choices=CHANGES, default="", help="a cue to leave out")
    counted_arguments(parser)
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        library = Library(args.library)
        args.drawn.mkdir(parents=True, exist_ok=True)
        started, made = time.monotonic(), 0
        for job in chosen(args):
            path = args.drawn / job.name
            if path.exists():
                continue
            if time.monotonic() - started > args.minutes * 60:
                break
            keep(path, drawn(episode(job.seed, job.split, library, args.change)))
            made += 1
            if made % 10 == 0:
                each = (time.monotonic() - started) / made
                print(f"{made} drawn, {each:.1f} s each, now {job.name}", flush=True)


if __name__ == "__main__":
    main()
