"""Passwords: found when they are needed, never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from edge.config.loader import Problem
from edge.config.models import Config
from edge.errors import ConfigError
from edge.redaction import HIDDEN, address_without_secrets, redact, without_secrets


class HasPassword(Protocol):
    """A section that says where its password is."""

    @property
    def password_file(self) -> Path | None:
        """File whose first line is the password."""

    @property
    def password_env(self) -> str | None:
        """Environment variable that holds the password."""


def credentials(
    section: HasPassword, environ: Mapping[str, str] = os.environ
) -> tuple[str | None, str | None]:
    """Return the user name and password of a section, its URL's where that has them.

    The password is hidden in all that this process writes from then on. Raises ConfigError when
    the file or variable that should hold it does not.
    """
    url = urlsplit(getattr(section, "url", ""))
    user = getattr(section, "username", None) or (unquote(url.username) if url.username else None)
    password: str | None = getattr(section, "password", None)
    if section.password_file is not None:
        password = _first_line(section.password_file)
    elif section.password_env is not None:
        password = environ.get(section.password_env)
        if password is None:
            raise ConfigError(
                f"the environment variable {section.password_env} (the password) is not set"
            )
    elif password is None and url.password is not None:
        password = unquote(url.password)
    redact.learn(password, user)
    return user, password


def passwords(section: BaseModel) -> Iterator[str]:
    """Yield every password that a section or those in it name; what cannot be read is none."""
    if hasattr(section, "password_file") and hasattr(section, "password_env"):
        try:
            password = credentials(section)[1]
        except (ConfigError, ValueError):
            password = None
        if password:
            yield password
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from passwords(value)


def learn_secrets(section: BaseModel) -> None:
    """Hide every secret that a section or those in it hold, in all that this process writes."""
    for _ in passwords(section):
        pass  # `credentials` has learnt it
    for name, info in type(section).model_fields.items():
        value, extra = getattr(section, name), info.json_schema_extra
        if isinstance(value, BaseModel):
            learn_secrets(value)
        elif isinstance(value, str) and isinstance(extra, dict) and extra.get("x-secret"):
            redact.learn_address(value)


def redacted(config: Config) -> dict[str, Any]:
    """Return a configuration as plain data to show or report, its secrets replaced by `***`."""
    return _redacted(config)


def with_secrets(data: Any, config: Config) -> tuple[Any, list[Problem]]:
    """Return `data` with the secrets that it leaves to the box (`***`) filled in from `config`.

    So that a configuration that a box reported can be changed and sent back. An address takes its
    user and password along only where it is otherwise the same. What the box does not have is a
    problem.
    """
    problems: list[Problem] = []
    filled = _filled(data, config, (), problems)
    return filled, problems


def _filled(data: Any, known: object, path: tuple[str, ...], problems: list[Problem]) -> Any:
    if isinstance(data, Mapping):
        return {
            key: _filled(value, _secret_or_section(known, key), (*path, str(key)), problems)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_filled(v, None, (*path, str(i)), problems) for i, v in enumerate(data)]
    if not isinstance(data, str) or not _hides(data):
        return data
    if isinstance(known, str) and data in {HIDDEN, address_without_secrets(known)}:
        return known
    where = ".".join(path)
    problems.append(
        Problem(where, None, f"{HIDDEN} stands for a secret that the box does not have")
    )
    return data


def _hides(text: str) -> bool:
    return text == HIDDEN or f"//{HIDDEN}@" in text or f"={HIDDEN}" in text


def _secret_or_section(section: object, key: object) -> object:
    """Return what a section holds under a key if that is a section or a secret; else None."""
    if not isinstance(section, BaseModel) or not isinstance(key, str):
        return None
    info = type(section).model_fields.get(key)
    value = getattr(section, key) if info is not None else None
    extra = info.json_schema_extra if info is not None else None
    secret = isinstance(extra, dict) and bool(extra.get("x-secret"))
    return value if secret or isinstance(value, BaseModel) else None


def _redacted(section: BaseModel) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        extra = info.json_schema_extra
        if isinstance(value, BaseModel):
            shown[name] = _redacted(value)
        elif value is not None and isinstance(extra, dict) and extra.get("x-secret"):
            shown[name] = address_without_secrets(value) if "://" in value else HIDDEN
        else:
            shown[name] = _plain(value)
    return shown


def _plain(value: Any) -> Any:
    """Return text that UTF-8 can carry, which a path need not be; all else as it is."""
    if isinstance(value, (str, Path)):
        return without_secrets(str(value).encode("utf-8", "replace").decode())
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _first_line(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: the password file cannot be read: {error}") from error
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise ConfigError(f"{file}: the password file's first line is empty")
    return line
