"""`touchline completion SHELL`: print a script that completes commands, options and values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge.cli.arguments import ENGINES, output_file
from edge.cli.parser import Parser, Subparsers
from edge.errors import UsageError
from edge.fields import FIELD_NAMES, SPORTS

SHELLS = ("bash", "zsh", "fish")
_HELP = "print a script that completes commands, options, sports, fields and files"
_VALUES = {"sport": SPORTS, "field": FIELD_NAMES, "engine": ENGINES}
"""Name of an argument -> what it is completed with, where the parser itself takes any text."""
_FILES = ("source", "images", "files")
"""Arguments that are read as text and are mostly files."""
_FOLDERS = ("DIR", "FOLDER")
"""Words for a folder in the help."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("completion", help=_HELP)
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Print the script; raises UsageError where the package that writes it is missing."""
    from edge.cli import parser_of_all  # noqa: PLC0415 - it imports this module

    print(script(parser_of_all(), options.shell))
    return 0


def script(parser: Parser, shell: str) -> str:
    """Return a shell's script for a parser, whose arguments get what they are completed with."""
    try:
        import shtab  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "completion needs the completion extra: pip install 'touchline[completion]'"
        ) from error
    for action in _actions(parser):
        if action.choices is not None:
            continue
        if (values := _VALUES.get(action.dest)) is not None and not _takes_path(action):
            action.choices = values
        elif str(action.metavar) in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif _takes_path(action) or action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif str(action.metavar).startswith("SPORT"):
            action.choices = SPORTS
    return str(shtab.complete(parser, shell))


def _takes_path(action: argparse.Action) -> bool:
    return action.type in (Path, output_file)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of all its commands, help and versions left out."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)
        elif action.nargs != 0:
            yield action
