"""What a registrar is told to do, and what the verdict's score must reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RefineMode = Literal["auto", "never", "always"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the verdict's score must reach."""

    verified: float = 0.75
    """Keypoints' homography taken as it is; below, the dense head is asked."""
    sure: float = 0.9
    """Below, an answer that no frame before bears out is refined as well, where there is time."""
    accepted: float = 0.5
    """Lowest score of a frame's own answer; below, the frame is lost."""
    carried: float = 0.5
    """The same of an answer that rests on the frame before or on telemetry."""
    coverage: float = 0.06
    """Share of the picture that must show the field."""
    cut: float = 0.16
    """Mean change of a thumbnail, of its range, that tells a cut from a camera's motion.

    Unless the picture only became brighter or darker (see `edge.registration.cuts`).
    """
    still: float = 0.03
    """The same, below which a picture shows as little of a field as the one before did."""

    @classmethod
    def of(cls, model: Mapping[str, float]) -> Thresholds:
        """Those that a bundle's decoding numbers name, the usual ones for the rest."""
        usual = cls()
        accepted = model.get("threshold.accepted", usual.accepted)
        return cls(
            verified=model.get("threshold.verified", usual.verified),
            sure=model.get("threshold.sure", usual.sure),
            accepted=accepted,
            carried=model.get("threshold.carried", accepted),
        )


@dataclass(slots=True)
class Policy:
    """What may change while a registrar runs."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    refines: RefineMode = "auto"
    """When the dense head runs."""
    follows: bool = True
    """Whether frames may be answered without the network."""
    verifies: bool = True
    """Off: every picture is answered (for ablations)."""
