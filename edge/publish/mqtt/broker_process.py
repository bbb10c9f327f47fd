"""The embedded broker's own process: rumqttd (from iotcore) behind one port for both MQTT versions.

`EmbeddedBroker` starts it as a module of its own, with its settings as JSON on
the first line of stdin. It answers one line of JSON on stdout (`{"port": …}` or `{"error": …}`) and
ends when stdin closes or its parent is gone, so that it never outlives the box.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from edge.config.brokers import is_loopback
from edge.errors import ProtocolError
from edge.publish.mqtt import mqtt311

_CHUNK = 64 * 1024
_HANDSHAKE_S = 10.0
_BACKEND_S = 10.0
_DRAIN_S = 3.0
_QUIET_S = 0.5
_LISTENER = """
[v5.1]
name = "touchline"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = {max_payload}
max_inflight_count = 100
dynamic_filters = true
"""
_ROUTER = """
id = 0
[router]
id = 0
max_connections = 400
max_outgoing_packet_count = 200
max_segment_size = 524288
max_segment_count = 4
"""
"""Sized for 200 boxes: each has one connection and hears seven topics of its own. rumqttd keeps a
log for each topic filter that is subscribed to, of at most 2 MB here. Two of a box's topics ever
fill theirs, so that 200 boxes make it hold 800 MB in the worst case, and one box 14 MB."""
_DESCRIPTORS = 3 * 400 + 200
"""A client takes three: its own, and the two ends of the connection to rumqttd behind."""


def main() -> None:
    """Serve until stdin closes."""
    settings = json.loads(sys.stdin.readline())
    _raise_descriptor_limit()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        asyncio.run(_serve(settings))
    except OSError as error:
        _say(error=_bind_problem(error), taken=error.errno == errno.EADDRINUSE)
    except _Open as error:
        _say(error=str(error), open=True)
    except RuntimeError as error:  # iotcore's own
        _say(error=str(error), taken=False)


class _Open(Exception):  # noqa: N818 - no fault of the broker's
    """A network that anybody in it could enter by; carries the address."""


def _raise_descriptor_limit() -> None:
    """Allow as many open files as the clients need, where the system's limit lets this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_parent(parent: int) -> None:
    """Leave when stdin closes or the parent is gone (a forked sibling may hold stdin open)."""
    stdin = sys.stdin.fileno()
    while os.getppid() == parent:
        if _readable(stdin, 1.0) and not os.read(stdin, 1):
            break
    _let_it_drain()
    os._exit(0)


def _let_it_drain() -> None:
    """Wait until nothing passed for a moment: what was taken last is on its way to subscribers."""
    end = time.monotonic() + _DRAIN_S
    while time.monotonic() < min(end, _BridgedClient.last_passed_s + _QUIET_S):
        time.sleep(0.05)


def _readable(fd: int, timeout_s: float) -> bool:
    import select  # noqa: PLC0415 - this thread alone needs it

    return bool(select.select([fd], [], [], timeout_s)[0])


async def _serve(settings: dict[str, Any]) -> None:
    family, address = _resolve(settings["host"], settings["port"])
    outside = is_loopback(str(address[0])) is not True
    if outside and not settings["password"]:
        raise _Open(address[0])
    front = socket.create_server(address, family=family)  # before anything else is started
    backend = await _start_backend(settings)
    server = await asyncio.start_server(
        lambda reader, writer: _BridgedClient(reader, writer, backend).run(), sock=front
    )
    _say(port=front.getsockname()[1], outside=outside)
    async with server:
        await server.serve_forever()


def _resolve(host: str, port: int) -> tuple[int, Any]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, address


async def _start_backend(settings: dict[str, Any]) -> int:
    """Start rumqttd on a free loopback port and wait until it listens; returns the port."""
    from iotcore.iotcore import IotCoreBroker  # noqa: PLC0415 - 14 MB, for this process alone

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    with _toml(settings, port) as path:
        broker = IotCoreBroker(config_path=str(path))
        threading.Thread(target=broker.run_forever, daemon=True).start()
        await asyncio.wait_for(_listening(port), _BACKEND_S)
    return port


@contextlib.contextmanager
def _toml(settings: dict[str, Any], port: int) -> Iterator[Path]:
    """Write rumqttd's settings to a file for this user alone, as it may hold a password."""
    text = _ROUTER + _LISTENER.format(port=port, max_payload=mqtt311.MAX_PACKET)
    if settings.get("username"):
        user, password = json.dumps(settings["username"]), json.dumps(settings["password"] or "")
        text += f"[v5.1.connections.auth]\n{user} = {password}\n"  # JSON strings are TOML strings
    with tempfile.TemporaryDirectory(prefix="touchline-") as folder:
        path = Path(folder) / "broker.toml"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        yield path


async def _listening(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)


class _BridgedClient:
    """One client: its CONNECT is read, then its bytes pass, rewritten if it speaks 3.1.1."""

    last_passed_s: ClassVar[float] = 0.0
    """When anything last passed, of any client, on the monotonic clock."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, backend: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._backend = backend
        self._splitter = mqtt311.PacketSplitter()

    async def run(self) -> None:
        with contextlib.suppress(OSError, ProtocolError, asyncio.TimeoutError, EOFError):
            first, body, rest = await asyncio.wait_for(self._connect_packet(), _HANDSHAKE_S)
            level = mqtt311.protocol_level(body)
            reader, writer = await asyncio.open_connection("127.0.0.1", self._backend)
            try:
                await self._pass(reader, writer, level, (first, body), rest)
            finally:
                writer.close()
        self._writer.close()

    async def _connect_packet(self) -> tuple[int, bytes, list[tuple[int, bytes]]]:
        data = await _some(self._reader)
        if data[0] >> 4 != mqtt311.CONNECT:  # before a length is read from what is no MQTT
            raise ProtocolError("the first packet is no CONNECT")
        packets = list(self._splitter.feed(data))
        while not packets:
            packets = list(self._splitter.feed(await _some(self._reader)))
        (first, body), *rest = packets
        return first, body, rest

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        level: int,
        connect: tuple[int, bytes],
        rest: list[tuple[int, bytes]],
    ) -> None:
        old = level != mqtt311.LEVEL_5
        up: Callable[[int, bytes], bytes | None] = mqtt311.to_5 if old else mqtt311.packet
        down: Callable[[int, bytes], bytes | None] = mqtt311.to_311 if old else mqtt311.packet
        for first, body in [connect, *rest]:
            writer.write(up(first, body) or b"")
        answer = await reader.read(_CHUNK)
        if not answer:  # rumqttd says nothing to a wrong password
            self._writer.write(mqtt311.refusal(level))
            await self._writer.drain()
            return
        pumps = [
            asyncio.create_task(_pump(self._reader, writer, self._splitter, up, b"")),
            asyncio.create_task(
                _pump(reader, self._writer, mqtt311.PacketSplitter(), down, answer)
            ),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    splitter: mqtt311.PacketSplitter,
    rewrite: Callable[[int, bytes], bytes | None],
    data: bytes,
) -> None:
    """Carry packets one way until an end closes; a slow receiver holds the sender back."""
    while True:
        for first, body in splitter.feed(data):
            writer.write(rewrite(first, body) or b"")
            _BridgedClient.last_passed_s = time.monotonic()
        await writer.drain()
        data = await _some(reader)


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(_CHUNK)
    if not data:
        raise EOFError
    return data


def _bind_problem(error: OSError) -> str:
    return error.strerror or str(error)


if __name__ == "__main__":
    main()
