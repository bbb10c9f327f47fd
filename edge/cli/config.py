"""`touchline config validate|show|schema`."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from edge.cli.output import print_json
from edge.cli.parser import Parser, Subparsers
from edge.config import Config, config_schema, load_config, redacted, validate_text
from edge.errors import UsageError


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser: Parser = subparsers.add_parser(
        "config", help="validate, show or describe the configuration"
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    validate = actions.add_parser("validate", help="name every problem of configuration files")
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE")
    validate.add_argument("--json", action="store_true", help="problems as one JSON object")
    validate.set_defaults(func=_validate)
    show = actions.add_parser("show", help="print the whole configuration, secrets left out")
    show.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the defaults")
    show.add_argument("--json", action="store_true", help="as JSON instead of YAML")
    show.set_defaults(func=_show)
    schema = actions.add_parser("schema", help="print the JSON Schema of the configuration")
    schema.set_defaults(func=_schema)


def _validate(options: argparse.Namespace) -> int:
    found: list[dict[str, object]] = []
    for file in options.files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(f"{file}: not UTF-8 text (byte {error.start})") from error
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}; check the path") from error
        for p in validate_text(text):
            found.append({"file": str(file), "line": p.line, "path": p.path, "message": p.message})
            if not options.json:
                print(f"{file}: {p}")
    if options.json:
        print_json({"valid": not found, "problems": found}, indent=2)
    elif not found:
        print(f"{', '.join(str(f) for f in options.files)}: valid")
    return 1 if found else 0


def _show(options: argparse.Namespace) -> int:
    config = load_config(options.file) if options.file else Config()
    data = redacted(config)
    if options.json:
        print_json(data, indent=2)
    else:
        print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")
    return 0


def _schema(_options: argparse.Namespace) -> int:
    print_json(config_schema(), indent=2)
    return 0
