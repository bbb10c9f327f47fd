"""A programme's segments as the texts that players and media servers read. Pure.

Sources: Kodi's wiki (Edit decision list), FFmpeg's manual (Metadata), the Matroska specification
(Chapters), TheIntroDB's API v3, Jellyfin's API (MediaSegmentDto).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from edge.segments.chapters import Chapter
from edge.segments.document import Programme, ProgrammeFile
from edge.segments.layout import laid_out
from edge.segments.types import Label

SKIP_ONCE = 3
"""EDL's action of a commercial break: skipped once. Never 0, which takes material away."""
_TICKS = 10_000_000
_NO_ITEM = "0" * 32


@dataclass(frozen=True, slots=True)
class Format:
    """A form that segments are written in."""

    suffix: str
    """Of the file's name."""
    write: Callable[[Programme], str]
    what: str
    """Who reads it."""


def as_json(programme: Programme) -> str:
    """Our own form, whole: probabilities, mode, bundle, warnings."""
    document = ProgrammeFile(**programme.model_dump())
    return document.model_dump_json(by_alias=True, indent=2) + "\n"


def as_edl(programme: Programme) -> str:
    """One line for each segment: begin and end in seconds, action 3."""
    return "".join(f"{s.start_s:.3f}\t{s.end_s:.3f}\t{SKIP_ONCE}\n" for s in programme.segments)


def as_ffmetadata(programme: Programme) -> str:
    """Chapters for `ffmpeg -i FILE -i THIS -map_metadata 0 -map_chapters 1`."""
    parts = [";FFMETADATA1\n"]
    for chapter in _chapters(programme):
        start, end = _ms(chapter.start_s), _ms(chapter.end_s)
        title = _escaped(chapter.title)
        parts.append(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n")
    return "\n".join(parts)


def as_matroska(programme: Programme) -> str:
    """Chapters for `mkvpropedit FILE --chapters THIS`."""
    atoms = "".join(
        "    <ChapterAtom>\n"
        f"      <ChapterTimeStart>{_clock(c.start_s, 9)}</ChapterTimeStart>\n"
        f"      <ChapterTimeEnd>{_clock(c.end_s, 9)}</ChapterTimeEnd>\n"
        "      <ChapterDisplay>\n"
        f"        <ChapterString>{escape(c.title)}</ChapterString>\n"
        "        <ChapterLanguage>eng</ChapterLanguage>\n"
        "      </ChapterDisplay>\n"
        "    </ChapterAtom>\n"
        for c in _chapters(programme)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE Chapters SYSTEM "matroskachapters.dtd">\n'
        f"<Chapters>\n  <EditionEntry>\n{atoms}  </EditionEntry>\n</Chapters>\n"
    )


def as_ogm(programme: Programme) -> str:
    """Chapters in the simple form that mkvmerge, MP4Box and others take."""
    return "".join(
        f"CHAPTER{n:02d}={_clock(c.start_s, 3)}\nCHAPTER{n:02d}NAME={c.title}\n"
        for n, c in enumerate(_chapters(programme), 1)
    )


def as_theintrodb(programme: Programme) -> str:
    """TheIntroDB's form: milliseconds; null is the programme's begin or end."""
    end = _ms(programme.duration_s)
    lists: dict[str, list[dict[str, int | None]]] = {"intro": [], "recap": []}
    for s in programme.segments:
        lists[s.label].append(
            {"start_ms": _ms(s.start_s) or None, "end_ms": _or_null(_ms(s.end_s), end)}
        )
    return _json(lists)


def as_jellyfin(programme: Programme) -> str:
    """Jellyfin's media segments, as its server answers them; the item is the provider's to name."""
    items = [
        {
            "Id": f"{n:032x}",
            "ItemId": _NO_ITEM,
            "Type": s.label.capitalize(),
            "StartTicks": _ms(s.start_s) * (_TICKS // 1000),
            "EndTicks": _ms(s.end_s) * (_TICKS // 1000),
        }
        for n, s in enumerate(programme.segments, 1)
    ]
    return _json({"Items": items, "TotalRecordCount": len(items), "StartIndex": 0})


FORMATS: Mapping[str, Format] = {
    "json": Format(".segments.json", as_json, "programs: all that is known"),
    "edl": Format(".edl", as_edl, "Kodi, MPlayer"),
    "ffmetadata": Format(".ffmeta", as_ffmetadata, "ffmpeg"),
    "matroska": Format(".chapters.xml", as_matroska, "mkvpropedit, mkvmerge"),
    "ogm": Format(".chapters.txt", as_ogm, "mkvmerge, MP4Box"),
    "theintrodb": Format(".theintrodb.json", as_theintrodb, "TheIntroDB and its clients"),
    "jellyfin": Format(".jellyfin.json", as_jellyfin, "providers of Jellyfin's media segments"),
}
"""Name on the command line -> form."""


def read_labels(text: str, duration_s: float) -> tuple[tuple[Label, float, float], ...]:
    """Read label, begin and end from our own form or TheIntroDB's; ValueError, one line, if none.

    Of our own form `segments` with `label`, `start_s` and `end_s` is enough.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("expected an object with `segments`, or with `intro` and `recap`")  # noqa: TRY004 - what it says is wrong
    if "segments" in data:
        found = [_own(item) for item in _list(data, "segments")]
    elif data.keys() & {"intro", "recap"}:
        found = [
            (Label[name.upper()], *_milliseconds(item, duration_s))
            for name in ("intro", "recap")
            for item in _list(data, name)
        ]
    else:
        raise ValueError("neither `segments` nor `intro` or `recap` in it")
    for label, start_s, end_s in found:
        if not 0 <= start_s < end_s:
            raise ValueError(f"{label.text} from {start_s:g} to {end_s:g} s: no such stretch")
    return tuple(sorted((f for f in found if f[0] is not Label.CONTENT), key=lambda f: f[1]))


def _own(item: Any) -> tuple[Label, float, float]:
    try:
        return Label[str(item["label"]).upper()], float(item["start_s"]), float(item["end_s"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{item!r}: no label with start_s and end_s") from error


def _milliseconds(item: Any, duration_s: float) -> tuple[float, float]:
    try:
        start, end = item.get("start_ms"), item.get("end_ms")
        return (start or 0) / 1000, duration_s if end is None else end / 1000
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{item!r}: no start_ms with end_ms") from error


def _list(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{key}: expected a list")  # noqa: TRY004 - what it says is wrong
    return value


def _chapters(programme: Programme) -> list[Chapter]:
    return laid_out(programme.labelled(), programme.duration_s)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _or_null(value: int, limit: int) -> int | None:
    return None if value >= limit else value


def _clock(seconds: float, digits: int) -> str:
    ms = _ms(seconds)
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, rest = divmod(rest, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}.{rest:03d}{'0' * (digits - 3)}"


def _escaped(text: str) -> str:
    """A value of FFMETADATA: backslash before `=`, `;`, `#`, itself and line ends."""
    return "".join(f"\\{c}" if c in "=;#\\\n" else c for c in text)


def _json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"
