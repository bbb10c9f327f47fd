"""`touchline config push`, and `show --broker`: the configuration of a box that runs elsewhere."""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from edge.bundles.keys import read_private_key
from edge.cli.output import note, print_json, print_text
from edge.config import Config
from edge.config.loader import parse_config, read_text
from edge.config.yaml_tree import YamlError, parse
from edge.errors import ConfigError
from edge.publish.client.config_push import ConfigClient, ConfigReported, ConfigStatus
from edge.publish.client.subscriber import client_endpoint
from edge.redaction import redact

_GOOD = {ConfigStatus.APPLIED, ConfigStatus.PENDING_RESTART}


def push(options: argparse.Namespace) -> int:
    """Send a file and wait for the box; 0 applied or waiting, 1 refused or no answer, 2 no file."""
    data, config = _read(options)
    key = read_private_key(options.sign) if options.sign is not None else None
    with _client(options, config) as client:
        client.wait_connected()
        report = client.push(
            data,
            revision=options.revision,
            restart="later" if options.later else "now",
            timeout_s=options.timeout,
            private_key=key,
        )
    show(report, as_json=options.json)
    return 0 if report.status in _GOOD else 1


def show_reported(options: argparse.Namespace) -> int:
    """Print what a box reports; 1 when its last configuration was refused."""
    config = parse_config(read_text(options.file))[0] if options.file else None
    with _client(options, config) as client:
        client.wait_connected()
        report = client.reported()
    if options.json:
        print_json(report.model_dump(mode="json", by_alias=True), indent=2)
    else:
        shown = redact.tree(report.config)
        print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), end="")
        _tell(report)
    return 0 if report.status in _GOOD else 1


def show(report: ConfigReported, *, as_json: bool) -> None:
    """Print a report: one line of what became of it, then each problem."""
    if as_json:
        print_json(report.model_dump(mode="json", by_alias=True), indent=2)
        return
    about = report.desired.revision if report.desired is not None else None
    print_text(f"revision {about}: {report.status.value}{_more(report)}")
    for error in report.errors:
        print_text(f"  {error.path}: {error.message}" if error.path else f"  {error.message}")


def _more(report: ConfigReported) -> str:
    if report.status in _GOOD:
        changed = ", ".join(report.changed) or "nothing"
        return f"; changes {changed}"
    return f"; revision {report.revision} stays in force"


def _tell(report: ConfigReported) -> None:
    about = f" (revision {report.desired.revision} desired)" if report.desired else ""
    note(f"revision {report.revision} in force; {report.status.value}{about}")
    for error in report.errors:
        where = ": ".join(p for p in (f"line {error.line}" if error.line else "", error.path) if p)
        note(f"{where}: {error.message}" if where else error.message)


def _read(options: argparse.Namespace) -> tuple[dict[str, Any], Config | None]:
    """Return the file's settings, and the configuration if it is one; raises ConfigError."""
    text = read_text(options.file)
    config, problems = parse_config(text)
    if problems and not options.unchecked:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise ConfigError(f"{options.file}: {problems[0]}{more}; nothing was sent")
    try:
        data = parse(text).data
    except YamlError as error:
        raise ConfigError(f"{options.file}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) and data is not None:
        raise ConfigError(f"{options.file}: expected a section (keys and values)")
    return data or {}, config


def _client(options: argparse.Namespace, config: Config | None) -> ConfigClient:
    known = config or Config()
    return ConfigClient(
        options.broker or client_endpoint(known.broker),
        site=options.site or known.site,
        device=options.device or known.device,
        prefix=options.prefix or known.publish.prefix,
    )
