"""What the synthetic programmes are made of: material, its licence, and the split of its group."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

SPLITS = ("train", "validation", "test", "far")
"""`far` draws on the material of `test`, with styles and a layout that no other split has."""
_SHARES = ((0.6, "train"), (0.75, "validation"), (1.0, "test"))


@dataclass(frozen=True, slots=True)
class MediaSource:
    """One shot, sound or font of the library."""

    kind: str
    """clip, scene, still, music, speech, voice, narration, ambience or font."""
    group: str
    """Title, scene family, pack, speaker or font family: never in two splits."""
    split: str
    origin: str
    """Package or collection, and the name there."""
    licence: str
    start: int = 0
    """First picture or sample in the library's file; of a font: 0."""
    count: int = 0
    """Pictures or samples."""
    rate_hz: float = 0.0
    text: str = ""
    """What a voice says, a voice's language, or the name of a font's file."""

    def row(self) -> dict[str, Any]:
        """For the library's index."""
        return asdict(self)


@cache
def listed() -> dict[str, Any]:
    """The list of sources, `sources.yaml`."""
    path = Path(__file__).with_name("sources.yaml")
    kept: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return kept


def split_of(group: str) -> str:
    """The split of a group that the list does not name: by the hash of its name."""
    at = int(sha256(group.encode()).hexdigest()[:8], 16) / 2**32
    return next(name for upto, name in _SHARES if at < upto)


def media_split(group: str) -> str:
    """The split of a group of the media folder."""
    for split, groups in listed()["media"].items():
        if group in groups:
            return str(split)
    return split_of(group)


def material_split(split: str) -> str:
    """The split whose material a split draws on; ValueError for an unknown one."""
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split: {', '.join(SPLITS)}")
    return "test" if split == "far" else split
