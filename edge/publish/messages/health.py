"""The payload of the topic `health`: the health report of a box; its counters balance."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge.publish.messages.base import FreeText, Message, MessagePart, Nanoseconds


class StageTime(MessagePart):
    """What one stage took, over the window."""

    p50_ms: float = Field(ge=0, description="Median.", json_schema_extra={"x-unit": "ms"})
    p95_ms: float = Field(ge=0, description="95th percentile.", json_schema_extra={"x-unit": "ms"})


class FrameAccount(MessagePart):
    """Where the frames of this session went: `captured` is the sum of all the rest.

    `captured = processed + in_work + waiting + sum(dropped)`, and `processed = sum(states)`.
    """

    captured: int = Field(ge=0, description="Frames that the source gave, good and corrupt.")
    processed: int = Field(ge=0, description="Frames that got an answer, `lost` included.")
    in_work: int = Field(ge=0, description="Taken from the queue and not yet answered.")
    waiting: int = Field(ge=0, description="In the queue between capture and registration.")
    dropped: dict[str, int] = Field(
        default_factory=dict,
        description="Frames without an answer, by cause: busy (a newer one came), corrupt, closed.",
    )
    states: dict[str, int] = Field(default_factory=dict, description="Answers by state.")
    reasons: dict[str, int] = Field(default_factory=dict, description="Refusals by reason.")

    @property
    def unaccounted(self) -> int:
        """Frames under no cause; anything but 0 is a defect."""
        known = self.processed + self.in_work + self.waiting + sum(self.dropped.values())
        return self.captured - known


class SourceHealth(MessagePart):
    """The camera's link."""

    kind: str = Field(description="Kind of source: file, folder, rtsp, v4l2, rendered.")
    state: str = Field(
        description="connecting, streaming, waiting (broken, opened again after a pause), ended."
    )
    failures: int = Field(
        0, ge=0, description="How often the link broke or could not be made in this session."
    )
    outages: dict[str, int] = Field(
        default_factory=dict,
        description="Times without a live picture, by cause: unreachable, denied, unplugged, "
        "silent, closed, undecodable, frozen.",
    )
    problem: FreeText | None = Field(
        None, description="Why there is no live picture; null while there is."
    )


class PublicationHealth(MessagePart):
    """What went to the broker: `offered` is the sum of `published`, `pending` and `dropped`."""

    connected: bool = Field(description="Whether the broker is there.")
    problem: FreeText | None = Field(
        None, description="What keeps messages from the broker or disk."
    )
    overwritten: int = Field(
        0, ge=0, description="Messages of others on the box's retained topics; it put them right."
    )
    offered: int = Field(0, ge=0, description="Homographies handed over for publication.")
    published: int = Field(0, ge=0, description="Homographies sent.")
    pending: int = Field(0, ge=0, description="Homographies on their way.")
    dropped: dict[str, int] = Field(
        default_factory=dict,
        description=(
            "By cause: offline, slow_link, expired, link_lost, stopped, unsendable, unmade."
        ),
    )


class SpoolHealth(MessagePart):
    """Events on the disk of the box."""

    waiting: int = Field(0, ge=0, description="Events that the broker has not taken yet.")
    delivered: int = Field(0, ge=0, description="Events that the broker took in this session.")
    dropped: dict[str, int] = Field(
        default_factory=dict,
        description=(
            "By cause: overflow (the disk is stuck), size, age, refused, unsendable, damaged, "
            "unmade, suppressed (a storm of events)."
        ),
    )


class ProcessHealth(MessagePart):
    """The process and the board under it; null where this system does not tell."""

    resident_mb: float | None = Field(
        None, ge=0, description="Resident memory.", json_schema_extra={"x-unit": "MB"}
    )
    threads: int | None = Field(None, ge=0, description="Threads.")
    descriptors: int | None = Field(None, ge=0, description="Open file descriptors.")
    log_messages_dropped: int = Field(
        0, ge=0, description="Log messages that nobody read in time from stderr."
    )
    temperatures_c: dict[str, float] = Field(
        default_factory=dict,
        description="Temperature of each thermal zone that the kernel shows.",
        json_schema_extra={"x-unit": "degC"},
    )


class ClockHealth(MessagePart):
    """What the times in messages are worth."""

    synchronized: bool = Field(description="Whether the kernel's clock is being disciplined.")
    source: str = Field(
        description="What disciplines it: ptp, chrony, ntp, timesyncd; `other` where the kernel is "
        "synchronized by something that is not seen from here; unsynchronized; unknown where "
        "the kernel does not say."
    )
    offset_ns: int | None = Field(
        None,
        description="What the kernel is still correcting; null where unsynchronized.",
        json_schema_extra={"x-unit": "ns"},
    )
    error_ns: Nanoseconds | None = Field(
        None,
        description="The kernel's bound on the clock's error; null where unsynchronized.",
    )
    jumps: int = Field(0, ge=0, description="Jumps noticed in this session.")
    last_jump_ns: int | None = Field(
        None,
        description="The last one, positive forwards; null: none.",
        json_schema_extra={"x-unit": "ns"},
    )


class Health(Message):
    """Health report of a box: topic `health`, retained, every few seconds."""

    SCHEMA: ClassVar[str] = "touchline.health/1"

    schema_: Literal["touchline.health/1"] = Field("touchline.health/1", alias="schema")
    time_ns: Nanoseconds = Field(description="When these figures were taken.")
    uptime_s: float = Field(
        ge=0, description="Age of the session.", json_schema_extra={"x-unit": "s"}
    )
    interval_s: float = Field(
        gt=0,
        description="The next message comes this much later.",
        json_schema_extra={"x-unit": "s"},
    )
    window_s: float = Field(
        gt=0,
        description="Rates and times of stages are of the time since then.",
        json_schema_extra={"x-unit": "s"},
    )
    live: bool = Field(
        description="Frames are being finished, or the source is away and being opened again."
    )
    ready: bool = Field(description="Homographies are being made and can be published.")
    problems: list[FreeText] = Field(
        default_factory=list, description="Why the box is not live or not ready, for people."
    )
    fps_in: float = Field(
        ge=0, description="Frames captured, over the window.", json_schema_extra={"x-unit": "Hz"}
    )
    fps_out: float = Field(
        ge=0, description="Frames answered, over the window.", json_schema_extra={"x-unit": "Hz"}
    )
    frames: FrameAccount
    stages: dict[str, StageTime] = Field(
        default_factory=dict,
        description="Time in each stage, over the window; `total` from picture to publication.",
    )
    queues: dict[str, int] = Field(
        default_factory=dict,
        description="What waits in each queue: capture, publication, events, outputs.",
    )
    source: SourceHealth
    publication: PublicationHealth
    spool: SpoolHealth
    process: ProcessHealth
    clock: ClockHealth
    bundle: str | None = Field(None, description="Model bundle, name and version.")
