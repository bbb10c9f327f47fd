"""Reading what a person writes as a source: a path, an address, a device, a rendered match."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from edge.addresses import BROKEN_USERINFO, breaks_at_password
from edge.capture.pipe import STDIN, descriptor_of
from edge.capture.source import Kind
from edge.errors import SourceError
from edge.redaction import redact

SCHEMES = ("rtsp", "rtsps", "file", "v4l2", "rendered")
PICTURE_SUFFIXES = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".ppm",
        ".pgm",
        ".pnm",
        ".avif",
    )
)
_STREAMS = frozenset(("rtmp", "rtmps", "http", "https", "srt", "udp", "tcp", "rtp", "hls", "mms"))
_ADDRESS = re.compile(r"((?:rtsp|rtmp|http|srt|udp|tcp|rtp|mms|mqtt)s?):/{1,2}", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source's kind, its place, and the options written behind its `?`."""

    kind: Kind
    location: str
    """A path, a device, an `rtsp://` address with its password, or the name of a rendered sport."""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The source for a person to read: user and password of an address are left out."""
        return redact.address(self.location) if self.kind == "rtsp" else self.location


def parse_source(text: str | Path) -> SourceSpec:
    """Tell what kind of source `text` means.

    A path that exists is taken as it stands, whatever characters it has; then schemes are looked
    for. Raises SourceError (one line) for an unknown scheme, a missing path, or an address without
    a host. The password of an address is hidden in all that this process writes from then on.
    """
    if isinstance(text, Path):
        return _from_path(text)
    if text.strip() == STDIN:
        return _from_stdin(STDIN)
    text = text if _exists(Path(text)) else text.strip()
    if not text:
        raise SourceError(
            "the source is empty: give a video file, a folder of pictures or an rtsp:// address"
        )
    if _exists(Path(text)):
        return _from_path(Path(text))
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match else ""
    if match and scheme in SCHEMES:
        return _from_scheme(scheme, text, text[match.end() :])
    if match and (match.group(2) or difflib.get_close_matches(scheme, SCHEMES, cutoff=0.75)):
        raise SourceError(f"{redact.address(text)}: unknown scheme '{scheme}', {_nearest(scheme)}")
    return _from_path(Path(text))


def _nearest(scheme: str) -> str:
    # 'rtsps' is rare: whoever mistypes means 'rtsp'
    near = difflib.get_close_matches(scheme, [s for s in SCHEMES if s != "rtsps"], n=1)
    known = ", ".join(SCHEMES)
    if scheme in _STREAMS:
        return (
            f"known ones are {known}; other streams come through a pipe: ffmpeg -i ADDRESS -c copy"
            " -f mpegts - | touchline run --source -"
        )
    return f"did you mean '{near[0]}'?" if near else f"known ones are {known}"


def _from_scheme(scheme: str, text: str, rest: str) -> SourceSpec:
    if scheme in {"rtsp", "rtsps"}:
        return _from_address(text)
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if scheme == "rendered":
        return SourceSpec("rendered", place or "soccer", options)
    if scheme == "v4l2":
        device = place if place.startswith("/") else f"/dev/{place or 'video0'}"
        return SourceSpec("v4l2", device, options)
    return _from_path(Path(unquote(rest.removeprefix("localhost"))))


def _from_address(text: str) -> SourceSpec:
    redact.learn_address(text)
    if breaks_at_password(text):
        raise SourceError(f"{redact.address(text)}: {BROKEN_USERINFO}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # .port raises ValueError where it is no port
    except ValueError as error:
        raise SourceError(
            f"{redact.address(text)}: {str(error)[:1].lower()}{str(error)[1:]}; write rtsp://host:port/path"
        ) from None
    if not host:
        raise SourceError(
            f"{redact.address(text)}: the address names no host; write rtsp://host:port/path"
        )
    return SourceSpec("rtsp", text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than the system allows is no path, but may still be an address
        return False


def _from_path(path: Path) -> SourceSpec:
    with contextlib.suppress(RuntimeError):  # the home of a user who does not exist
        path = path.expanduser()
    if descriptor_of(path) is not None and not (str(path) == STDIN and _exists(path)):
        return _from_stdin(str(path))
    if not _exists(path):
        address = _ADDRESS.match(str(path))
        if address is not None:  # a path has lost the second slash
            written = f"{address[1]}://{str(path)[address.end() :]}"
            raise SourceError(
                f"{redact.address(written)}: an address; give a file, or use touchline run for a"
                " camera"
            )
        raise SourceError(_missing(path))
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return SourceSpec("folder", str(path))
    if stat.S_ISCHR(mode):
        return SourceSpec("v4l2", str(path))
    if stat.S_ISSOCK(mode):
        raise SourceError(f"{path}: a socket, not a film; give a file, a pipe or an address")
    still = stat.S_ISREG(mode) and path.suffix.lower() in PICTURE_SUFFIXES
    kind: Kind = "picture" if still else "file"
    return SourceSpec(kind, str(path))


def _from_stdin(text: str) -> SourceSpec:
    """Take what standard input, or another open file, is connected with."""
    descriptor = descriptor_of(text)
    assert descriptor is not None
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        raise SourceError(f"{text}: nothing is connected there; pipe a film into it") from None
    if stat.S_ISCHR(mode):
        what = "the terminal" if os.isatty(descriptor) else "a device"
        raise SourceError(f"{text}: {what}, which gives no film; pipe a film into it")
    if stat.S_ISDIR(mode):
        raise SourceError(f"{text}: a folder; name it, in place of {text}")
    return SourceSpec("file", f"/dev/fd/{descriptor}" if stat.S_ISREG(mode) else text)


def _missing(path: Path) -> str:
    """Say that a path is not there, and which part of it is wrong."""
    text = str(path)
    if text.startswith("/dev/video"):
        have = sorted(str(p) for p in Path("/dev").glob("video*"))
        return f"{text}: no such camera; " + (
            f"this box has {', '.join(have)}" if have else "no camera is plugged in"
        )
    if path.is_symlink():
        return f"{text}: a link that leads to no file ({path.readlink()}); check where it points"
    folder = path.parent
    if not _exists(folder):
        return f"{text}: no such file, and no folder {folder} either; check the path"
    near = difflib.get_close_matches(path.name, (p.name for p in folder.iterdir()), n=1, cutoff=0.7)
    return f"{text}: no such file or folder" + (
        f", did you mean '{near[0]}'?" if near else "; check the path"
    )
