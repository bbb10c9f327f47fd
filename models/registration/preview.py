"""Contact sheets of rendered views with their truth.

`python -m models.registration.preview OUT.png` shows what the training sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cv2
import numpy as np

from edge.errors import UsageError
from edge.fields import Field, load_field, polylines
from edge.geometry import apply_homography, depth
from edge.types import ImageArray
from models.registration.commands import one_line_errors, picture_size
from models.registration.looks import SPORTS
from models.registration.views import ViewBatch, ViewRenderer

LINE_BGR = (0, 0, 255)
KEYPOINT_BGR = (255, 80, 0)


def draw_truth(batch: ViewBatch, i: int, *, maps: bool = False) -> ImageArray:
    """Picture i beside itself with lines and keypoints drawn in, and its distance maps if asked.

    Returns (h, 2 w, 3), or (h, 4 w, 3) with the maps.
    """
    image = batch.image[i]
    tiles = [image, _drawn(batch, i)]
    if maps:
        size = (image.shape[1], image.shape[0])
        shades = (batch.distances[i].numpy() * 255).astype(np.uint8)
        tiles += [cv2.cvtColor(cv2.resize(s, size), cv2.COLOR_GRAY2BGR) for s in shades]
    return np.hstack(tiles)


def _drawn(batch: ViewBatch, i: int) -> ImageArray:
    drawn: ImageArray = batch.image[i].copy()
    if not batch.negative[i]:
        length, width = batch.field_m
        field = load_field(batch.field_name, length_m=length, width_m=width)
        _draw_lines(drawn, batch, i, field)
        _draw_keypoints(drawn, batch, i, field)
    return drawn


def _draw_lines(drawn: ImageArray, batch: ViewBatch, i: int, field: Field) -> None:
    """The markings with the lens's distortion."""
    h, w = drawn.shape[:2]
    for marking in polylines(field, 1.0):
        ground = np.c_[marking, np.zeros(len(marking))]
        pixels, z = batch.cameras.project(i, ground, w, h)
        good = (z > 0.5) & (np.abs(pixels).max(1) < 4 * w)
        for k in np.flatnonzero(good[:-1] & good[1:]):
            (x0, y0), (x1, y1) = np.round(pixels[k : k + 2]).astype(int).tolist()
            cv2.line(drawn, (x0, y0), (x1, y1), LINE_BGR, 1, cv2.LINE_AA)


def _draw_keypoints(drawn: ImageArray, batch: ViewBatch, i: int, field: Field) -> None:
    """The uniform grid by the pinhole homography."""
    h, w = drawn.shape[:2]
    keypoints = field.keypoints_m()
    forward = batch.image_from_field[i]
    for x, y in apply_homography(forward, keypoints)[depth(forward, keypoints) > 0]:
        if 0 <= x < w and 0 <= y < h:
            cv2.circle(drawn, (round(x), round(y)), 2, KEYPOINT_BGR, -1, cv2.LINE_AA)


def sheet(renderer: ViewRenderer, count: int, across: int, *, maps: bool = False) -> ImageArray:
    """`count` views, `across` of them side by side; an unfinished last row is filled with black."""
    tiles: list[ImageArray] = []
    while len(tiles) < count:
        batch = renderer.batch(min(4, count - len(tiles)))
        tiles += [draw_truth(batch, i, maps=maps) for i in range(len(batch.image))]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    rows = [np.hstack(tiles[k : k + across]) for k in range(0, len(tiles), across)]
    return np.vstack(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="picture to write, .png or .jpg")
    parser.add_argument("--sport", default="soccer", choices=SPORTS)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=picture_size, default=(320, 192), help="WxH (320x192)")
    parser.add_argument("--across", type=int, default=3, help="views side by side")
    parser.add_argument("--sizes", type=int, default=10, help="of fields; 1: the standard one (10)")
    parser.add_argument("--maps", action="store_true", help="show the distance maps too")
    args = parser.parse_args(arguments)
    if min(args.count, args.across, args.sizes) < 1:
        parser.error("--count, --across and --sizes begin at 1")
    with one_line_errors(parser):
        renderer = ViewRenderer(args.seed, *args.size, sport=args.sport, sizes=args.sizes)
        _write(args.out, sheet(renderer, args.count, args.across, maps=args.maps))


def _write(path: str, image: ImageArray) -> None:
    try:
        written = cv2.imwrite(path, image)
    except cv2.error:
        written = False
    if not written:
        raise UsageError(
            f"{path}: no picture can be written there: give a .png in a folder that is"
        )


if __name__ == "__main__":
    main()
