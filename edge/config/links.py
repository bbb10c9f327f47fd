"""The camera's own telemetry, and where its pose is sent: `camera.link`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator, model_validator

from edge.config.secrets_in_text import not_replaced
from edge.config.section import Section, setting
from edge.errors import ConfigError


class TrackingLinkConfig(Section):
    """Where the camera's pose is sent, as a tracking system would send it."""

    freed: list[str] = setting(
        [], "FreeD", "Receivers of FreeD D1, each `host:port`.", remote="allowed"
    )
    opentrackio: list[str] = setting(
        [],
        "OpenTrackIO",
        "Receivers of OpenTrackIO, each `host:port`; `multicast`: the source number's own group.",
        remote="allowed",
    )
    camera_id: int = setting(
        1, "Camera id", "FreeD's number of this camera.", ge=0, le=255, remote="allowed"
    )
    source_number: int = setting(
        1, "Source number", "OpenTrackIO's number of this source.", ge=1, le=200, remote="allowed"
    )
    source_id: str | None = setting(
        None,
        "Source id",
        "OpenTrackIO's `urn:uuid:…` of this source; null: from the label.",
        remote="allowed",
    )
    label: str = setting(
        "touchline", "Label", "How this source calls itself in OpenTrackIO.", remote="allowed"
    )
    interface: str | None = setting(
        None,
        "Interface",
        "Local address of the network card that multicast leaves by.",
        remote="allowed",
    )
    ttl: int = setting(
        1, "TTL", "Routers that multicast may pass, plus one.", ge=0, le=255, remote="allowed"
    )
    sensor_width_mm: float = setting(
        36.0,
        "Sensor width",
        "Turns focal lengths into millimetres; 36 gives 35 mm equivalents.",
        unit="mm",
        ge=1,
        le=100,
        remote="allowed",
    )
    rate: list[int] | None = setting(
        None,
        "Rate",
        "Frames a second as a fraction, such as [60000, 1001]; null: the source's.",
        remote="allowed",
    )
    encoding: Literal["json", "cbor"] = setting(
        "json", "Encoding", "Of OpenTrackIO; cbor needs the extra `camera`.", remote="allowed"
    )
    tai_minus_utc_s: int = setting(
        37, "TAI", "What PTP's clock is ahead of UTC.", unit="s", ge=0, le=1000, remote="allowed"
    )
    clock_locked: bool = setting(
        default=False,
        title="Clock locked",
        description="Whether the box's clock follows another; OpenTrackIO says so.",
        remote="allowed",
    )
    clock_source: Literal["genlock", "videoIn", "ptp", "ntp"] = setting(
        "ntp",
        "Clock source",
        "What the box's clock follows; OpenTrackIO says so.",
        remote="allowed",
    )


class LinkConfig(Section):
    """The camera's telemetry, and where its pose is sent (docs/how-to/camera-telemetry.md)."""

    type: Literal["none", "freed", "opentrackio", "visca", "onvif", "recording"] = setting(
        "none",
        "Protocol",
        "What the camera speaks; none: nothing is read, poses are only sent; recording: what it "
        "sent while a film was taken.",
        remote="allowed",
    )
    host: str | None = setting(
        None,
        "Camera",
        "The camera's address; streams from other addresses are then ignored.",
        remote="allowed",
    )
    port: int | None = setting(
        None,
        "Port",
        "Local port of a stream, the camera's of VISCA and ONVIF; null: the protocol's usual one.",
        ge=0,
        le=65535,
        remote="allowed",
    )
    bind: str | None = setting(
        None, "Bind", "Local address for streams; null: all.", remote="allowed"
    )
    profile: str = setting(
        "generic",
        "Profile",
        "Camera family (`touchline camera profiles` lists them).",
        remote="allowed",
    )
    camera_id: int | None = setting(
        None,
        "Camera id",
        "FreeD: take only this number; null: any.",
        ge=0,
        le=255,
        remote="allowed",
    )
    transport: Literal["udp", "raw-udp", "tcp"] | None = setting(
        None, "Transport", "Of VISCA: udp is Sony's framing; null: the profile's.", remote="allowed"
    )
    file: Path | None = setting(
        None,
        "Recording",
        "The packets beside a film, as docs/how-to/camera-telemetry.md describes them.",
        remote="allowed",
        path="file",
    )
    source_number: int = setting(
        0,
        "Source number",
        "OpenTrackIO: join this multicast group; 0: unicast.",
        ge=0,
        le=200,
        remote="allowed",
    )
    interface: str | None = setting(
        None,
        "Interface",
        "Local address of the network card that multicast comes in by.",
        remote="allowed",
    )
    username: str | None = setting(
        None, "User", "ONVIF: user name at the camera.", remote="allowed"
    )
    password: str | None = setting(
        None,
        "Password",
        "ONVIF: better kept in a file or a variable.",
        secret=True,
        remote="allowed",
    )
    password_file: Path | None = setting(
        None,
        "Password file",
        "File whose first line is the password.",
        remote="secret",
        path="file",
    )
    password_env: str | None = setting(
        None, "Password variable", "Environment variable that holds the password.", remote="secret"
    )
    poll_hz: float = setting(
        10.0,
        "Polling",
        "VISCA and ONVIF: questions a second.",
        unit="Hz",
        ge=0.1,
        le=60,
        remote="allowed",
    )
    stale_s: float = setting(
        1.0,
        "Stale",
        "Telemetry older than this counts as none.",
        unit="s",
        ge=0.05,
        le=60,
        remote="allowed",
    )
    hold_s: float = setting(
        0.0,
        "Hold",
        "How long aligned telemetry alone may give the homography, as state `held`, for pictures "
        "that show too little to check it, after a picture last confirmed it; 0: never.",
        unit="s",
        ge=0,
        le=30,
        remote="allowed",
    )
    tracking: TrackingLinkConfig = setting(
        TrackingLinkConfig(), "Tracking", "Where the camera's pose is sent.", remote="allowed"
    )

    @field_validator("password", "password_env")
    @classmethod
    def _is_meant(cls, password: str | None) -> str | None:
        problem = not_replaced(password or "", "use password_env: NAME, without $ and braces")
        if problem:
            raise ValueError(problem)
        return password

    @model_validator(mode="after")
    def _known_to_the_bridge(self) -> LinkConfig:
        from firmware_bridge.config import BridgeConfig  # noqa: PLC0415 - only where a link is set

        try:
            BridgeConfig.from_mapping(self.bridge_keys())
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("camera.link.")) from error
        return self

    def bridge_keys(self) -> dict[str, Any]:
        """Return the keys that `firmware_bridge.BridgeConfig` knows, those that are null left out.

        A password in a file or a variable is not among them: `credentials` finds it; nor is what
        the box itself makes of telemetry.
        """
        ours = {"password_file", "password_env", "hold_s"}
        keys = self.model_dump(exclude_none=True, exclude=ours)
        return keys | {"file": str(self.file)} if self.file else keys
