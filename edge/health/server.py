"""`/metrics`, `/healthz` and `/readyz` over HTTP, on one thread, whatever the clients do.

The event loop serves a client that drips, reads nothing or says nothing beside all others. Each
connection has a deadline and bounded buffers, and there are only so many: the oldest makes room.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from edge.health.prometheus import CONTENT_TYPE
from edge.redaction import redact

log = logging.getLogger(__name__)

CLIENT_S = 5.0
"""Time for one client, from its connection to the last byte of its page."""
MOST_CLIENTS = 32
"""Connections at a time; one more closes the oldest."""
_MOST_REQUEST_BYTES = 16 * 1024
_MOST_UNSENT_BYTES = 64 * 1024
_JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One page."""

    status: int
    body: str
    content_type: str = CONTENT_TYPE


Pages = Mapping[str, Callable[[], HttpAnswer]]


def json_answer(status: int, data: Any) -> HttpAnswer:
    """Return a page for a program, without secrets."""
    return HttpAnswer(status, json.dumps(redact.tree(data)) + "\n", "application/json")


class HealthServer:
    """Serves pages until closed; raises OSError at once for an address that cannot be used.

    A page is made on the server's thread and is to be made quickly.
    """

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self._pages = pages
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._socket = _listening(host, port)
        self._port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="health-http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port, also where 0 asked for any."""
        return self._port

    def close(self) -> None:
        """Stop serving; may be called twice."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_JOIN_S)
        self._socket.close()

    # -- the thread

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._client, sock=self._socket, limit=_MOST_REQUEST_BYTES
        )
        await self._over.wait()
        server.close()
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= MOST_CLIENTS:
            oldest = next(iter(self._clients))
            self._clients.pop(oldest).transport.abort()
            oldest.cancel()
        self._clients[task] = writer
        try:
            writer.transport.set_write_buffer_limits(_MOST_UNSENT_BYTES)
            await asyncio.wait_for(self._converse(reader, writer), CLIENT_S)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            log.debug("a client of the health pages was cut off, or broke off")
        except asyncio.CancelledError:
            log.debug("a client of the health pages made room")
        except Exception:
            log.exception("a health page could not be made")
        finally:
            self._clients.pop(task, None)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\n")
        words = head.decode("latin-1").split()
        if len(words) == 3 and words[2].startswith("HTTP/"):
            await _skip_headers(reader)
            answer, with_body = self._answer(*words[:2])
        else:
            answer, with_body = json_answer(400, {"error": "no HTTP request"}), True
        writer.write(_encoded(answer, with_body=with_body))
        writer.write_eof()
        # closed by the client's end, so that what it still sends breaks nothing off
        while await reader.read(_MOST_REQUEST_BYTES):
            pass

    def _answer(self, method: str, target: str) -> tuple[HttpAnswer, bool]:
        if method not in {"GET", "HEAD"}:
            return json_answer(501, {"error": "known are GET HEAD"}), True
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            known = " ".join(self._pages)
            return json_answer(404, {"error": f"known are {known}"}), method == "GET"
        return page(), method == "GET"


async def _skip_headers(reader: asyncio.StreamReader) -> None:
    """Read to the end of a request's headers; raises ValueError for too many."""
    size = 0
    while (line := await reader.readuntil(b"\n")).strip():
        size += len(line)
        if size > _MOST_REQUEST_BYTES:
            raise ValueError("too long a request")


def _encoded(answer: HttpAnswer, *, with_body: bool) -> bytes:
    body = answer.body.encode()
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        "Server: touchline\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (body if with_body else b"")


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket; no resolver is called for this host's name."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=128)
    made.setblocking(False)
    return made
