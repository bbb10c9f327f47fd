"""Records what decoder and network give, so that an estimator can run over it again in seconds.

    python -m benchmarks.record FOLDER [--real stills.jsonl match.sequence.jsonl]
        [--film soccer_cup.mp4] [--shots 6 --frames 60 --fps 30] [--sports soccer,tennis]

FOLDER belongs in an ignored place: it holds the pictures. A film's sport begins its file's name;
negative_SPORT_... must not be answered. python -m benchmarks.replay reads what was recorded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clips import ClipInfo, RecordedFrame, picture_motion, write_clip
from edge.bundles import Bundle, find_bundle, open_graphs
from edge.bundles.graphs import Graphs
from edge.capture.video import VideoFile
from edge.errors import UsageError
from edge.fields import SPORTS, default_field, load_field
from edge.registration.picture import prepare, reduced
from models.registration.commands import one_line_errors
from models.registration.held_out import SEED, View, shots
from models.registration.truth import pictures, read_truth

FOLDER_FPS = 25.0
"""Frames a second of a sequence that is a folder of pictures."""


@dataclass(frozen=True, slots=True)
class _Source:
    info: ClipInfo
    shown: Iterable[tuple[str, View, bool, float | None]]
    """Name, view, whether it begins anew, and time."""


def real(path: Path, sport: str, bundle: Bundle, engine: str) -> _Source | None:
    """A truth file's rows of a sport; None where it has none."""
    file = read_truth(path)
    rows = file.of(sport)
    if not rows:
        return None
    sequence = ".sequence." in path.name

    def shown() -> Iterator[tuple[str, View, bool, float | None]]:
        for number, one in enumerate(pictures(file, rows)):
            yield one.name, one.view, one.alone, number / FOLDER_FPS if sequence else None

    name = file.name.removeprefix(f"{sport}_")
    return _Source(ClipInfo(sport, name, bundle.label, engine, sequence, truth=True), shown())


def film(path: Path, sport: str, bundle: Bundle, engine: str) -> _Source:
    """A film without a truth; a negative one has the truth that nothing is to be answered."""
    field = load_field(default_field(sport))

    def shown() -> Iterator[tuple[str, View, bool, float | None]]:
        with closing(VideoFile(path)) as video:
            while (frame := video.read()) is not None:
                view = View(frame.image, None, (field.length_m, field.width_m), field.name)
                yield str(frame.index), view, frame.index == 0, frame.pts_s

    negative = path.name.startswith("negative_")
    return _Source(ClipInfo(sport, path.stem, bundle.label, engine, True, negative), shown())


def rendered(sport: str, bundle: Bundle, args: argparse.Namespace, prior: str) -> _Source:
    """Rendered shots of a panning camera, one after the other."""

    def shown() -> Iterator[tuple[str, View, bool, float | None]]:
        made = shots(
            args.shots,
            args.frames,
            args.seed,
            sport=sport,
            prior=prior,
            fps=args.fps,  # type: ignore[arg-type]
        )
        for n, shot in enumerate(made):
            for k, view in enumerate(shot):
                yield f"{n}/{k}", view, k == 0, k / args.fps

    name = f"shots_{prior}_{args.fps:g}"
    return _Source(ClipInfo(sport, name, bundle.label, args.engine, True, truth=True), shown())


def recorded(source: _Source, graphs: Graphs) -> Iterator[RecordedFrame]:
    """Run the network over a source's pictures."""
    target = graphs.encoder.buffer("image")
    before = None
    for name, view, alone, pts_s in source.shown:
        small, small_from_source = reduced(view.image)
        prepare(small, target, load_field(view.field_name).paint)
        maps = graphs.encoder.run({"image": target})
        grid = maps["grid"].copy()
        distances = graphs.dense.run({"features": maps["features"]})["distances"].copy()
        truth = view.field_from_image
        if truth is not None:
            truth = truth @ np.linalg.inv(small_from_source)
            truth = truth / np.linalg.norm(truth)
        motion = None
        if source.info.sequence and not alone and before is not None:
            motion = picture_motion(before, small)
        before = small
        yield RecordedFrame(
            small, grid, distances, pts_s, alone, view.field_name, view.field_m, truth, motion, name
        )


def sources(sport: str, bundle: Bundle, args: argparse.Namespace) -> Iterator[_Source]:
    """What the options name of a sport."""
    for path in args.real:
        found = real(path, sport, bundle, args.engine)
        if found is not None:
            yield found
    for path in args.film:
        if path.name.removeprefix("negative_").startswith(sport):
            yield film(path, sport, bundle, args.engine)
    if args.shots:
        yield rendered(sport, bundle, args, "broadcast")
        yield rendered(sport, bundle, args, "wide")


def main(arguments: Sequence[str] | None = None) -> int:
    """Record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sports", default=",".join(SPORTS), help="separated by commas (all)")
    parser.add_argument("--real", type=Path, nargs="+", default=[], metavar="TRUTH.jsonl")
    parser.add_argument("--film", type=Path, nargs="+", default=[], metavar="FILM")
    parser.add_argument("--shots", type=int, default=0, help="rendered, of each kind (0)")
    parser.add_argument("--frames", type=int, default=60, help="of each shot (60)")
    parser.add_argument("--fps", type=float, default=30.0, help="of the shots (30)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--precision", default="int8")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        for sport in args.sports.split(","):
            if sport not in SPORTS:
                raise UsageError(f"unknown sport {sport!r}: {', '.join(SPORTS)}")
            bundle = find_bundle(sport)
            with closing(open_graphs(bundle, args.engine, precision=args.precision)) as graphs:
                for source in sources(sport, bundle, args):
                    folder = args.folder / sport / source.info.name
                    count = write_clip(folder, source.info, recorded(source, graphs))
                    print(f"{sport}/{source.info.name}: {count} frames", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
