"""`touchline listen`: what boxes publish, as a live table or as JSON lines."""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.box.signals import INTERRUPTED, stop_on_signals
from edge.cli.arguments import positive_float, positive_int
from edge.cli.boxes import boxes_table
from edge.cli.logs import show_warnings
from edge.cli.output import print_json, stdout
from edge.cli.parser import Subparsers
from edge.publish.client.subscriber import (
    Event,
    Health,
    Homography,
    Received,
    StateMessage,
    TouchlineClient,
)

_POLL_S = 0.2
_RATE_OVER_S = 2.0
_EVENTS_SHOWN = 8
_ROWS_SHOWN = 256
"""Cameras and boxes in the table, each; beyond it the oldest are left out."""
_COLOURS = {
    "verified": "green",
    "refined": "cyan",
    "tracked": "blue",
    "held": "yellow",
    "lost": "red",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("listen", help="show the homographies that a box publishes")
    parser.add_argument(
        "--broker",
        default="mqtt://127.0.0.1",
        metavar="URL",
        help="mqtt://host[:port] or mqtts://… (default: this box's embedded broker)",
    )
    parser.add_argument("--prefix", default="touchline", help="topic prefix (default: touchline)")
    parser.add_argument("--site", metavar="ID", help="this venue only")
    parser.add_argument("--device", metavar="ID", help="this box only")
    parser.add_argument("--camera", metavar="ID", help="this camera only")
    parser.add_argument(
        "--json", action="store_true", help="JSON lines; also when the output is no terminal"
    )
    parser.add_argument("--count", type=positive_int, metavar="N", help="end after N messages")
    parser.add_argument("--seconds", type=positive_float, metavar="S", help="end after S seconds")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Listen until a signal, or as long as was asked.

    Returns 130 after Ctrl-C, else 0; raises BrokerError where the broker cannot be reached.
    """
    client = TouchlineClient(
        options.broker,
        site=options.site,
        device=options.device,
        camera=options.camera,
        prefix=options.prefix,
    )
    with stop_on_signals() as stop, client:
        client.wait_connected()
        show_warnings()
        if options.json or not stdout().is_terminal:
            _json_lines(client, stop, options)
        else:
            _live_table(client, stop, options)
    return INTERRUPTED if stop.number == signal.SIGINT else 0


def _json_lines(
    client: TouchlineClient, stop: threading.Event, options: argparse.Namespace
) -> None:
    for received in _until_done(client, stop, options):
        if received is not None:
            print_json(_plain(received))


def _live_table(
    client: TouchlineClient, stop: threading.Event, options: argparse.Namespace
) -> None:
    board = Board()
    with Live(board.render(time.monotonic()), refresh_per_second=5, console=stdout()) as live:
        for received in _until_done(client, stop, options):
            if received is not None:
                board.add(received, time.monotonic())
            live.update(board.render(time.monotonic(), client.problem))


def _until_done(client: TouchlineClient, stop: threading.Event, options: argparse.Namespace) -> Any:
    """Yield what comes, and None when nothing came for a moment."""
    deadline = None if options.seconds is None else time.monotonic() + options.seconds
    left = options.count
    while not stop.is_set() and left != 0 and (deadline is None or time.monotonic() < deadline):
        received = client.next(_POLL_S)
        if received is not None and left is not None:
            left -= 1
        yield received


def _plain(received: Received) -> dict[str, Any]:
    """Return a message for a machine: its address beside its payload."""
    address = received.address
    payload: dict[str, Any] = json.loads(received.message.payload())
    return {
        "kind": received.kind,
        "site": address.site,
        "device": address.device,
        "camera": address.camera,
        "retained": received.retained,
        "received_ns": received.received_ns,
        "message": payload,
    }


@dataclass(slots=True)
class _Camera:
    """What is known of one camera."""

    last: Homography | None = None
    arrivals_s: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    frames: int = 0
    answered: int = 0
    gaps: int = 0

    def add(self, message: Homography, now_s: float) -> None:
        if self.last is not None and self.last.session == message.session:
            self.gaps += max(0, message.seq - self.last.seq - 1)
        self.last = message
        self.arrivals_s.append(now_s)
        self.frames += 1
        self.answered += message.field_from_image is not None

    def rate_hz(self, now_s: float) -> float:
        return sum(now_s - t < _RATE_OVER_S for t in self.arrivals_s) / _RATE_OVER_S


class Board:
    """What is shown: one row a camera, one row a box, and the last events."""

    def __init__(self) -> None:
        self._cameras: dict[str, _Camera] = {}
        self._boxes: dict[str, str] = {}
        self._healths: dict[str, tuple[Health, float]] = {}
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)

    def add(self, received: Received, now_s: float) -> None:
        """Take one message."""
        message, address = received.message, received.address
        box = f"{address.site}/{address.device}"
        if isinstance(message, Homography):
            self._cameras.setdefault(f"{box}/{message.camera}", _Camera()).add(message, now_s)
            _trim(self._cameras)
        elif isinstance(message, StateMessage):
            self._boxes[box] = message.status.value
            _trim(self._boxes)
        elif isinstance(message, Health):
            self._healths[box] = (message, now_s)
            _trim(self._healths)
        elif isinstance(message, Event):
            why = "" if message.reason.value == "none" else f" ({message.reason.value})"
            self._events.append(
                f"{box}/{message.camera} frame {message.frame_id}: {message.kind.value}{why}"
            )

    def render(self, now_s: float, problem: str | None = None) -> Group:
        """Return what to show at a moment."""
        parts: list[Any] = [self._table(now_s)]
        if self._healths:
            parts.append(boxes_table(self._healths, now_s))
        parts += [Text(line, style="dim") for line in self._events]
        if problem:
            parts.append(Text(problem, style="red"))
        return Group(*parts)

    def _table(self, now_s: float) -> Table:
        table = Table(
            "camera",
            "box",
            "state",
            "score",
            "error m",
            "frames/s",
            "answered",
            "missed",
            "late ms",
        )
        for name, camera in sorted(self._cameras.items()):
            box = self._boxes.get(name.rsplit("/", 1)[0], "?")
            table.add_row(name, box, *_cells(camera, now_s))
        return table


def _trim(rows: dict[str, Any]) -> None:
    while len(rows) > _ROWS_SHOWN:
        del rows[next(iter(rows))]


def _cells(camera: _Camera, now_s: float) -> list[Text | str]:
    last = camera.last
    assert last is not None
    state = last.state.value
    reason = f" {last.reason.value}" if last.reason.value != "none" else ""
    error_m = last.quality.expected_error_m
    late = last.latency_ms.get("total")
    return [
        Text(f"{state}{reason}", style=_COLOURS[state]),
        f"{last.quality.score:.2f}",
        "-" if error_m is None else f"{error_m:.2f}",
        f"{camera.rate_hz(now_s):.1f}",
        f"{100 * camera.answered / camera.frames:.0f} %",
        str(camera.gaps),
        "-" if late is None else f"{late:.1f}",
    ]
