"""Where a desired archive may come from: schemes, hosts, addresses and folders, all local settings.

Pure, but for the addresses of names. A redirect is checked as the first address is.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

from edge.config.models import UpdatesConfig
from edge.errors import BundleError

_PORTS = {"https": 443, "http": 80}
_ODD = re.compile(r"[^\x21-\x7e]|\\")
_Ip: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NotAllowedError(BundleError):
    """An address that the settings do not allow; `path` names the setting, or `url`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An HTTP or HTTPS address that may be asked."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, as the request names them."""


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A file below the allowed folder."""

    folder: Path
    parts: tuple[str, ...]
    """Names from the folder to the file."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What the settings allow."""

    schemes: tuple[str, ...]
    hosts: tuple[str, ...]
    private: bool
    folder: Path | None
    most_bytes: int
    within_s: float

    @classmethod
    def of(cls, settings: UpdatesConfig) -> FetchPolicy:
        """Return the policy that the configuration sets."""
        return cls(
            schemes=settings.schemes,
            hosts=tuple(host.lower() for host in settings.hosts),
            private=settings.private_hosts,
            folder=settings.folder,
            most_bytes=int(settings.most_mb * 1e6),
            within_s=settings.fetch_s,
        )

    def check(self, url: str) -> WebAddress | FileAddress:
        """Return what an address means, if it may be fetched; raises NotAllowedError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise NotAllowedError("url", "not an address") from error
        if _ODD.search(url) or parts.fragment:
            raise NotAllowedError("url", "not an address: odd characters in it; escape them")
        if parts.scheme not in {*_PORTS, "file"}:
            raise NotAllowedError("url", "give an https://, http:// or file:// address")
        if parts.scheme not in self.schemes:
            message = f"does not allow {parts.scheme}://; set it on the box"
            raise NotAllowedError("updates.schemes", message)
        if parts.scheme == "file":
            return self._file(parts.netloc, parts.path, parts.query)
        if parts.username is not None or parts.password is not None or host is None:
            raise NotAllowedError("url", "give a host without a user's name")
        wanted = port if port is not None else _PORTS[parts.scheme]
        if not self._named(host, wanted, parts.scheme):
            message = "does not name this host and port; name it on the box"
            raise NotAllowedError("updates.hosts", message)
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        if parts.query:
            target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
        return WebAddress(parts.scheme, host, wanted, target)

    def may_connect(self, host: str, address: str) -> bool:
        """Whether a host's resolved address may be connected to."""
        if self.private or is_public(address):
            return True
        return _ip(host) is not None  # an address that is named as such is meant

    def _named(self, host: str, port: int, scheme: str) -> bool:
        name = f"[{host}]" if ":" in host else host
        usual = port == _PORTS[scheme]
        return f"{name}:{port}" in self.hosts or (usual and name in self.hosts)

    def _file(self, netloc: str, path: str, query: str) -> FileAddress:
        if netloc not in {"", "localhost"} or query:
            raise NotAllowedError("url", "file:// names a file on this box: file:///path")
        if self.folder is None:
            raise NotAllowedError("updates.folder", "names no folder for file://; set it")
        try:
            parts = PurePosixPath(unquote(path, errors="strict")).relative_to(self.folder).parts
        except ValueError as error:
            raise NotAllowedError("updates.folder", "is not where this file lies") from error
        if not parts or ".." in parts or any("\0" in part for part in parts):
            raise NotAllowedError("updates.folder", "is not where this file lies")
        return FileAddress(self.folder, parts)


def addresses_of(host: str, port: int) -> list[str]:
    """Resolve a host's name, which may take long; raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host}: no host's name") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's: not of this box, this link, this network."""
    ip = _ip(address.partition("%")[0])
    if ip is None or ip.is_multicast:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
        # is_global says yes to these, and no router does
        if ip.is_reserved or ip.is_site_local or ip.teredo:
            return False
    return ip.is_global


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _ip(text: str) -> _Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
