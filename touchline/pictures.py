"""Pictures as people hold them, made what the network reads: (height, width, 3) uint8 BGR."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture import read_picture
from edge.errors import UsageError
from edge.redaction import address_without_secrets
from edge.types import Frame, ImageArray

PictureLike: TypeAlias = "str | os.PathLike[str] | NDArray[Any] | Any"
"""A path, a NumPy picture (BGR, BGRA, grey; uint8, uint16, float from 0 to 1), or a PIL image."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LIVE = ("rtsp", "rtsps", "rtmp", "udp", "rtp", "srt")
"""Protocols of addresses whose picture moves."""
_ROUNDING = 0.01
"""Resizing and arithmetic carry values of a float picture so far beyond 0 and 1."""
_KINDS = "take a path, a NumPy array (height, width[, 3]) in BGR order, or a PIL image"


def to_bgr(picture: PictureLike) -> ImageArray:
    """Return a picture as (height, width, 3) uint8 BGR; one that is so already is not copied.

    Raises UsageError, one sentence, for what is no picture; SourceError for a file that cannot be
    read.
    """
    if isinstance(picture, (str, os.PathLike)):
        return read_picture(_file_of(os.fspath(picture)))
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if hasattr(picture, "convert") and hasattr(picture, "getexif"):  # PIL, without importing it
        return _from_pil(picture)
    raise UsageError(f"{type(picture).__name__} is no picture: {_KINDS}{_hint(picture)}")


def _file_of(name: str | bytes) -> Path:
    """Return the file of a name; raises UsageError for what is an address, or empty."""
    text = os.fsdecode(name)
    if not text:
        raise UsageError("the name of the picture is empty: name a file")
    if found := _ADDRESS.match(text):
        advice = "use touchline.track" if found[1].lower() in _LIVE else "download it first"
        raise UsageError(
            f"{address_without_secrets(text)}: a picture is read from a file, not from an address; "
            f"{advice}"
        )
    return Path(text)


def _hint(thing: object) -> str:
    """Return advice for a thing that people take for a picture, as the end of a sentence."""
    if thing is None:
        return "; cv2.imread returns None for a file that it cannot read"
    if isinstance(thing, Frame):
        return "; a frame's picture is frame.image"
    if isinstance(thing, (list, tuple, set)) or hasattr(thing, "__next__"):
        return "; give several pictures one by one, and lists of numbers as an array"
    if isinstance(thing, (bytes, bytearray, memoryview)) or hasattr(thing, "read"):
        return "; PIL.Image.open reads open files, and bytes in io.BytesIO"
    if hasattr(thing, "__array__"):
        return "; numpy.asarray makes an array of it"
    return ""


def _from_array(array: NDArray[Any]) -> ImageArray:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {3, 4}):
        hint = ""
        if array.ndim == 3 and array.shape[0] in {1, 3}:
            hint = "; the colours come last: use array.transpose(1, 2, 0)"
        elif array.ndim == 4:
            hint = "; give the pictures of a batch one by one"
        raise UsageError(f"an array of shape {array.shape} is no picture: {_KINDS}{hint}")
    if 0 in array.shape:
        raise UsageError(f"an array of shape {array.shape} is an empty picture")
    whole = _to_uint8(array)
    if whole.ndim == 2:
        return np.asarray(cv2.cvtColor(whole, cv2.COLOR_GRAY2BGR), np.uint8)
    if whole.shape[2] == 4:
        return np.ascontiguousarray(whole[:, :, :3])
    return np.ascontiguousarray(whole)


def _to_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return np.asarray(array >> 8, np.uint8)
    if array.dtype.kind != "f":
        raise UsageError(
            f"a picture of {array.dtype} is refused: use uint8 from 0 to 255, uint16 from 0 to "
            "65535, or float from 0 to 1; array.astype converts"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UsageError("the picture has values that are not finite (nan or inf)")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise UsageError(
            f"a float picture with values from {low:g} to {high:g}: scale it to 0 to 1, or convert "
            "it to uint8"
        )
    return np.asarray(np.rint(np.clip(array, 0, 1) * 255), np.uint8)


def _from_pil(picture: Any) -> ImageArray:
    from PIL import ImageOps  # noqa: PLC0415 - whoever has such a picture has Pillow

    upright = ImageOps.exif_transpose(picture)
    rgb = np.asarray(upright.convert("RGB"), np.uint8)
    if 0 in rgb.shape:
        raise UsageError("a PIL image of no pixels is an empty picture")
    return np.ascontiguousarray(rgb[:, :, ::-1])
