"""Registration of the field in a picture.

Keypoints, homography, verification, refinement, refusal.
"""

from __future__ import annotations

from edge.registration.policy import Thresholds
from edge.registration.registrar import FieldRegistrar

__all__ = ["FieldRegistrar", "Thresholds"]
