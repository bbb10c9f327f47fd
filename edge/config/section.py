"""The base of every section of the configuration, and how its fields are described."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Change: TypeAlias = Literal["live", "rebuild", "restart"]
"""What a change of a setting takes while the box runs.

`live`: nothing; the next frame has it. `rebuild`: source, network and publication are closed and
opened again, a moment without frames. `restart`: a start of the box.
"""


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
    change: Change = "rebuild",
    secret: bool = False,
    **constraints: Any,
) -> Any:
    """Describe a field: for people, and by `x-unit`, `x-change` and `x-secret` for tools.

    `default` is the value, or `...` where there is none. `change` says what a change takes;
    `x-restart` is true where that is a start of the box. `constraints` are pydantic's.
    """
    extra: dict[str, Any] = {"x-restart": change == "restart", "x-change": change}
    if unit is not None:
        extra["x-unit"] = unit
    if secret:
        extra["x-secret"] = True
    return Field(
        default, title=title, description=description, json_schema_extra=extra, **constraints
    )
