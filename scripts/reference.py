"""The generated parts of docs/reference: python scripts/reference.py --write | --check.

The Python API from docstrings, the command line from its parsers, records and bundles from their
pydantic models, metrics from an example. What stands between the marks is generated, the rest of
a page is written by hand. A test runs `--check`.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import touchline
from edge.bundles.manifest import Manifest
from edge.cli import _COMMANDS
from edge.cli.parser import Parser
from edge.health.prometheus import metrics_of
from edge.publish.messages.examples import TOPICS
from edge.publish.messages.health import Health
from edge.publish.messages.record import RegistrationRecord

FOLDER = Path("docs/reference")
_MARKS = re.compile(r"(?s)(<!-- generated -->\n).*?(<!-- end of generated -->)")


def main(arguments: list[str]) -> int:
    """Write or check the pages."""
    if arguments not in (["--write"], ["--check"]):
        sys.stderr.write("usage: python scripts/reference.py --write | --check\n")
        return 2
    stale = []
    for name, make in PAGES.items():
        path = FOLDER / f"{name}.md"
        old = path.read_text()
        body = make().strip()
        new, count = _MARKS.subn(lambda m, body=body: f"{m[1]}\n{body}\n\n{m[2]}", old)
        if count != 1:
            raise ValueError(f"{path}: {count} pairs of `<!-- generated -->` marks, not one")
        if new != old:
            stale.append(path)
            if arguments == ["--write"]:
                path.write_text(new)
    for path in stale:
        print(path)
    return 1 if stale and arguments == ["--check"] else 0


# -- the Python API


def python_api() -> str:
    """Return a section for each public name."""
    return "\n\n".join(_public(name) for name in touchline.__all__ if name != "__version__")


def _public(name: str) -> str:
    thing = getattr(touchline, name)
    text = inspect.getdoc(thing) or ""
    if inspect.isclass(thing):
        parts = [f"### `touchline.{name}`", text]
        parts += [f"#### `{title}`\n\n{doc}" for title, doc in _members(thing)]
        return "\n\n".join(parts)
    return f"### `touchline.{name}{_signature(thing)}`\n\n{text}"


def _members(thing: type) -> Iterator[tuple[str, str]]:
    """Yield the public members that the class itself defines, as its source has them."""
    if issubclass(thing, BaseException):
        return
    ours = thing.__module__.startswith("touchline") and "__init__" in vars(thing)
    if ours and (doc := inspect.getdoc(thing.__init__)):
        yield f"{thing.__name__}{_signature(thing.__init__)}", doc
    for name, member in vars(thing).items():
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(member, property) and (doc := inspect.getdoc(member.fget)):
            yield name, doc
        elif inspect.isfunction(member) and (doc := inspect.getdoc(member)):
            shown = thing.__name__.lower() if name == "__call__" else name
            yield f"{shown}{_signature(member)}", doc
    yield from _documented_fields(thing)


def _documented_fields(thing: type) -> Iterator[tuple[str, str]]:
    """Yield a dataclass's or enumeration's fields that a string below them describes."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    for line, after in itertools.pairwise(body):
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            continue
        target = line.target if isinstance(line, ast.AnnAssign) else None
        if isinstance(line, ast.Assign):
            target = line.targets[0]
        if isinstance(target, ast.Name) and not target.id.startswith("_"):
            yield target.id, inspect.cleandoc(str(after.value.value))


def _signature(function: Any) -> str:
    parts, keyword_only = [], False
    for p in inspect.signature(function).parameters.values():
        if p.name == "self":
            continue
        if p.kind is p.KEYWORD_ONLY and not keyword_only:
            parts.append("*")
            keyword_only = True
        parts.append(p.name if p.default is p.empty else f"{p.name}={p.default!r}")
    return f"({', '.join(parts)})"


# -- the command line


def command_line() -> str:
    """Return a section for each command."""
    return "\n\n".join(_command(name, *entry) for name, entry in _COMMANDS.items())


def _command(name: str, module: str, line: str) -> str:
    root = Parser(prog="touchline")
    subparsers = root.add_subparsers(parser_class=Parser)
    importlib.import_module(module).add_parser(subparsers)
    parser = next(iter(subparsers.choices.values()))
    return "\n\n".join(_parser(parser, f"## touchline {name}", line))


def _parser(parser: argparse.ArgumentParser, title: str, line: str) -> Iterator[str]:
    yield f"{title}\n\n{line[:1].upper()}{line[1:]}."
    rows, inner = [], []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            helps = {a.dest: a.help or "" for a in action._choices_actions}  # noqa: SLF001
            inner = [(n, p, helps.get(n, "")) for n, p in action.choices.items()]
        elif action.help != argparse.SUPPRESS and action.dest not in {"help", "debug"}:
            rows.append(f"| {_spelling(action)} | {_escaped(_help(action, parser))} |")
    if rows:
        yield "| argument | what |\n|---|---|\n" + "\n".join(rows)
    for name, sub, text in inner:
        yield from _parser(sub, f"#{title} {name}", text)


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or action.dest.upper()
    if isinstance(value, tuple):
        value = " ".join(value)
    if action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{_escaped(value)}`"
    names = ", ".join(action.option_strings)
    return f"`{names}`" if action.nargs == 0 else f"`{names} {_escaped(value)}`"


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    text = action.help or ""
    known = {**vars(action), "prog": parser.prog}
    return text % known if "%" in text else text


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# -- models


def records() -> str:
    """Return the table of a record's keys."""
    return _model(RegistrationRecord)


def bundle() -> str:
    """Return the tables of a manifest and its parts."""
    parts = [f"### The manifest\n\n{_model(Manifest)}"]
    seen: set[type[BaseModel]] = {Manifest}
    parts += [
        f"### {part.__name__.strip('_')}\n\n{part.__doc__}\n\n{_model(part)}"
        for part in _inner(Manifest, seen)
    ]
    return "\n\n".join(parts)


def _inner(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    from edge.config.reference import models_in  # noqa: PLC0415 - one helper

    for info in model.model_fields.values():
        for found in _all_models(info.annotation, models_in):
            if found not in seen:
                seen.add(found)
                yield found
                yield from _inner(found, seen)


def _all_models(annotation: Any, models_in: Callable[[Any], list[Any]]) -> list[Any]:
    from typing import get_args  # noqa: PLC0415 - used here alone

    found = models_in(annotation)
    for arg in get_args(annotation):
        found += [m for m in _all_models(arg, models_in) if m not in found]
    return found


def _model(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    rows = []
    for key, info in schema["properties"].items():
        unit = f" [{info['x-unit']}]" if "x-unit" in info else ""
        needed = "required" if key in schema.get("required", ()) else f"`{info.get('default')!r}`"
        rows.append(f"| `{key}` | {_kind(info)}{unit} | {needed} | {info.get('description', '')} |")
    return "| key | value | default | what |\n|---|---|---|---|\n" + "\n".join(rows)


def _kind(info: dict[str, Any]) -> str:
    if "$ref" in info:
        return info["$ref"].rsplit("/", 1)[-1].strip("_")
    if "const" in info:
        return f"`{info['const']}`"
    for key in ("anyOf", "allOf"):
        if key in info:
            return " or ".join(_kind(part) for part in info[key])
    if info.get("type") == "array" and isinstance(info.get("items"), dict):
        return f"list of {_kind(info['items'])}"
    return str(info.get("type", "any"))


# -- metrics


def metrics() -> str:
    """Return the table of the metrics of an example."""
    health = next(e for t in TOPICS for e in t.examples if isinstance(e, Health))
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |"
        for name, kind, text, labels in metrics_of(health)
    ]
    return "| metric | kind | labels | what |\n|---|---|---|---|\n" + "\n".join(rows)


PAGES: dict[str, Callable[[], str]] = {
    "python-api": python_api,
    "command-line": command_line,
    "records": records,
    "bundle": bundle,
    "metrics": metrics,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
