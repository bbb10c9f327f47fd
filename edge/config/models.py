"""The configuration of a box: one YAML file, one model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.config.brokers import BrokerConfig, EmbeddedBrokerConfig
from edge.config.ids import MAX_REVISION, Id, Prefix, host_id
from edge.config.links import LinkConfig
from edge.config.section import Computed, Section, remote_rules, setting
from edge.config.sources import SourceConfig
from edge.config.suggest import did_you_mean
from edge.config.watching import HealthConfig, LogConfig
from edge.errors import UsageError
from edge.fields import SPORTS, default_field, load_field

HostPort = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$",
        description="A host's name or address, an IPv6 address in brackets, and a port.",
    ),
]


class CameraConfig(Section):
    """The camera whose picture is registered."""

    id: Id = setting(
        "cam1", "Camera id", "Names the camera in topics: `cam/<id>/…`.", remote="allowed"
    )
    frozen_after_s: float | None = setting(
        2.0,
        "Frozen after",
        "A camera that repeats one picture for so long is not live: its frames are lost, and it is "
        "connected to again. null: never (a source without noise, such as a computer's output).",
        unit="s",
        gt=0,
        le=600,
        remote="allowed",
    )
    link: LinkConfig | None = setting(
        None,
        "Link",
        "The camera's own telemetry, and where its pose is sent as FreeD and OpenTrackIO; null: "
        "the pose is published on MQTT alone.",
        remote="allowed",
    )


class FieldConfig(Section):
    """The playing field at this venue."""

    name: str | None = setting(
        None,
        "Field",
        "Variant of the sport's field (docs/reference/fields.md lists them); null: the usual one.",
        remote="allowed",
    )
    length_m: float | None = setting(
        None,
        "Length",
        "Length where the rules leave a choice; null: the usual one.",
        unit="m",
        gt=0,
        le=500,
        remote="allowed",
    )
    width_m: float | None = setting(
        None,
        "Width",
        "Width where the rules leave a choice; null: the usual one.",
        unit="m",
        gt=0,
        le=500,
        remote="allowed",
    )
    camera_side: Literal["near", "far"] = setting(
        "near",
        "Camera side",
        "near: the camera stands where y is negative; far: where y is positive, and homographies "
        "are turned by half a turn, so that cameras on both sides publish the same coordinates.",
        remote="allowed",
    )


class EngineConfig(Section):
    """What runs the networks."""

    name: Literal["auto", "onnxruntime", "openvino", "tflite"] = setting(
        "auto",
        "Engine",
        "auto: the fastest that works on this box; measured once, then remembered.",
        remote="allowed",
    )
    threads: int | None = setting(
        None, "Threads", "Threads of the engine; null: it decides.", ge=1, le=256, remote="allowed"
    )
    bundle: Path | None = setting(
        None,
        "Model bundle",
        "Folder of a model bundle; null: the bundle that ships for the sport.",
        path="folder",
    )


class RegistrationConfig(Section):
    """How homographies are verified and refined."""

    refine: Literal["auto", "never", "always"] = setting(
        "auto",
        "Refine",
        "auto: when verification fails; never: only accept or refuse; always: every frame.",
        change="live",
        remote="allowed",
    )
    follow: Literal["auto", "never"] = setting(
        "auto",
        "Follow",
        "auto: frames between two runs of the network are tracked by optical flow and verified "
        "on their lines; never: the network runs on every frame.",
        change="live",
        remote="allowed",
    )


class EventConfig(Section):
    """When a change of state becomes an event."""

    locked_after_frames: int = setting(
        3,
        "Lock after",
        "Answered frames in a row that make `locked`.",
        change="live",
        ge=1,
        le=1000,
        remote="allowed",
    )
    lost_after_frames: int = setting(
        10,
        "Lost after",
        "Refused frames in a row that make `lost`.",
        change="live",
        ge=1,
        le=1000,
        remote="allowed",
    )


class SpoolConfig(Section):
    """Where events wait while the broker is away."""

    path: Path | None = setting(
        None,
        "File",
        "SQLite file; null: `spool.sqlite` in the state folder of the user or the system.",
        path="output",
    )
    max_mb: float = setting(
        16.0,
        "Size",
        "Events beyond this are dropped, the oldest first.",
        unit="MB",
        ge=0.1,
        le=10_000,
    )
    max_age_h: float = setting(
        72.0, "Age", "Events older than this are dropped.", unit="h", gt=0, le=10_000
    )


class PublishConfig(Section):
    """What is published, and how often."""

    prefix: Prefix = setting(
        "touchline", "Prefix", "Topic levels in front of `v1/<site>/<device>`.", change="restart"
    )
    frame_expiry_s: int = setting(
        1,
        "Frame expiry",
        "A homography that is older is not delivered (MQTT 5).",
        unit="s",
        ge=1,
        le=60,
        change="live",
        remote="allowed",
    )
    latest_interval_s: float = setting(
        1.0,
        "Latest",
        "Interval of the retained copy for late joiners.",
        unit="s",
        ge=0.1,
        le=60,
        change="live",
        remote="allowed",
    )
    latest_expiry_s: int = setting(
        10,
        "Latest expiry",
        "The retained copy vanishes when it is older (MQTT 5).",
        unit="s",
        ge=1,
        le=3600,
        change="live",
        remote="allowed",
    )
    will_delay_s: int = setting(
        5,
        "Will delay",
        "A link that is back within this is not reported offline (MQTT 5).",
        unit="s",
        ge=0,
        le=60,
        remote="allowed",
    )
    events: EventConfig = setting(
        EventConfig(), "Events", "When a change of state becomes an event.", remote="allowed"
    )
    spool: SpoolConfig = setting(
        SpoolConfig(), "Spool", "Where events wait while the broker is away."
    )


class RemoteConfig(Section):
    """Configuration over MQTT (docs/how-to/remote-configuration.md)."""

    enabled: bool = setting(
        default=True,
        title="Enabled",
        description="false: the box refuses configuration over MQTT, and reports so.",
        change="live",
    )
    probation_s: float = setting(
        20.0,
        "Probation",
        "Probation of a new configuration; if it fails, the previous one returns.",
        unit="s",
        change="live",
        ge=0,
        le=3600,
    )
    allow: tuple[str, ...] = setting(
        (),
        "Allowed",
        "Keys and sections beside the harmless ones that may be changed from afar, such as "
        "`output.overlay`.",
        change="live",
        remote="local",
    )
    folders: tuple[Path, ...] = setting(
        (),
        "Folders",
        "Paths that come from afar must lie below one of these; without any, none is taken.",
        change="live",
        remote="local",
        path="folder",
    )
    keys: tuple[Path, ...] = setting(
        (),
        "Signing keys",
        "Files with Ed25519 public keys; with any, remote configuration must be signed by one.",
        change="live",
        remote="local",
        path="file",
    )
    require_signature: bool = setting(
        default=True,
        title="Signature required",
        description="false: with `keys`, unsigned configuration is taken as well.",
        change="live",
        remote="local",
    )

    @field_validator("allow")
    @classmethod
    def _names_keys(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for name in allow:
            rules = remote_rules(Config, name)
            if not rules:
                msg = f"{name[:60]!r} is no key of the configuration; write it as `output.overlay`"
                raise ValueError(msg)
            if rules == {"local"}:
                msg = f"{name} is never changed from afar; only this file sets it"
                raise ValueError(msg)
        return allow

    @field_validator("folders")
    @classmethod
    def _are_absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        for folder in folders:
            if not folder.is_absolute() or ".." in folder.parts:
                msg = f"{folder}: give the whole path from /, without .."
                raise ValueError(msg)
        return folders


class UpdatesConfig(Section):
    """Model bundles over MQTT (docs/how-to/update-a-model.md)."""

    enabled: bool = setting(
        default=True,
        title="Enabled",
        description="false: the box refuses bundles over MQTT, and reports so.",
    )
    keys: tuple[Path, ...] = setting(
        (),
        "Trusted keys",
        "Files with Ed25519 public keys; a bundle must be signed by one. Without any, none is "
        "taken over MQTT.",
        path="file",
    )
    schemes: tuple[Literal["https", "http", "file"], ...] = setting(
        ("https",), "Schemes", "Kinds of addresses that an archive may be fetched from."
    )
    hosts: tuple[HostPort, ...] = setting(
        (),
        "Hosts",
        "Servers that an archive may be fetched from, as `host` or `host:port`; a redirect leads "
        "to no other. Without any, none is.",
    )
    private_hosts: bool = setting(
        default=False,
        title="Private hosts",
        description="Whether the name of a host may resolve to this box or to a private network. "
        "An address in `hosts` is used as it is.",
    )
    folder: Path | None = setting(
        None,
        "Folder",
        "Where archives of `file://` addresses lie; null: nowhere. Links are not followed.",
    )
    most_mb: float = setting(
        500.0, "Size", "Larger bundles are not fetched.", unit="MB", gt=0, le=10_000
    )
    fetch_s: float = setting(
        1800.0,
        "Fetching",
        "An archive that is not there after this long is given up.",
        unit="s",
        ge=1,
        le=86_400,
    )
    allow_downgrade: bool = setting(
        default=False,
        title="Downgrades",
        description="Whether a message may ask for a bundle that is older than the one in use.",
    )
    min_version: str | None = setting(
        None,
        "Least version",
        "Older bundles are refused, even as a downgrade; null: none is.",
        pattern=r"^\d{1,9}(\.\d{1,9}){0,3}([.+-]?[A-Za-z0-9.]+)?$",
        max_length=64,
    )
    test_s: float = setting(
        300.0,
        "Test",
        "Longest time of a new bundle's self-test, and most time of the processor in it. An "
        "engine that compiles its graphs (TensorRT) needs more.",
        unit="s",
        ge=5,
        le=7200,
    )
    test_mb: float = setting(
        1000.0,
        "Memory",
        "Most memory that a new bundle may have in its self-test.",
        unit="MB",
        ge=100,
        le=100_000,
    )
    probation_s: float = setting(
        60.0,
        "Probation",
        "Probation of a new bundle; if it fails, the previous one returns.",
        unit="s",
        ge=1,
        le=3600,
    )


class OutputConfig(Section):
    """Files written beside the publication; none by default."""

    jsonl: Path | None = setting(
        None, "JSON lines", "File that gets one JSON object a frame.", path="output"
    )
    overlay: Path | None = setting(
        None,
        "Overlay",
        "Video file (.mp4) or folder of pictures with the field drawn over each frame.",
        path="output",
    )


class Config(Section):
    """The configuration of a box."""

    version: Literal[1] = setting(
        1, "Version", "Version of this file's format.", change="restart", remote="allowed"
    )
    revision: int = setting(
        0,
        "Revision",
        "Number of this configuration; remote configuration raises it and takes only higher ones.",
        change="live",
        ge=0,
        le=MAX_REVISION,
        remote="allowed",
    )
    site: Id = setting("venue", "Site", "Names the venue in topics.", change="restart")
    device: Id = setting(
        Computed(host_id, "this machine's host name"),
        "Device",
        "Names this box in topics; unique within the site.",
        change="restart",
    )
    sport: str = setting(
        "soccer", "Sport", "The sport that is played.", validate_default=True, remote="allowed"
    )
    camera: CameraConfig = setting(CameraConfig(), "Camera", "The camera.", remote="allowed")
    field: FieldConfig = setting(FieldConfig(), "Field", "The playing field.", remote="allowed")
    source: SourceConfig | None = setting(
        None,
        "Source",
        "Where frames come from; may be left to the command line (`--source`).",
        remote="allowed",
    )
    engine: EngineConfig = setting(
        EngineConfig(), "Engine", "What runs the networks.", remote="allowed"
    )
    registration: RegistrationConfig = setting(
        RegistrationConfig(),
        "Registration",
        "How homographies are verified and refined.",
        remote="allowed",
    )
    broker: BrokerConfig = setting(
        EmbeddedBrokerConfig(type="embedded"),
        "Broker",
        "Which MQTT broker to publish to.",
        change="restart",
    )
    publish: PublishConfig = setting(
        PublishConfig(), "Publication", "What is published, and how often.", remote="allowed"
    )
    remote: RemoteConfig = setting(
        RemoteConfig(),
        "Remote configuration",
        "Whether the box accepts configuration over MQTT.",
        change="live",
    )
    health: HealthConfig = setting(
        HealthConfig(),
        "Health",
        "Health reports and pages (docs/reference/metrics.md).",
        remote="allowed",
    )
    log: LogConfig = setting(
        LogConfig(), "Log", "What is written to standard error.", change="live", remote="allowed"
    )
    updates: UpdatesConfig = setting(
        UpdatesConfig(), "Model updates", "Whether the box accepts model bundles over MQTT."
    )
    output: OutputConfig = setting(
        OutputConfig(), "Output", "Files written beside the publication."
    )

    @field_validator("sport")
    @classmethod
    def _known_sport(cls, sport: str) -> str:
        if sport not in SPORTS:
            near = did_you_mean(sport, SPORTS)
            msg = f"unknown sport {sport!r}{near}; known are {', '.join(SPORTS)}"
            raise ValueError(msg)
        return sport

    @field_validator("field")
    @classmethod
    def _buildable_field(cls, field: FieldConfig, info: ValidationInfo) -> FieldConfig:
        sport = info.data.get("sport")
        if sport is None:  # refused above
            return field
        try:
            built = load_field(
                field.name or default_field(sport), length_m=field.length_m, width_m=field.width_m
            )
        except UsageError as error:
            raise ValueError(str(error)) from error
        if built.sport != sport:
            msg = f"field {field.name!r} is of {built.sport}, not of {sport}"
            raise ValueError(msg)
        return field

    @property
    def field_name(self) -> str:
        """Name of the field to load: the given one, or the sport's usual."""
        return self.field.name or default_field(self.sport)
