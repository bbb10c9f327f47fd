"""`touchline install` and `touchline uninstall`: the box as a service of this system."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.cli.output import note
from edge.cli.parser import Parser, Subparsers
from edge.errors import InstallError, UsageError
from edge.install import unit
from edge.install.plan import Target, check_visible, config_text, install_steps, uninstall_steps
from edge.install.steps import Step

_SYSTEMD = Path("/run/systemd/system")
"""Is there while systemd runs: sd_booted(3)."""
_SETTINGS = ("site", "device", "sport", "source", "broker")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser: Parser = subparsers.add_parser(
        "install", help="make this box a service: user, folders, unit, configuration"
    )
    _add_common(parser)
    parser.add_argument(
        "--command",
        type=Path,
        default=Path(sys.prefix) / "bin" / "touchline",
        metavar="PATH",
        help="the touchline that the service runs (default: this one)",
    )
    parser.add_argument("--no-start", action="store_true", help="enable the service only")
    group = parser.add_argument_group("configuration, where there is none yet")
    group.add_argument("--source", metavar="URI", help="rtsp://…, /dev/video0")
    group.add_argument("--site", metavar="ID", help="names the venue in topics")
    group.add_argument("--device", metavar="ID", help="names this box in topics")
    group.add_argument("--sport", metavar="NAME", help="the sport that is played")
    group.add_argument("--broker", metavar="URL", help="embedded[:PORT], mqtt://…, mqtts://…")
    parser.set_defaults(func=run)


def add_uninstall_parser(subparsers: Subparsers) -> None:
    """Add the command that takes back what `install` did."""
    parser: Parser = subparsers.add_parser("uninstall", help="remove what install made")
    _add_common(parser)
    parser.add_argument(
        "--purge", action="store_true", help="configuration, spooled events and user as well"
    )
    parser.set_defaults(func=run_uninstall)


def _add_common(parser: Parser) -> None:
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="an image, not this system")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")


def run(options: argparse.Namespace) -> int:
    """Install."""
    target = _target(options)
    given = {name: getattr(options, name) for name in _SETTINGS}
    settings: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    config = target.at(unit.CONFIG_FILE)
    has_source = "source" in settings or config.exists()
    if target.live:
        _check_runs(options.command)
    start = has_source and not options.no_start
    _carry_out(install_steps(target, options.command, settings, start=start), options)
    if options.dry_run:
        return 0
    if config.exists() and settings and _is_kept(config, settings):
        note(f"{config} was there and stays as it is")
    if not has_source:
        note(f"name the camera in {config}, then: systemctl start touchline")
    elif target.live and not target.managed:
        note("systemd does not run here: the service starts with the system")
    return 0


def run_uninstall(options: argparse.Namespace) -> int:
    """Remove."""
    target = _target(options)
    _carry_out(uninstall_steps(target, purge=options.purge), options)
    left = [
        str(target.at(folder))
        for folder in (unit.CONFIG_FOLDER, unit.STATE_FOLDER, unit.CACHE_FOLDER)
        if target.at(folder).exists()
    ]
    if left and not options.dry_run:
        note(f"{', '.join(left)} and the user {unit.USER} stay; --purge removes them")
    return 0


def _target(options: argparse.Namespace) -> Target:
    root = options.root
    if root is None:
        if os.geteuid() != 0 and not options.dry_run:
            raise UsageError("this changes the system: run it as root, or with --dry-run or --root")
        return Target(managed=_SYSTEMD.is_dir())
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    return Target(root.resolve(), managed=False)


def _carry_out(steps: Sequence[Step], options: argparse.Namespace) -> None:
    for step in steps:
        print(step.describe())
        if options.dry_run:
            continue
        try:
            step.do()
        except OSError as error:
            raise InstallError(f"{error.filename}: {error.strerror}") from error


def _check_runs(command: Path) -> None:
    """Refuse a command that is not there, or whose interpreter the service could not see."""
    if not command.exists():
        raise UsageError(f"{command}: there is no touchline; name one with --command")
    check_visible((command.parent / "python").resolve())


def _is_kept(config: Path, settings: dict[str, Any]) -> bool:
    """Whether a configuration is another than the settings would have made."""
    return config.read_text(encoding="utf-8") != config_text(settings)
