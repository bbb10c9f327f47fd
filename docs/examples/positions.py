"""Boxes of a detector as positions on a pitch: python positions.py still.png pitch.png.

Needs `pip install mplsoccer supervision` beside Touchline. The boxes stand for those of your own
detector. The metres of a result are mplsoccer's coordinates of type `skillcorner`: from the centre,
x along the field, y away from the main camera.
"""

from __future__ import annotations

import sys

import mplsoccer
import numpy as np
import supervision as sv

import touchline

BOXES_PX = np.array([[600, 300, 640, 400], [700, 350, 740, 460]], float)
"""Left, top, right and bottom of each box."""


def main(picture: str, drawing: str) -> None:
    """Register a picture, map the feet of the players to metres and draw them."""
    result = touchline.register(picture, sport="soccer")
    if not result:
        sys.exit(f"{picture} is lost: {result.reason.value}")
    detections = sv.Detections(xyxy=BOXES_PX)
    feet_m = result.to_field(detections.get_anchors_coordinates(sv.Position.BOTTOM_CENTER))
    pitch = mplsoccer.Pitch(
        pitch_type="skillcorner",
        pitch_length=result.field.length_m,
        pitch_width=result.field.width_m,
    )
    figure, axes = pitch.draw()
    pitch.scatter(feet_m[:, 0], feet_m[:, 1], ax=axes)
    figure.savefig(drawing)
    for x, y in feet_m:
        print(f"{x:.1f} m along, {y:.1f} m across")


if __name__ == "__main__":
    main(*sys.argv[1:3])
