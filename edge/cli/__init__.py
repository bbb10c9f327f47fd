"""The command line: the only place that prints.

Exit codes: 0 done, 1 the work failed, 2 wrong use, 130 interrupted (Ctrl-C). SIGTERM and SIGHUP end
a command as signals do, once what it wrote is tidied up; `run` and `listen` stop and are done. A
command's module is imported when that command is called, so that `touchline --help` answers at
once.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from collections.abc import Container, Sequence

from edge import __version__, early_signals  # noqa: F401 - takes care of signals at its import
from edge.box.signals import INTERRUPTED, Interrupted, die_of, end_on_signals
from edge.cli import logs, streams
from edge.cli.parser import Parser, Subparsers
from edge.cli.process_arguments import hide_secrets
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
    "completion": (
        "edge.cli.completion",
        "print a script that completes commands, options, sports, fields and files",
    ),
}
"""Command -> module with `add_parser(subparsers)`, help line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; every failure is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    streams.prepare()
    logs.mute()
    hide_secrets(arguments, own=argv is None)
    if argv is None:
        logs.guard_hooks()
    ended_by = 0
    try:
        with end_on_signals():
            return _guarded(arguments)
    except Interrupted as error:
        ended_by = error.number
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        logs.finish()
        if ended_by not in {0, signal.SIGINT}:
            die_of(ended_by)


def _guarded(arguments: list[str]) -> int:
    """Run one command; every failure is one line on stderr."""
    debug = "--debug" in arguments
    try:
        code = _dispatch(arguments)
        streams.flush()
    except UsageError as error:
        return _fail(error, 2, debug=debug)
    except TouchlineError as error:
        return _fail(error, 1, debug=debug)
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        return 0  # Rich leaves with 1 where the reader of a table is gone
    except BrokenPipeError:
        streams.discard_output()
        return 0  # whoever read us has seen enough: `touchline listen | head`
    except OSError as error:
        return _fail(error, 1, debug=debug, line=_os_error_line(error))
    except UnicodeEncodeError as error:
        return _fail(error, 1, debug=debug, line=_locale_line(error))
    except Exception as error:  # noqa: BLE001 - the last guard: a person gets a line, not a traceback
        line = f"unexpected {type(error).__name__}: {error}; --debug shows where it happened"
        return _fail(error, 1, debug=debug, line=line)
    return code


def _dispatch(arguments: list[str]) -> int:
    parser = _build_parser({_chosen(arguments)})
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        options.parser.refuse_unknown(unknown)
    if not hasattr(options, "func"):
        options.parser.error("a command is missing; --help lists them")
    code: int = options.func(options)
    return code


def _chosen(arguments: Sequence[str]) -> str | None:
    """Return the command: the first word that is no option."""
    return next((word for word in arguments if not word.startswith("-")), None)


def parser_of_all() -> Parser:
    """Return the parser with every command's arguments; imports every command."""
    return _build_parser(_COMMANDS)


def _build_parser(chosen: Container[str | None]) -> Parser:
    parser = Parser(prog="touchline", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"touchline {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name, (module, help_line) in _COMMANDS.items():
        if name in chosen:
            _add_command(module, subparsers)
        else:
            subparsers.add_parser(name, help=help_line, add_help=False)
    return parser


def _add_command(module: str, subparsers: Subparsers) -> None:
    importlib.import_module(module).add_parser(subparsers)


def _fail(error: Exception, code: int, *, debug: bool, line: str | None = None) -> int:
    if debug:
        logs.show_traceback(error)
    text = " ".join((line or str(error)).split()) or type(error).__name__
    logs.say(text, logging.ERROR)
    return code


def _os_error_line(error: OSError) -> str:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    return f"{where}{error.strerror or error}"


def _locale_line(error: UnicodeEncodeError) -> str:
    name = error.object.encode("ascii", "backslashreplace").decode()
    return f"{name}: cannot be a file's name in this locale; set LC_ALL=C.UTF-8"
