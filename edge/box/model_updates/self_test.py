"""The golden frames that go into a bundle when it is packed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.bundles import Bundle
from edge.capture import RenderedMatch, read_picture
from edge.errors import BundleError, UsageError
from edge.fields import Field, load_field
from edge.registration import FieldRegistrar
from edge.registration.golden import Golden, judge, make_golden
from edge.types import FloatArray, ImageArray

_SEED = 21
_WANTED = 3
"""Frames with a field; one without comes on top."""
_SIZE = (640, 360)
"""Width and height of a golden picture: small in the archive, and enough for the networks."""
_MARGIN = 0.6
"""Share of the tolerance that a frame may use up here: another box rounds otherwise."""


def golden_frames(bundle: Bundle, truth: Path | None = None) -> list[Golden]:
    """Choose golden frames that this bundle answers well.

    `truth` is a file of JSON lines with `image` (a picture's path, relative to the file) and
    `field_from_image` (9 numbers, or null where there is no field); without it a match is rendered,
    which is there for soccer alone. Raises UsageError or BundleError.
    """
    field = load_field(bundle.manifest.field)
    registrar = FieldRegistrar(bundle, field, engine="onnxruntime")
    with_field: list[Golden] = []
    without: list[Golden] = []
    try:
        pictures = _rendered(bundle, _SIZE) if truth is None else _listed(truth, _SIZE)
        for number, picture in enumerate(pictures):
            golden = make_golden(number, *picture)
            kind, most = (without, 1) if picture[1] is None else (with_field, _WANTED)
            if len(kind) < most and _answers(registrar, golden, field):
                kind.append(golden)
            if len(with_field) == _WANTED and without:
                break
    finally:
        registrar.close()
    if not with_field:
        raise BundleError(
            f"{bundle.path}: {bundle.label} answers no golden frame well enough; is it trained?"
        )
    return with_field + without


def _answers(registrar: FieldRegistrar, golden: Golden, field: Field) -> bool:
    """Whether a bundle answers a frame, as it comes out of the archive, well enough."""
    coded = np.frombuffer(golden.data, np.uint8)
    image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    strict = golden.entry.model_copy(update={"tolerance": _MARGIN * golden.entry.tolerance})
    return judge(registrar, image, strict, field) is None


def _rendered(
    bundle: Bundle, size: tuple[int, int]
) -> Iterator[tuple[ImageArray, FloatArray | None]]:
    if bundle.manifest.sport != "soccer":
        raise UsageError(
            f"no match of {bundle.manifest.sport} is rendered here: give --golden FILE.jsonl"
        )
    yield np.full((size[1], size[0], 3), 110, np.uint8), None
    match = RenderedMatch(
        seed=_SEED, seconds=40, fps=1, width=size[0], height=size[1], cutaways=False
    )
    for frame in match:
        if frame.index % 3 == 0 and match.truth is not None:
            yield frame.image, match.truth.field_from_image


def _listed(truth: Path, size: tuple[int, int]) -> Iterator[tuple[ImageArray, FloatArray | None]]:
    try:
        lines = truth.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{truth}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            entry = json.loads(line)
            picture = truth.parent / entry["image"]
            numbers = entry["field_from_image"]
            h = None if numbers is None else np.array(numbers, float).reshape(3, 3)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{truth}:{number}: expected `image` and `field_from_image` ({error})"
            ) from error
        image = read_picture(picture)
        height, width = image.shape[:2]
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield np.asarray(scaled, np.uint8), None if h is None else h @ _scale(width, height, size)


def _scale(width: int, height: int, size: tuple[int, int]) -> FloatArray:
    """Pixels of the scaled picture to those of the given one, centres at integers."""
    sx, sy = width / size[0], height / size[1]
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
