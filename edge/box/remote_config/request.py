"""What a message on `config/desired` asks for, and whether it may be tried.

Of the disk only the public keys that the box's own file names are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from edge.bundles.keys import read_public_key
from edge.config import Config, Problem, with_changes
from edge.config.effects import changes, heaviest
from edge.config.key_files import key_problems
from edge.config.loader import check_mapping
from edge.config.remote_merge import RemotePath, merge
from edge.config.secrets import with_secrets
from edge.config.section import Change
from edge.config.store import AttemptRecord
from edge.config.write import to_yaml
from edge.config.yaml_tree import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from edge.errors import ConfigError, UsageError
from edge.publish import Topics
from edge.publish.messages.config import ConfigDesired, ConfigSigned, DesiredRef
from edge.publish.messages.config_signing import signed_text
from edge.redaction import HIDDEN

_MOST = 20
"""Problems of the message around the configuration."""
_MOST_WORDS = 300
"""Characters of a path or a message: a report stays small whatever was sent."""

_MOST_STEP = 2**32
"""How far a revision may be above the last: seconds since 1970 fit, the end of all numbers does
not, so that nobody uses them up."""

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
    path: Path | None = None
    """The box's own file."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is tried."""

    ref: DesiredRef | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ConfigCandidate:
    """A configuration that validates and may be tried."""

    ref: DesiredRef
    revision: int
    digest: str
    file: Config
    """As the file will have it."""
    config: Config
    """With the command line's options over it."""
    text: str
    """The file's text."""
    changes: Mapping[str, Change]
    later: bool
    """Whether what is not live is to wait for a start of the box."""
    paths: tuple[RemotePath, ...] = ()
    """Named from afar, below the folders that the box's own file names."""

    @property
    def takes(self) -> Change:
        """What all its changes take together."""
        kind = heaviest(self.changes.values())
        return "restart" if self.later and kind == "rebuild" else kind


def read_desired(payload: bytes, file: Config | None = None) -> ConfigDesired | Refusal:
    """Read a message; a refusal names each problem with its path.

    `file` is the configuration in force: its `remote.keys` say whose signature it needs.
    """
    if len(payload) > MAX_BYTES:
        return _refused(None, [_whole(f"more than {MAX_BYTES} bytes")])
    signed = _signed(payload)
    if signed is not None:
        return _opened(signed, file or Config())
    desired = _bare(payload)
    if isinstance(desired, Refusal) or file is None or not file.remote.keys:
        return desired
    if not file.remote.require_signature:
        return desired
    why = "it is not signed, and this box takes only what one of its remote.keys signed: "
    ref = _ref(desired)
    return _refused(ref, [_whole(f"{why}touchline config push --sign KEY")])


def _signed(payload: bytes) -> ConfigSigned | None:
    """Return the signed document in a message; None where there is no signature."""
    try:
        return ConfigSigned.model_validate_json(payload)
    except (ValueError, RecursionError):
        return None


def _opened(signed: ConfigSigned, file: Config) -> ConfigDesired | Refusal:
    """Return what was signed, once that is found to be by a key of the box."""
    try:
        keys = [read_public_key(key) for key in file.remote.keys]
        text = signed_text(signed, keys)
    except (ConfigError, UsageError) as error:
        unproven = _bare(signed.signed.encode("utf-8", "replace"))
        ref = None if isinstance(unproven, Refusal) else _ref(unproven)
        return _refused(ref, [_at("signature", str(error))])  # its sender knows his own by it
    desired = _bare(text)
    if isinstance(desired, ConfigDesired) and desired.to is None:
        return _refused(None, [_at("to", "a signed configuration names its box here")])
    return desired


def _bare(payload: bytes) -> ConfigDesired | Refusal:
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


def judge(desired: ConfigDesired, known: Known) -> ConfigCandidate | Refusal:
    """Say whether a desired configuration may be tried."""
    ref = _ref(desired)
    if not known.file.remote.enabled:
        return _refused(ref, [Problem("remote.enabled", None, "is false on this box")])
    problem = _misdirected(desired, known) or _out_of_turn(desired.revision, known.seen)
    if problem is not None:
        return _refused(ref, [problem])
    too_much = _too_much(desired.config)
    if too_much is not None:
        return _refused(ref, [_at("config", too_much)])
    data, problems = with_secrets(desired.config, known.file)
    data = {"revision": desired.revision} | data | {"revision": desired.revision}
    wanted, wrong = check_mapping(data)
    if wanted is None or problems:
        return _refused(ref, [*problems, *wrong])
    return _merged(desired, ref, wanted, known)


def _misdirected(desired: ConfigDesired, known: Known) -> Problem | None:
    """Say that a configuration is meant for another box."""
    config = with_changes(known.file, known.options)
    root = Topics(config.publish.prefix, config.site, config.device).root
    if desired.to is None or desired.to == root:
        return None
    return _at("to", f"is for {desired.to}; this box is {root}")


def _out_of_turn(revision: int, seen: int) -> Problem | None:
    """Say that a revision is not one of the next."""
    if revision <= seen:
        stale = f"revision {revision} is stale: the box has seen {seen}, so that "
        return _at("revision", f"{stale}{seen + 1} is the next")
    if revision > seen + _MOST_STEP:
        far = f"revision {revision} is too far above {seen}, the highest that the box has seen: "
        return _at("revision", f"{far}{seen + 1} is the next")
    return None


def _merged(
    desired: ConfigDesired, ref: DesiredRef, wanted: Config, known: Known
) -> ConfigCandidate | Refusal:
    """Lay what may be changed from afar over the box's own file."""
    shown = with_changes(known.file, known.options)
    merged = merge(wanted, known.file, shown, _hidden(desired.config))
    if merged.problems:
        return _refused(ref, merged.problems[:_MOST])
    file, wrong = check_mapping(merged.data)
    if file is not None and known.path is not None:
        wrong = key_problems(file, known.path)
    if file is None or wrong:
        return _refused(ref, wrong)
    return _candidate(desired, ref, file, merged.data, known, tuple(merged.paths))


def _hidden(data: Any, path: str = "") -> frozenset[str]:
    """Return the keys at which a sender left a secret to the box."""
    if isinstance(data, Mapping):
        inner = [_hidden(v, f"{path}.{k}" if path else str(k)) for k, v in data.items()]
        return frozenset().union(*inner)
    return frozenset({path}) if data == HIDDEN else frozenset()


def candidate_of(
    record: AttemptRecord, file: Config, text: str, before: Config, options: Options
) -> ConfigCandidate:
    """Return the candidate that a record and a staged file stand for; raises ConfigError."""
    config = with_changes(file, options)
    return ConfigCandidate(
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
    desired: ConfigDesired,
    ref: DesiredRef,
    file: Config,
    data: dict[str, Any],
    known: Known,
    paths: tuple[RemotePath, ...],
) -> ConfigCandidate | Refusal:
    try:
        before = with_changes(known.file, known.options)
        config = with_changes(file, known.options)
        text = to_yaml(data, f"Revision {desired.revision}, as it was set over MQTT.")
    except ConfigError as error:
        return _refused(ref, [_whole(str(error))])
    return ConfigCandidate(
        ref,
        desired.revision,
        digest_of(desired),
        file,
        config,
        text,
        changes(before, config),
        desired.restart == "later",
        paths,
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


def _ref(desired: ConfigDesired) -> DesiredRef:
    return DesiredRef(revision=desired.revision, id=desired.id)


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
