"""Where the commands print: results on stdout, everything for a person beside them on stderr."""

from __future__ import annotations

import json
from typing import IO, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from edge.cli import logs
from edge.redaction import redact


def print_json(item: Any, *, indent: int | None = None, file: IO[str] | None = None) -> None:
    """Print one object, on one line if not indented, and at once for whoever reads along.

    Its texts are printed without secrets. It goes to stdout without `file`.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(redact.tree(item), indent=indent, separators=separators)
    print(text, file=file, flush=True)


def print_text(text: str, *, end: str = "\n") -> None:
    """Print a text that may quote what a person or a peer wrote, without secrets."""
    print(redact(text), end=end)


def note(line: str) -> None:
    """Tell a person one line on stderr."""
    logs.say(line)


def stdout() -> Console:
    """Return the console for tables."""
    return Console()


def stderr() -> Console:
    """Return the console for tables that must not stand among results."""
    return Console(stderr=True)


def progress() -> Progress:
    """Return a progress bar on stderr that stays silent where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),  # names may look like markup
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
