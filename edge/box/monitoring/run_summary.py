"""What a run did, as one value: frames, states, drops by cause, latency by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edge.box.monitoring.latency import Percentiles, StageTimes


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


class Accounts:
    """The account of runs that follow one another: one run, or more where a box is rebuilt."""

    def __init__(self) -> None:
        self.times = StageTimes()
        """What the stages took in all of them; each run adds to it as it goes."""
        self._total: Summary | None = None

    @property
    def empty(self) -> bool:
        """Whether no run was added yet."""
        return self._total is None

    def add(self, run: Summary) -> Summary:
        """Add the account of a run that ended; returns that of all of them."""
        self._total = run if self._total is None else added(self._total, run)
        return self._total


def added(before: Summary, run: Summary) -> Summary:
    """Return the account of both; names, and the latency of all, are the later run's. Pure."""
    processed = before.processed + run.processed
    dense = before.dense_share * before.processed + run.dense_share * run.processed
    return replace(
        run,
        seconds=before.seconds + run.seconds,
        captured=before.captured + run.captured,
        processed=processed,
        dropped=_sum(before.dropped, run.dropped),
        states=_sum(before.states, run.states),
        reasons=_sum(before.reasons, run.reasons),
        cuts=before.cuts + run.cuts,
        dense_share=dense / processed if processed else 0.0,
        publication=_sum(before.publication, run.publication) | _waiting(run.publication),
        outputs=tuple(dict.fromkeys((*before.outputs, *run.outputs))),
        output_frames_dropped=before.output_frames_dropped + run.output_frames_dropped,
        outages=_sum(before.outages, run.outages),
        failures=(*before.failures, *run.failures),
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)


def _waiting(publication: Mapping[str, int]) -> dict[str, int]:
    """Events that waited are in the spool, and the next run counts them again."""
    return {"events_waiting": publication.get("events_waiting", 0)}


def _rounded(p: Percentiles) -> dict[str, float]:
    return {
        "count": p.count,
        "p50": round(p.p50_ms, 3),
        "p95": round(p.p95_ms, 3),
        "max": round(p.max_ms, 3),
    }
