"""What a person should know of a film's colours, said once in the log."""

from __future__ import annotations

import logging

import numpy as np

from edge.capture.hdr import Coding
from edge.types import ImageArray

log = logging.getLogger(__name__)

_GREY_FRAMES = 50
"""Frames without colour, none of them dark, after which a film is called grey."""
_STEP_PX = 16
_GREY_SPREAD = 10
"""Two channels of a grey pixel differ by at most so much: coding adds a little colour."""
_DARK = 24


class Remarks:
    """Looks at a film's frames as they come; costs a few microseconds a frame."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._coding: Coding | None = None
        self._grey_frames: int | None = 0  # None: colour was seen, or the film was called grey
        self.note: str | None = None
        """How the pictures were changed for the networks, for the account of a run."""

    def see(self, image: ImageArray, coding: Coding | None) -> None:
        """Take a frame and how it was coded before it was tone-mapped (None: plain SDR)."""
        if coding is not None and coding != self._coding:
            kind = "wide colours (BT.2020)" if coding == "BT.2020" else f"HDR ({coding}, BT.2020)"
            self.note = f"{self._name}: {kind}; each picture is converted to SDR (BT.709)"
            log.warning("%s", self.note)
        self._coding = coding
        if self._grey_frames is not None:
            self._look_for_colour(image)

    def _look_for_colour(self, image: ImageArray) -> None:
        sample = image[::_STEP_PX, ::_STEP_PX].astype(np.int16)
        if sample.max() < _DARK:
            return
        assert self._grey_frames is not None
        self._grey_frames += 1
        if (sample.max(axis=2) - sample.min(axis=2)).max() > _GREY_SPREAD:
            self._grey_frames = None
        elif self._grey_frames >= _GREY_FRAMES:
            self._grey_frames = None
            log.warning(
                "%s: the film has no colour; the networks were taught with colour, and answer for"
                " fewer frames",
                self._name,
            )
