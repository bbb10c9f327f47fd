"""Pictures of high dynamic range (PQ, HLG) or wide colour as the SDR that the networks know.

Light above the reference white is rolled off, and the colours of BT.2020 become those of BT.709.
Sources: ITU-R BT.2100-2 tables 4 and 5 (PQ, HLG), BT.2087-0 (primaries), BT.2408-7 (reference
white), BT.1886 (the display of SDR).
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray

Coding = Literal["PQ", "HLG", "BT.2020"]
"""How pictures are coded: two curves of HDR, or SDR with wide colours."""
_CURVES: dict[int, Coding] = {16: "PQ", 18: "HLG"}
"""FFmpeg's numbers of the curves (ISO/IEC 23091-2)."""
_BT2020, _UNSPECIFIED = 9, 2
"""FFmpeg's numbers of primaries; HDR that does not tell has those of BT.2020."""
WHITE_NITS = 203.0
"""Light of white paper in HDR, cd/m2 (BT.2408)."""
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
_KNEE = 0.8
"""Share of the reference white up to which light stays as it is."""
_MOST = 4.0
"""Light beyond which all is white, as a multiple of the reference white."""
_DISPLAY_GAMMA = 2.4
_BAND_ROWS = 32
"""Rows that are worked on at once: what lies between the steps stays in the processor's cache."""
_BT709_FROM_BT2020 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ]
)
"""Linear RGB to linear RGB."""


def coding_of(curve: int, primaries: int) -> Coding | None:
    """Return how pictures with FFmpeg's numbers of curve and primaries are coded; None: plain."""
    return _CURVES.get(curve) or ("BT.2020" if primaries == _BT2020 else None)


class ToneMapper:
    """Turns BGR pictures that are coded so into plain ones, in their own memory."""

    def __init__(self, coding: Coding, primaries: int) -> None:
        """Work the tables out; `primaries` is FFmpeg's number."""
        coded = np.arange(256) / 255
        light = _LIGHT[coding](coded)
        self._hlg = coding == "HLG"
        self._light = light.astype(np.float32)
        wide = primaries in {_BT2020, _UNSPECIFIED}
        matrix = _BT709_FROM_BT2020[::-1, ::-1] if wide else np.eye(3)  # BGR, not RGB
        self._matrix = np.ascontiguousarray(matrix, np.float32)
        shown = coded**2 * _MOST  # the table is for roots: their steps are those that eyes see
        self._shown = _shown(shown if coding == "BT.2020" else _rolled_off(shown))

    def map(self, image: ImageArray) -> ImageArray:
        """Change a (height, width, 3) uint8 BGR picture in place; returns it."""
        for top in range(0, len(image), _BAND_ROWS):
            band = image[top : top + _BAND_ROWS]
            light = cv2.LUT(band, self._light)
            if self._hlg:
                light = self._displayed(light)
            light = cv2.transform(light, self._matrix)
            cv2.max(light, 0.0, dst=light)
            cv2.sqrt(light, dst=light)
            root = cv2.convertScaleAbs(light, alpha=255 / _MOST**0.5)
            cv2.LUT(root, self._shown, dst=band)
        return image

    def _displayed(self, scene: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply the system gamma of HLG: scene light to display light, multiples of white."""
        luma = cv2.transform(scene, np.array([[0.0593, 0.6780, 0.2627]], np.float32))
        gain = cv2.pow(luma, _HLG_GAMMA - 1) * (_HLG_PEAK_NITS / WHITE_NITS)
        return np.asarray(scene * gain.reshape(*luma.shape[:2], 1), np.float32)


def _pq_light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Display light of PQ code values 0..1, multiples of white (BT.2100-2, table 4)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = coded ** (1 / m2)
    nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return np.asarray(nits / WHITE_NITS)


def _hlg_scene(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scene light 0..1 of HLG code values 0..1 (BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)


def _sdr_light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    return coded**_DISPLAY_GAMMA


def _rolled_off(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring light above the knee below 1, ever slower."""
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    return np.where(light > _KNEE, 1 - (1 - _KNEE) * np.exp(-over), light)


def _shown(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """SDR code values of light, given as multiples of the reference white (BT.1886)."""
    return np.asarray(np.rint(255 * np.minimum(light, 1) ** (1 / _DISPLAY_GAMMA)), np.uint8)


_LIGHT = {"PQ": _pq_light, "HLG": _hlg_scene, "BT.2020": _sdr_light}
