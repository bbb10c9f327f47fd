"""`touchline camera probe|watch|control|simulate|profiles`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edge.errors import TouchlineError, UsageError
from edge.redaction import redact
from firmware_bridge.config import TRANSPORTS, BridgeConfig, parse_target
from firmware_bridge.control import open_control
from firmware_bridge.links import open_link
from firmware_bridge.model import CameraLinkState
from firmware_bridge.probe import LISTEN_S, USUAL_PORTS, probe
from firmware_bridge.profiles import profiles
from firmware_bridge.sim.ptz_camera import SimSettings
from firmware_bridge.sim.rtsp import RtspServer
from firmware_bridge.sim.simulator import Simulator
from firmware_bridge.sim.video import LiveVideo, PictureMaker

MakePictures: TypeAlias = Callable[[SimSettings, float], "tuple[SimSettings, PictureMaker]"]
"""(settings, frames a second) -> the settings at the rendered place, what renders and encodes."""


class MakeClip(Protocol):
    """Writes a clip into a file, with the truth beside it."""

    def __call__(
        self, settings: SimSettings, path: Path, seconds: float, fps: float, *, overwrite: bool
    ) -> None:
        """Write so many seconds; files that are there are refused without `overwrite`."""


def add_parser(
    subparsers: Any, *, pictures: MakePictures | None = None, clip: MakeClip | None = None
) -> None:
    """Add the command.

    `pictures` and `clip` give the simulator its video, where there is a renderer.
    """
    parser = subparsers.add_parser(
        "camera", help="speak with a camera: probe, watch, simulate, control"
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=type(parser))
    _add_probe(actions)
    _add_watch(actions)
    _add_control(actions)
    _add_simulate(actions, pictures, clip)
    listing = actions.add_parser("profiles", help="list the camera families that are known")
    listing.set_defaults(func=_profiles)


def _add_probe(actions: Any) -> None:
    parser = actions.add_parser("probe", help="what answers at an address, and in which dialect")
    parser.add_argument("host", help="address or name of the camera")
    _add_login(parser)
    parser.add_argument(
        "--listen", type=float, default=LISTEN_S, metavar="S", help="seconds to listen for streams"
    )
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="DIALECT=PORT",
        help=f"ask there instead of on the usual ports; dialects: {', '.join(USUAL_PORTS)}",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(func=_probe)


def _add_watch(actions: Any) -> None:
    parser = actions.add_parser(
        "watch", help="live values, rate, jitter and errors of a camera's telemetry"
    )
    parser.add_argument("type", choices=("freed", "opentrackio", "visca", "onvif"))
    _add_link(parser)
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long")
    parser.add_argument("--json", action="store_true", help="one JSON object a second")
    parser.set_defaults(func=_watch)


def _add_control(actions: Any) -> None:
    parser = actions.add_parser("control", help="move a camera: absolute position, stop, presets")
    parser.add_argument("type", choices=("visca", "onvif"))
    parser.add_argument(
        "action",
        choices=("position", "move", "stop", "set-preset", "goto-preset"),
        help="what to do",
    )
    parser.add_argument("preset", nargs="?", help="number (VISCA) or name (ONVIF) of a preset")
    _add_link(parser)
    parser.add_argument(
        "--pan", type=float, metavar="DEG", help="device's own degrees, right is positive"
    )
    parser.add_argument(
        "--tilt", type=float, metavar="DEG", help="device's own degrees, up is positive"
    )
    parser.add_argument("--zoom", type=float, metavar="0..1", help="0 wide to 1 telephoto")
    parser.set_defaults(func=_control)


def _add_simulate(actions: Any, pictures: MakePictures | None, clip: MakeClip | None) -> None:
    parser = actions.add_parser(
        "simulate", help="be a PTZ camera: VISCA, ONVIF, FreeD, OpenTrackIO, video"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    parser.add_argument("--freed", metavar="HOST:PORT", help="send FreeD there")
    parser.add_argument("--opentrackio", metavar="HOST:PORT", help="send OpenTrackIO there")
    parser.add_argument(
        "--rate", type=float, default=50.0, metavar="HZ", help="telemetry packets a second"
    )
    parser.add_argument(
        "--visca-port", type=int, default=52381, help="Sony framing; raw UDP one above, TCP two"
    )
    parser.add_argument("--onvif-port", type=int, default=8000)
    parser.add_argument("--rtsp-port", type=int, default=8554, help="the picture; 0: a free port")
    parser.add_argument("--no-video", action="store_true", help="no picture")
    parser.add_argument(
        "--clip", type=Path, metavar="FILE.mp4", help="write a clip instead of serving"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="with --clip: replace files that exist"
    )
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    parser.add_argument(
        "--still", action="store_true", help="wait for commands instead of following a ball"
    )
    _add_mount(parser)
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop after so long; length of the clip"
    )
    parser.set_defaults(func=lambda options: _simulate(options, pictures, clip))


def _add_mount(parser: argparse.ArgumentParser) -> None:
    """Add what a bridge has to find out about the simulated camera."""
    parser.add_argument("--pan-sign", type=int, choices=(-1, 1), default=1)
    parser.add_argument("--tilt-sign", type=int, choices=(-1, 1), default=1)
    parser.add_argument("--pan-offset", type=float, default=0.0, metavar="DEG")
    parser.add_argument("--tilt-offset", type=float, default=0.0, metavar="DEG")
    parser.add_argument(
        "--lag", type=float, default=0.12, metavar="S", help="picture later than telemetry"
    )
    parser.add_argument(
        "--noise", type=float, default=0.0, metavar="DEG", help="noise of the telemetry"
    )
    parser.add_argument(
        "--loss", type=float, default=0.0, metavar="SHARE", help="share of lost packets"
    )
    parser.add_argument(
        "--lean",
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("X", "Y"),
        help="degrees by which the mount is out of level, about the field's x and y axes",
    )
    parser.add_argument("--seed", type=int, default=0)


def _add_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="", help="the camera; streams from elsewhere are then ignored"
    )
    parser.add_argument("--port", type=int, help="local port of a stream, else the camera's")
    parser.add_argument("--bind", default="0.0.0.0", help="local address for streams")  # noqa: S104
    parser.add_argument(
        "--profile", default="generic", help="camera family; see touchline camera profiles"
    )
    parser.add_argument("--transport", default="", choices=("", *TRANSPORTS), help="VISCA only")
    parser.add_argument("--source-number", type=int, default=0, help="OpenTrackIO multicast source")
    parser.add_argument(
        "--poll", type=float, default=10.0, metavar="HZ", help="VISCA and ONVIF polls a second"
    )
    _add_login(parser)


def _add_login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", default="", help="ONVIF user")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="file with the ONVIF password"
    )


def _config(options: argparse.Namespace) -> BridgeConfig:
    return BridgeConfig(
        type=options.type,
        host=options.host,
        port=options.port,
        bind=options.bind,
        profile=options.profile,
        transport=options.transport,
        source_number=options.source_number,
        poll_hz=options.poll,
        username=options.username,
        password=_password(options),
    )


def _password(options: argparse.Namespace) -> str:
    if options.password_file is None:
        return ""
    try:
        password = str(options.password_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{options.password_file}: the password cannot be read ({error})"
        ) from error
    redact.learn(password, options.username)
    return password


def _probe(options: argparse.Namespace) -> int:
    ports: dict[str, tuple[int, ...]] = {}
    for item in options.port:
        dialect, equals, number = item.rpartition("=")
        if not equals or not number.isdecimal():
            raise UsageError(f"--port {item}: expected DIALECT=PORT, such as onvif=8899")
        ports[dialect] = (*ports.get(dialect, ()), int(number))
    answers = probe(
        options.host,
        ports=ports or USUAL_PORTS,
        username=options.username,
        password=_password(options),
        listen_s=options.listen,
    )
    if options.json:
        for answer in answers:
            print(json.dumps(redact.tree(dataclasses.asdict(answer))), flush=True)
        return 0 if answers else 1
    if not answers:
        raise TouchlineError(
            f"nothing at {options.host} answers VISCA or ONVIF or sends FreeD or OpenTrackIO "
            "here; check the address, and that the camera's control protocol and tracking output "
            "are switched on"
        )
    table = Table("dialect", "port", "says", "camera.link")
    for answer in answers:
        settings = ", ".join(f"{key}: {value}" for key, value in answer.config.items())
        table.add_row(answer.dialect, str(answer.port), redact(answer.says), settings)
    Console().print(table)
    return 0


def _watch(options: argparse.Namespace) -> int:
    link = open_link(_config(options))
    assert link is not None
    link.start()
    ends = None if options.seconds is None else time.monotonic() + options.seconds
    try:
        if options.json:
            while ends is None or time.monotonic() < ends:
                time.sleep(1.0 if ends is None else max(0.0, min(1.0, ends - time.monotonic())))
                print(json.dumps(redact.tree(dataclasses.asdict(link.state()))), flush=True)
        else:
            with Live(_table(link.state()), refresh_per_second=8) as live:
                while ends is None or time.monotonic() < ends:
                    time.sleep(0.125)
                    live.update(_table(link.state()))
    finally:
        link.close()
    return 0 if link.state().received else 1


def _table(state: CameraLinkState) -> Table:
    table = Table(
        f"{state.kind} {state.peer}",
        "connected" if state.connected else "no telemetry",
        show_lines=False,
    )
    latest = state.latest
    if latest is not None:
        for name in ("pan_deg", "tilt_deg", "roll_deg", "zoom", "focus", "focal_mm", "position_m"):
            value = getattr(latest, name)
            if value is not None:
                text = (
                    f"{value:.3f}"
                    if isinstance(value, float)
                    else " ".join(f"{v:.3f}" for v in value)
                )
                table.add_row(name, text)
    rate = (
        "-"
        if state.rate_hz is None
        else f"{state.rate_hz:.1f} Hz, jitter {state.jitter_ms or 0:.1f} ms"
    )
    table.add_row("rate", rate)
    table.add_row("received / lost / foreign", f"{state.received} / {state.lost} / {state.foreign}")
    for kind, count in sorted(state.errors.items()):
        table.add_row(f"errors: {kind}", str(count))
    if state.last_error:
        table.add_row("last error", redact(state.last_error))
    return table


def _control(options: argparse.Namespace) -> int:
    control = open_control(_config(options))
    try:
        if options.action == "move":
            pan, tilt, _ = control.position()
            control.move(
                pan if options.pan is None else options.pan,
                tilt if options.tilt is None else options.tilt,
                options.zoom,
            )
        elif options.action == "stop":
            control.stop()
        elif options.action == "position":
            pan, tilt, zoom = control.position()
            print(
                json.dumps(
                    {"pan_deg": round(pan, 3), "tilt_deg": round(tilt, 3), "zoom": round(zoom, 4)}
                )
            )
        elif options.preset is None:
            raise UsageError(
                f"{options.action}: which preset? give its number (VISCA) or name (ONVIF)"
            )
        elif options.action == "set-preset":
            print(json.dumps({"preset": control.set_preset(options.preset)}))
        else:
            control.goto_preset(options.preset)
    except TimeoutError as error:
        raise TouchlineError(
            f"{error}; check address, port and transport (touchline camera probe)"
        ) from error
    finally:
        control.close()
    return 0


def _simulate(
    options: argparse.Namespace, pictures: MakePictures | None, clip: MakeClip | None
) -> int:
    settings = _settings(options)
    if options.fps <= 0 or options.rate <= 0:
        raise UsageError("--fps and --rate must be above 0")
    if options.clip is not None:
        if clip is None:
            raise UsageError("--clip: there is no renderer in this installation")
        clip(
            settings,
            options.clip,
            options.seconds or 20.0,
            options.fps,
            overwrite=options.overwrite,
        )
        print(f"wrote {options.clip}")
        return 0
    maker = None
    if pictures is not None and not options.no_video:
        settings, maker = pictures(settings, options.fps)
    with ExitStack() as stack:
        simulator = stack.enter_context(_simulator(options, settings))
        framed, raw, tcp = simulator.visca.ports
        lines = [f"VISCA udp {options.host}:{framed}, raw-udp :{raw}, tcp :{tcp}"]
        lines.append(f"ONVIF http://{options.host}:{simulator.onvif.port}")
        if maker is not None:
            server = RtspServer(host=options.host, port=options.rtsp_port)
            stack.enter_context(LiveVideo(simulator.camera, maker, server, fps=options.fps))
            lines.append(f"picture {server.url}")
        targets = {name: getattr(options, name) for name in ("freed", "opentrackio")}
        lines += [f"{name} to {to} at {options.rate:g} Hz" for name, to in targets.items() if to]
        print("\n".join(lines) + "\nCtrl-C stops", flush=True)
        threading.Event().wait(options.seconds)
    return 0


def _simulator(options: argparse.Namespace, settings: SimSettings) -> Simulator:
    base = options.visca_port
    return Simulator(
        settings,
        host=options.host,
        visca_ports=(base, base + 1, base + 2) if base else (0, 0, 0),
        onvif_port=options.onvif_port,
        freed_to=parse_target(options.freed) if options.freed else None,
        opentrackio_to=parse_target(options.opentrackio) if options.opentrackio else None,
        rate_hz=options.rate,
        wander=not options.still,
    )


def _settings(options: argparse.Namespace) -> SimSettings:
    width, by, height = options.size.partition("x")
    if not by or not width.isdecimal() or not height.isdecimal():
        raise UsageError(f"--size {options.size}: expected WxH, such as 1280x720")
    if (
        not 64 <= int(width) <= 4096
        or not 64 <= int(height) <= 4096
        or int(width) % 2
        or int(height) % 2
    ):
        raise UsageError(f"--size {options.size}: each side even and 64 to 4096")
    return SimSettings(
        width_px=int(width),
        height_px=int(height),
        pan_sign=options.pan_sign,
        pan_offset_deg=options.pan_offset,
        tilt_sign=options.tilt_sign,
        tilt_offset_deg=options.tilt_offset,
        lag_s=options.lag,
        noise_deg=options.noise,
        loss=options.loss,
        seed=options.seed,
        lean_deg=tuple(options.lean),
        focal_widths=(1.5, 5.0),
    )


def _profiles(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes its options
    table = Table("profile", "cameras", "note")
    for name, one in profiles().items():
        table.add_row(name, one.title, one.note)
    Console().print(table)
    return 0
