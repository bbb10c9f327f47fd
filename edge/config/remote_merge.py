"""What of a desired configuration is taken from afar, and what stays as the box's own file has it.

Harmless settings are taken. All others keep the value of the box's own file where they are left
out or repeated; another value is refused, unless the file names the setting in `remote.allow`.
Paths from afar lie below `remote.folders`. A secret stays with the host that it was given for.
Pure: the file system is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.config.brokers import RemoteBrokerConfig
from edge.config.links import LinkConfig
from edge.config.loader import Problem
from edge.config.models import Config
from edge.config.section import PathKind, remote_rule
from edge.config.sources import RtspSource

_PASSWORDS = ("password", "password_file", "password_env")
_PORTS = {"rtsp": 554, "rtsps": 322, "mqtt": 1883, "mqtts": 8883}
_VIDEO_DEVICE = re.compile(r"/dev/video[0-9]{1,3}")
_PLAIN_URL = re.compile(r"[!-\[\]-~]*")
"""Printable ASCII without backslash: what every reader of URLs takes apart alike."""


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A path that came from afar: lies below a named folder by its letters."""

    key: str
    path: Path
    kind: PathKind
    folder: Path


@dataclass(slots=True)
class Merged:
    """What comes of a desired configuration."""

    data: dict[str, Any] = field(default_factory=dict)
    """For the box's file: what was desired, and the settings that stay."""
    problems: list[Problem] = field(default_factory=list)
    paths: list[RemotePath] = field(default_factory=list)
    """Named from afar; whoever opens files checks what they are."""


def merge(wanted: Config, file: Config, shown: Config, kept: frozenset[str]) -> Merged:
    """Lay what is desired over the box's own file.

    `wanted` is as it was sent, `file` in force, `shown` that with the command line's options, as
    the box reports it: repeating it changes nothing. `kept` are the keys at which the sender
    repeated a secret that he does not know.
    """
    merger = _Merger(file)
    merger.merged.data = merger.section(wanted, file, shown, "")
    merger.merged.problems += _strayed_secrets(wanted, file, merger.merged, kept)
    return merger.merged


def local_differences(file: Config, other: Config) -> list[str]:
    """Return the settings that `other` has otherwise, and that only a person sets in `file`."""
    return list(_local_differences(file, other, "", file.remote.allow))


def _local_differences(
    one: BaseModel, other: BaseModel, path: str, allow: Sequence[str]
) -> Iterator[str]:
    for name, info in type(one).model_fields.items():
        inner = f"{path}.{name}" if path else name
        here, there = getattr(one, name), getattr(other, name)
        if isinstance(here, BaseModel) and type(here) is type(there):
            yield from _local_differences(here, there, inner, allow)
            continue
        rule = remote_rule(info)
        local = rule == "local" or (rule == "named" and not _is_named(inner, allow))
        if local and here != there:
            yield inner


def _is_named(path: str, allow: Sequence[str]) -> bool:
    """Whether a setting, or a section that it is in, is among the names."""
    return any(path == name or path.startswith(f"{name}.") for name in allow)


class _Merger:
    """Walks two configurations at once."""

    def __init__(self, file: Config) -> None:
        self._allow = file.remote.allow
        self._folders = file.remote.folders
        self.merged = Merged()

    def section(
        self, wanted: BaseModel, file: BaseModel | None, shown: BaseModel | None, path: str
    ) -> dict[str, Any]:
        """Return a section's plain data; `file` and `shown` are None where they have no such."""
        found: dict[str, Any] = {}
        given = set(wanted.model_fields_set)
        if any(getattr(wanted, name, None) is not None for name in given & set(_PASSWORDS)):
            given |= set(_PASSWORDS) & set(type(wanted).model_fields)  # it takes the others' place
        with_user = not given & {"username", *_PASSWORDS} and _has_secret(file)
        for name, info in type(wanted).model_fields.items():
            inner = f"{path}.{name}" if path else name
            here = _Setting(info, getattr(wanted, name), name in given, _at(file, name, info))
            also = _at(shown, name, info)
            if name == "username" and with_user:  # it belongs to the secret that stays
                here = _Setting(info, here.own, given=True, own=here.own)
            if isinstance(here.wanted, BaseModel) and type(here.wanted) is type(here.own):
                data = self.section(here.wanted, here.own, _same_kind(also, here.wanted), inner)
                if data or here.given:
                    found[name] = data
            else:
                self._whole(here, also, inner, found, name, had=_has(file, name))
        return found

    def _whole(
        self,
        here: _Setting,
        also: Any,
        path: str,
        found: dict[str, Any],
        name: str,
        *,
        had: bool,
    ) -> None:
        """Decide about a value, or about a section of another kind than before."""
        rule = remote_rule(here.info)
        free = rule == "allowed" or (rule != "local" and _is_named(path, self._allow))
        stays = rule != "allowed" and not here.given
        stays = stays or (not free and here.wanted == also)
        if stays or (here.given and here.wanted == here.own):
            if had or (here.given and not stays):
                found[name] = plain(here.own)
        elif not here.given or (rule == "secret" and here.wanted is None):
            return  # its default, or a secret taken away
        elif not free:
            self._refuse(path, rule)
        elif isinstance(here.wanted, BaseModel):
            found[name] = self.section(here.wanted, None, _same_kind(also, here.wanted), path)
        else:
            if here.wanted != also:  # the command line is the box's own, too
                self._take_paths(path, here)
            found[name] = plain(here.wanted)

    def _refuse(self, path: str, rule: str) -> None:
        way = (
            "only the box's own file sets it"
            if rule == "local"
            else f"not changed from afar; edit the box's own file, or name {path} in its "
            "remote.allow"
        )
        self.merged.problems.append(Problem(path, None, way))

    def _take_paths(self, key: str, here: _Setting) -> None:
        """Check the paths that a value holds, by their letters."""
        extra = here.info.json_schema_extra
        assert isinstance(extra, dict)
        kind: Any = extra.get("x-path", "file")
        values = here.wanted if isinstance(here.wanted, tuple) else (here.wanted,)
        for value in values:
            if isinstance(value, Path):
                self._take_path(key, value, kind)

    def _take_path(self, key: str, path: Path, kind: PathKind) -> None:
        if kind == "device":
            if _VIDEO_DEVICE.fullmatch(str(path)):
                self.merged.paths.append(RemotePath(key, path, kind, Path("/dev")))
                return
            problem = "from afar only /dev/video0 and its like are taken"
        elif not path.is_absolute() or ".." in path.parts or "\0" in str(path):
            problem = "a path from afar is whole, from /, without .."
        else:
            folder = next((f for f in self._folders if path.is_relative_to(f)), None)
            if folder is not None:
                self.merged.paths.append(RemotePath(key, path, kind, folder))
                return
            problem = "a path from afar lies below a folder that the box's own file names in "
            problem += "remote.folders" + ("" if self._folders else " (it names none)")
        self.merged.problems.append(Problem(key, None, problem))


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting: as it is desired, and as the box's file has it."""

    info: FieldInfo
    wanted: Any
    given: bool
    own: Any


def _at(section: BaseModel | None, name: str, info: FieldInfo) -> Any:
    """Return what a section holds, or what it would by default."""
    return info.default if section is None else getattr(section, name)


def _has(section: BaseModel | None, name: str) -> bool:
    return section is not None and name in section.model_fields_set


def _has_secret(section: BaseModel | None) -> bool:
    """Whether a section names a secret that stays where a sender leaves it out."""
    return any(
        getattr(section, name, None) is not None for name in ("password_file", "password_env")
    )


def _same_kind(value: Any, like: Any) -> Any:
    return value if type(value) is type(like) else None


def plain(value: Any) -> Any:
    """Return a setting's value as a file would have it."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in sorted_fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def sorted_fields(section: BaseModel) -> Iterator[str]:
    """Yield the names of the settings that were given, in the order of the model."""
    return (name for name in type(section).model_fields if name in section.model_fields_set)


# -- secrets


def _strayed_secrets(
    wanted: Config, file: Config, merged: Merged, kept: frozenset[str]
) -> Iterator[Problem]:
    """Name every section that would show a secret of the box to another host than before."""
    for path, key in (("source", "url"), ("camera.link", "host"), ("broker", "url")):
        new, old, data = _find(wanted, path), _find(file, path), _data(merged.data, path)
        refused = any(problem.path.startswith(path) for problem in merged.problems)
        if refused or new is None or type(new) is not type(old):
            continue
        secret = next((n for n in _PASSWORDS if _stays(n, old, data, f"{path}.{n}" in kept)), None)
        if secret is None or _origin(new) == _origin(old):
            continue
        message = (
            f"another address, protocol or port than the one that {secret} was given for: from "
            f"afar set {secret} to null and send the new password, or edit the box's own file"
        )
        yield Problem(f"{path}.{key}", None, message)


def _stays(name: str, old: Any, data: Mapping[str, Any], kept: bool) -> bool:  # noqa: FBT001 - a predicate
    """Whether a section would go on with the secret that the box has."""
    value = getattr(old, name, None)
    if value is None or data.get(name) != plain(value):
        return False
    return name != "password" or kept


def _origin(section: Any) -> tuple[object, ...]:
    """Return whom a section's password is shown to."""
    if isinstance(section, LinkConfig):
        return section.host, section.port
    if not isinstance(section, (RtspSource, RemoteBrokerConfig)):
        return ()
    url = section.url
    if not _PLAIN_URL.fullmatch(url):
        return (url,)
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _find(config: Config, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def _data(data: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    value: Any = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
