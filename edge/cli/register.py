"""`touchline register`: pictures and films in, one JSON object a line out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.box.batch import PictureAnswer, expand, local_path, register_all
from edge.box.loaded_model import load_network
from edge.box.outputs.atomic_file import LineFile
from edge.box.outputs.output_check import Inputs, PictureOutput, check_outputs, inputs_of
from edge.box.outputs.overlay import Drawer
from edge.box.outputs.writers import PictureFolder, drawn_names
from edge.cli.arguments import add_engine_options, add_field_options, config_of, positive_int
from edge.cli.output import note, print_json, progress
from edge.cli.parser import Subparsers
from edge.config import Config
from edge.errors import SourceError, UsageError


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "register", help="register the field in pictures or video files, one JSON object a line"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="pictures, folders, video files")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="default: standard output")
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="draw each answer as a picture")
    parser.add_argument(
        "--every", type=positive_int, default=1, metavar="N", help="take every N-th frame of films"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    add_field_options(parser)
    add_engine_options(parser)
    parser.set_defaults(func=run)


@dataclass(slots=True)
class _Outcome:
    answered: int = 0
    lost: int = 0
    unreadable: int = 0
    first_error: str = field(default="")

    def add(self, answer: PictureAnswer) -> None:
        error = answer.record.get("error")
        self.first_error = self.first_error or error or ""
        self.unreadable += error is not None
        self.lost += error is None and answer.record["field_from_image"] is None
        self.answered += answer.record["field_from_image"] is not None


def run(options: argparse.Namespace) -> int:
    """Register each picture; 1 when none could be read at all."""
    images = [_image(text) for text in options.images]
    config = config_of(options)
    _check(options, images, config)
    network = load_network(config)
    folder = None
    if options.overlay is not None:
        folder = PictureFolder(options.overlay, Drawer(network.field), overwrite=options.overwrite)
    try:
        answers = register_all(expand(images), network.registrar, config.sport, every=options.every)
        outcome = _write(answers, options.out, folder, overwrite=options.overwrite)
    finally:
        network.registrar.close()
    return _report(outcome)


def _image(text: str) -> Path:
    """Return the path that an argument names; raises UsageError for an address, not shown."""
    try:
        return local_path(text)
    except SourceError as error:
        raise UsageError(
            f"{error}; register takes files and folders; use touchline run --source"
        ) from error


def _check(options: argparse.Namespace, images: Sequence[Path], config: Config) -> None:
    pictures = None
    if options.overlay is not None:
        pictures = PictureOutput(options.overlay, drawn_names(expand(images)))
    files = [options.out] if options.out is not None else []
    inputs = inputs_of(config, None) + Inputs.of(images)
    check_outputs(files, inputs, pictures=pictures, overwrite=options.overwrite)


def _write(
    answers: Iterable[PictureAnswer],
    out: Path | None,
    folder: PictureFolder | None,
    *,
    overwrite: bool,
) -> _Outcome:
    if out is None:
        return _consume(answers, print_json, folder)
    file = LineFile(out, overwrite=overwrite)
    try:
        return _consume(answers, file.write_json, folder)
    finally:
        file.close()  # whatever ended it: the lines up to here are good


def _consume(
    answers: Iterable[PictureAnswer],
    write: Callable[[dict[str, object]], None],
    folder: PictureFolder | None,
) -> _Outcome:
    outcome = _Outcome()
    with progress() as bar:
        task = bar.add_task("registering", total=None, detail="")
        for answer in answers:
            write(answer.record)
            outcome.add(answer)
            if folder and answer.image is not None and answer.registration is not None:
                folder.add(answer.name, answer.image, answer.registration)
            bar.update(task, advance=1, detail=answer.name)
    return outcome


def _report(outcome: _Outcome) -> int:
    readable = outcome.answered + outcome.lost
    if not outcome.unreadable:
        return 0
    more = f" (and {outcome.unreadable - 1} more)" if outcome.unreadable > 1 else ""
    note(f"{outcome.first_error}{more}")
    return 0 if readable else 1
