"""Fetching an archive: from where the policy allows, no longer and no later than it allows."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import ssl
import stat
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from edge import __version__
from edge.box.model_updates.fetch_policy import (
    FetchPolicy,
    FileAddress,
    NotAllowedError,
    WebAddress,
    addresses_of,
)
from edge.bundles.space import RESERVE_BYTES, check_space, free_bytes
from edge.errors import BundleError
from edge.redaction import redact

_SILENCE_S = 20.0
"""Longest wait for one answer of a server."""
_BLOCK = 1 << 18
_LOOK_S = 0.1
_MOST_WORDS = 300
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class Stopped(Exception):  # noqa: N818 - no error: the box ends
    """The box ends while an archive is fetched or tested."""


class _Source(Protocol):
    """Bytes that come from somewhere."""

    def read(self, amount: int, /) -> bytes:
        """Return up to `amount` bytes, none at the end."""


def fetch(
    url: str, target: Path, sha256: str, policy: FetchPolicy, stopped: Callable[[], bool]
) -> None:
    """Write what lies at `url` to `target`; raises BundleError, one line, and Stopped.

    NotAllowedError says that the policy refuses the address itself. Every other message is for the
    log of the box alone: it tells what is there. The whole takes no longer than the policy allows,
    name resolution and redirects included, whatever the server does.
    """
    transfer = _Transfer(url, policy.check(url), target, sha256, policy)
    transfer.start()
    while not transfer.ended.wait(_LOOK_S):
        if stopped():
            transfer.cancel()
            raise Stopped
        if transfer.late():
            transfer.cancel()
            raise BundleError(f"{redact.address(url)}: not there within {policy.within_s:g} s")
    if transfer.error is not None:
        raise transfer.error


class _Transfer:
    """One transfer on a thread of its own, which is left to itself when it is cancelled.

    A name server that never answers holds a thread, and nothing can wake it.
    """

    def __init__(
        self,
        url: str,
        address: WebAddress | FileAddress,
        target: Path,
        sha256: str,
        policy: FetchPolicy,
    ) -> None:
        self.ended = threading.Event()
        self.error: BundleError | None = None
        self._url, self._address, self._target = url, address, target
        self._sha256, self._policy = sha256, policy
        self._until_s = time.monotonic() + policy.within_s
        self._cancelled = False
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None

    def start(self) -> None:
        """Start."""
        threading.Thread(target=self._run, name="bundle-fetch", daemon=True).start()

    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self._until_s

    def cancel(self) -> None:
        """End the transfer at its next step; a connection is shut at once."""
        with self._lock:
            self._cancelled = True
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            with self._open() as (source, length):
                if self._cancelled:
                    return
                with self._target.open("xb") as file:
                    digest = self._copy(source, length, file)
                    file.flush()
                    os.fsync(file.fileno())
            if digest != self._sha256:
                self._fail(f"its sha256 is {digest}, not what is desired")
        except BundleError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"cannot be fetched: {error.strerror or error}")
        except (http.client.HTTPException, ValueError) as error:
            self._fail(f"no answer in HTTP: {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a thread that dies would be waited for
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._release()
            self.ended.set()

    def _fail(self, what: str) -> None:
        """Keep what went wrong as one line; a server's words may hold anything."""
        printable = "".join(c if c.isprintable() else " " for c in what)
        self.error = BundleError(
            f"{redact.address(self._url)}: {' '.join(printable.split())[:_MOST_WORDS]}"
        )

    @contextmanager
    def _open(self) -> Iterator[tuple[_Source, int | None]]:
        """Open what the address names, with its length where that is known."""
        if isinstance(self._address, FileAddress):
            with open_below(self._address) as file:
                yield file, os.fstat(file.fileno()).st_size
            return
        with contextlib.ExitStack() as stack:
            response = self._follow(self._address, stack)
            length = response.getheader("Content-Length")
            yield response, int(length) if length is not None else None

    def _follow(self, address: WebAddress, stack: contextlib.ExitStack) -> http.client.HTTPResponse:
        """Ask, and go where redirects lead, as far as the policy allows."""
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            stack.close()
            response = self._ask(address, url, stack)
            if response.status not in _REDIRECTS:
                _check_answer(response)
                return response
            url = urljoin(url, response.getheader("Location") or "")
            following = self._policy.check(url)
            if not isinstance(following, WebAddress) or (
                address.scheme == "https" and following.scheme != "https"
            ):
                raise NotAllowedError("url", f"redirects to {urlsplit(url).scheme}://")
            address = following
        raise BundleError(f"redirects more than {_MOST_REDIRECTS} times")

    def _ask(
        self, address: WebAddress, url: str, stack: contextlib.ExitStack
    ) -> http.client.HTTPResponse:
        proxy = _proxy_of(address)
        secure = address.scheme == "https"
        raw = stack.enter_context(contextlib.closing(self._connected(address, proxy)))
        if secure and proxy is not None:
            _tunnel(raw, address, proxy)
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(address.host, address.port)
        stack.callback(connection.close)
        connection.sock = raw
        if secure:
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(raw, server_hostname=address.host)
            stack.enter_context(contextlib.closing(connection.sock))
        through = proxy is not None and not secure
        headers = {"User-Agent": f"touchline/{__version__}", "Accept-Encoding": "identity"}
        if through and proxy is not None:
            headers |= _proxy_headers(proxy)
        connection.request("GET", url if through else address.target, headers=headers)
        return stack.enter_context(contextlib.closing(connection.getresponse()))

    def _connected(self, address: WebAddress, proxy: str | None) -> socket.socket:
        """Connect to an address that was checked, so that a name server has one say alone."""
        if proxy is not None:
            parts = urlsplit(proxy)
            places = [(parts.hostname or "", parts.port or 80)]
        else:
            found = addresses_of(address.host, address.port)
            allowed = [a for a in found if self._policy.may_connect(address.host, a)]
            if not allowed:
                raise BundleError("its host is in a private network; set updates.private_hosts")
            places = [(a, address.port) for a in allowed]
        problem: OSError = OSError("no address")
        for place in places:
            left_s = self._until_s - time.monotonic()
            if left_s <= 0 or self._cancelled:
                break
            try:
                raw = socket.create_connection(place, timeout=min(_SILENCE_S, left_s))
            except OSError as error:
                problem = error
                continue
            raw.settimeout(_SILENCE_S)
            self._hold(raw)
            return raw
        raise problem

    def _hold(self, raw: socket.socket) -> None:
        """Keep a handle of the connection, by which another thread can shut it."""
        self._release()
        with self._lock:
            if self._cancelled:
                raw.close()
                raise OSError("cancelled")
            self._handle = raw.dup()

    def _release(self) -> None:
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def _copy(self, source: _Source, length: int | None, file: IO[bytes]) -> str:
        most = self._policy.most_bytes
        if length is not None and length > most:
            raise BundleError(f"{length / 1e6:.0f} MB; at most {most / 1e6:.0f} are taken")
        check_space(self._target.parent, length or 0)
        checksum, got = hashlib.sha256(), 0
        while block := source.read(_BLOCK):
            if self._cancelled:
                raise OSError("cancelled")
            got += len(block)
            if got > most:
                raise BundleError(f"more than {most / 1e6:.0f} MB; not taken")
            if free_bytes(self._target.parent) < RESERVE_BYTES:
                raise BundleError("the disk is full but for its reserve")
            checksum.update(block)
            file.write(block)
        return checksum.hexdigest()


@contextmanager
def open_below(address: FileAddress) -> Iterator[IO[bytes]]:
    """Open a regular file below a folder, through no link; raises OSError and BundleError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.ExitStack() as stack:
        place = os.open(address.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, place)
        for part in address.parts[:-1]:
            place = os.open(part, flags | os.O_DIRECTORY, dir_fd=place)
            stack.callback(os.close, place)
        # a FIFO or a device is not waited for
        number = os.open(address.parts[-1], flags | os.O_NONBLOCK, dir_fd=place)
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(number)
            raise BundleError("not a regular file of one name")
        yield stack.enter_context(os.fdopen(number, "rb"))


def _check_answer(response: http.client.HTTPResponse) -> None:
    if response.status != 200:
        raise BundleError(f"the server answers {response.status} {response.reason}")
    coding = response.getheader("Content-Encoding") or "identity"
    if coding.lower() != "identity":
        raise BundleError(f"the server packs it by {coding}, which was not asked for")
    length = response.getheader("Content-Length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise BundleError("its Content-Length is no number")


def _proxy_of(address: WebAddress) -> str | None:
    """Return the proxy that this box's environment sets for an address, if it does."""
    proxy = urllib.request.getproxies().get(address.scheme)
    if not proxy or urllib.request.proxy_bypass(address.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(user.encode()).decode()}"}


def _tunnel(raw: socket.socket, address: WebAddress, proxy: str) -> None:
    """Ask a proxy for a line to a host; raises BundleError, OSError and HTTPException."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    headers = {"Host": f"{host}:{address.port}"} | _proxy_headers(proxy)
    lines = [f"CONNECT {host}:{address.port} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    raw.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    answer = http.client.HTTPResponse(raw, method="CONNECT")
    try:
        answer.begin()
        if answer.status != 200:
            raise BundleError(f"the proxy answers {answer.status} {answer.reason}")
    finally:
        answer.close()
