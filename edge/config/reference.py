"""The configuration's reference as a Markdown table per section, from the models. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.config.models import Config
from edge.config.section import models_in


def reference() -> str:
    """Return the tables, the top level first, then each section under its path."""
    return "\n\n".join(_table(path, model) for path, model in _sections("", Config)) + "\n"


def _sections(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, info in model.model_fields.items():
        for inner in models_in(info.annotation):
            yield from _sections(f"{path}.{name}" if path else name, inner)


def _table(path: str, model: type[BaseModel]) -> str:
    title = f"`{path}`" if path else "Top level"
    kind = model.model_fields.get("type")
    kinds = get_args(kind.annotation) if kind is not None else ()
    rows = dict(model.model_fields)
    if len(kinds) == 1:  # one of several sections, told apart by `type`
        title += f" with `type: {kinds[0]}`"
        del rows["type"]
    head = "| key | value | default | change | from afar | what |\n|---|---|---|---|---|---|"
    return f"### {title}\n\n{model.__doc__}\n\n{head}\n" + "\n".join(
        _row(name, info) for name, info in rows.items()
    )


def _row(name: str, info: FieldInfo) -> str:
    extra = info.json_schema_extra
    assert isinstance(extra, dict), f"{name} has no description"
    section = bool(models_in(info.annotation))
    value = "section" if section else _type(info.annotation) + _bounds(info)
    unit = f" [{extra['x-unit']}]" if "x-unit" in extra else ""
    change = "" if section else extra["x-change"]
    afar = "" if section else extra["x-remote"]
    default = "required" if info.is_required() else "" if section else f"`{_yaml(info.default)}`"
    if "x-default" in extra:
        default = str(extra["x-default"])
    return f"| `{name}` | {value}{unit} | {default} | {change} | {afar} | {info.description} |"


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin in {Union, UnionType}:
        return " or ".join(_type(arg) for arg in get_args(annotation))
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    names = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
        "tuple": "list",
    }
    name = "null" if annotation is type(None) else str(getattr(annotation, "__name__", annotation))
    return names.get(name, name.lower())


def _bounds(info: FieldInfo) -> str:
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    found = [
        f"{word} {_number(getattr(part, key))}"
        for key, word in words.items()
        for part in info.metadata
        if getattr(part, key, None) is not None
    ]
    return f", {' '.join(found)}" if found else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if value == ():
        return "[]"
    return str(value).lower() if isinstance(value, bool) else str(value)
