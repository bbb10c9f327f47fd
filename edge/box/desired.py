"""What a message on `config/desired` asks for, and whether it may be tried. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from edge.config import Config, Problem, with_changes
from edge.config.effects import changes, heaviest
from edge.config.loader import check_mapping
from edge.config.secrets import with_secrets
from edge.config.section import Change
from edge.config.store import Record
from edge.config.write import to_yaml
from edge.config.yaml_tree import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from edge.errors import ConfigError
from edge.publish.config_messages import ConfigDesired, DesiredRef

_MOST = 20
"""Problems of the message around the configuration."""
_MOST_WORDS = 300
"""Characters of a path or a message: a report stays small whatever was sent."""

Options: TypeAlias = Mapping[str, Any]
"""What the command line lays over the file: path to value."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a desired configuration is compared with."""

    file: Config
    """In force, without the command line's options."""
    seen: int
    """Highest revision so far."""
    options: Options


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is tried."""

    ref: DesiredRef | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that validates and may be tried."""

    ref: DesiredRef
    revision: int
    digest: str
    file: Config
    """As it will stand in the file."""
    config: Config
    """With the command line's options over it."""
    text: str
    """The file's text."""
    changes: Mapping[str, Change]
    later: bool
    """Whether what is not live is to wait for a start of the box."""

    @property
    def takes(self) -> Change:
        """What all its changes take together."""
        kind = heaviest(self.changes.values())
        return "restart" if self.later and kind == "rebuild" else kind


def read_desired(payload: bytes) -> ConfigDesired | Refusal:
    """Read a message; a refusal names each problem with its path."""
    if len(payload) > MAX_BYTES:
        return _refused(None, [_whole(f"more than {MAX_BYTES} bytes")])
    try:
        return ConfigDesired.model_validate_json(payload)
    except ValidationError as error:
        return _refused(None, [_envelope(dict(detail)) for detail in error.errors()[:_MOST]])
    except (ValueError, RecursionError) as error:
        return _refused(None, [_whole(str(error))])


def digest_of(desired: ConfigDesired) -> str:
    """Return what tells one desired configuration from another."""
    same = [desired.revision, desired.restart, desired.config]
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def judge(desired: ConfigDesired, known: Known) -> Candidate | Refusal:
    """Say whether a desired configuration may be tried."""
    ref = DesiredRef(revision=desired.revision, id=desired.id)
    if not known.file.remote.enabled:
        return _refused(ref, [Problem("remote.enabled", None, "is false on this box")])
    if desired.revision <= known.seen:
        stale = f"revision {desired.revision} is stale: the box has seen {known.seen}, so that "
        return _refused(ref, [_at("revision", f"{stale}{known.seen + 1} is the next")])
    too_much = _too_much(desired.config)
    if too_much is not None:
        return _refused(ref, [_at("config", too_much)])
    data, problems = with_secrets(desired.config, known.file)
    data = {"revision": desired.revision} | data | {"revision": desired.revision}
    file, wrong = check_mapping(data)
    if file is None or problems:
        return _refused(ref, [*problems, *wrong])
    return _candidate(desired, ref, file, data, known)


def candidate_of(
    record: Record, file: Config, text: str, before: Config, options: Options
) -> Candidate:
    """Return the candidate that a record and a staged file stand for; raises ConfigError."""
    config = with_changes(file, options)
    return Candidate(
        DesiredRef(revision=record.revision, id=record.id),
        record.revision,
        record.digest,
        file,
        config,
        text,
        changes(with_changes(before, options), config),
        later=False,
    )


def _candidate(
    desired: ConfigDesired, ref: DesiredRef, file: Config, data: dict[str, Any], known: Known
) -> Candidate | Refusal:
    try:
        before = with_changes(known.file, known.options)
        config = with_changes(file, known.options)
        text = to_yaml(data, f"Revision {desired.revision}, as it was set over MQTT.")
    except ConfigError as error:
        return _refused(ref, [_whole(str(error))])
    return Candidate(
        ref,
        desired.revision,
        digest_of(desired),
        file,
        config,
        text,
        changes(before, config),
        desired.restart == "later",
    )


def _too_much(data: Any) -> str | None:
    """Say what is beyond a configuration: the same limits as a file's."""
    count, level = 0, [data]
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_VALUES:
            return f"more than {MAX_VALUES} values"
        level = [v for item in level for v in _inside(item)]
        if not level:
            return None
    return f"nested deeper than {MAX_DEPTH} levels"


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _refused(ref: DesiredRef | None, problems: list[Problem]) -> Refusal:
    shown = [replace(p, path=_short(p.path), message=_short(p.message)) for p in problems]
    return Refusal(ref, tuple(shown))


def _envelope(detail: dict[str, Any]) -> Problem:
    """Turn pydantic's complaint about the message around the configuration into ours."""
    path = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"])
    return _at(path, message[:1].lower() + message[1:])


def _whole(message: str) -> Problem:
    return _at("", message)


def _at(path: str, message: str) -> Problem:
    return Problem(path, None, " ".join(message.split()))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else f"{text[: _MOST_WORDS - 1]}…"
