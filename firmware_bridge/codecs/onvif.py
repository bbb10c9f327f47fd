"""ONVIF PTZ as text: the requests we make and what we read in the answers. Pure; no HTTP here.

Sources: ONVIF ptz.wsdl and onvif.xsd (ver20), Profile T 1.0 section 7.21, OASIS WS-Security
UsernameToken profile 1.0. Elements are matched by local name, because cameras disagree about
prefixes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from edge.errors import ProtocolError, UsageError

MAX_XML_BYTES = 1 << 18
_MAX_TAGS = 1 << 14
"""An element takes some 400 bytes of memory, and four of an answer."""
DEVICE_NS = "http://www.onvif.org/ver10/device/wsdl"
MEDIA_NS = "http://www.onvif.org/ver10/media/wsdl"
PTZ_NS = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMA_NS = "http://www.onvif.org/ver10/schema"
DEGREES = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/SphericalPositionSpaceDegrees"
GENERIC_PAN_TILT = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"
MILLIMETRES = "http://www.onvif.org/ver10/tptz/ZoomSpaces/PositionSpaceMillimeter"
GENERIC_ZOOM = "http://www.onvif.org/ver10/tptz/ZoomSpaces/PositionGenericSpace"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
Element: TypeAlias = Any


class OnvifFaultError(ProtocolError):
    """The camera answered with a SOAP fault."""

    def __init__(self, reason: str, *, unauthorized: bool = False) -> None:
        super().__init__(f"ONVIF: the camera refused: {reason}")
        self.unauthorized = unauthorized


@dataclass(frozen=True, slots=True)
class Space:
    """A coordinate space and its range; `y` is None for zoom."""

    uri: str
    x: tuple[float, float]
    y: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One media profile; only those with a PTZ configuration can move."""

    token: str
    name: str
    ptz_token: str = ""


@dataclass(frozen=True, slots=True)
class PtzStatus:
    """Where the camera says it stands; None where it says nothing that can be read."""

    pan: float | None = None
    tilt: float | None = None
    pan_tilt_space: str = ""
    zoom: float | None = None
    zoom_space: str = ""
    moving: bool | None = None
    utc: datetime | None = None


def envelope(body: str, *, header: str = "") -> bytes:
    """Return a SOAP 1.2 request around a body."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        f' xmlns:tds="{DEVICE_NS}" xmlns:trt="{MEDIA_NS}"'
        f' xmlns:tptz="{PTZ_NS}" xmlns:tt="{SCHEMA_NS}">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def username_token(username: str, password: str, nonce: bytes, created: str) -> str:
    """WS-Security header: Base64(SHA-1(nonce + created + password)) in the camera's time."""
    # SHA-1 is what the profile prescribes
    digest = hashlib.sha1(
        nonce + created.encode() + password.encode(), usedforsecurity=False
    ).digest()
    return (
        f'<wsse:Security xmlns:wsse="{_WSSE}" xmlns:wsu="{_WSU}"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(username)}</wsse:Username>"
        f'<wsse:Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</wsse:Password>'
        f"<wsse:Nonce>{base64.b64encode(nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{escape(created)}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


GET_TIME = "<tds:GetSystemDateAndTime/>"
GET_SERVICES = (
    "<tds:GetServices><tds:IncludeCapability>false</tds:IncludeCapability></tds:GetServices>"
)
GET_PROFILES = "<trt:GetProfiles/>"
GET_DEVICE = "<tds:GetDeviceInformation/>"


def get_options(configuration: str) -> str:
    """Body of GetConfigurationOptions."""
    return _call(
        "GetConfigurationOptions",
        f"<tptz:ConfigurationToken>{escape(configuration)}</tptz:ConfigurationToken>",
    )


def get_status(profile: str) -> str:
    """Body of GetStatus."""
    return _call("GetStatus", _token(profile))


def absolute_move(
    profile: str, pan: float, tilt: float, zoom: float | None, spaces: tuple[str, str]
) -> str:
    """Body of AbsoluteMove in the given pan/tilt and zoom spaces."""
    position = f'<tt:PanTilt x="{pan:.6f}" y="{tilt:.6f}" space={quoteattr(spaces[0])}/>'
    if zoom is not None:
        position += f'<tt:Zoom x="{zoom:.6f}" space={quoteattr(spaces[1])}/>'
    return _call("AbsoluteMove", _token(profile) + f"<tptz:Position>{position}</tptz:Position>")


def stop(profile: str) -> str:
    """Body of Stop, for pan, tilt and zoom."""
    return _call(
        "Stop", _token(profile) + "<tptz:PanTilt>true</tptz:PanTilt><tptz:Zoom>true</tptz:Zoom>"
    )


def get_presets(profile: str) -> str:
    """Body of GetPresets."""
    return _call("GetPresets", _token(profile))


def set_preset(profile: str, name: str) -> str:
    """Body of SetPreset; the camera names the token."""
    return _call(
        "SetPreset", _token(profile) + f"<tptz:PresetName>{escape(name)}</tptz:PresetName>"
    )


def goto_preset(profile: str, preset: str) -> str:
    """Body of GotoPreset."""
    return _call(
        "GotoPreset", _token(profile) + f"<tptz:PresetToken>{escape(preset)}</tptz:PresetToken>"
    )


def _call(name: str, inner: str) -> str:
    return f"<tptz:{name}>{inner}</tptz:{name}>"


def _token(profile: str) -> str:
    return f"<tptz:ProfileToken>{escape(profile)}</tptz:ProfileToken>"


def parse(data: bytes) -> Element:
    """Return the root of an answer.

    Raises ProtocolError (size, form, any DTD or entity), OnvifFaultError, UsageError.
    """
    if len(data) > MAX_XML_BYTES:
        raise ProtocolError(f"ONVIF: answer of {len(data)} bytes is over {MAX_XML_BYTES}")
    if data.count(b"<") > _MAX_TAGS:
        raise ProtocolError(f"ONVIF: the answer has over {_MAX_TAGS} tags")
    try:
        from defusedxml import ElementTree as Safe  # noqa: PLC0415 - only ONVIF needs the extra
        from defusedxml.common import DefusedXmlException  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("ONVIF needs the camera extra: pip install 'touchline[camera]'") from error
    try:
        try:
            root = Safe.fromstring(data, forbid_dtd=True)
        except SyntaxError:
            # some cameras use prefixes that they never declare
            root = Safe.fromstring(_with_declared_prefixes(data), forbid_dtd=True)
    except (DefusedXmlException, SyntaxError, ValueError, LookupError) as error:
        raise ProtocolError(f"ONVIF: not acceptable XML ({type(error).__name__})") from error
    fault = find(root, "Fault")
    if fault is not None:
        text = " ".join(" ".join(part.split()) for part in fault.itertext() if part.strip())[:200]
        raise OnvifFaultError(text, unauthorized="auth" in text.lower())
    return root


_PREFIX = re.compile(rb"[</\s]([A-Za-z_][\w.-]{0,30}):[A-Za-z_]")
_DECLARED = re.compile(rb"xmlns:([\w.-]{1,31})\s*=")
_ROOT = re.compile(rb"<[A-Za-z_][\w.:-]*")


def _with_declared_prefixes(data: bytes) -> bytes:
    """Declare at the root whatever prefixes are used without a declaration."""
    root = _ROOT.search(data)
    missing = set(_PREFIX.findall(data)) - set(_DECLARED.findall(data)) - {b"xml", b"xmlns"}
    if root is None or not 0 < len(missing) <= 16:
        return data
    names = b"".join(b' xmlns:%s="urn:undeclared"' % name for name in sorted(missing))
    return data[: root.end()] + names + data[root.end() :]


def parse_time(root: Element) -> datetime | None:
    """Return the camera's UTC time; None where it gives none that exists."""
    utc = find(root, "UTCDateTime")
    names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
    parts = [_number(_text(find(utc, name))) for name in names] if utc is not None else []
    try:
        return datetime(*(int(p) for p in parts if p is not None), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def parse_services(root: Element) -> Mapping[str, str]:
    """Address of each service by its namespace (answers to GetServices)."""
    services = {}
    for service in named(root, "Service"):
        namespace, address = _text(find(service, "Namespace")), _text(find(service, "XAddr"))
        if namespace and address:
            services[namespace] = address
    return services


def parse_profiles(root: Element) -> list[MediaProfile]:
    """Media profiles with the token of their PTZ configuration."""
    profiles = []
    for item in named(root, "Profiles"):
        ptz = find(item, "PTZConfiguration")
        token = item.get("token", "")
        if token:
            profiles.append(
                MediaProfile(
                    token, _text(find(item, "Name")), "" if ptz is None else ptz.get("token", "")
                )
            )
    return profiles


def parse_spaces(root: Element) -> list[Space]:
    """Absolute spaces with their ranges.

    Of GetConfigurationOptions, or the limits of a configuration.
    """
    wanted = {"AbsolutePanTiltPositionSpace", "AbsoluteZoomPositionSpace", "Range"}
    spaces = []
    for node in root.iter():
        if local(node) in wanted:
            uri, x, y = (
                _text(find(node, "URI")),
                _range(find(node, "XRange")),
                _range(find(node, "YRange")),
            )
            if uri and x is not None:
                spaces.append(Space(uri, x, y))
    return spaces


def parse_status(root: Element) -> PtzStatus:
    """Position, movement and time; whatever cannot be read is None."""
    pan_tilt, zoom, moving = None, None, None
    position, move = find(root, "Position"), find(root, "MoveStatus")
    if position is not None:
        pan_tilt, zoom = find(position, "PanTilt"), find(position, "Zoom")
    if move is not None:
        words = {_text(node).upper() for node in move}
        moving = True if "MOVING" in words else False if "IDLE" in words else None
    return PtzStatus(
        pan=_attribute(pan_tilt, "x"),
        tilt=_attribute(pan_tilt, "y"),
        pan_tilt_space="" if pan_tilt is None else pan_tilt.get("space", ""),
        zoom=_attribute(zoom, "x"),
        zoom_space="" if zoom is None else zoom.get("space", ""),
        moving=moving,
        utc=_time(_text(find(root, "UtcTime"))),
    )


def parse_presets(root: Element) -> dict[str, str]:
    """Name of each preset by its token."""
    return {p.get("token"): _text(find(p, "Name")) for p in named(root, "Preset") if p.get("token")}


def parse_device(root: Element) -> dict[str, str]:
    """Manufacturer, Model, FirmwareVersion, as far as they are given."""
    names = ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber")
    found = {name: _text(find(root, name))[:100] for name in names}
    return {name: text for name, text in found.items() if text}


def local(node: Element) -> str:
    """Return an element's name without its namespace."""
    return str(node.tag).rpartition("}")[2]


def named(root: Element, name: str) -> Iterator[Element]:
    """All elements of a local name, the root among them."""
    return (node for node in root.iter() if local(node) == name)


def find(root: Element, name: str) -> Element | None:
    """Return the first element of a local name, or None."""
    return next(named(root, name), None)


def _text(node: Element | None) -> str:
    return (node.text or "").strip() if node is not None else ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _attribute(node: Element | None, name: str) -> float | None:
    return None if node is None else _number(node.get(name, ""))


def _range(node: Element | None) -> tuple[float, float] | None:
    if node is None:
        return None
    low, high = _number(_text(find(node, "Min"))), _number(_text(find(node, "Max")))
    return (low, high) if low is not None and high is not None and low < high else None


def _time(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
