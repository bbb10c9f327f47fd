"""A configuration from text or a file; each problem with its path, line and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge.config import yaml_tree
from edge.config.models import Config
from edge.config.section import models_in
from edge.config.suggest import nearest
from edge.errors import ConfigError
from edge.redaction import redact

_EXPECTED = {
    "missing": "is missing",
    "union_tag_not_found": "needs a key `type`",
    "model_type": "expected a section (keys and values)",
    "model_attributes_type": "expected a section (keys and values)",
    "string_type": "expected text (put it in quotes)",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "path_type": "expected a path",
}

_MOST_PROBLEMS = 100
"""Named; finding the nearest key for each of thousands would take seconds."""
_SECRET = frozenset({"password", "url"})
_PASSWORDS = frozenset({"password", "password_file", "password_env"})
_UNSAID = "nothing stands here: write null for none, and put a value that starts with # in quotes"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration."""

    path: str
    """Where in the configuration, as `broker.port`; empty for the whole."""
    line: int | None
    """Line of the file, from 1; None when the file has none for it."""
    message: str
    """What was wrong and what was expected, one line."""

    def __str__(self) -> str:
        """Return the problem as one line for a person."""
        where = ": ".join(p for p in (f"line {self.line}" if self.line else "", self.path) if p)
        return f"{where}: {self.message}" if where else self.message


def load_config(path: str | Path) -> Config:
    """Read a configuration file; raises ConfigError, one line that names the first problem."""
    file = Path(path)
    text = read_text(file)
    config, problems = parse_config(text)
    if config is not None:
        return config
    more = (
        f" (and {len(problems) - 1} more: touchline config validate {file})" if problems[1:] else ""
    )
    raise ConfigError(f"{file}: {problems[0]}{more}")


def validate_text(text: str) -> list[Problem]:
    """Name every problem of a configuration's text, in the order of its lines; [] if it is good."""
    return parse_config(text)[1]


def parse_config(text: str) -> tuple[Config | None, list[Problem]]:
    """Read a text: the configuration and [], or None and its problems. Never raises."""
    try:
        tree = yaml_tree.parse(text)
    except yaml_tree.YamlError as error:
        return None, [Problem("", error.line, " ".join(str(error).split()))]
    data = {} if tree.data is None else tree.data
    redact.learn_data(data)  # before a problem can quote it
    unsaid = [
        Problem(_dotted(path), tree.line_of(path), _UNSAID)
        for path in tree.empty
        if path[-1] in _PASSWORDS
    ]
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        found = [*_problems(error, data, tree), *unsaid]
        return None, sorted(found, key=lambda p: (p.line or 0, p.path))
    return (None, unsaid) if unsaid else (config, [])


def check_mapping(data: Any) -> tuple[Config | None, list[Problem]]:
    """Read plain data, as from a message: the configuration and [], or None and its problems."""
    try:
        return Config.model_validate(data), []
    except ValidationError as error:
        return None, _problems(error, data, yaml_tree.Tree(data))


def config_from_mapping(data: Mapping[str, Any]) -> Config:
    """Validate plain data; raises ConfigError, one line with every problem."""
    config, problems = check_mapping(data)
    if config is None:
        raise ConfigError("; ".join(str(p) for p in problems))
    return config


def with_changes(config: Config, changes: Mapping[str, Any]) -> Config:
    """Lay options over a configuration: `{"broker": "mqtt://host", "camera.id": "cam2"}`.

    A key is a path with dots; its value replaces what stands there. Raises ConfigError.
    """
    data = config.model_dump(mode="python")
    for path, value in changes.items():
        *sections, last = path.split(".")
        at = data
        for section in sections:
            at = at[section]
        at[last] = value
    return config_from_mapping(data)


def read_text(file: Path) -> str:
    """Return a configuration file's text; raises ConfigError when it cannot be had."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(yaml_tree.MAX_BYTES * 4 + 1)
        return raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{file}: no such file; `touchline config show` prints one to start from"
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(f"{file}: a folder; name the YAML file in it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{file}: cannot be read: {reason}") from error


def _problems(error: ValidationError, data: Any, tree: yaml_tree.Tree) -> list[Problem]:
    found = []
    details = error.errors(include_url=False)
    for detail in details[:_MOST_PROBLEMS]:
        path = _real_path(detail["loc"], data)
        found.append(Problem(_dotted(path), tree.line_of(path), _message(detail, path)))
    shown = sorted(dict.fromkeys(found), key=lambda p: (p.line or 0, p.path))
    more = len(details) - _MOST_PROBLEMS
    return [*shown, Problem("", None, f"and {more} more problems")] if more > 0 else shown


def _real_path(loc: Iterable[int | str], data: Any) -> yaml_tree.Path:
    """Drop from pydantic's location what is no key of the file: the tags of unions."""
    path: list[str | int] = []
    parts = list(loc)
    for i, part in enumerate(parts):
        if isinstance(data, Mapping) and data.get("type") == part and i > 0 and part not in data:
            continue
        if not isinstance(data, (Mapping, list)):  # a short form: the problem is the word itself
            break
        path.append(part)
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            data = None
    return tuple(path)


def _dotted(path: yaml_tree.Path) -> str:
    return ".".join(str(p) for p in path)


def _message(detail: ErrorDetails, path: yaml_tree.Path) -> str:
    kind, got = detail["type"], _got(detail, path)
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "union_tag_invalid":
        context = detail.get("ctx", {})
        return f"unknown type {context.get('tag')!r}; known are {context.get('expected_tags')}"
    if kind == "missing":
        return _EXPECTED[kind]
    if kind == "value_error":  # written by this package: a whole sentence
        return detail["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"expected only a-z, 0-9, _ and - (at most 63){got}"
    expected = _EXPECTED.get(kind) or _lower_first(
        detail["msg"].replace("Input should be", "expected")
    )
    return f"{expected}{got}"


def _unknown_key(path: yaml_tree.Path) -> str:
    known = sorted(_known_keys(path[:-1]))
    near = nearest(str(path[-1]), known)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
    return f"unknown key; {hint}"


def _known_keys(section: yaml_tree.Path) -> set[str]:
    """Keys that the section at `section` may have; those of every kind where it has several."""
    models: list[type[BaseModel]] = [Config]
    for part in section:
        models = [
            inner
            for model in models
            if str(part) in model.model_fields
            for inner in models_in(model.model_fields[str(part)].annotation)
        ]
    return {name for model in models for name in model.model_fields}


def _got(detail: ErrorDetails, path: yaml_tree.Path) -> str:
    """Return what stood there, unless it may be or hold a secret."""
    value = detail.get("input")
    if isinstance(value, str):
        value = redact.address(value)[:100]
    if isinstance(value, (Mapping, list)) or (path and path[-1] in _SECRET):
        return ""
    text = "null" if value is None else repr(value)
    return f", got {text}" if len(text) <= 60 else f", got {text[:57]}…"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
