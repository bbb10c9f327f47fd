"""Where frames come from: one section per kind of source, told apart by `type`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BeforeValidator, Field, field_validator

from edge.addresses import BROKEN_USERINFO, breaks_at_password
from edge.config.secrets_in_text import bad_userinfo, not_replaced
from edge.config.section import Section, setting


class FileSource(Section):
    """A video file; every frame is processed."""

    type: Literal["file"] = setting(..., "Kind", "A video file.", remote="allowed")
    path: Path = setting(..., "File", "The video file.", remote="allowed", path="file")
    loop: bool = setting(
        default=False,
        title="Loop",
        description="Start over at the end, as a live camera would run on.",
        remote="allowed",
    )


class FolderSource(Section):
    """A folder of pictures, in the order of their names."""

    type: Literal["folder"] = setting(..., "Kind", "A folder of pictures.", remote="allowed")
    path: Path = setting(
        ...,
        "Folder",
        "The folder; its pictures are taken in the order of their names.",
        remote="allowed",
        path="folder",
    )
    fps: float = setting(
        25.0,
        "Frame rate",
        "Rate that the pictures' times assume.",
        unit="Hz",
        gt=0,
        le=1000,
        remote="allowed",
    )


def _lowest_rate() -> Any:
    return setting(
        None,
        "Lowest frame rate",
        "Set it for a camera that sends less than two frames a second: it counts as silent after"
        " the time of three frames at this rate. Null: after 1.5 s.",
        unit="Hz",
        ge=0.01,
        le=1000,
        remote="allowed",
    )


class RtspSource(Section):
    """A network camera's RTSP stream."""

    type: Literal["rtsp"] = setting(..., "Kind", "An RTSP stream.", remote="allowed")
    url: str = setting(
        ...,
        "Address",
        "rtsp://host[:port]/path; a user and password may be part of it.",
        secret=True,
        remote="allowed",
    )
    transport: Literal["tcp", "udp"] = setting(
        "tcp",
        "Transport",
        "TCP loses nothing; UDP has less delay on a clean network.",
        remote="allowed",
    )
    username: str | None = setting(None, "User", "User name at the camera.", remote="allowed")
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
    lowest_fps: float | None = _lowest_rate()

    @field_validator("url")
    @classmethod
    def _is_rtsp(cls, url: str) -> str:
        problem = _rtsp_problem(url)
        if problem:
            raise ValueError(problem)
        return url


class V4l2Source(Section):
    """A camera or capture card on this box."""

    type: Literal["v4l2"] = setting(
        ..., "Kind", "A camera or capture card on this box.", remote="allowed"
    )
    device: Path = setting(
        Path("/dev/video0"), "Device", "The video device.", remote="allowed", path="device"
    )
    width: int | None = setting(
        None, "Width", "Picture width to ask for.", unit="px", ge=16, le=8192, remote="allowed"
    )
    height: int | None = setting(
        None, "Height", "Picture height to ask for.", unit="px", ge=16, le=8192, remote="allowed"
    )
    fps: float | None = setting(
        None, "Frame rate", "Rate to ask for.", unit="Hz", gt=0, le=1000, remote="allowed"
    )
    lowest_fps: float | None = _lowest_rate()


class RenderedSource(Section):
    """A rendered match with a PTZ camera: for trying things without a camera."""

    type: Literal["rendered"] = setting(..., "Kind", "A rendered match.", remote="allowed")
    seed: int = setting(
        0, "Seed", "The same seed gives the same match.", ge=0, le=2**32 - 1, remote="allowed"
    )
    seconds: float | None = setting(
        20.0, "Duration", "Length of the clip; null: endless.", unit="s", gt=0, remote="allowed"
    )
    width: int = setting(
        1280, "Width", "Picture width.", unit="px", ge=64, le=4096, remote="allowed"
    )
    height: int = setting(
        720, "Height", "Picture height.", unit="px", ge=64, le=4096, remote="allowed"
    )
    fps: float = setting(
        25.0, "Frame rate", "Frames per second.", unit="Hz", gt=0, le=240, remote="allowed"
    )
    live: bool = setting(
        default=False,
        title="Live",
        description="Deliver in real time and drop what comes late, as a camera does.",
        remote="allowed",
    )


AnySource: TypeAlias = FileSource | FolderSource | RtspSource | V4l2Source | RenderedSource


def source_from_spec(spec: str) -> dict[str, Any]:
    """Turn the short form of a source into its section's keys; raises ValueError.

    `rtsp://…`, `/dev/video0`, `v4l2:video0`, `rendered:`, `rendered:?seed=7&seconds=60`, a folder,
    else a file. The file system is asked only whether a path is a folder.
    """
    if re.match(r"^rtsps?://", spec):
        return {"type": "rtsp", "url": spec}
    if spec.startswith("rendered:"):
        return _rendered(spec.removeprefix("rendered:"))
    if spec.startswith("v4l2:"):
        return {"type": "v4l2", "device": Path("/dev") / (spec.removeprefix("v4l2:") or "video0")}
    if spec.startswith("/dev/video"):
        return {"type": "v4l2", "device": spec}
    path = unquote(urlsplit(spec).path) if spec.startswith("file://") else spec
    return {"type": "folder" if _is_folder(path) else "file", "path": path}


def _rendered(rest: str) -> dict[str, Any]:
    sport, _, options = rest.partition("?")
    if sport:
        msg = f"write rendered: without {sport!r}; the sport stands under `sport`"
        raise ValueError(msg)
    return {"type": "rendered"} | dict(parse_qsl(options, keep_blank_values=True))


def _rtsp_problem(url: str) -> str | None:
    expected = "expected rtsp://host[:port]/path; user and password stand in username and "
    expected += "password_file"
    problem = not_replaced(url, "use username and password_env")
    if problem:
        return problem
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"rtsp", "rtsps"} and parts.hostname and parts.port != 0
    except ValueError:  # its text would quote a part of the password
        usable = None
    if breaks_at_password(url):
        return bad_userinfo(url) or BROKEN_USERINFO
    return None if usable else f"the host or port is malformed; {expected}"


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # too long, or a NUL in it: opening it will say so
        return False


def _expand(value: object) -> object:
    return source_from_spec(value) if isinstance(value, str) else value


SourceConfig: TypeAlias = Annotated[
    Annotated[AnySource, Field(discriminator="type")], BeforeValidator(_expand)
]
"""A source's section, or its short form (`rtsp://…`, `/dev/video0`, `rendered:`, a path)."""
