"""The base of every section of the configuration, and how its fields are described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Change: TypeAlias = Literal["live", "rebuild", "restart"]
"""What a change of a setting takes while the box runs.

`live`: nothing; the next frame has it. `rebuild`: source, network and publication are closed and
opened again, a moment without frames. `restart`: a start of the box.
"""


Remote: TypeAlias = Literal["allowed", "secret", "named", "local"]
"""Who may change a setting: `x-remote`.

`allowed`: whoever may write `config/desired`. `secret`: from afar it is kept or taken away, and
names nothing new. `named`: from afar only where the box's own file names it in `remote.allow`.
`local`: only the box's own file, whatever that names.
"""

PathKind: TypeAlias = Literal["file", "folder", "output", "device"]
"""What a path names: a file or folder that is read, what is written, or a video device."""


class Section(BaseModel):
    """A frozen group of settings in which an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=False
    )


@dataclass(frozen=True, slots=True)
class Computed:
    """A default that this machine gives."""

    make: Callable[[], Any]
    words: str
    """What it is, for people."""


def setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str | None = None,
    change: Change = "rebuild",
    remote: Remote = "named",
    secret: bool = False,
    path: PathKind | None = None,
    **constraints: Any,
) -> Any:
    """Describe a field for people, and for tools by `x-` keys of the schema.

    `default` is the value, `...` where there is none, or computed: `x-default` says how then.
    `change` says what a change takes; `x-restart` is true where that is a start of the box.
    `remote` says who may change it; what is not said to be harmless is not changed from afar.
    `constraints` are pydantic's.
    """
    extra: dict[str, Any] = {"x-restart": change == "restart", "x-change": change}
    extra["x-remote"] = remote
    if unit is not None:
        extra["x-unit"] = unit
    if secret:
        extra["x-secret"] = True
    if path is not None:
        extra["x-path"] = path
    if isinstance(default, Computed):
        extra["x-default"] = default.words
        constraints["default_factory"] = default.make
        default = PydanticUndefined
    return Field(
        default, title=title, description=description, json_schema_extra=extra, **constraints
    )


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that a field of this type may hold; several for a choice by `type`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in {Union, UnionType, Annotated}:
        return [m for arg in get_args(annotation) for m in models_in(arg)]
    return []


def remote_rules(model: type[BaseModel], name: str) -> set[Remote]:
    """Return who may change the key or the keys of the section at a dotted name; empty for none."""
    first, _, rest = name.partition(".")
    info = model.model_fields.get(first)
    if info is None:
        return set()
    inner = models_in(info.annotation)
    if rest:
        return {rule for section in inner for rule in remote_rules(section, rest)}
    if not inner:
        return {remote_rule(info)}
    return {
        rule
        for section in inner
        for key in section.model_fields
        for rule in remote_rules(section, key)
    }


def remote_rule(info: FieldInfo) -> Remote:
    """Return who may change a setting."""
    extra = info.json_schema_extra
    assert isinstance(extra, dict)
    rule: Any = extra["x-remote"]
    return cast("Remote", rule)
