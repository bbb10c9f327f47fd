"""`touchline doctor`: what works on this box, what does not, and how to get it."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rich.text import Text

from edge import __version__
from edge.bundles import bundle_folders, find_bundle, list_bundles, load_bundle
from edge.bundles.graphs import faster_engine, open_graphs
from edge.cli.doctor_job import do_the_job
from edge.cli.output import print_json, stdout
from edge.cli.parser import Subparsers
from edge.engines import ENGINES, read_cpu
from edge.errors import BundleError, EngineError, TouchlineError, UsageError
from edge.health.clock import clock_source, kernel_clock
from edge.segments.manifest import load_segments_bundle

LEAST_PYTHON = (3, 10)
LEAST_DISK_MB = 500
LEAST_MEMORY_MB = 900
BROKER_TIMEOUT_S = 3.0

REQUIRED = ("av", "iotcore", "numpy", "onnxruntime", "paho-mqtt", "pydantic", "PyYAML", "rich")
"""Distributions that the main job needs, besides OpenCV, which has several names."""
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    level: Literal["ok", "note", "fail"]
    """`note`: works without it; `fail`: the main job does not."""
    found: str
    cure: str = ""
    """What to do about it."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor", help="say what works on this box and how to get what does not"
    )
    parser.add_argument("--broker", metavar="URL", help="also try mqtt://host or mqtts://host")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(func=run)


def run(options: argparse.Namespace) -> int:
    """Look at everything and print it; 1 when the main job cannot run."""
    broker = None if options.broker is None else parse_broker(options.broker)
    findings = [finding for check in CHECKS for finding in check()]
    if broker is not None:
        findings.append(check_broker(*broker))
    if options.json:
        print_json(
            {"touchline": __version__, "findings": [asdict(finding) for finding in findings]},
            indent=2,
        )
    else:
        _print(findings)
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def check_python() -> Iterator[Finding]:
    """Look at the interpreter."""
    version = ".".join(str(n) for n in sys.version_info[:3])
    good = sys.version_info[:2] >= LEAST_PYTHON
    yield Finding(
        "Python", "ok" if good else "fail", version, "" if good else "install 3.10 to 3.13"
    )


def check_cpu() -> Iterator[Finding]:
    """Look at processor, cores and memory."""
    cpu = read_cpu()
    features = ", ".join(cpu.features) or "no INT8 instructions that we know"
    yield Finding(
        "processor",
        "ok" if cpu.int8_fast else "note",
        f"{cpu.name}, {cpu.machine}: {features}",
        ""
        if cpu.int8_fast
        else "INT8 gains little here; a processor with VNNI or dotprod is faster",
    )
    enough = cpu.cores >= 2
    yield Finding(
        "cores",
        "ok" if enough else "note",
        f"{cpu.cores:g} usable",
        "" if enough else "decoding and inference will take turns; give the process two cores",
    )
    memory = memory_mb(Path("/proc/meminfo"))
    if memory is not None:
        enough = memory >= LEAST_MEMORY_MB
        yield Finding(
            "memory",
            "ok" if enough else "note",
            f"{memory} MB available",
            "" if enough else f"the pipeline wants {LEAST_MEMORY_MB} MB: stop other programs",
        )


def check_packages() -> Iterator[Finding]:
    """Look for what the main job imports."""
    for name in REQUIRED:
        version = _version(name)
        cure = "" if version else f"pip install {name}"
        yield Finding(name, "ok" if version else "fail", version or "missing", cure)
    installed = [name for name in OPENCV if _version(name)]
    if len(installed) == 1:
        yield Finding("OpenCV", "ok", f"{installed[0]} {_version(installed[0])}")
    elif not installed:
        yield Finding("OpenCV", "fail", "missing", f"pip install {OPENCV[0]}")
    else:
        # they overwrite each other's files, and fail in ways that name something else
        extra = " ".join(name for name in installed if name != OPENCV[0])
        cure = f"pip uninstall {extra}; pip install --force-reinstall {OPENCV[0]}"
        yield Finding("OpenCV", "note", " and ".join(installed), cure)


def check_engines() -> Iterator[Finding]:
    """Look at the inference engines and the devices that each drives."""
    for kind in ENGINES.values():
        what = f"engine {kind.name}"
        if not kind.installed:
            sports = _sports_that_gain(kind.name)
            gain = f"; may be faster here for {', '.join(sports)}" if sports else ""
            yield Finding(what, "note", f"not installed{gain}", f"pip install {kind.install}")
            continue
        try:
            devices = ", ".join(kind.devices())
        except TouchlineError as error:
            level: Literal["note", "fail"] = "fail" if kind.name == "onnxruntime" else "note"
            yield Finding(what, level, str(error), f"pip install --force-reinstall {kind.install}")
            continue
        yield Finding(what, "ok", f"devices {devices}")
    if not _importable("ai_edge_litert") and _importable("tflite_runtime"):
        yield Finding(
            "tflite-runtime",
            "note",
            "older and much slower on INT8 than its successor",
            "pip install touchline[tflite]",
        )


def check_engine_choice() -> Iterator[Finding]:
    """Say which engine `auto` takes for soccer, and why; later runs remember it."""
    with contextlib.suppress(BundleError):  # looked at by itself
        bundle = find_bundle("soccer")
        try:
            with closing(open_graphs(bundle)) as graphs:
                why = graphs.choice.reason if graphs.choice is not None else graphs.encoder.name
        except EngineError as error:
            cure = f"pip install --force-reinstall {ENGINES['onnxruntime'].install}"
            yield Finding("engine auto", "fail", str(error), cure)
        else:
            yield Finding("engine auto", "ok", why)


def _sports_that_gain(engine: str) -> list[str]:
    """Return the sports whose bundles an engine that is missing may run faster on this box."""
    cpu = read_cpu()
    found: list[str] = []
    for sport, path in list_bundles().items():
        with contextlib.suppress(TouchlineError):  # a damaged one is named by its own check
            if faster_engine(load_bundle(path, verify=False), cpu) == engine:
                found.append(sport)
    return found


def check_codecs() -> Iterator[Finding]:
    """Look for decoders of what cameras send, and the encoder of overlay videos."""
    if not _importable("av"):
        return
    import av  # noqa: PLC0415 - the doctor runs where it is missing

    for name, why in (
        ("h264", "most cameras"),
        ("hevc", "H.265 cameras"),
        ("mjpeg", "USB cameras"),
    ):
        good = _has_codec(av, name, "r")
        cure = "" if good else f"this build of PyAV cannot decode {name}: pip install av"
        yield Finding(f"decoder {name}", "ok" if good else "note", why, cure)
    good = _has_codec(av, "libx264", "w")
    cure = "" if good else "overlay videos fall back to MPEG-4: pip install av"
    yield Finding("encoder libx264", "ok" if good else "note", "overlay videos", cure)


def check_bundles() -> Iterator[Finding]:
    """Look at the networks, digests and all."""
    found = list_bundles()
    for sport, path in found.items():
        try:
            bundle = load_bundle(path)
        except TouchlineError as error:
            yield Finding(f"bundle {sport}", "fail", str(error), "reinstall touchline")
            continue
        kinds = ", ".join(bundle.precisions)
        yield Finding(f"bundle {sport}", "ok", f"{bundle.label} ({kinds}), digests right")
    if not found:
        places = ", ".join(str(folder) for folder in bundle_folders())
        yield Finding("bundles", "fail", f"none in {places}", "reinstall touchline")


def check_segments() -> Iterator[Finding]:
    """Look at what finds recaps and intros; the box registers without it."""
    try:
        bundle = load_segments_bundle()
    except TouchlineError as error:
        yield Finding("bundle segments", "note", str(error), "reinstall touchline")
        return
    yield Finding("bundle segments", "ok", f"{bundle.label}, digests right")


def check_whole_job() -> Iterator[Finding]:
    """Do the main job once: decode, register, publish; the first part that fails is named."""
    for what, failure, words in do_the_job():
        if failure is None:
            yield Finding(what, "ok", words)
        else:
            yield Finding(what, "fail", failure, words)


def check_embedded_broker() -> Iterator[Finding]:
    """Look whether the embedded broker could have its port."""
    with socket.socket() as probe:
        free = probe.connect_ex(("127.0.0.1", 1883)) != 0
    if free:
        yield Finding("port 1883", "ok", "free for the embedded broker")
    else:
        yield Finding(
            "port 1883",
            "note",
            "a broker is listening on this box already",
            "use it: --broker mqtt://localhost",
        )


def check_clock() -> Iterator[Finding]:
    """Ask whether a reference sets the clock: capture times are worth as much as it is."""
    clock = kernel_clock()
    if clock.synchronized:
        error_ms = (clock.error_ns or 0) / 1e6
        found = f"synchronized by {clock_source(clock)}, off by {error_ms:.1f} ms at most"
        yield Finding("clock", "ok", found)
    elif clock.told:
        cure = "install chrony, or run ptp4l and phc2sys"
        yield Finding("clock", "note", "not synchronized", cure)
    else:
        cure = "make sure that NTP or PTP sets this box's clock"
        yield Finding("clock", "note", "cannot be asked (adjtimex is refused)", cure)


def check_disk() -> Iterator[Finding]:
    """Look for room and write access where outputs go."""
    for what, folder in (("current folder", Path.cwd()), ("temporary folder", _temporary())):
        free = shutil.disk_usage(folder).free // 10**6
        writable = os.access(folder, os.W_OK)
        if not writable:
            yield Finding(what, "note", f"{folder} is read-only", "start in a folder you may write")
        else:
            enough = free >= LEAST_DISK_MB
            cure = "" if enough else f"free {LEAST_DISK_MB - free} MB"
            yield Finding(what, "ok" if enough else "note", f"{folder}: {free} MB free", cure)


def parse_broker(url: str) -> tuple[str, int]:
    """Split a broker's URL -> host, port; UsageError when it is none."""
    parts = urlsplit(url)
    try:
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or not port:
        raise UsageError(f"--broker {url!r} is no mqtt://host[:port] or mqtts://host[:port]")
    return parts.hostname, port


def check_broker(host: str, port: int) -> Finding:
    """Try a broker's port."""
    where = f"{host}:{port}"
    try:
        socket.create_connection((host, port), BROKER_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("broker", "fail", f"{where}: {reason}", "check its address and the firewall")
    return Finding("broker", "ok", f"{where} answers")


def memory_mb(meminfo: Path) -> int | None:
    """Read the memory available, MB, from /proc/meminfo; None where it is not there."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1000
    return None


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_cpu,
    check_packages,
    check_engines,
    check_engine_choice,
    check_codecs,
    check_bundles,
    check_segments,
    check_whole_job,
    check_embedded_broker,
    check_clock,
    check_disk,
)
"""What the doctor looks at, in the order in which it tells."""


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _has_codec(av: object, name: str, mode: str) -> bool:
    try:
        av.Codec(name, mode)  # type: ignore[attr-defined]
    except ValueError:  # av.codec.codec.UnknownCodecError is one
        return False
    return True


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _print(findings: list[Finding]) -> None:
    console = stdout()
    width = max(len(finding.what) for finding in findings)
    marks = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "fail": ("FAIL", "bold red")}
    for finding in findings:
        mark, style = marks[finding.level]
        line = Text.assemble((mark, style), f"  {finding.what:<{width}}  {finding.found}")
        console.print(line, soft_wrap=True)
        if finding.cure:
            console.print(Text(f"      {'':<{width}}  -> {finding.cure}"), soft_wrap=True)
    bad = [finding.what for finding in findings if finding.level == "fail"]
    told = f"the main job cannot run: {', '.join(bad)}" if bad else "the main job can run"
    console.print(Text(told), soft_wrap=True)
