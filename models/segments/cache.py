"""Features of drawn programmes, one file each: what training and evaluation read.

    python -m models.segments.cache CACHE --cnn CNN --drawn DRAWN

Files that exist are kept: stop and start as you like. Two processes share the work with
`--part 0/2` and `--part 1/2`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines import Engine, EngineOptions, load_named
from edge.errors import UsageError
from edge.segments.features import assemble
from edge.segments.pictures import as_input, measures, thumbs
from edge.segments.sound import as_picture
from models.registration.commands import one_line_errors
from models.segments.backbone import BATCH, FP32, INT8, KNOWN
from models.segments.rendered_cache import Drawn, part, read, rows_of, write

MEL_FLOOR, MEL_STEP = -14.0, 0.1
"""Log-mel patches are kept in bytes: floor + step * byte."""
IN_FLOAT = 16
"""So many test programmes are also put through the FP32 CNN."""

Floats = NDArray[np.float32]


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


def analyse(programme: Drawn, cnn: Engine, in_float: Engine | None = None) -> dict[str, Any]:
    """Everything that is kept of a programme, as arrays."""
    count, mel = len(programme.mel), programme.mel
    frames = programme.frames(range(len(programme.pictures)))
    visual = features(cnn, pictures_of(frames))
    sound = features(cnn, patches_of(mel))
    times_s = np.asarray(np.arange(count) + 0.5, np.float64)
    looks, small = measures(frames), thumbs(frames)
    track = assemble(visual[:count], looks[:count], small[:count], times_s, sound, mel)
    out: dict[str, Any] = {
        "visual": visual[:count].astype(np.float16),
        "sound": sound.astype(np.float16),
        "low": track.low,
        "measures": looks[:count],
        "thumbs": small[:count],
        "cut_visual": visual[count:].astype(np.float16),
        "cut_measures": looks[count:],
        "cut_thumbs": small[count:],
        "mel": to_bytes(mel),
        "spans": rows_of(programme.spans),
        "cuts_s": programme.cuts_s,
        "series": programme.series,
        "recipe": json.dumps(programme.recipe, default=str),
    }
    if in_float is not None:
        again = features(in_float, pictures_of(frames)).astype(np.float16)
        out["visual_fp32"], out["cut_visual_fp32"] = again[:count], again[count:]
        out["sound_fp32"] = features(in_float, patches_of(mel)).astype(np.float16)
    return out


def to_bytes(mel: Floats) -> NDArray[np.uint8]:
    """Natural logarithms of power as bytes."""
    return np.rint((mel - MEL_FLOOR) / MEL_STEP).clip(0, 255).astype(np.uint8)


def from_bytes(kept: NDArray[np.uint8]) -> Floats:
    """What `to_bytes` kept, 0.05 off at most."""
    return kept.astype(np.float32) * np.float32(MEL_STEP) + np.float32(MEL_FLOOR)


def fill(
    folder: Path,
    todo: Sequence[Path],
    cnn: Path,
    *,
    say: Callable[[str], None] = print,
) -> int:
    """Analyse the drawn programmes of which there are no features yet; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    if (cnn / KNOWN).is_file():
        shutil.copyfile(cnn / KNOWN, folder / KNOWN)
    options = EngineOptions(threads=1)
    engine = load_named(cnn / INT8, "onnxruntime", options)
    in_float = load_named(cnn / FP32, "onnxruntime", options)
    started, made = time.monotonic(), 0
    for path in todo:
        if (folder / path.name).exists():
            continue
        split, _, seed = path.stem.partition("-")
        both = split == "test" and int(seed) < IN_FLOAT
        write(folder / path.name, analyse(read(path), engine, in_float if both else None))
        made += 1
        if made % 10 == 0:
            say(f"{made} made, {(time.monotonic() - started) / made:.1f} s each, now {path.name}")
    return made


def check(cnn: Path) -> None:
    """Raise UsageError where the CNN's graphs are missing."""
    for name in (FP32, INT8):
        if not (cnn / name).is_file():
            raise UsageError(f"{cnn}: no {name}; `python -m models.segments.backbone` writes it")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.segments.cache", description=__doc__)
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("--cnn", type=Path, required=True, help="folder that backbone wrote")
    parser.add_argument("--drawn", type=Path, required=True, help="folder of drawn programmes")
    parser.add_argument("--splits", nargs="+", help="of these splits only")
    parser.add_argument("--part", type=part, default=(0, 1), help="share of the work, e.g. 0/2")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        check(args.cnn)
        files = sorted(args.drawn.glob("*-*.npz"))
        if args.splits:
            files = [f for f in files if f.stem.partition("-")[0] in args.splits]
        if not files:
            raise UsageError(f"{args.drawn}: no drawn programme")
        first, count = args.part
        fill(args.cache, files[first::count], args.cnn, say=lambda t: print(t, flush=True))


if __name__ == "__main__":
    main()
