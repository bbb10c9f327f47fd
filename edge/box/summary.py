"""What a run did, as one value: frames, states, drops by cause, latency by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edge.box.timing import Percentiles


@dataclass(frozen=True, slots=True)
class Summary:
    """The account of a run; `captured` = `processed` + the sum of `dropped`."""

    source: str
    sport: str
    field_name: str
    bundle: str
    engine: str
    precision: str
    stopped_by: str
    """`end` of the source, `signal`, `max_frames` or `failure`."""
    seconds: float
    captured: int
    processed: int
    dropped: Mapping[str, int]
    states: Mapping[str, int]
    reasons: Mapping[str, int]
    cuts: int
    dense_share: float
    latency: Mapping[str, Percentiles]
    publication: Mapping[str, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_frames_dropped: int = 0
    outages: Mapping[str, int] = field(default_factory=dict)
    """How often the camera gave no live picture, by the cause with which that began."""
    failures: tuple[str, ...] = ()
    """Outputs that could not be written, one line each."""
    note: str | None = None
    """Something odd about the source that a person should know."""

    @property
    def fps(self) -> float:
        """Processed frames a second over the whole run."""
        return self.processed / self.seconds if self.seconds > 0 else 0.0

    @property
    def answered(self) -> int:
        """Frames that got a homography."""
        return self.processed - self.states.get("lost", 0)

    def as_json(self) -> dict[str, Any]:
        """Return the account for a machine; times rounded to microseconds."""
        data = asdict(self)
        data["latency_ms"] = {k: _rounded(v) for k, v in self.latency.items()}
        del data["latency"]
        data["seconds"] = round(self.seconds, 3)
        data["dense_share"] = round(self.dense_share, 4)
        return data | {"fps": round(self.fps, 2), "answered": self.answered}


def _rounded(p: Percentiles) -> dict[str, float]:
    return {
        "count": p.count,
        "p50": round(p.p50_ms, 3),
        "p95": round(p.p95_ms, 3),
        "max": round(p.max_ms, 3),
    }
