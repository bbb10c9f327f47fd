"""The differences between the versions of PyAV that Touchline runs with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

_VERSION = int(av.__version__.partition(".")[0])


def exact_tags(version: int) -> dict[str, str]:
    """Return the arguments with which `av.open` keeps each byte of a file's tags.

    PyAV 19 always keeps them and has no such argument. Older versions raise UnicodeDecodeError
    without it for a tag that is not UTF-8.
    """
    return {} if version >= 19 else {"metadata_errors": "surrogateescape"}


EXACT_TAGS = exact_tags(_VERSION)
"""Pass these to each `av.open`: `av.open(path, **EXACT_TAGS)`."""

ArgumentError: Any = av.error.ArgumentError if _VERSION >= 17 else av.error.ValueError
"""FFmpeg's EINVAL, which is called ValueError before version 17."""

ONE_THREAD: dict[str, Any] = {"threads": 1} if _VERSION >= 17 else {}
"""Pass these to `VideoReformatter.reformat`: from version 17 on it takes a thread for each core."""
_ITU601, _FULL = 5, 2


def true_colors(frame: Any) -> dict[str, Any]:
    """Return the arguments with which `VideoReformatter.reformat` gives RGB of the right colours.

    Before version 17 it takes each film for BT.601, unless two colour spaces differ. Channels are
    then up to 15 levels off in BT.709, which is what nearly all films have.
    """
    if _VERSION >= 17:
        return {}
    ranges = {"src_color_range": int(frame.color_range), "dst_color_range": _FULL}
    return {"dst_colorspace": _ITU601} | ranges


def readable(tag: str) -> str:
    """Return a tag of a file as text that can be printed: what is not UTF-8 becomes U+FFFD."""
    return tag.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def rational(value: Any) -> Fraction | None:
    """Return a time base or a rate of PyAV, or None where the file does not tell it.

    Unset is None in PyAV 16 to 18 and 0/1 in PyAV 19.
    """
    return Fraction(value.numerator, value.denominator) if value else None


def color_coding(frame: Any, context: Any = None) -> tuple[int, int]:
    """Return a frame's transfer and primaries (ITU-T H.273); 2 is unspecified.

    Before PyAV 17 a frame does not hand them out, but its decoder's `context` does. A stream that
    changes them is then a few frames early: the decoder is ahead of the frames that it gives.
    """
    told = frame if hasattr(frame, "color_trc") else context
    return getattr(told, "color_trc", 2), getattr(told, "color_primaries", 2)


def open_options(options: dict[str, str]) -> dict[str, Any]:
    """Return the arguments with which `av.open` gives FFmpeg options for a file.

    Before version 17 it passes `options` on to streams that it finds later, and crashes.
    """
    return {"options" if _VERSION >= 17 else "container_options": options}
