"""The command line: the only place that prints.

Exit codes: 0 done, 1 the work failed, 2 wrong use. A command's module is imported when that
command is asked for, so that `touchline --help` answers at once.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence

from edge import __version__
from edge.cli import logs
from edge.cli.parser import Parser, Subparsers
from edge.errors import TouchlineError, UsageError

_DESCRIPTION = (
    "Field registration on a small box beside the camera: video in, homographies out over MQTT."
)
_COMMANDS: dict[str, tuple[str, str]] = {
    "run": (
        "edge.cli.run",
        "register the field in a video, live or from a file, and publish over MQTT",
    ),
    "register": (
        "edge.cli.register",
        "register the field in pictures or video files, one JSON object a line",
    ),
    "segments": ("edge.cli.segments", "find recap and intro in films: skip marks, chapters, JSON"),
    "listen": ("edge.cli.listen", "show the homographies that a box publishes"),
    "config": ("edge.cli.config", "validate, show, describe or push the configuration"),
    "models": ("edge.cli.models", "list and verify the network bundles on this box"),
    "camera": ("edge.cli.camera", "speak with a camera: probe, watch, simulate, control"),
    "bench": ("edge.cli.bench", "measure each engine and stage on this box"),
    "doctor": ("edge.cli.doctor", "say what works on this box and how to get what does not"),
    "install": ("edge.cli.install", "make this box a service of the system"),
    "uninstall": ("edge.cli.uninstall", "remove what install made"),
    "demo-clip": ("edge.cli.demo_clip", "render a clip of a soccer match to try things with"),
}
"""Command -> module with `add_parser(subparsers)`, help line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; every failure is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    logs.mute()
    try:
        return _guarded(arguments)
    finally:
        logs.finish()


def _guarded(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        return _dispatch(arguments)
    except UsageError as error:
        return _fail(error, 2, debug=debug)
    except TouchlineError as error:
        return _fail(error, 1, debug=debug)
    except BrokenPipeError:
        _discard_output()
        return 0  # whoever read us has seen enough: `touchline listen | head`
    except KeyboardInterrupt:
        return 1
    except OSError as error:
        return _fail(error, 1, debug=debug, line=_os_error_line(error))
    except Exception as error:  # noqa: BLE001 - the last guard: a person gets a line, not a traceback
        line = f"unexpected {type(error).__name__}: {error}; --debug shows where it happened"
        return _fail(error, 1, debug=debug, line=line)


def _dispatch(arguments: list[str]) -> int:
    parser = _build_parser(_chosen(arguments))
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        options.parser.refuse_unknown(unknown)
    if not hasattr(options, "func"):
        options.parser.error("a command is missing; --help lists them")
    code: int = options.func(options)
    return code


def _chosen(arguments: Sequence[str]) -> str | None:
    """Return the command that is asked for: the first word that is no option."""
    return next((word for word in arguments if not word.startswith("-")), None)


def _build_parser(chosen: str | None) -> Parser:
    parser = Parser(prog="touchline", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"touchline {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name, (module, help_line) in _COMMANDS.items():
        if name == chosen:
            _add_command(module, subparsers)
        else:
            subparsers.add_parser(name, help=help_line, add_help=False)
    return parser


def _add_command(module: str, subparsers: Subparsers) -> None:
    importlib.import_module(module).add_parser(subparsers)


def _fail(error: Exception, code: int, *, debug: bool, line: str | None = None) -> int:
    if debug:
        traceback.print_exception(error)
    text = " ".join((line or str(error)).split()) or type(error).__name__
    logs.say(text, logging.ERROR)
    return code


def _os_error_line(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _discard_output() -> None:
    """Point stdout at nothing: the interpreter's last flush would complain of the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
