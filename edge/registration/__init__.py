"""Registration of the field in a picture.

Keypoints, homography, verification, refinement, refusal.
"""

from __future__ import annotations

from edge.registration.registrar import FieldRegistrar, Thresholds

__all__ = ["FieldRegistrar", "Thresholds"]
