"""The simulated camera's ONVIF side: SOAP over HTTP, with UsernameToken where a password is set."""

from __future__ import annotations

import base64
import hmac
import http.server
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from hashlib import sha1
from typing import Any
from xml.sax.saxutils import escape

from edge.errors import ProtocolError
from firmware_bridge.codecs import onvif
from firmware_bridge.sim.ptz_camera import SimulatedCamera

_PROFILE, _CONFIGURATION = "main", "ptz"


class OnvifDevice:
    """Answers one SOAP body; no HTTP here."""

    def __init__(self, camera: SimulatedCamera, *, username: str = "", password: str = "") -> None:
        self._camera = camera
        self._username, self._password = username, password
        self._calls: dict[str, Callable[[onvif.Element, float], str]] = {
            "GetSystemDateAndTime": lambda _root, _t: _date_and_time(),
            "GetServices": lambda _root, _t: _services(),
            "GetDeviceInformation": lambda _root, _t: _device(),
            "GetProfiles": lambda _root, _t: _profiles(),
            "GetConfigurationOptions": lambda _root, _t: self._options(),
            "GetStatus": lambda _root, t: self._status(t),
            "AbsoluteMove": self._absolute_move,
            "Stop": lambda _root, t: self._stop(t),
            "GetPresets": lambda _root, _t: self._presets(),
            "SetPreset": self._set_preset,
            "GotoPreset": self._goto_preset,
        }

    def handle(self, request: bytes, t_s: float) -> tuple[int, bytes]:
        """HTTP status and SOAP answer; any bytes give a fault at worst."""
        try:
            root = onvif.parse(request)
        except ProtocolError as error:
            return 400, _fault(str(error))
        body = onvif.find(root, "Body")
        first = next(iter(body), None) if body is not None else None
        call = "" if first is None else onvif.local(first)
        if call != "GetSystemDateAndTime" and not self._authorized(root):
            return 401, _fault("Sender not Authorized")
        if call not in self._calls:
            return 400, _fault("Action not supported")
        try:
            return 200, onvif.envelope(self._calls[call](first, t_s))
        except ProtocolError as error:
            return 400, _fault(str(error))

    def _authorized(self, root: onvif.Element) -> bool:
        if not self._username:
            return True
        words = {n: (onvif.find(root, n)) for n in ("Username", "Password", "Nonce", "Created")}
        if any(node is None for node in words.values()):
            return False
        text = {name: (node.text or "") for name, node in words.items() if node is not None}
        try:
            nonce = base64.b64decode(text["Nonce"], validate=True)
        except ValueError:
            return False
        joined = nonce + text["Created"].encode() + self._password.encode()
        wanted = base64.b64encode(sha1(joined, usedforsecurity=False).digest()).decode()
        name_ok = hmac.compare_digest(text["Username"].encode(), self._username.encode())
        return name_ok and hmac.compare_digest(text["Password"].encode(), wanted.encode())

    def _options(self) -> str:
        s = self._camera.settings
        return _response(
            "tptz:GetConfigurationOptions",
            "<tptz:PTZConfigurationOptions><tt:Spaces>"
            + _space(
                "AbsolutePanTiltPositionSpace", onvif.DEGREES, s.pan_limits_deg, s.tilt_limits_deg
            )
            + _space("AbsolutePanTiltPositionSpace", onvif.GENERIC_PAN_TILT, (-1, 1), (-1, 1))
            + _space("AbsoluteZoomPositionSpace", onvif.GENERIC_ZOOM, (0, 1))
            + "</tt:Spaces></tptz:PTZConfigurationOptions>",
        )

    def _status(self, t_s: float) -> str:
        head, (low, high) = self._camera.state(t_s), self._camera.settings.zoom_range
        word = "MOVING" if head.moving else "IDLE"
        return _response(
            "tptz:GetStatus",
            "<tptz:PTZStatus><tt:Position>"
            f'<tt:PanTilt x="{head.pan_deg:.4f}" y="{head.tilt_deg:.4f}" space="{onvif.DEGREES}"/>'
            f'<tt:Zoom x="{(head.zoom - low) / (high - low):.6f}" space="{onvif.GENERIC_ZOOM}"/>'
            "</tt:Position>"
            f"<tt:MoveStatus><tt:PanTilt>{word}</tt:PanTilt><tt:Zoom>{word}</tt:Zoom></tt:MoveStatus>"
            f"<tt:UtcTime>{datetime.now(timezone.utc).isoformat()}</tt:UtcTime></tptz:PTZStatus>",
        )

    def _absolute_move(self, root: onvif.Element, t_s: float) -> str:
        status = onvif.parse_status(root)
        s = self._camera.settings
        pan, tilt, zoom = status.pan, status.tilt, status.zoom
        if pan is not None and tilt is not None and status.pan_tilt_space != onvif.DEGREES:
            pan = s.pan_limits_deg[0] + (pan + 1) / 2 * (s.pan_limits_deg[1] - s.pan_limits_deg[0])
            tilt = s.tilt_limits_deg[0] + (tilt + 1) / 2 * (
                s.tilt_limits_deg[1] - s.tilt_limits_deg[0]
            )
        if zoom is not None:
            zoom = s.zoom_range[0] + zoom * (s.zoom_range[1] - s.zoom_range[0])
        if not self._camera.move(t_s, pan_deg=pan, tilt_deg=tilt, zoom=zoom):
            raise ProtocolError("Invalid position")
        return _response("tptz:AbsoluteMove", "")

    def _stop(self, t_s: float) -> str:
        self._camera.stop(t_s)
        return _response("tptz:Stop", "")

    def _presets(self) -> str:
        rows = (
            f'<tptz:Preset token="{n}"><tt:Name>Preset {n}</tt:Name></tptz:Preset>'
            for n in self._camera.presets()
        )
        return _response("tptz:GetPresets", "".join(rows))

    def _set_preset(self, root: onvif.Element, t_s: float) -> str:  # noqa: ARG002
        number = next(n for n in range(1, 1000) if n not in self._camera.presets())
        self._camera.set_preset(t_s, number)
        return _response("tptz:SetPreset", f"<tptz:PresetToken>{number}</tptz:PresetToken>")

    def _goto_preset(self, root: onvif.Element, t_s: float) -> str:
        token = onvif.find(root, "PresetToken")
        text = (token.text or "") if token is not None else ""
        if not text.isdecimal() or not self._camera.recall_preset(t_s, int(text[:6])):
            raise ProtocolError("No such preset")
        return _response("tptz:GotoPreset", "")


class OnvifServer:
    """The device behind HTTP on loopback or a given address."""

    def __init__(self, device: OnvifDevice, *, host: str = "127.0.0.1", port: int = 0) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > onvif.MAX_XML_BYTES:
                    self.send_error(413)
                    return
                status, answer = device.handle(self.rfile.read(int(length)), time.monotonic())
                self.send_response(status)
                self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Stay silent."""

        self._server = http.server.ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="sim-onvif", daemon=True
        )

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=5)
        self._server.server_close()


def _response(call: str, inner: str) -> str:
    return f"<{call}Response>{inner}</{call}Response>"


def _fault(reason: str) -> bytes:
    text = f'<s:Reason><s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason>'
    return onvif.envelope(f"<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>{text}</s:Fault>")


def _space(
    name: str, uri: str, x: tuple[float, float], y: tuple[float, float] | None = None
) -> str:
    ranges = "".join(
        f"<tt:{axis}Range><tt:Min>{low}</tt:Min><tt:Max>{high}</tt:Max></tt:{axis}Range>"
        for axis, (low, high) in (("X", x), *((("Y", y),) if y else ()))
    )
    return f"<tt:{name}><tt:URI>{uri}</tt:URI>{ranges}</tt:{name}>"


def _date_and_time() -> str:
    now = datetime.now(timezone.utc)
    return _response(
        "tds:GetSystemDateAndTime",
        "<tds:SystemDateAndTime><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
        f"<tt:Second>{now.second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month>"
        f"<tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>",
    )


def _services() -> str:
    rows = ((onvif.DEVICE_NS, "device"), (onvif.MEDIA_NS, "media"), (onvif.PTZ_NS, "ptz"))
    return _response(
        "tds:GetServices",
        "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace>"
            f"<tds:XAddr>http://camera.invalid/onvif/{name}_service</tds:XAddr></tds:Service>"
            for namespace, name in rows
        ),
    )


def _device() -> str:
    return _response(
        "tds:GetDeviceInformation",
        "<tds:Manufacturer>Touchline</tds:Manufacturer><tds:Model>simulated PTZ</tds:Model>"
        "<tds:FirmwareVersion>1</tds:FirmwareVersion>",
    )


def _profiles() -> str:
    return _response(
        "trt:GetProfiles",
        f'<trt:Profiles token="{_PROFILE}"><tt:Name>{_PROFILE}</tt:Name>'
        f'<tt:PTZConfiguration token="{_CONFIGURATION}">'
        f"<tt:Name>{_CONFIGURATION}</tt:Name></tt:PTZConfiguration>"
        "</trt:Profiles>",
    )
