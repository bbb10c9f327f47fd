"""Runs every command on a machine of its own: isolated.py TOUCHLINE, inside fresh namespaces.

    unshare --net --mount python isolated.py .venv/bin/touchline

Every address of the internet leads to this machine's loopback, and every packet on it is looked at;
a name server notes each question. Home and temporary folders are new and empty. Prints one JSON
object: what each command printed, which names and addresses it asked for, which files it left.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

HIDDEN = ("/tmp", "/var/tmp", "/dev/shm", "/run")
HOME = Path("/tmp/home")
WORK = Path("/tmp/work")
WATCHED = (HOME, WORK, *(Path(folder) for folder in HIDDEN))
_BOX = ("--site", "a", "--device", "b")
_BROKER = ("--broker", "mqtt://127.0.0.1:18851")
_BESIDE_ITS_CONFIG = ("live.yaml", "live.yaml.good", "live.yaml.state", "pushed.yaml")
"""Files beside a configuration that is set remotely (docs/how-to/remote-configuration.md)."""


@dataclass
class Case:
    """One command line, what it may leave in its folder, and its exit code."""

    arguments: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    code: int = 0


@dataclass
class Seen:
    """What one command did."""

    command: str
    code: int
    wanted_code: int
    stdout: str
    stderr: str
    asked: list[str] = field(default_factory=list)
    """Names that the name server was asked for."""
    sent_to: list[str] = field(default_factory=list)
    """Addresses beyond loopback that a packet was sent to."""
    files: list[str] = field(default_factory=list)
    """New files outside the state folder that the case does not name."""


_RENDERED = "rendered:?seconds=0.2&width=640&height=360"
CASES = (
    Case(("demo-clip", "clip.mp4", "--seconds", "0.3", "--width", "640", "--height", "360",
          "--no-cutaways", "--truth", "truth.jsonl"), ("clip.mp4", "truth.jsonl")),
    Case(("register", "clip.mp4", "--overlay", "drawn", "--out", "answers.jsonl"),
         ("drawn", "answers.jsonl")),
    Case(("run", "--source", "clip.mp4", "--broker", "embedded:0", "--out", "lines.jsonl",
          "--overlay", "overlay.mp4", "--pictures", "pictures"),
         ("lines.jsonl", "overlay.mp4", "pictures")),
    Case(("run", "--source", _RENDERED, "--broker", "embedded:0", "--json",
          "--engine", "onnxruntime")),
    Case(("segments", "clip.mp4", "--format", "json", "--format", "edl", "--out", "marks"),
         ("marks",)),
    Case(("segments", "evaluate", "folder"), code=2),
    Case(("config", "schema")),
    Case(("config", "validate", "box.yaml")),
    Case(("config", "show", "box.yaml")),
    Case(("models", "list")),
    Case(("models", "verify")),
    Case(("models", "rollback", "soccer"), code=1),
    Case(("camera", "profiles")),
    Case(("camera", "probe", "127.0.0.1", "--listen", "0.2"), code=1),
    Case(("camera", "simulate", "--clip", "camera.mp4", "--seconds", "0.4", "--size", "320x180"),
         ("camera.mp4", "camera.freed.jsonl", "camera.truth.jsonl")),
    Case(("camera", "watch", "freed", "--port", "0", "--seconds", "0.2"), code=1),
    Case(("bench", "--rounds", "1", "--threads", "1", "--seconds", "0.1",
          "--engine", "onnxruntime")),
    Case(("doctor",)),
    Case(("completion", "bash")),
    Case(("install", "--root", "image", "--command", "/opt/touchline/bin/touchline"), ("image",)),
    Case(("uninstall", "--root", "image")),
)  # fmt: skip
BESIDE_A_BOX = (
    Case(("listen", *_BROKER, "--count", "3", "--json")),
    Case(("config", "push", "pushed.yaml", *_BROKER, *_BOX, "--timeout", "60"), _BESIDE_ITS_CONFIG),
    Case(("doctor", *_BROKER)),
)
"""Commands that need a box that runs."""


class NameServer(threading.Thread):
    """Answers that no name exists, and notes which were asked for."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 53))

    def run(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(4096)
            self.asked.append(_name(question))
            flags = struct.pack(">H", 0x8183)  # RFC 1035, 4.1.1: an answer, NXDOMAIN
            self._socket.sendto(question[:2] + flags + question[4:], sender)


class Wiretap(threading.Thread):
    """Notes the destination of each packet that does not stay on loopback's own addresses."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.sent_to: list[str] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._socket.bind(("lo", 0))

    def run(self) -> None:
        while True:
            packet = self._socket.recv(65535)
            address = _destination(packet)
            if address and not address.startswith("127.") and address != "::1":
                self.sent_to.append(address)


def _name(question: bytes) -> str:
    labels, at = [], 12
    while at < len(question) and question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
        at += 1 + question[at]
    return ".".join(labels)


def _destination(packet: bytes) -> str:
    """Destination address of an IPv4 or IPv6 packet; answers from elsewhere go to loopback."""
    if packet[:1] and packet[0] >> 4 == 4:
        return socket.inet_ntop(socket.AF_INET, packet[16:20])
    if packet[:1] and packet[0] >> 4 == 6:
        return socket.inet_ntop(socket.AF_INET6, packet[24:40])
    return ""


def prepare(touchline: Path) -> None:
    """Make the machine: empty folders, a resolver on loopback, loopback for every address."""
    call("mount", "--make-rprivate", "/")
    kept = [Path(__file__).resolve().parents[2], touchline.parents[1], Path(sys.base_prefix)]
    stage = Path(HIDDEN[0])
    for folder in HIDDEN:
        if not Path(folder).is_dir():
            continue
        inside = [path for path in kept if path.is_relative_to(folder)]
        handles = [os.open(path, os.O_PATH) for path in inside]
        call("mount", "-t", "tmpfs", "tmpfs", folder)
        for path, handle in zip(inside, handles, strict=True):
            path.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                ["mount", "--bind", f"/proc/self/fd/{handle}", str(path)],
                check=True,
                pass_fds=[handle],
            )
            os.close(handle)
    resolver = stage / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    call("mount", "--bind", str(resolver), os.path.realpath("/etc/resolv.conf"))
    call("ip", "link", "set", "lo", "up")
    call("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo")
    subprocess.run(
        ["ip", "-6", "route", "add", "local", "::/0", "dev", "lo"], check=False, capture_output=True
    )
    HOME.mkdir()
    (WORK / "folder").mkdir(parents=True)
    (WORK / "image").mkdir()
    box = "version: 1\nsite: a\ndevice: b\n"
    (WORK / "box.yaml").write_text(box + "source: rtsp://camera.example/1\n")


def call(*command: str) -> None:
    subprocess.run(command, check=True)


def environment() -> dict[str, str]:
    """A fresh home, and nothing of this process but where its programs lie."""
    return {"PATH": os.environ["PATH"], "HOME": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}


def files() -> set[str]:
    return {str(path) for folder in WATCHED for path in folder.rglob("*") if not path.is_dir()}


class Observer:
    """Runs commands one after another and looks at what each does."""

    def __init__(self, touchline: Path) -> None:
        self.touchline = touchline
        self.names, self.wire = NameServer(), Wiretap()
        self.names.start()
        self.wire.start()

    def run(self, case: Case) -> Seen:
        command = [str(self.touchline), *case.arguments]
        return self.look(command, case, " ".join(case.arguments))

    def look(self, command: list[str], case: Case, title: str) -> Seen:
        before, asked, sent = files(), len(self.names.asked), len(self.wire.sent_to)
        done = subprocess.run(
            command, cwd=WORK, env=environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        seen = Seen(title, done.returncode, case.code, done.stdout, done.stderr)
        return self.note(seen, before, asked, sent, case.leaves)

    def note(
        self, seen: Seen, before: set[str], asked: int, sent: int, leaves: tuple[str, ...]
    ) -> Seen:
        time.sleep(0.05)  # packets reach the wiretap a moment later
        allowed = [HOME / ".local/state/touchline", *(WORK / name for name in leaves)]
        seen.files = sorted(
            path
            for path in files() - before
            if not any(Path(path).is_relative_to(folder) for folder in allowed)
        )
        seen.asked = self.names.asked[asked:]
        seen.sent_to = sorted(set(self.wire.sent_to[sent:]))
        return seen

    def beside_a_box(self, cases: tuple[Case, ...]) -> list[Seen]:
        """Run a box, and the commands that need one; the box comes last."""
        before, asked, sent = files(), len(self.names.asked), len(self.wire.sent_to)
        source = "rendered:?seconds=600&width=640&height=360"
        (WORK / "live.yaml").write_text(
            f"version: 1\nsite: a\ndevice: b\nsource: {source}\nbroker: embedded:18851\n"
        )
        (WORK / "pushed.yaml").write_text(
            (WORK / "live.yaml").read_text() + "log: {level: error}\n"
        )
        command = [str(self.touchline), "run", "--config", "live.yaml"]
        with subprocess.Popen(
            command, cwd=WORK, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as box:  # fmt: skip
            try:
                _wait_for(18851, box)
                seen = [self.run(case) for case in cases]
                box.send_signal(signal.SIGTERM)
                out, err = box.communicate(timeout=60)
            finally:
                box.kill()
        its = Seen("run --config live.yaml", box.returncode, 0, out, err)
        return [*seen, self.note(its, before, asked, sent, _BESIDE_ITS_CONFIG)]


def _wait_for(port: int, box: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and box.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


SPOILSPORT = """
import os, pathlib, socket
pathlib.Path.home().joinpath(".cache").mkdir()
pathlib.Path.home().joinpath(".cache/id").write_text("x")
try:
    socket.getaddrinfo("vendor.example", 443)
except OSError:
    pass
with socket.socket() as s:
    s.settimeout(1)
    s.connect_ex(("192.0.2.7", 443))
"""
"""What a dependency that reports would do: all of it must be seen."""


def main(touchline: Path) -> None:
    """Prepare, run all, print."""
    prepare(touchline)
    observer = Observer(touchline)
    seen = [observer.run(case) for case in CASES]
    seen += observer.beside_a_box(BESIDE_A_BOX)
    seen.append(observer.look([sys.executable, "-c", SPOILSPORT], Case(()), "spoilsport"))
    json.dump([asdict(item) for item in seen], sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
