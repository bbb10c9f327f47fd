"""`touchline config validate|show|schema|push`."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from edge.cli.arguments import positive_float, positive_int
from edge.cli.output import print_json, print_text
from edge.cli.parser import Parser, Subparsers
from edge.config import Config, config_schema, load_config, parse_config, redacted
from edge.config.key_files import key_problems
from edge.config.loader import read_text


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser: Parser = subparsers.add_parser(
        "config", help="validate, show, describe or push the configuration"
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    validate = actions.add_parser("validate", help="name every problem of configuration files")
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE")
    validate.add_argument("--json", action="store_true", help="problems as one JSON object")
    validate.set_defaults(func=_validate)
    show = actions.add_parser("show", help="print the whole configuration, secrets left out")
    show.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the defaults")
    show.add_argument("--json", action="store_true", help="as JSON instead of YAML")
    _add_address(show, "ask the box on this broker what it has in force")
    show.set_defaults(func=_show)
    push = actions.add_parser("push", help="send a configuration to a box, wait for its report")
    push.add_argument("file", type=Path, metavar="FILE", help="the whole configuration, YAML")
    _add_push_options(push)
    push.set_defaults(func=_push)
    schema = actions.add_parser("schema", help="print the JSON Schema of the configuration")
    schema.set_defaults(func=_schema)


def _add_address(parser: Parser, broker_help: str) -> None:
    """Add what says which box on which broker."""
    parser.add_argument("--broker", metavar="URL", help=broker_help)
    parser.add_argument("--site", metavar="ID", help="the box's site (default: the file's)")
    parser.add_argument("--device", metavar="ID", help="the box's name (default: the file's)")
    parser.add_argument("--prefix", help="topic prefix (default: the file's)")


def _add_push_options(parser: Parser) -> None:
    _add_address(parser, "where the box publishes (default: the file's broker)")
    parser.add_argument(
        "--later", action="store_true", help="what interrupts frames waits for the box's next start"
    )
    parser.add_argument(
        "--revision", type=positive_int, metavar="N", help="default: the next that the box takes"
    )
    parser.add_argument(
        "--timeout", type=positive_float, default=120.0, metavar="S", help="default: 120 s"
    )
    parser.add_argument(
        "--sign", type=Path, metavar="KEY", help="sign it with this Ed25519 private key"
    )
    parser.add_argument(
        "--unchecked", action="store_true", help="send even what this version finds wrong"
    )
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")


def _validate(options: argparse.Namespace) -> int:
    found: list[dict[str, object]] = []
    for file in options.files:
        config, problems = parse_config(read_text(file))
        for p in problems if config is None else key_problems(config, file):
            found.append({"file": str(file), "line": p.line, "path": p.path, "message": p.message})
            if not options.json:
                print_text(f"{file}: {p}")
    if options.json:
        print_json({"valid": not found, "problems": found}, indent=2)
    elif not found:
        print(f"{', '.join(str(f) for f in options.files)}: valid")
    return 1 if found else 0


def _push(options: argparse.Namespace) -> int:
    from edge.cli.config_remote import push  # noqa: PLC0415 - the other commands need no MQTT

    return push(options)


def _show(options: argparse.Namespace) -> int:
    if options.broker is not None:
        from edge.cli.config_remote import show_reported  # noqa: PLC0415 - as above

        return show_reported(options)
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
