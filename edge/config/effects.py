"""In which settings two configurations differ, and what that takes while a box runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from edge.config.models import Config
from edge.config.section import Change

_WEIGHT: dict[Change, int] = {"live": 0, "rebuild": 1, "restart": 2}
_NOT_A_SETTING = "revision"


def changes(old: Config, new: Config) -> dict[str, Change]:
    """Return the path of every setting that differs, and what its change takes.

    A section of another kind (`source: {type: rtsp}` in place of a file) is one change.
    """
    found = dict(_differences(old, new, "", "restart"))
    found.pop(_NOT_A_SETTING, None)
    return found


def heaviest(kinds: Iterable[Change]) -> Change:
    """Return what all of these take together; `live` for none."""
    return max(kinds, key=_WEIGHT.__getitem__, default="live")


def says_where(path: str) -> bool:
    """Whether a setting says where the broker is, or under which names the box is there."""
    section = path.partition(".")[0]
    return section in {"broker", "device", "site"} or path == "publish.prefix"


def _differences(old: Any, new: Any, path: str, change: Change) -> Iterator[tuple[str, Change]]:
    if old == new and type(old) is type(new):
        return
    if not isinstance(old, BaseModel) or type(old) is not type(new):
        yield path, change
        return
    for name, info in type(old).model_fields.items():
        extra = info.json_schema_extra
        assert isinstance(extra, dict)
        kind: Any = extra["x-change"]
        inner = f"{path}.{name}" if path else name
        yield from _differences(getattr(old, name), getattr(new, name), inner, kind)
