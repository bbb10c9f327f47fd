"""Names to addresses with a deadline: the system's resolver may block for half a minute.

`getaddrinfo` has no timeout, and nothing interrupts it. Each lookup runs on a thread of its own,
which is left behind when the time is over. Callers that ask for the same name share one lookup, so
that attempts at a dead resolver do not pile up.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

LOOKUP_S = 4.0
"""Time for a lookup. Resolvers ask again after 5 s; a name that takes longer is tried again."""
_MOST_LOOKUPS = 16
"""Lookups under way; beyond it a new one fails at once."""
_LOOK_S = 0.05

Address: TypeAlias = "tuple[socket.AddressFamily, tuple[Any, ...]]"
"""Family and socket address, as `socket.connect` takes them."""


@dataclass(slots=True)
class _Lookup:
    done: threading.Event = field(default_factory=threading.Event)
    addresses: list[Address] = field(default_factory=list)
    error: OSError | None = None


_lock = threading.Lock()
_under_way: dict[tuple[str, int, int, int], _Lookup] = {}


def look_up(
    host: str,
    port: int,
    *,
    family: int = socket.AF_UNSPEC,
    kind: int = socket.SOCK_STREAM,
    timeout_s: float = LOOKUP_S,
    cancelled: threading.Event | None = None,
) -> list[Address]:
    """Return the addresses of a host, best first; at least one.

    Raises TimeoutError after `timeout_s` seconds, InterruptedError once `cancelled` is set, and
    OSError for a name that the network does not know.
    """
    if _is_numeric(host):
        return _ask(host, port, family, kind)  # asks nobody
    lookup = _begin((host, port, family, kind))
    deadline_s = time.monotonic() + timeout_s
    while not lookup.done.wait(min(_LOOK_S, max(deadline_s - time.monotonic(), 0.0))):
        if cancelled is not None and cancelled.is_set():
            raise InterruptedError(f"the lookup of {host} was given up")
        if time.monotonic() >= deadline_s:
            raise TimeoutError(f"the name server gave no answer for {host} in {timeout_s:g} s")
    if lookup.error is not None:
        raise lookup.error
    return lookup.addresses


def connect(
    host: str,
    port: int,
    *,
    timeout_s: float,
    cancelled: threading.Event | None = None,
) -> socket.socket:
    """Return a TCP connection to a host; `timeout_s` is for the lookup and all addresses together.

    Raises TimeoutError, InterruptedError, and OSError for a host that cannot be reached.
    """
    deadline_s = time.monotonic() + timeout_s
    error: OSError | None = None
    for family, address in look_up(host, port, timeout_s=timeout_s, cancelled=cancelled):
        if time.monotonic() >= deadline_s:
            break
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            _reach(sock, address, deadline_s, cancelled)
            sock.settimeout(max(deadline_s - time.monotonic(), _LOOK_S))
        except InterruptedError:
            sock.close()
            raise
        except OSError as failed:
            sock.close()
            error = failed
        else:
            return sock
    raise error or TimeoutError(f"{host}:{port} was not reached in {timeout_s:g} s")


def _reach(
    sock: socket.socket,
    address: tuple[Any, ...],
    deadline_s: float,
    cancelled: threading.Event | None,
) -> None:
    """Connect a socket; raises TimeoutError, InterruptedError, or the OSError of a refusal."""
    sock.setblocking(False)
    code = sock.connect_ex(address)
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while code == errno.EINPROGRESS:
        if cancelled is not None and cancelled.is_set():
            raise InterruptedError(f"the connection to {address[0]} was given up")
        if time.monotonic() >= deadline_s:
            raise TimeoutError(f"{address[0]}:{address[1]} gave no answer")
        if poll.poll(_LOOK_S * 1000):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _begin(key: tuple[str, int, int, int]) -> _Lookup:
    with _lock:
        lookup = _under_way.get(key)
        if lookup is not None:
            return lookup
        if len(_under_way) >= _MOST_LOOKUPS:
            raise TimeoutError(f"{key[0]} is not looked up: the name server answers nothing")
        lookup = _under_way[key] = _Lookup()
    thread = threading.Thread(target=_run, args=(key, lookup), name="name-lookup", daemon=True)
    thread.start()
    return lookup


def _run(key: tuple[str, int, int, int], lookup: _Lookup) -> None:
    try:
        lookup.addresses = _ask(*key)
    except OSError as error:
        lookup.error = error
    except UnicodeError as error:  # a label that is empty or too long
        lookup.error = socket.gaierror(socket.EAI_NONAME, f"{key[0]!r} is no host name ({error})")
    finally:
        with _lock:
            _under_way.pop(key, None)
        lookup.done.set()


def _ask(host: str, port: int, family: int, kind: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, family=family, type=kind)
    return [(family_, address) for family_, _, _, _, address in found]


def _is_numeric(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        return True
    return False
