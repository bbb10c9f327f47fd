"""One example of every message, for documents and schemas. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge.publish.messages import models
from edge.publish.messages.base import Document
from edge.publish.messages.config import ConfigDesired, ConfigReported, ConfigSchema
from edge.publish.messages.config_examples import CONFIG_SCHEMA, DESIRED, REFUSED, REPORTED
from edge.publish.messages.health import (
    ClockHealth,
    FrameAccount,
    Health,
    ProcessHealth,
    PublicationHealth,
    SourceHealth,
    SpoolHealth,
    StageTime,
)
from edge.publish.messages.models import ModelDesired, ModelReported
from edge.publish.messages.registration import (
    Angles,
    BundleInfo,
    CameraInfo,
    Capture,
    Event,
    EventKind,
    FieldRef,
    Hardware,
    Homography,
    HomographyQuality,
    Info,
    Pose,
    PoseSource,
    StateMessage,
    Status,
)
from edge.publish.messages.segments import MarkedSegment, Programme, Segments
from edge.types import RegistrationState, RejectionReason

_SESSION = "5f0c1a9e77b2d304"
_TIME_NS = 1_785_000_000_040_000_000
_FIELD = FieldRef(name="soccer", length_m=105.0, width_m=68.0)
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@dataclass(frozen=True, slots=True)
class TopicDoc:
    """A topic of the contract, as documents describe it."""

    topic: str
    """Under `<prefix>/v1/<site>/<device>/`, its camera as `{cam}`."""
    title: str
    description: str
    message: type[Document]
    retained: bool
    qos: int
    expiry: str
    examples: tuple[Document, ...]
    to_box: bool = False
    """Whether the box reads it; it sends every other."""


def _homography(
    seq: int, state: RegistrationState, reason: RejectionReason = RejectionReason.NONE
) -> Homography:
    lost = state is RegistrationState.LOST
    return Homography(
        session=_SESSION,
        seq=seq,
        camera="cam1",
        frame_id=1240 + seq,
        pts_s=round((1240 + seq) / 25, 3),
        capture=Capture(
            time_ns=_TIME_NS + seq * 40_000_000, clock="rtcp", uncertainty_ns=2_000_000
        ),
        image_size=(1280, 720),
        field=_FIELD,
        state=state,
        reason=reason,
        field_from_image=None
        if lost
        else [-0.351458, 0.0169037, 1.48758, 0.10739, 2.29331, -873.378, 0.0, -0.0302432, 1.0],
        quality=HomographyQuality(
            score=0.03 if lost else 0.97,
            calibration="soccer-heldout-1",
            inliers=4 if lost else 38,
            rms_px=None if lost else 1.42,
            expected_error_m=None if lost else 0.31,
            line_support=None if lost else 0.92,
        ),
        latency_ms={"preprocess": 1.1, "infer": 9.8, "keypoints": 0.9, "verify": 1.3},
        bundle="soccer 1.0.0",
        config_revision="7",
    )


_POSE = Pose(
    session=_SESSION,
    seq=1,
    camera="cam1",
    time_ns=_TIME_NS + 40_000_000,
    image_size=(1280, 720),
    source=PoseSource.VISION,
    steady=True,
    position_m=(1.42, -61.9, 14.1),
    angles_deg=Angles(pan=-12.45, tilt=-9.81, roll=0.12),
    focal_px=2874.2,
    sigma_position_m=(0.09, 0.21, 0.06),
    sigma_angles_deg=Angles(pan=0.03, tilt=0.03, roll=0.05),
    sigma_focal_px=6.3,
    residual_px=0.8,
)


def _event(seq: int, kind: EventKind, reason: RejectionReason = RejectionReason.NONE) -> Event:
    return Event(
        session=_SESSION,
        seq=seq,
        id=f"{_SESSION}-{seq}",
        kind=kind,
        camera="cam1",
        time_ns=_TIME_NS + seq * 1_000_000_000,
        frame_id=1240 + 25 * seq,
        pts_s=49.6 + seq,
        reason=reason,
    )


def _state(seq: int, status: Status, *, clean: bool = True) -> StateMessage:
    return StateMessage(session=_SESSION, seq=seq, status=status, time_ns=_TIME_NS, clean=clean)


_INFO = Info(
    session=_SESSION,
    seq=1,
    time_ns=_TIME_NS,
    version="0.1.0",
    schemas=[m.SCHEMA for m in (Homography, Pose, StateMessage, Info, Health, Event)],
    capabilities=["homography", "events", "config"],
    hardware=Hardware(machine="aarch64", cpus=4, memory_mb=7800, system="Linux 6.1.0"),
    cameras=[CameraInfo(id="cam1", sport="soccer", field=_FIELD, source="rtsp")],
    bundles=[
        BundleInfo(
            name="soccer",
            version="1.0.0",
            sport="soccer",
            engine="onnxruntime",
            precision="int8",
            sha256={"model.int8.onnx": _SHA256},
        )
    ],
    config_revision="7",
)

_HEALTH = Health(
    session=_SESSION,
    seq=720,
    time_ns=_TIME_NS,
    uptime_s=3600.0,
    interval_s=5.0,
    window_s=60.0,
    live=True,
    ready=True,
    fps_in=25.0,
    fps_out=24.8,
    frames=FrameAccount(
        captured=90_000,
        processed=89_421,
        in_work=1,
        waiting=0,
        dropped={"busy": 571, "corrupt": 7},
        states={"verified": 80_211, "refined": 4_002, "tracked": 0, "held": 108, "lost": 5_100},
        reasons={"no_field": 4_877, "few_keypoints": 223},
    ),
    stages={
        "infer": StageTime(p50_ms=9.8, p95_ms=13.1),
        "total": StageTime(p50_ms=21.4, p95_ms=30.2),
    },
    queues={"capture": 0, "publication": 0, "events": 0, "outputs": 0},
    source=SourceHealth(kind="rtsp", state="streaming", failures=2, outages={"silent": 1}),
    publication=PublicationHealth(
        connected=True, offered=89_421, published=89_402, pending=0, dropped={"offline": 19}
    ),
    spool=SpoolHealth(waiting=0, delivered=46),
    process=ProcessHealth(
        resident_mb=412.5, threads=14, descriptors=31, temperatures_c={"cpu-thermal": 61.4}
    ),
    clock=ClockHealth(synchronized=True, source="chrony", offset_ns=0, error_ns=3_412_000, jumps=0),
    bundle="soccer 1.0.0",
)

_SEGMENTS = Segments(
    session=_SESSION,
    seq=1,
    job="episode-102-1c291ca3",
    time_ns=_TIME_NS,
    programme=Programme(
        file="Series/Episode 102.mkv",
        duration_s=2531.08,
        source="model",
        mode="keyframes",
        bundle="segments 1.0.0",
        segments=(
            MarkedSegment(label="recap", start_s=0.0, end_s=38.44, probability=0.91),
            MarkedSegment(label="intro", start_s=121.36, end_s=166.2, probability=0.97),
        ),
    ),
)

TOPICS: tuple[TopicDoc, ...] = (
    TopicDoc(
        "state",
        "RegistrationState",
        "Birth, clean stop and will of the box. They share this topic and name the session, so "
        "that the will of an old session is told from the state of the present one.",
        StateMessage,
        retained=True,
        qos=1,
        expiry="never",
        examples=(_state(1, Status.ONLINE), _state(0, Status.OFFLINE, clean=False)),
    ),
    TopicDoc(
        "info",
        "Info",
        "What the box is and runs.",
        Info,
        retained=True,
        qos=1,
        expiry="never",
        examples=(_INFO,),
    ),
    TopicDoc(
        "health",
        "Health",
        "Health report, every `health.interval_s`. The counts are of the session and add up: "
        "every captured frame is under one cause. The same figures are served as `/metrics` on "
        "the box (docs/reference/metrics.md).",
        Health,
        retained=True,
        qos=1,
        expiry="health.expiry_s, 30 s unless set",
        examples=(_HEALTH,),
    ),
    TopicDoc(
        "cam/{cam}/homography",
        "Homography",
        "The answer for each frame. The newest wins: on a slow link frames are dropped and the "
        "rest stays fresh; a gap in `seq` shows how many.",
        Homography,
        retained=False,
        qos=0,
        expiry="publish.frame_expiry_s, 1 s unless set",
        examples=(
            _homography(1, RegistrationState.VERIFIED),
            _homography(2, RegistrationState.LOST, RejectionReason.NO_FIELD),
        ),
    ),
    TopicDoc(
        "cam/{cam}/homography/latest",
        "Latest homography",
        "The newest message of `homography`, copied once a second for who comes later.",
        Homography,
        retained=True,
        qos=1,
        expiry="publish.latest_expiry_s, 10 s unless set",
        examples=(_homography(1, RegistrationState.TRACKED),),
    ),
    TopicDoc(
        "cam/{cam}/pose",
        "Pose",
        "Where the camera stands and looks, worked out from the homography; from the camera's own "
        "telemetry where the picture shows too little. The same pose goes out as FreeD and "
        "OpenTrackIO where the configuration says so.",
        Pose,
        retained=False,
        qos=0,
        expiry="publish.frame_expiry_s, 1 s unless set",
        examples=(_POSE,),
    ),
    TopicDoc(
        "cam/{cam}/event",
        "Event",
        "What happened at a camera. Kept on disk while the broker is away, sent in order. The "
        "same `id` twice is the same event, sent again because the link was lost.",
        Event,
        retained=False,
        qos=1,
        expiry="never",
        examples=(_event(1, EventKind.LOCKED), _event(2, EventKind.LOST, RejectionReason.NO_LINES)),
    ),
    TopicDoc(
        "config/desired",
        "Desired configuration",
        "To the box: the configuration that it should have, the whole of it. Revisions increase. "
        "`touchline config push` writes it.",
        ConfigDesired,
        retained=True,
        qos=1,
        expiry="never",
        examples=(DESIRED,),
        to_box=True,
    ),
    TopicDoc(
        "config/reported",
        "Reported configuration",
        "The configuration in force, secrets hidden, and what became of the desired one.",
        ConfigReported,
        retained=True,
        qos=1,
        expiry="never",
        examples=(REPORTED, REFUSED),
    ),
    TopicDoc(
        "config/schema",
        "Configuration schema",
        "The JSON Schema of the configuration, for forms and checks; `config` is shortened here.",
        ConfigSchema,
        retained=True,
        qos=1,
        expiry="never",
        examples=(CONFIG_SCHEMA,),
    ),
    TopicDoc(
        "model/desired",
        "Desired model bundle",
        "To the box: the bundle that it should use, and where its archive is "
        "(docs/how-to/update-a-model.md). Taken by a box with `updates.keys`, one at a time, "
        "the newest first.",
        ModelDesired,
        retained=True,
        qos=1,
        expiry="never",
        examples=(models.DESIRED,),
        to_box=True,
    ),
    TopicDoc(
        "model/reported",
        "Reported model bundle",
        "The bundle in use, and what becomes of the desired one: `fetching`, `testing`, "
        "`probation`, then `applied`, `rejected` or `rolled_back`.",
        ModelReported,
        retained=True,
        qos=1,
        expiry="never",
        examples=(models.APPLIED, models.ROLLED_BACK),
    ),
    TopicDoc(
        "segments/{job}",
        "Segments",
        "Recap and intro of a programme, as `touchline segments --broker` found them "
        "(docs/how-to/skip-marks.md); what is not listed is content. It comes from that command, "
        "not from a box's pipeline: each run has a `session` of its own.",
        Segments,
        retained=True,
        qos=1,
        expiry="never",
        examples=(_SEGMENTS,),
    ),
)
"""The contract, in the order of its documents."""
