"""A small ONVIF client: SOAP over http.client, two kinds of login, bounded in time and bytes.

Written here rather than taken from zeep-based libraries: PTZ needs some ten calls, a box has no use
for their 20 MB of dependencies, and the answers of an untrusted device want bounds that those do
not set.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.errors import ProtocolError
from firmware_bridge.codecs import onvif
from firmware_bridge.links.bounded_http import BoundedConnection

if TYPE_CHECKING:
    from typing_extensions import Self

TIMEOUT_S = 3.0
"""Time for one call: name lookup, connection, answer, and its repetition with a login."""
CONNECT_S = 10.0
"""Time for the calls of `connect` together."""
_MOST_HEADER_BYTES = 1 << 16
_MOST_CLOCK_ERROR = timedelta(days=36_525)
"""A camera's clock that is further off is not believed: sums with it would overflow."""
DEVICE_PATH = "/onvif/device_service"


class OnvifClient:
    """Calls one camera.

    The addresses that it names are used for their path only, never for their host.
    """

    def __init__(
        self,
        host: str,
        port: int = 80,
        *,
        username: str = "",
        password: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._username, self._password = username, password
        self._connection: BoundedConnection | None = None
        self._until_s = float("inf")
        self._aborted = False
        self._challenge: dict[str, str] = {}
        self._nonce_count = 0
        self._clock_offset = timedelta(0)
        self._services: Mapping[str, str] = {}
        self.profile: onvif.MediaProfile | None = None
        self.spaces: list[onvif.Space] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abort(self) -> None:
        """End whatever waits for the camera, with an OSError, and refuse more; any thread."""
        self._aborted = True
        connection = self._connection
        if connection is not None:
            connection.abort()

    @property
    def clock_offset_s(self) -> float:
        """Seconds by which the camera's clock is ahead of ours."""
        return self._clock_offset.total_seconds()

    def connect(self) -> None:
        """Time, services, profile with PTZ, ranges. Raises OSError, ProtocolError."""
        self._until_s = time.monotonic() + CONNECT_S
        try:
            self._introduce()
        finally:
            self._until_s = float("inf")

    def _introduce(self) -> None:
        theirs = self._camera_time()
        if theirs is not None:
            offset = theirs - datetime.now(timezone.utc)
            self._clock_offset = offset if abs(offset) < _MOST_CLOCK_ERROR else timedelta(0)
        self._services = onvif.parse_services(self._call(onvif.DEVICE_NS, onvif.GET_SERVICES))
        profiles = onvif.parse_profiles(self._call(onvif.MEDIA_NS, onvif.GET_PROFILES))
        self.profile = next((p for p in profiles if p.ptz_token), None)
        if self.profile is None:
            raise ProtocolError(
                "ONVIF: the camera has no profile with PTZ; create one in its web page"
            )
        self.spaces = onvif.parse_spaces(
            self._call(onvif.PTZ_NS, onvif.get_options(self.profile.ptz_token))
        )

    def _camera_time(self) -> datetime | None:
        """Return the camera's clock: free to ask by the standard, but some cameras want a login."""
        try:
            return onvif.parse_time(self._call(onvif.DEVICE_NS, onvif.GET_TIME, signed=False))
        except onvif.OnvifFaultError as error:
            if not error.unauthorized or not self._username:
                raise
        return onvif.parse_time(self._call(onvif.DEVICE_NS, onvif.GET_TIME))

    def device(self) -> dict[str, str]:
        """Maker, model and firmware."""
        return onvif.parse_device(self._call(onvif.DEVICE_NS, onvif.GET_DEVICE))

    def status(self) -> onvif.PtzStatus:
        """Where the camera stands."""
        return onvif.parse_status(self._ptz(onvif.get_status(self._token())))

    def absolute_move(
        self, pan: float, tilt: float, zoom: float | None, spaces: tuple[str, str]
    ) -> None:
        """Start a move; it returns before the camera arrives."""
        self._ptz(onvif.absolute_move(self._token(), pan, tilt, zoom, spaces))

    def stop(self) -> None:
        """Stop all movement."""
        self._ptz(onvif.stop(self._token()))

    def presets(self) -> dict[str, str]:
        """Name of each preset by its token."""
        return onvif.parse_presets(self._ptz(onvif.get_presets(self._token())))

    def set_preset(self, name: str) -> str:
        """Store the present position; returns the token."""
        root = self._ptz(onvif.set_preset(self._token(), name))
        token = onvif.find(root, "PresetToken")
        return (token.text or "").strip() if token is not None else ""

    def goto_preset(self, token: str) -> None:
        """Go to a stored position."""
        self._ptz(onvif.goto_preset(self._token(), token))

    def space(self, *uris: str) -> onvif.Space | None:
        """Return the first of the given spaces that the camera has."""
        known = {space.uri: space for space in self.spaces}
        return next((known[uri] for uri in uris if uri in known), None)

    def _token(self) -> str:
        if self.profile is None:
            raise ProtocolError("ONVIF: not connected yet")
        return self.profile.token

    def _ptz(self, body: str) -> onvif.Element:
        return self._call(onvif.PTZ_NS, body)

    def _call(self, namespace: str, body: str, *, signed: bool = True) -> onvif.Element:
        address = self._services.get(namespace, DEVICE_PATH)
        path = _path(address)
        deadline_s = min(time.monotonic() + self._timeout_s, self._until_s)
        status, data, challenge = self._post(path, self._request(body, signed=signed), deadline_s)
        if status == http.HTTPStatus.UNAUTHORIZED and self._username and challenge:
            self._challenge, self._nonce_count = challenge, 0
            request = self._request(body, signed=signed)
            status, data, _ = self._post(path, request, deadline_s)
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise onvif.OnvifFaultError(
                "not authorized: check username and password", unauthorized=True
            )
        if 300 <= status < 400:
            raise ProtocolError(
                f"ONVIF: HTTP status {status}: the camera answers elsewhere; check host and port"
            )
        root = onvif.parse(data)
        if status != http.HTTPStatus.OK:
            raise ProtocolError(f"ONVIF: HTTP status {status}")
        return root

    def _request(self, body: str, *, signed: bool) -> bytes:
        header = ""
        if signed and self._username:
            # the camera checks the token against its own clock
            created = (datetime.now(timezone.utc) + self._clock_offset).strftime(
                "%Y-%m-%dT%H:%M:%S.000Z"
            )
            header = onvif.username_token(
                self._username, self._password, secrets.token_bytes(16), created
            )
        return onvif.envelope(body, header=header)

    def _post(
        self, path: str, request: bytes, deadline_s: float
    ) -> tuple[int, bytes, dict[str, str]]:
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        if self._challenge:
            headers["Authorization"] = self._digest(path)
        try:
            with self._send(path, request, headers, deadline_s) as response:
                data = _read(response)
        except (OSError, ProtocolError):
            self.close()
            raise
        except (http.client.HTTPException, ValueError) as error:
            self.close()
            raise ProtocolError(f"ONVIF: not HTTP ({type(error).__name__})") from error
        challenge = _parse_challenge(response.getheader("WWW-Authenticate") or "")
        if response.will_close:
            self.close()
        return response.status, data, challenge

    def _send(
        self, path: str, request: bytes, headers: Mapping[str, str], deadline_s: float
    ) -> http.client.HTTPResponse:
        reused = self._connection is not None
        if self._connection is None:
            self._connection = BoundedConnection(self._host, self._port)
        connection = self._connection
        if self._aborted:
            raise InterruptedError("ONVIF: the connection was given up")
        try:
            connection.bound(deadline_s, onvif.MAX_XML_BYTES + _MOST_HEADER_BYTES)
            connection.request("POST", path, request, dict(headers))
            return connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused:
                raise
            # the camera closed an idle connection: once more on a new one
            return self._send(path, request, headers, deadline_s)

    def _digest(self, path: str) -> str:
        """RFC 7616 digest with qop=auth, MD5 or SHA-256."""
        c = self._challenge
        self._nonce_count += 1
        algorithm = c.get("algorithm", "MD5").upper()
        name = "sha256" if algorithm == "SHA-256" else "md5"

        def digest(text: str) -> str:
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        realm, nonce, count, cnonce = (
            c.get("realm", ""),
            c.get("nonce", ""),
            f"{self._nonce_count:08x}",
            secrets.token_hex(8),
        )
        ha1, ha2 = digest(f"{self._username}:{realm}:{self._password}"), digest(f"POST:{path}")
        qop = "auth" in re.split(r"[,\s]+", c.get("qop", ""))
        middle = f"{nonce}:{count}:{cnonce}:auth" if qop else nonce
        fields = {"username": self._username, "realm": realm, "nonce": nonce, "uri": path}
        fields["response"] = digest(f"{ha1}:{middle}:{ha2}")
        if "opaque" in c:
            fields["opaque"] = c["opaque"]
        text = ", ".join(f'{key}="{_quoted(value)}"' for key, value in fields.items())
        text += f", algorithm={'SHA-256' if name == 'sha256' else 'MD5'}"
        return f"Digest {text}" + (f', qop=auth, nc={count}, cnonce="{cnonce}"' if qop else "")


def _path(address: str) -> str:
    """Return the path of a service's address; raises ProtocolError."""
    try:
        return urlsplit(address).path or DEVICE_PATH
    except ValueError as error:
        raise ProtocolError("ONVIF: the camera names an address that is none") from error


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return the body, bounded in bytes; the connection bounds the time and what is no body."""
    encoding = response.getheader("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise ProtocolError("ONVIF: the answer is compressed, and nobody asked for that")
    data = bytearray()
    while chunk := response.read1(8192):
        data += chunk
        if len(data) > onvif.MAX_XML_BYTES:
            raise ProtocolError(f"ONVIF: answer is over {onvif.MAX_XML_BYTES} bytes")
    # nothing is left, but only `read` lets go of the connection, or complains of a missing end
    response.read()
    return bytes(data)


def _parse_challenge(header: str) -> dict[str, str]:
    """Parameters of a Digest challenge; empty for any other scheme."""
    if not header.lower().startswith("digest ") or len(header) > 4096:
        return {}
    return {
        key.lower(): quoted or bare
        for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"\r\n]*)"|([^",\s]+))', header[7:])
    }


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
