"""`touchline register`: pictures and films in, one JSON object a line out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.box.batch import PictureAnswer, expand, local_path, register_all
from edge.box.loaded_model import load_network
from edge.box.outputs.atomic_file import LineFile
from edge.box.outputs.opening import VIDEO_SUFFIXES
from edge.box.outputs.output_check import Inputs, PictureOutput, check_outputs, inputs_of
from edge.box.outputs.overlay import Drawer
from edge.box.outputs.writers import PictureFolder, drawn_names
from edge.cli.arguments import (
    add_engine_options,
    add_every_option,
    add_field_options,
    config_of,
    output_file,
)
from edge.cli.logs import show_warnings
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
    parser.add_argument(
        "--out",
        type=output_file,
        metavar="FILE.jsonl",
        help="write the JSON lines there, not to standard output",
    )
    parser.add_argument(
        "--overlay", type=Path, metavar="DIR", help="pictures with the field drawn in"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON lines beside --out")
    add_every_option(parser)
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
        error, matrix = answer.record.error, answer.record.field_from_image
        self.first_error = self.first_error or error or ""
        self.unreadable += error is not None
        self.lost += error is None and matrix is None
        self.answered += matrix is not None


def run(options: argparse.Namespace) -> int:
    """Register each picture; 1 when none could be read at all."""
    images = [_image(text) for text in options.images]
    config = config_of(options)
    _check(options, images, config)
    network = load_network(config)
    show_warnings()
    folder = None
    if options.overlay is not None:
        folder = PictureFolder(options.overlay, Drawer(network.field), overwrite=options.overwrite)
    try:
        answers = register_all(
            expand(images),
            network.registrar,
            network.field,
            every=options.every,
            far_side=config.field.camera_side == "far",
        )
        outcome = _write(answers, options, folder)
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
        if options.overlay.suffix in VIDEO_SUFFIXES and not options.overlay.is_dir():
            raise UsageError(
                f"{options.overlay}: register draws pictures: name a folder; "
                f"touchline run --source FILM --overlay {options.overlay} draws a video"
            )
        pictures = PictureOutput(options.overlay, drawn_names(expand(images)))
    files = [options.out] if options.out is not None else []
    inputs = inputs_of(config, None) + Inputs.of(images)
    check_outputs(files, inputs, pictures=pictures, overwrite=options.overwrite)


def _write(
    answers: Iterable[PictureAnswer], options: argparse.Namespace, folder: PictureFolder | None
) -> _Outcome:
    if options.out is None:
        return _consume(answers, [print_json], folder)
    file = LineFile(options.out, overwrite=options.overwrite)
    writers = [file.write_json, print_json] if options.json else [file.write_json]
    try:
        return _consume(answers, writers, folder)
    finally:
        file.close()  # whatever ended it: the lines up to here are good


def _consume(
    answers: Iterable[PictureAnswer],
    writers: Sequence[Callable[[dict[str, object]], None]],
    folder: PictureFolder | None,
) -> _Outcome:
    outcome = _Outcome()
    with progress() as bar:
        task = bar.add_task("registering", total=None, detail="")
        for answer in answers:
            line = answer.record.line()
            for write in writers:
                write(line)
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
