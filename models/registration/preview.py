"""A contact sheet of rendered views with their ground truth: `python -m models.registration.preview OUT.png`."""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from edge.fields import load_field, polylines
from edge.geometry import apply_homography, depth
from models.registration.views import Batch, ViewRenderer


def draw_truth(batch: Batch, i: int, columns: int) -> np.ndarray:
    """Picture i beside itself with the field's lines drawn in, and its distance maps; (h, columns*w, 3)."""
    image = batch.image[i]
    drawn = image.copy()
    field = load_field("soccer", length_m=batch.field_m[0], width_m=batch.field_m[1])
    if not batch.negative[i]:
        h, w = image.shape[:2]
        for line in polylines(field, 1.0):
            p, z = batch.cameras.project(i, np.c_[line, np.zeros(len(line))], w, h)
            for k in range(len(p) - 1):
                if z[k] > 0.5 and z[k + 1] > 0.5 and np.abs(p[k : k + 2]).max() < 4 * w:
                    cv2.line(
                        drawn,
                        *np.round(p[k : k + 2]).astype(int).tolist(),
                        (0, 0, 255),
                        1,
                        cv2.LINE_AA,
                    )
        keypoints = field.keypoints_m()
        hom = batch.image_from_field[i]
        front = depth(hom, keypoints) > 0
        for x, y in apply_homography(hom, keypoints)[front]:
            if 0 <= x < w and 0 <= y < h:
                cv2.circle(drawn, (round(x), round(y)), 2, (255, 80, 0), -1, cv2.LINE_AA)
    maps = [image, drawn]
    if columns > 2:
        d = (batch.distances[i].numpy() * 255).astype(np.uint8)
        size = image.shape[1::-1]
        maps += [cv2.cvtColor(cv2.resize(m, size), cv2.COLOR_GRAY2BGR) for m in d]
    return np.hstack(maps[:columns])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="320x192", help="WxH")
    parser.add_argument("--across", type=int, default=3, help="views side by side")
    parser.add_argument("--maps", action="store_true", help="show the distance maps too")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    renderer = ViewRenderer(args.seed, width, height)
    tiles: list[np.ndarray] = []
    while len(tiles) < args.count:
        batch = renderer.batch(min(4, args.count - len(tiles)))
        tiles += [draw_truth(batch, i, 4 if args.maps else 2) for i in range(len(batch.image))]
    rows = [
        np.hstack(tiles[k : k + args.across])
        for k in range(0, len(tiles) - args.across + 1, args.across)
    ]
    if not cv2.imwrite(args.out, np.vstack(rows)):
        parser.error(f"{args.out}: cannot be written")


if __name__ == "__main__":
    main()
