"""An argument parser whose complaints are one line, with the nearest known name."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from edge.redaction import redact

_SUFFIX = re.compile(r"[^=]+\.[A-Za-z0-9]{2,5}")
"""A word that ends so is a file's name, whether the file is there or not."""
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
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as `argparse` does, and keep the words for what `error` has to say of them."""
        self._words = [str(word) for word in args or ()]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and leave with 2."""
        line = redact(" ".join(message.split()) + self._of_a_dashed_file())
        self.exit(2, f"{self.prog}: {line}; see {self.prog} --help\n")

    def refuse_unknown(self, words: Sequence[str]) -> NoReturn:
        """Leave with 2 over arguments that no option takes, naming the nearest option."""
        word = words[0].split("=")[0]
        options = self._option_string_actions
        if not word.startswith("-") and "--source" in options:
            self.error(f"unknown argument {word!r}: name a source with --source")
        hint = "" if self._of_a_dashed_file() else did_you_mean(word, options)
        self.error(f"unknown argument {word!r}{hint}")

    def _of_a_dashed_file(self) -> str:
        """Say how a file whose name begins with a dash is given, where one was."""
        words = self._words[: self._words.index("--")] if "--" in self._words else self._words
        for word in words:
            if word[:1] != "-" or word == "-" or word.split("=")[0] in self._option_string_actions:
                continue
            if os.path.lexists(word) or _SUFFIX.fullmatch(word):
                return f"; a name that begins with a dash is read as an option: write ./{word}"
        return ""

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
