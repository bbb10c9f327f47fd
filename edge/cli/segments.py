"""`touchline segments`: recap and intro of films, one after the other; `segments evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.box.outputs.atomic_file import check_folder
from edge.cli.arguments import config_of
from edge.cli.parser import Subparsers
from edge.cli.segments_run import SegmentsRun, Task, Wanted, tasks_of
from edge.errors import BundleError, UsageError
from edge.publish.client.subscriber import client_endpoint
from edge.publish.mqtt.topics import Topics
from edge.publish.queue.segments_publisher import SegmentsPublisher
from edge.segments.formats import FORMATS
from edge.segments.manifest import SegmentsBundle, load_segments_bundle
from edge.segments.types import Label

_EXTRA = """\
forms: {forms}

`touchline segments evaluate FOLDER` measures on your own files: `a.mkv` beside `a.json`
(`{{"segments": [{{"label": "intro", "start_s": 61.2, "end_s": 92}}]}}`, or TheIntroDB's form), or
with chapters named Recap and Intro. docs/how-to/skip-marks.md has all of it."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "segments",
        help="find recap and intro in films: skip marks, chapters, JSON",
        usage="touchline segments FILE... [options] | touchline segments evaluate FOLDER [options]",
        epilog=_EXTRA.format(forms=", ".join(f"{n} ({f.what})" for n, f in FORMATS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="films; folders are walked")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format", action="append", choices=list(FORMATS), help="may be given more than once"
    )
    output.add_argument("--out", type=Path, metavar="DIR", help="write the forms there")
    output.add_argument("--beside", action="store_true", help="write them beside each film")
    output.add_argument(
        "--overwrite", action="store_true", help="replace files that this command did not write"
    )
    output.add_argument("--explain", type=Path, metavar="DIR", help="draw each answer as a picture")
    output.add_argument(
        "--write-chapters", action="store_true", help="write chapters into the films themselves"
    )
    output.add_argument("--json", action="store_true", help="one JSON object a line")
    work = parser.add_argument_group("work")
    work.add_argument("--exact", action="store_true", help="decode every picture: slower")
    work.add_argument(
        "--window",
        type=_window,
        metavar="MINUTES|whole",
        help="look at so much of the beginning (default: whole)",
    )
    work.add_argument("--bundle", type=Path, metavar="DIR", help="another segments bundle")
    work.add_argument(
        "--threshold",
        action="append",
        type=_threshold,
        default=[],
        metavar="LABEL=P",
        help="mark recap or intro from this probability on, 0 to 1, in place of the bundle's",
    )
    work.add_argument("--again", action="store_true", help="repeat what is finished already")
    work.add_argument(
        "--ignore-chapters", action="store_true", help="ask the model even where chapters tell"
    )
    mqtt = parser.add_argument_group("publication")
    mqtt.add_argument("--broker", metavar="URL", help="publish: mqtt://host or mqtts://host")
    mqtt.add_argument("--site", help="as in the topic's name")
    mqtt.add_argument("--device", help="as in the topic's name")
    mqtt.add_argument(
        "--config", type=Path, metavar="FILE", help="publish as it says: site, device, broker"
    )
    mqtt.add_argument("--job", metavar="ID", help="topic segments/ID; in front for many files")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Find, write, publish; 1 when a file failed."""
    if options.files[0] == "evaluate":
        from edge.cli.segments_evaluate import run as evaluate  # noqa: PLC0415 - another command

        return evaluate(options)
    wanted = _wanted(options)
    bundle = _bundle(options)
    for folder in (options.out, options.explain):
        if folder is not None:
            check_folder(folder)
    tasks = list(tasks_of(options.files))
    if not wanted.is_filed and wanted.formats and len(tasks) > 1:
        raise UsageError(
            f"--format {wanted.formats[0]} of {len(tasks)} files: say where to, --out DIR or "
            "--beside"
        )
    if options.broker is None and options.config is None:
        return _work(SegmentsRun(bundle, wanted), tasks)
    config = config_of(options)
    endpoint = client_endpoint(config.broker)
    topics = Topics(config.publish.prefix, config.site, config.device)
    if options.job is not None:
        topics.segments(options.job)  # refuses what is no name
    with SegmentsPublisher(endpoint, topics) as publisher:
        publisher.wait_connected()
        return _work(SegmentsRun(bundle, wanted, publisher, options.job), tasks)


def _bundle(options: argparse.Namespace) -> SegmentsBundle | BundleError:
    """The bundle, or why there is none: films whose chapters tell need none."""
    try:
        return load_segments_bundle(options.bundle).with_thresholds(dict(options.threshold))
    except BundleError as error:
        if options.ignore_chapters:
            raise
        return error


def _work(work: SegmentsRun, tasks: list[Task]) -> int:
    try:
        work.check_outputs(tasks)
        return work.all(tasks)
    finally:
        work.close()


def _wanted(options: argparse.Namespace) -> Wanted:
    if options.out is not None and options.beside:
        raise UsageError("--out and --beside: choose one")
    formats = tuple(dict.fromkeys(options.format or ()))
    is_filed = options.out is not None or options.beside
    if is_filed and not formats:
        formats = ("json",)
    if options.json and formats and not is_filed:
        raise UsageError("--json and --format both print: give --out DIR for the forms")
    if len(formats) > 1 and not is_filed:
        raise UsageError("several forms: say where to, --out DIR or --beside")
    if options.job is not None and options.broker is None and options.config is None:
        raise UsageError("--job names a topic: give --broker too")
    return Wanted(
        formats=formats,
        out=options.out,
        beside=options.beside,
        overwrite=options.overwrite,
        explain=options.explain,
        write_chapters=options.write_chapters,
        as_json=options.json,
        exact=options.exact,
        window_s=options.window,
        use_chapters=not options.ignore_chapters,
        again=options.again,
    )


def _threshold(text: str) -> tuple[Label, float]:
    name, _, number = text.partition("=")
    labels = {label.text: label for label in (Label.RECAP, Label.INTRO)}
    try:
        threshold = float(number)
    except ValueError:
        threshold = -1.0
    if name not in labels or not 0 <= threshold <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write it as intro=0.3, from 0 to 1")
    return labels[name], threshold


def _window(text: str) -> float | None:
    if text == "whole":
        return None
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither `whole` nor minutes")
    return minutes * 60
