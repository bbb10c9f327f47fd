"""Pictures as people hold them, made what the network reads: (height, width, 3) uint8 BGR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture import read_picture
from edge.errors import UsageError
from edge.types import ImageArray

PictureLike: TypeAlias = "str | os.PathLike[str] | NDArray[Any] | Any"
"""A path, a NumPy picture (BGR, BGRA, grey; uint8, uint16, float from 0 to 1), or a PIL image."""

_KINDS = "take a path, a NumPy array (height, width[, 3]) in BGR order, or a PIL image"


def to_bgr(picture: PictureLike) -> ImageArray:
    """Return a picture as (height, width, 3) uint8 BGR; one that is so already is not copied.

    Raises UsageError, one sentence, for what is no picture; SourceError for a file that cannot be
    read.
    """
    if isinstance(picture, (str, os.PathLike)):
        return read_picture(Path(os.fspath(picture)))
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if hasattr(picture, "convert") and hasattr(picture, "getexif"):  # PIL, without importing it
        return _from_pil(picture)
    raise UsageError(f"{type(picture).__name__} is no picture: {_KINDS}")


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
            f"a picture of {array.dtype} cannot be told: use uint8 from 0 to 255, uint16 from 0 to "
            "65535, or float from 0 to 1"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UsageError("a picture with values that are not finite")
    if low < 0 or high > 1:
        raise UsageError(
            f"a float picture with values from {low:g} to {high:g}: scale it to 0 to 1"
        )
    return np.asarray(np.rint(array * 255), np.uint8)


def _from_pil(picture: Any) -> ImageArray:
    from PIL import ImageOps  # noqa: PLC0415 - whoever has such a picture has Pillow

    upright = ImageOps.exif_transpose(picture)
    rgb = np.asarray(upright.convert("RGB"), np.uint8)
    if 0 in rgb.shape:
        raise UsageError("a PIL image of no pixels is an empty picture")
    return np.ascontiguousarray(rgb[:, :, ::-1])
