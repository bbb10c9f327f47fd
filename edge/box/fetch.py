"""Fetching an archive from a server or a file: no longer than allowed, of the right digest."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from edge.capture import redact
from edge.errors import BundleError

_TIMEOUT_S = 20.0
_BLOCK = 1 << 18


class Stopped(Exception):  # noqa: N818 - no error: the box ends
    """The box ends while an archive is fetched."""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to HTTP and HTTPS alone, and never from HTTPS to HTTP."""

    def redirect_request(self, req: Any, *rest: Any) -> urllib.request.Request | None:
        target = urlsplit(rest[-1]).scheme
        if target not in {"https", req.type}:
            raise BundleError(f"{redact(req.full_url)}: redirects to {target}://, which is refused")
        return super().redirect_request(req, *rest)


def fetch(
    url: str,
    target: Path,
    sha256: str,
    *,
    most_bytes: int,
    progress: Callable[[float | None], None],
    stopped: Callable[[], bool],
) -> None:
    """Write what lies at `url` to `target`; raises BundleError, one line, and Stopped.

    `progress` is called with the share that is there, None where the length is unknown.
    """
    shown = redact(url)
    try:
        with closing(_open(url)) as source, target.open("xb") as file:
            digest = _copy(source, file, shown, most_bytes, progress, stopped)
            file.flush()
            os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()
        raise BundleError(f"{shown}: the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise BundleError(f"{shown}: cannot be fetched: {error.reason}") from error
    except OSError as error:
        raise BundleError(f"{shown}: cannot be fetched: {error.strerror or error}") from error
    except ValueError as error:
        raise BundleError(f"{shown}: not an address that can be fetched") from error
    if digest != sha256:
        raise BundleError(f"{shown}: its sha256 is {digest}, {sha256} is desired")


def _open(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise BundleError(f"{redact(url)}: file:// names a file on this box: file:///path")
        return Path(unquote(parts.path)).open("rb")
    if parts.scheme not in {"http", "https"}:
        raise BundleError(f"{redact(url)}: give an https://, http:// or file:// address")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opener.add_handler(handler)
    return opener.open(url, timeout=_TIMEOUT_S)


def _copy(
    source: Any,
    file: IO[bytes],
    shown: str,
    most_bytes: int,
    progress: Callable[[float | None], None],
    stopped: Callable[[], bool],
) -> str:
    length = _length(source)
    if length is not None and length > most_bytes:
        raise BundleError(
            f"{shown}: {length / 1e6:.0f} MB; at most {most_bytes / 1e6:.0f} are taken"
        )
    checksum, got = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        if stopped():
            raise Stopped
        got += len(block)
        if got > most_bytes:
            raise BundleError(f"{shown}: more than {most_bytes / 1e6:.0f} MB; not taken")
        checksum.update(block)
        file.write(block)
        progress(got / length if length else None)
    return checksum.hexdigest()


def _length(source: Any) -> int | None:
    headers = getattr(source, "headers", None)
    if headers is None:
        return os.fstat(source.fileno()).st_size
    text = headers.get("Content-Length")
    return int(text) if text is not None and text.isdigit() else None
