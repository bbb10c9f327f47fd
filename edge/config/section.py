"""The base of every section of the configuration, and how its fields are described."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen group of settings in which an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=False
    )


def setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str | None = None,
    restart: bool = True,
    secret: bool = False,
    **constraints: Any,
) -> Any:
    """Describe a field: for people, and by `x-unit`, `x-restart` and `x-secret` for tools.

    `default` is the value, or `...` where there is none. `restart` says whether a change takes a
    restart of the box's pipeline; the others apply while it runs. `constraints` are pydantic's.
    """
    extra: dict[str, Any] = {"x-restart": restart}
    if unit is not None:
        extra["x-unit"] = unit
    if secret:
        extra["x-secret"] = True
    return Field(
        default, title=title, description=description, json_schema_extra=extra, **constraints
    )
