"""`touchline run`: a video in, homographies out over MQTT."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from contextlib import closing
from pathlib import Path

from rich.progress import Progress, TaskID

from edge.box.box import Options, Started, run_box
from edge.box.monitoring.run_summary import Summary
from edge.box.outputs.atomic_file import STDOUT
from edge.box.outputs.opening import OutputPaths
from edge.box.outputs.output_check import NO_INPUTS, Inputs, source_inputs
from edge.box.remote_config.supervisor import run_managed
from edge.box.signals import (
    INTERRUPTED,
    STOP_S,
    STOP_WITH_OUTPUTS_S,
    StopGuard,
    stop_on_signals,
)
from edge.cli.arguments import (
    add_engine_options,
    add_every_option,
    add_field_options,
    config_of,
    output_file,
    positive_int,
    settings_of,
)
from edge.cli.logs import configure, finish, show_warnings, write_in_background
from edge.cli.output import note, print_json, progress, stderr, stdout
from edge.cli.parser import Subparsers
from edge.cli.summary import print_summary
from edge.config.store import ConfigStore
from edge.errors import StoppedEarlyError, UsageError
from edge.part_file import discard_open_parts
from edge.types import Frame, Registration


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run", help="register the field in a video, live or from a file, and publish over MQTT"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML; options go over it")
    parser.add_argument(
        "--source",
        metavar="URI",
        help="video file, folder of pictures, rtsp://…, /dev/video0, or rendered:soccer?seconds=20",
    )
    parser.add_argument(
        "--realtime", action="store_true", help="play a file at its own pace, as a camera would"
    )
    parser.add_argument("--max-frames", type=positive_int, metavar="N", help="stop after N frames")
    add_every_option(parser)
    add_field_options(parser)
    add_engine_options(parser)
    _add_publication_options(parser)
    _add_output_options(parser)
    parser.set_defaults(func=run)


def _add_publication_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("publication")
    group.add_argument(
        "--broker", metavar="URL", help="embedded[:PORT] (default), mqtt://host[:port], mqtts://…"
    )
    group.add_argument("--site", metavar="ID", help="names the venue in topics")
    group.add_argument("--device", metavar="ID", help="names this box in topics")
    group.add_argument("--camera", metavar="ID", help="names the camera in topics")


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("outputs")
    group.add_argument(
        "--out",
        type=output_file,
        metavar="FILE.jsonl",
        help="one JSON object a frame; -: standard output, the summary goes to stderr then",
    )
    group.add_argument(
        "--overlay",
        type=Path,
        metavar="OUT.mp4|DIR",
        help="video with the field drawn in; a folder: as --pictures",
    )
    group.add_argument(
        "--pictures", type=Path, metavar="DIR", help="a drawn picture each second, a contact sheet"
    )
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    group.add_argument("--json", action="store_true", help="the summary as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Process the source to its end or to a signal.

    Returns 1 when an output could not be written, 130 after Ctrl-C.
    """
    write_in_background()
    overlay, pictures = _drawings(options.overlay, options.pictures)
    outputs = OutputPaths(options.out, overlay, pictures, options.overwrite)
    wishes = Options(
        source=options.source,
        realtime=options.realtime,
        max_frames=options.max_frames,
        every=options.every,
        outputs=outputs,
        config_file=options.config,
    )
    outputs.check(_named_inputs(options))  # before a broker starts; the rest with the configuration
    patience_s = STOP_WITH_OUTPUTS_S if outputs.any else STOP_S
    with stop_on_signals() as stop, closing(StopGuard(stop, _leave, patience_s=patience_s)):
        with progress() as bar:
            watcher = _Watcher(bar, options.max_frames)
            try:
                summary = _run(options, wishes, stop, watcher)
            except StoppedEarlyError as error:
                note(str(error))
                return INTERRUPTED if stop.number == signal.SIGINT else 0
        _show(summary, as_json=options.json, beside=options.out == STDOUT)
    for line in filter(None, (summary.note, *summary.failures)):
        note(line)
    if summary.failures:
        return 1
    return INTERRUPTED if stop.number == signal.SIGINT else 0


def _drawings(overlay: Path | None, pictures: Path | None) -> tuple[Path | None, Path | None]:
    """Return where the drawn video and the drawn pictures go; raises UsageError for two folders."""
    if overlay is None or (overlay.suffix and not overlay.is_dir()):
        return overlay, pictures
    if pictures is not None:
        raise UsageError(f"{overlay}: --overlay and --pictures both name a folder; name one")
    return None, overlay


def _leave(why: str) -> None:
    """End the process at once: something that it waits for never comes."""
    discard_open_parts()
    note(why)
    finish()
    os._exit(1)


def _named_inputs(options: argparse.Namespace) -> Inputs:
    """Return what the command line alone says is read."""
    config = Inputs(files=(options.config,)) if options.config is not None else NO_INPUTS
    return config if options.source is None else config + source_inputs(options.source)


def _run(
    options: argparse.Namespace, wishes: Options, stop: threading.Event, watcher: _Watcher
) -> Summary:
    """Run under a file, which remote configuration may change; or under the options alone."""
    if options.config is None:
        config = config_of(options)
        configure(config)
        return run_box(config, wishes, stop=stop, observer=watcher)
    return run_managed(
        ConfigStore(options.config),
        settings_of(options),
        wishes,
        stop=stop,
        observer=watcher,
        on_config=configure,
    )


def _show(summary: Summary, *, as_json: bool, beside: bool) -> None:
    """Print the summary on stdout, or `beside` it where the frames' objects are there."""
    console = stderr() if beside else stdout()
    if as_json:
        print_json(summary.as_json(), indent=2, file=console.file)
    else:
        print_summary(console, summary)


class _Watcher:
    """Shows how far the run is."""

    def __init__(self, bar: Progress, most: int | None) -> None:
        self._bar = bar
        self._most = most
        self._task: TaskID | None = None

    def started(self, started: Started) -> None:
        """Say what runs where, and show the bar."""
        source, network = started.source, started.network
        note(
            f"{source.uri}: {source.width}x{source.height}; {network.label} on {network.engine} "
            f"{network.precision}; publishing to {started.broker}"
        )
        if started.problem is not None:
            note(f"{started.problem}; going on without, and trying again")
        show_warnings()  # only now: what kept the run from starting is told once, by its error
        total = self._most or source.frames
        if self._task is not None:  # the stages were built again
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task("frames", total=total, detail="")

    def frame(self, frame: Frame, registration: Registration) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=frame.index + 1, detail=registration.state.value)
