"""The simulated camera's VISCA side: Sony's framing and raw UDP on UDP ports, raw bodies on TCP."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import ProtocolError
from firmware_bridge.codecs import visca
from firmware_bridge.codecs.visca import ReplyKind
from firmware_bridge.profiles import ViscaProfile
from firmware_bridge.sim.ptz_camera import SimulatedCamera

_SOCKETS = 2
_MAX_CLIENTS = 5
_TICK_S = 0.02
_SYNTAX, _FULL, _CANCELLED, _NOT_EXECUTABLE = 0x02, 0x03, 0x04, 0x41


class ViscaDevice:
    """What a body does to the camera, and what it answers; time comes in as an argument."""

    def __init__(self, camera: SimulatedCamera, profile: ViscaProfile) -> None:
        self._camera = camera
        self._profile = profile

    def answer(self, body: bytes, t_s: float) -> visca.Reply:
        """Return the answer to an inquiry."""
        head, p = self._camera.state(t_s), self._profile
        if body == visca.PAN_TILT_INQUIRY:
            pan = visca.to_nibbles(
                round(head.pan_deg * p.pan_units_per_deg), p.pan_nibbles, signed=True
            )
            tilt = visca.to_nibbles(round(head.tilt_deg * p.tilt_units_per_deg), 4, signed=True)
            return visca.Reply(ReplyKind.ANSWER, 0, pan + tilt)
        if body == visca.ZOOM_INQUIRY:
            return visca.Reply(ReplyKind.ANSWER, 0, visca.to_nibbles(round(head.zoom), 4))
        if body == visca.FOCUS_INQUIRY:
            return visca.Reply(ReplyKind.ANSWER, 0, visca.to_nibbles(0x1000, 4))
        if body == visca.LENS_BLOCK_INQUIRY and p.lens_block:
            moving = head.moving
            block = visca.LensBlock(round(head.zoom), 0x1000, True, moving, False, False)
            return visca.Reply(ReplyKind.ANSWER, 0, visca.encode_lens_block(block))
        if body == visca.VERSION_INQUIRY:
            return visca.Reply(ReplyKind.ANSWER, 0, bytes.fromhex("00010511020002"))
        return visca.Reply(ReplyKind.ERROR, 0, error=_SYNTAX)

    def command(self, body: bytes, t_s: float) -> int:
        """Start a command; 0 when it is under way, else the code of the error."""
        head = body[1:4].hex()
        if head == "010602" and len(body) == 7 + self._profile.pan_nibbles + 4:
            nibbles = self._profile.pan_nibbles
            return self._move_to(body[6 : 6 + nibbles], body[6 + nibbles : 10 + nibbles], t_s)
        if head == "010447" and len(body) == 9:
            return self._refused(self._camera.move(t_s, zoom=visca.from_nibbles(body[4:8])))
        if head == "01043f" and len(body) == 7:
            return self._preset(body[4], body[5], t_s)
        if body == visca.HOME:
            self._camera.home(t_s)
        elif self.is_stop(body):
            self._camera.stop(t_s)
        elif body != visca.INTERFACE_CLEAR:
            return _SYNTAX
        return 0

    @staticmethod
    def is_stop(body: bytes) -> bool:
        """Whether a command ends a movement."""
        drive = body[1:4] == b"\x01\x06\x01"
        return (drive and body[6:8] == b"\x03\x03") or body == visca.ZOOM_STOP

    def moving(self, t_s: float) -> bool:
        """Whether the head moves."""
        return self._camera.state(t_s).moving

    def _move_to(self, pan: bytes, tilt: bytes, t_s: float) -> int:
        p = self._profile
        pan_deg = visca.from_nibbles(pan, signed=True) / p.pan_units_per_deg
        tilt_deg = visca.from_nibbles(tilt, signed=True) / p.tilt_units_per_deg
        return self._refused(self._camera.move(t_s, pan_deg=pan_deg, tilt_deg=tilt_deg))

    def _preset(self, action: int, number: int, t_s: float) -> int:
        if action == 1:
            self._camera.set_preset(t_s, number)
            return 0
        return self._refused(action == 2 and self._camera.recall_preset(t_s, number))

    @staticmethod
    def _refused(done: bool) -> int:  # noqa: FBT001 - one argument, named for what it is
        return 0 if done else _NOT_EXECUTABLE


@dataclass(slots=True)
class _Peer:
    """One controller: how to write to it, and what it sent last."""

    write: Callable[[bytes, int], None]
    framed: bool
    last: tuple[int, bytes] | None = None


class ViscaServer:
    """Serves controllers on three ports; `drop` decides which UDP datagrams are lost."""

    def __init__(
        self,
        camera: SimulatedCamera,
        profile: ViscaProfile,
        *,
        host: str = "127.0.0.1",
        ports: tuple[int, int, int] = (0, 0, 0),
        drop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._device = ViscaDevice(camera, profile)
        self._drop = drop
        self._stop = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._peers: dict[tuple[str, int], _Peer] = {}
        self._clients: dict[socket.socket, tuple[visca.ViscaSplitter, _Peer]] = {}
        self._pending: list[tuple[_Peer, int, int]] = []
        self.counts: Counter[str] = Counter()
        kinds = (socket.SOCK_DGRAM, socket.SOCK_DGRAM, socket.SOCK_STREAM)
        self._sockets = [_bound(kind, host, port) for kind, port in zip(kinds, ports, strict=True)]
        self._sockets[2].listen(_MAX_CLIENTS)
        for sock in self._sockets:
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="sim-visca", daemon=True)

    @property
    def ports(self) -> tuple[int, int, int]:
        """Ports of Sony's framing, raw UDP and raw TCP."""
        framed, raw, tcp = (sock.getsockname()[1] for sock in self._sockets)
        return framed, raw, tcp

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and close all sockets."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        for sock in (*self._clients, *self._sockets):
            sock.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(_TICK_S):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                try:
                    self._readable(sock)
                except OSError:
                    self.counts["io"] += 1
            self._complete()

    def _readable(self, sock: socket.socket) -> None:
        if sock is self._sockets[2]:
            self._connect(sock)
        elif sock in self._clients:
            self._read_client(sock)
        else:
            data, address = sock.recvfrom(2048)
            if self._drop():
                self.counts["dropped"] += 1
                return
            framed = sock is self._sockets[0]
            self._datagram(data, self._peer(sock, address, framed=framed))

    def _peer(self, sock: socket.socket, address: tuple[str, int], *, framed: bool) -> _Peer:
        if address not in self._peers:
            if len(self._peers) >= 64:
                self._peers.clear()

            def write(body: bytes, sequence: int) -> None:
                if self._drop():
                    self.counts["dropped"] += 1
                    return
                packet = visca.Packet(visca.PayloadType.REPLY, sequence, body)
                sock.sendto(visca.encode_packet(packet) if framed else body, address)

            self._peers[address] = _Peer(write, framed)
        return self._peers[address]

    def _datagram(self, data: bytes, peer: _Peer) -> None:
        try:
            if not peer.framed:
                self._body(data, peer, 0)
                return
            packet = visca.decode_packet(data)
        except ProtocolError:
            self.counts["malformed"] += 1
            return
        if packet.type is visca.PayloadType.CONTROL:
            self._control(packet, peer)
            return
        if peer.last == (packet.sequence, packet.payload):
            # a repetition of what had arrived
            self._send_control(
                peer, packet.sequence, visca.PayloadType.CONTROL, visca.SEQUENCE_ABNORMAL
            )
            return
        peer.last = (packet.sequence, packet.payload)
        self._body(packet.payload, peer, packet.sequence)

    def _control(self, packet: visca.Packet, peer: _Peer) -> None:
        if packet.payload == visca.RESET:
            peer.last = None
            self._send_control(peer, packet.sequence, visca.PayloadType.CONTROL_REPLY, visca.RESET)

    def _send_control(
        self, peer: _Peer, sequence: int, kind: visca.PayloadType, payload: bytes
    ) -> None:
        packet = visca.encode_packet(visca.Packet(kind, sequence, payload))
        for address, known in self._peers.items():
            if known is peer and not self._drop():
                self._sockets[0].sendto(packet, address)

    def _body(self, body: bytes, peer: _Peer, sequence: int) -> None:
        if (
            len(body) < 4
            or body[0] != 0x81
            or body[-1] != visca.TERMINATOR
            or len(body) > visca.MAX_BODY_BYTES
        ):
            self.counts["malformed"] += 1
            self._reply(peer, visca.Reply(ReplyKind.ERROR, 0, error=_SYNTAX), sequence)
            return
        now = time.monotonic()
        self.counts["bodies"] += 1
        if visca.is_inquiry(body):
            self._reply(peer, self._device.answer(body, now), sequence)
            return
        if self._device.is_stop(body):
            self._cancel()
        busy = {number for _, number, _ in self._pending}
        free = next((number for number in range(1, _SOCKETS + 1) if number not in busy), None)
        if free is None:
            self._reply(peer, visca.Reply(ReplyKind.ERROR, 0, error=_FULL), sequence)
            return
        try:
            code = self._device.command(body, now)
        except ProtocolError:
            code = _SYNTAX
        if code:
            self._reply(peer, visca.Reply(ReplyKind.ERROR, free, error=code), sequence)
            return
        self._reply(peer, visca.Reply(ReplyKind.ACK, free), sequence)
        self._pending.append((peer, free, sequence))
        self._complete()

    def _cancel(self) -> None:
        """Tell those whose command a stop puts an end to."""
        pending, self._pending = self._pending, []
        for peer, number, sequence in pending:
            self._reply(peer, visca.Reply(ReplyKind.ERROR, number, error=_CANCELLED), sequence)

    def _complete(self) -> None:
        """Tell those whose command has been carried out."""
        if self._pending and not self._device.moving(time.monotonic()):
            pending, self._pending = self._pending, []
            for peer, number, sequence in pending:
                self._reply(peer, visca.Reply(ReplyKind.COMPLETION, number), sequence)

    def _reply(self, peer: _Peer, reply: visca.Reply, sequence: int) -> None:
        try:
            peer.write(visca.encode_reply(reply), sequence)
        except OSError:
            self.counts["io"] += 1

    def _connect(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        if len(self._clients) >= _MAX_CLIENTS:
            client.close()
            return
        client.settimeout(1.0)

        def write(body: bytes, sequence: int) -> None:  # noqa: ARG001 - raw VISCA has no sequence
            client.sendall(body)

        self._clients[client] = (visca.ViscaSplitter(), _Peer(write, framed=False))
        self._selector.register(client, selectors.EVENT_READ)

    def _read_client(self, client: socket.socket) -> None:
        try:
            data = client.recv(2048)
        except OSError:
            data = b""
        splitter, peer = self._clients[client]
        for body in splitter.feed(data):
            self._body(body, peer, 0)
        if not data:
            self._selector.unregister(client)
            del self._clients[client]
            self._pending = [item for item in self._pending if item[0] is not peer]
            client.close()


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_DGRAM:
            # some controllers listen on the camera's own port number, also on this machine
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
