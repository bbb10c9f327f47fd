"""The steps that install a box on a system or in an image, and those that remove it. Pure.

With a root folder nothing but files is written: systemd reads the declarations of user and folders
when the image starts. On the running system its programs are called besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge.config import parse_config
from edge.errors import ConfigError, UsageError
from edge.install import unit
from edge.install.steps import Call, MakeFolder, Remove, Step, SymbolicLink, WriteFile

_UNIT = Path("/etc/systemd/system/touchline.service")
_WANTED = Path("/etc/systemd/system/multi-user.target.wants/touchline.service")
_SYSUSERS = Path("/etc/sysusers.d/touchline.conf")
_TMPFILES = Path("/etc/tmpfiles.d/touchline.conf")
_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - names
"""Folders that the service cannot see."""


@dataclass(frozen=True, slots=True)
class Target:
    """The system to install on."""

    root: Path | None = None
    """The folder of an image; None: the running system."""
    managed: bool = True
    """Whether systemd runs there, and can be told."""

    @property
    def live(self) -> bool:
        """Whether it is the running system."""
        return self.root is None

    def at(self, path: Path) -> Path:
        """Return where a path of the target lies as seen from here."""
        return path if self.root is None else self.root / path.relative_to("/")


def install_steps(
    target: Target, command: Path, settings: Mapping[str, Any], *, start: bool
) -> list[Step]:
    """Return the steps to install `command` (the `touchline` of the target) as a service.

    `settings` become the configuration unless there is one already. Raises UsageError for a
    command that the service could not see, ConfigError for settings that do not validate.
    """
    _check_command(command)
    at = target.at
    steps: list[Step] = [
        WriteFile(at(_SYSUSERS), unit.sysusers_text()),
        WriteFile(at(_TMPFILES), unit.tmpfiles_text()),
        MakeFolder(at(unit.CONFIG_FOLDER), 0o770),
        WriteFile(at(unit.CONFIG_FILE), config_text(settings), 0o640, keep=True),
        WriteFile(at(_UNIT), unit.unit_text(command)),
        SymbolicLink(at(_WANTED), _UNIT),
    ]
    if target.live:
        steps.append(Call(("systemd-sysusers", str(_SYSUSERS))))
        steps.append(Call(("systemd-tmpfiles", "--create", str(_TMPFILES))))
    if target.live and target.managed:
        steps.append(Call(("systemctl", "daemon-reload")))
        if start:
            steps.append(Call(("systemctl", "restart", "touchline.service")))
    return steps


def uninstall_steps(target: Target, *, purge: bool) -> list[Step]:
    """Return the steps to remove the service; `purge` removes configuration, state and user too."""
    steps: list[Step] = []
    if target.live and target.managed:
        stop = ("systemctl", "stop", "touchline.service")
        steps.append(Call(stop, may_fail=True))  # there may be none
    files = [_WANTED, _UNIT, _SYSUSERS, _TMPFILES]
    folders = [unit.CONFIG_FOLDER, unit.STATE_FOLDER, unit.CACHE_FOLDER] if purge else []
    steps += [Remove(target.at(path), _prune(target, path)) for path in (*files, *folders)]
    if target.live and target.managed:
        steps.append(Call(("systemctl", "daemon-reload")))
    if target.live and purge:
        steps.append(Call(("userdel", unit.USER), may_fail=True))  # and its group with it
    return steps


def _prune(target: Target, path: Path) -> Path | None:
    """Return how far empty folders above a path go too; Debian itself has no /etc/sysusers.d."""
    return _SYSUSERS.parent.parent if target.live and path == _SYSUSERS else target.root


def config_text(settings: Mapping[str, Any]) -> str:
    """Return a new configuration; raises ConfigError with what is wrong in the settings."""
    body = yaml.safe_dump({"version": 1, **settings}, sort_keys=False, allow_unicode=True)
    text = unit.config_head() + body
    if "source" not in settings:
        text += "# source: rtsp://camera.example/stream   # name the camera here\n"
    problems = parse_config(text)[1]
    if problems:
        raise ConfigError("; ".join(f"{p.path}: {p.message}" for p in problems))
    return text


def _check_command(command: Path) -> None:
    if not command.is_absolute():
        raise UsageError(f"{command}: give the whole path of the installed touchline")
    check_visible(command)


def check_visible(path: Path) -> None:
    """Refuse a program that lies where the service cannot see it; raises UsageError."""
    for folder in _HIDDEN:
        if path.is_relative_to(folder):
            raise UsageError(
                f"{path}: a service cannot see {folder}; install the package elsewhere, with the "
                "system's Python: /usr/bin/python3 -m venv /opt/touchline && "
                "/opt/touchline/bin/pip install touchline-*.whl"
            )
