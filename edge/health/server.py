"""`/metrics`, `/healthz` and `/readyz` over HTTP, on one thread."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any

from edge.health.prometheus import CONTENT_TYPE

log = logging.getLogger(__name__)

_CLIENT_S = 2.0
"""A client that says nothing for this long is cut off: there is one thread for all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page."""

    status: int
    body: str
    content_type: str = CONTENT_TYPE


Pages = Mapping[str, Callable[[], Answer]]


def json_answer(status: int, data: Any) -> Answer:
    """Return a page for a program."""
    return Answer(status, json.dumps(data) + "\n", "application/json")


class HealthServer:
    """Serves pages until closed; raises OSError at once for an address that cannot be used."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self._server = _server(host, port, pages)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="health-http", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port, also where 0 asked for any."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _server(host: str, port: int, pages: Pages) -> HTTPServer:
    handler = type("Handler", (_Handler,), {"pages": pages})
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("Server", (_QuietServer,), {"address_family": family})
    server: HTTPServer = kind((host, port), handler)
    return server


class _QuietServer(HTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's
        """Note a client that broke off where only `log.level: debug` shows it."""
        log.debug("a client of the health pages broke off")

    def server_bind(self) -> None:
        """Bind without asking the resolver for this host's name, as the base would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    pages: Pages
    timeout = _CLIENT_S
    server_version = "touchline"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with a page's headers."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        known = " ".join(self.pages)
        answer = page() if page is not None else json_answer(404, {"error": f"known are {known}"})
        data = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's
        """Log no requests: a scrape every few seconds says nothing."""
