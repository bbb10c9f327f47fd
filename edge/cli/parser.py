"""An argument parser whose complaints are one line, with the nearest known name."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from edge.redaction import redact

Subparsers: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - it has no public name
"""What `add_subparsers` returns."""


class Parser(argparse.ArgumentParser):
    """`argparse` with one-line errors, no abbreviations, and `--debug` on every command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of a failure",
        )
        self.set_defaults(parser=self)  # the innermost parser wins: it knows the options to suggest

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and leave with 2."""
        line = redact(" ".join(message.split()))
        self.exit(2, f"{self.prog}: {line}; see {self.prog} --help\n")

    def refuse_unknown(self, words: Sequence[str]) -> NoReturn:
        """Leave with 2 over arguments that no option takes, naming the nearest option."""
        word = words[0].split("=")[0]
        options = self._option_string_actions
        if not word.startswith("-") and "--source" in options:
            self.error(f"unknown argument {word!r}: name a source with --source")
        self.error(f"unknown argument {word!r}{did_you_mean(word, options)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        hint = did_you_mean(str(value), known) or f" (known: {', '.join(known)})"
        what = "command" if isinstance(action, argparse._SubParsersAction) else "value"  # noqa: SLF001 - no public name
        raise argparse.ArgumentError(
            None if what == "command" else action, f"unknown {what} {value!r}{hint}"
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a clause to append to a complaint about `name`; empty if nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
