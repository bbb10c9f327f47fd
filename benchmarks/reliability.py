"""Cameras, brokers, links and disks that fail, as a table.

    python -m benchmarks.reliability [--kills 20] [--seconds 20] [--only camera,broker,link,disk]

Real parts on loopback: an RTSP server's process, mosquitto, a relay that lets little through, and,
as root, a disk of 300 kB (tmpfs). Wall-clock figures belong to the machine and its load.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from edge.capture import LiveReader, open_source
from edge.health.system import read_process
from edge.publish import EventDraft, EventKind, Publisher
from edge.publish.client.subscriber import TouchlineClient
from edge.publish.messages.compose import Stamp
from tests.capture.faulty import FaultyCamera, make_clips
from tests.publish.listener import Listener
from tests.publish.parts import FAST, Mosquitto, answered, make_frame, make_publisher

FPS = 30
Row = tuple[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the slow link")
    parser.add_argument("--only", default="camera,broker,link,disk")
    args = parser.parse_args()
    print("| fault | figure |\n|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in args.only.split(","):
            place = folder / part
            place.mkdir()
            if part == "camera":
                rows = camera(place, args.kills)
            elif part == "broker":
                rows = broker(place, args.kills)
            elif part == "link":
                rows = link(place, args.seconds)
            else:
                rows = disk(place)
            for fault, figure in rows:
                print(f"| {fault} | {figure} |", flush=True)
    return 0


def spread(seconds: list[float]) -> str:
    return f"median {median(seconds):.2f} s, most {max(seconds):.2f} s of {len(seconds)}"


def camera(folder: Path, kills: int) -> list[Row]:
    """Kill the camera's process; its return counts from the moment at which its port is open."""
    clips = make_clips(folder / "clips")
    running = FaultyCamera(clips)
    noticed: list[float] = []
    back: list[float] = []
    stalls: list[float] = []
    with LiveReader(partial(open_source, running.url), frozen_after_s=2.0) as reader:
        wait(lambda: reader.get(0.05) is not None)
        for number in range(kills):
            running.kill()
            noticed.append(wait(lambda: reader.get(0.05) is None and reader.outage is not None))
            time.sleep(0.3 * (number % 10))
            running = FaultyCamera(clips, running.port)
            back.append(wait(lambda: reader.get(0.05) is not None))
            wait(lambda: reader.get(0.05) is not None and reader.outage is None)
        for _ in range(3):
            running.show("stall")
            stalls.append(wait(lambda: reader.get(0.05) is None and reader.outage is not None))
            running.show("live")
            wait(lambda: reader.get(0.05) is not None and reader.outage is None)
        running.show("freeze")
        frozen = wait(lambda: (frame := reader.get(0.05)) is not None and frame.frozen)
    running.kill()
    return [
        ("camera killed: noticed", spread(noticed)),
        ("camera killed: picture back after its return", spread(back)),
        ("camera stalls with its connection open: noticed", spread(stalls)),
        ("camera holds its picture, key frame every 0.4 s: noticed", f"{frozen:.2f} s"),
    ]


class Stream:
    """A pipeline's publication at 30 frames a second, an event each fifth frame."""

    def __init__(self, publisher: Publisher) -> None:
        self.frames = self.events = 0
        self.slowest_s = 0.0
        self._publisher = publisher
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.begun_s = time.monotonic()
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(max(0.0, self.begun_s + self.frames / FPS - time.monotonic())):
            frame = replace(make_frame(self.frames), capture_ns=time.time_ns())
            before_s = time.monotonic()
            self._publisher.publish(frame, answered())
            if self.frames % 5 == 0:
                self._publisher.event(EventDraft(EventKind.CUT, Stamp.of(frame)))
                self.events += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - before_s)
            self.frames += 1

    def end(self) -> float:
        """Stop; returns the rate that was kept."""
        self._stop.set()
        self._thread.join()
        return self.frames / (time.monotonic() - self.begun_s)


def broker(folder: Path, kills: int) -> list[Row]:
    persistence = (
        f"persistence true\npersistence_location {folder}/\n"
        "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
    )
    running = Mosquitto(folder, persistence)
    running.start()
    client = TouchlineClient(running.endpoint, client_id="archive", backoff=FAST)
    publisher = make_publisher(running.endpoint, spool_path=folder / "spool.sqlite", backoff=None)
    numbers: list[int] = []
    latest = 0.0

    def collect() -> None:
        nonlocal latest
        for received in client.messages():
            if received.kind == "event":
                numbers.append(received.message.seq)
            elif received.kind == "homography":
                latest = time.monotonic()

    collector = threading.Thread(target=collect)
    back: list[float] = []
    with client, publisher:
        client.wait_connected(10)
        running.save()
        collector.start()
        stream = Stream(publisher)
        for number in range(kills):
            seen = len(numbers)
            wait(lambda n=seen: len(numbers) > n + 3)
            running.kill()
            time.sleep(0.2 * (1 + number % 8))
            running.start()
            up = time.monotonic()
            back.append(wait(lambda at=up: latest > at))
        kept = stream.end()
        wait(lambda: len(numbers) >= stream.events and not publisher.counts().events.waiting)
    collector.join()
    running.stop()
    lost = len(set(range(1, stream.events + 1)) - set(numbers))
    doubled = len(numbers) - len(set(numbers))
    order = "in order" if numbers == sorted(numbers) else "NOT in order"
    return [
        ("broker killed: homographies back after its return", spread(back)),
        (
            f"events over {kills} kills",
            f"{stream.events} sent, {lost} lost, {doubled} doubled, {order}",
        ),
        ("pipeline's rate meanwhile", f"{kept:.2f} of {FPS} a second"),
        ("longest call to publish", f"{1e3 * stream.slowest_s:.1f} ms"),
    ]


class SlowLink:
    """A TCP relay that lets so many bytes a second through to the broker."""

    def __init__(self, port: int, bytes_s: int) -> None:
        self._bytes_s = bytes_s
        self._target = port
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the clients' too
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                upstream = socket.create_connection(("127.0.0.1", self._target))
                for source, sink, slow in ((client, upstream, True), (upstream, client, False)):
                    threading.Thread(
                        target=self._carry, args=(source, sink, slow), daemon=True
                    ).start()

    def _carry(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while data := source.recv(1024):
                if slow:
                    time.sleep(len(data) / self._bytes_s)
                sink.sendall(data)

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()


def link(folder: Path, seconds: float) -> list[Row]:
    running = Mosquitto(folder)
    running.start()
    relay = SlowLink(running.port, bytes_s=8000)
    endpoint = replace(running.endpoint, port=relay.port, keepalive_s=600)
    ages: list[float] = []
    with Listener(running.port) as listener, make_publisher(endpoint) as publisher:
        publisher.wait_connected(20)
        stream = Stream(publisher)
        time.sleep(seconds / 4)
        before_mb, seen = read_process().resident_mb or 0.0, 0
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            frames = listener.of("/homography")
            now_ns = time.time_ns()
            ages += [(now_ns - h.data["capture"]["time_ns"]) / 1e9 for h in frames[seen:]]
            seen = len(frames)
            time.sleep(0.005)
        grown_mb = (read_process().resident_mb or 0.0) - before_mb
        kept = stream.end()
        counts = publisher.counts().frames
        pending = counts.pending
        order = [h.data["frame_id"] for h in listener.of("/homography")]
    sorting = "in order" if order == sorted(order) else "NOT in order"
    relay.close()
    running.stop()
    return [
        ("link of 8 kB/s: frames published of offered", f"{counts.published} of {counts.offered}"),
        ("link of 8 kB/s: age on arrival", spread(ages)),
        (
            "link of 8 kB/s: order, frames held, memory grown",
            f"{sorting}, {pending} held, {grown_mb:.1f} MB in {seconds:g} s",
        ),
        ("link of 8 kB/s: pipeline's rate", f"{kept:.2f} of {FPS} a second"),
    ]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    place = folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def disk(folder: Path) -> list[Row]:
    if os.geteuid() != 0:
        return [("full disk, read-only disk", "not run: needs root for a disk of 300 kB")]
    return [spool_fault(folder, how) for how in ("full", "read-only")]


def spool_fault(folder: Path, how: str) -> Row:
    """Events wait for a broker that is away while their disk fails; then both come back."""
    place = folder / how
    place.mkdir()
    running = Mosquitto(place)
    with small_disk(place) as mount:
        if how == "read-only":
            remount(mount, "ro")
        publisher = make_publisher(running.endpoint, spool_path=mount / "spool.sqlite")
        with publisher:
            send(publisher, 0, 5)
            wait(lambda: publisher.counts().events.waiting == 5)
            filler = mount / "filler"
            if how == "full":
                with suppress(OSError), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            send(publisher, 5, 60)
            wait(lambda: publisher.counts().events.waiting == 65)
            wait(lambda: publisher._spool.problem is not None)  # noqa: SLF001
            reported = "memory" in str(publisher.problem)
            again = ", from memory"  # a file that was never read is left alone until a start
            if how == "full":
                filler.unlink()
                back_s = wait(lambda: publisher._spool.problem is None)  # noqa: SLF001
                again = f", on disk again in {back_s:.0f} s"
            running.start()
            with Listener(running.port) as listener:
                wait(lambda: publisher.counts().events.waiting == 0)
                wait(lambda: len(listener.of("/event")) >= 1)
            counts = publisher.counts().events
    running.stop()
    told = "reported" if reported else "NOT reported"
    figure = f"{told}, {counts.delivered} of 65 events delivered{again}"
    return (f"{how} disk under the spool, broker away", figure)


def remount(mount: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(mount)], check=True)


def send(publisher: Publisher, first: int, count: int) -> None:
    for number in range(first, first + count):
        publisher.event(EventDraft(EventKind.CUT, Stamp.of(make_frame(number))))


def wait(condition, most_s: float = 120.0) -> float:  # type: ignore[no-untyped-def]
    """Wait for a condition; returns how long that took."""
    begun_s = time.monotonic()
    while not condition():
        if time.monotonic() - begun_s > most_s:
            raise SystemExit("waited in vain")
        time.sleep(0.002)
    return time.monotonic() - begun_s


if __name__ == "__main__":
    raise SystemExit(main())
