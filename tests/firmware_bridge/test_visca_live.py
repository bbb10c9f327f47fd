"""VISCA between client and camera: losses, refusals, silence, and a client not written here."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import visca_over_ip
from visca_over_ip.exceptions import ViscaException

from firmware_bridge.codecs import visca
from firmware_bridge.config import BridgeConfig
from firmware_bridge.control import open_control
from firmware_bridge.links import open_link
from firmware_bridge.links.visca_client import ViscaClient, ViscaError
from firmware_bridge.sim import SimSettings, Simulator
from tests.firmware_bridge.waiting import until

HOST = "127.0.0.1"
TRANSPORTS = [("udp", 0), ("raw-udp", 1), ("tcp", 2)]
FAST = SimSettings(speed_deg_s=2000, zoom_speed_s=50)


@pytest.fixture
def still() -> Iterator[Simulator]:
    """A camera that waits for commands."""
    with Simulator(FAST, wander=False) as simulator:
        yield simulator


@pytest.mark.parametrize(("transport", "which"), TRANSPORTS)
def test_inquiries_and_commands(still: Simulator, transport: str, which: int) -> None:
    with ViscaClient(HOST, still.visca.ports[which], transport, timeout_s=2) as client:
        assert client.reset()
        assert visca.decode_version(client.inquire(visca.VERSION_INQUIRY)).sockets == 2
        client.command(visca.absolute_pan_tilt(720, -288))
        client.command(visca.absolute_zoom(0x2000))
        assert until(lambda: not still.camera.state(time.monotonic()).moving)
        assert visca.decode_pan_tilt(client.inquire(visca.PAN_TILT_INQUIRY)) == (720, -288)
        assert visca.decode_position(client.inquire(visca.ZOOM_INQUIRY)) == 0x2000
        block = visca.decode_lens_block(client.inquire(visca.LENS_BLOCK_INQUIRY))
        assert (block.zoom, block.zoom_moving) == (0x2000, False)
        head = still.camera.state(time.monotonic())
        assert (head.pan_deg, head.tilt_deg) == (50.0, -20.0)


@pytest.mark.parametrize(("transport", "which"), TRANSPORTS)
def test_refusals_are_errors_with_their_names(still: Simulator, transport: str, which: int) -> None:
    with ViscaClient(HOST, still.visca.ports[which], transport, timeout_s=2) as client:
        with pytest.raises(ViscaError, match="syntax"):
            client.inquire(bytes.fromhex("81097fff"))
        with pytest.raises(ViscaError, match="not executable"):
            client.command(visca.absolute_pan_tilt(32000, 0))
        with pytest.raises(ViscaError, match="not executable"):
            client.command(visca.preset("recall", 9))


def test_lost_datagrams_are_sent_again_with_the_same_number() -> None:
    with Simulator(FAST, wander=False, visca_loss=0.3) as simulator:
        with ViscaClient(HOST, simulator.visca.ports[0], "udp", timeout_s=0.1) as client:
            answered = 0
            for _ in range(40):
                try:
                    visca.decode_pan_tilt(client.inquire(visca.PAN_TILT_INQUIRY))
                    answered += 1
                except TimeoutError:
                    continue
            # three tries of 0.49 each get through at 0.87; a lost answer is asked for anew
            assert answered >= 28
            assert client.retransmitted > 5
        assert simulator.visca.counts["dropped"] > 0


@contextmanager
def camera_that_answers(answer: Callable[[bytes, int], list[bytes]]) -> Iterator[int]:
    """A UDP camera whose replies are made by a function of datagram and count; yields its port."""
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(0.05)

        def serve() -> None:
            count = 0
            while not stop.is_set():
                try:
                    data, sender = sock.recvfrom(2048)
                except TimeoutError:
                    continue
                for reply in answer(data, count):
                    sock.sendto(reply, sender)
                count += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stop.set()
            thread.join()


ANSWER = bytes.fromhex("9050 00000000 00000000 ff")


def framed(body: bytes, sequence: int, kind: visca.PayloadType = visca.PayloadType.REPLY) -> bytes:
    return visca.encode_packet(visca.Packet(kind, sequence, body))


def test_strays_and_rubbish_before_the_answer_are_skipped() -> None:
    def answer(data: bytes, count: int) -> list[bytes]:
        sequence = visca.decode_packet(data).sequence
        return [
            b"rubbish",
            framed(b"\x90\x51\xff", sequence + 77),
            framed(b"\x90\x51\xff", sequence),
            framed(b"\x00\x00\xff", sequence),
            framed(ANSWER, sequence),
        ]

    with camera_that_answers(answer) as port, ViscaClient(HOST, port, timeout_s=2) as client:
        assert visca.decode_pan_tilt(client.inquire(visca.PAN_TILT_INQUIRY)) == (0, 0)
        assert (client.malformed, client.strays) == (2, 2)


def test_abnormal_sequence_after_a_repetition_means_that_the_first_arrived() -> None:
    seen: list[int] = []

    def answer(data: bytes, count: int) -> list[bytes]:
        packet = visca.decode_packet(data)
        seen.append(packet.sequence)
        if count == 0:
            return []  # the reply is lost
        if seen.count(packet.sequence) > 1:
            return [framed(visca.SEQUENCE_ABNORMAL, packet.sequence, visca.PayloadType.CONTROL)]
        return [framed(ANSWER, packet.sequence)]

    with camera_that_answers(answer) as port, ViscaClient(HOST, port, timeout_s=0.5) as client:
        client.command(visca.HOME)  # taken for done
        assert seen == [0, 0]
        assert client.retransmitted == 1
        assert visca.decode_pan_tilt(client.inquire(visca.PAN_TILT_INQUIRY)) == (0, 0)
        assert seen == [0, 0, 1]


def test_silence_is_a_timeout() -> None:
    with (
        camera_that_answers(lambda data, count: []) as port,
        ViscaClient(HOST, port, timeout_s=0.05) as client,
    ):
        with pytest.raises(TimeoutError, match="no reply"):
            client.inquire(visca.ZOOM_INQUIRY)
        assert not client.reset()


def link_config(port: int, transport: str = "udp", **settings: object) -> BridgeConfig:
    raw = {"type": "visca", "host": HOST, "port": port, "transport": transport, "poll_hz": 40}
    return BridgeConfig.from_mapping({**raw, **settings})


@pytest.mark.parametrize(("transport", "which"), TRANSPORTS)
def test_link_polls_pan_tilt_and_zoom(still: Simulator, transport: str, which: int) -> None:
    still.camera.move(time.monotonic(), pan_deg=25.0, tilt_deg=-10.0, zoom=4096)
    assert until(lambda: not still.camera.state(time.monotonic()).moving)
    link = open_link(link_config(still.visca.ports[which], transport))
    assert link is not None
    link.start()
    try:
        assert until(lambda: link.state().received >= 5)
        latest = link.state().latest
        assert latest is not None
        assert (latest.pan_deg, latest.tilt_deg, latest.zoom) == (25.0, -10.0, 4096.0)
        assert latest.moving is False
        assert link.state().errors == {}
    finally:
        link.close()


def test_link_of_a_camera_without_lens_block_asks_for_the_zoom() -> None:
    with Simulator(FAST, wander=False, profile_name="sony-srg-x400") as simulator:
        link = open_link(link_config(simulator.visca.ports[0]))
        assert link is not None
        link.start()
        try:
            assert until(lambda: link.state().received >= 3)
            assert link.state().errors == {"lens_block": 1}
            latest = link.state().latest
            assert latest is not None
            assert latest.zoom == 0x2000
        finally:
            link.close()


def test_link_of_five_nibbles_and_turned_signs() -> None:
    with Simulator(FAST, wander=False, profile_name="sony-brc-h700") as simulator:
        simulator.camera.move(time.monotonic(), pan_deg=-100.0, tilt_deg=30.0)
        assert until(lambda: not simulator.camera.state(time.monotonic()).moving)
        link = open_link(link_config(simulator.visca.ports[0], profile="sony-brc-h700"))
        assert link is not None
        link.start()
        try:
            assert until(lambda: link.state().received >= 1)
            latest = link.state().latest
            assert latest is not None
            assert latest.pan_deg == pytest.approx(-100.0, abs=0.01)
            assert latest.tilt_deg == pytest.approx(30.0, abs=0.01)
        finally:
            link.close()


def test_link_comes_back_when_the_camera_does() -> None:
    with Simulator(FAST, wander=False) as simulator:
        ports = simulator.visca.ports
        link = open_link(link_config(ports[2], "tcp", stale_s=0.3))
        assert link is not None
        link.start()
        assert until(lambda: link.state().received >= 1)
    try:
        assert until(lambda: not link.state().connected)
        with Simulator(FAST, wander=False, visca_ports=ports):
            before = link.state().received
            assert until(lambda: link.state().received > before)
            assert link.state().reconnects >= 1
    finally:
        link.close()


@pytest.mark.parametrize(("transport", "which"), TRANSPORTS)
def test_control(still: Simulator, transport: str, which: int) -> None:
    control = open_control(link_config(still.visca.ports[which], transport))
    try:
        control.move(30.0, -15.0, 0.25)
        assert until(lambda: not still.camera.state(time.monotonic()).moving)
        assert control.position() == pytest.approx((30.0, -15.0, 0.25), abs=0.05)
        assert control.set_preset("4") == "4"
        control.move(-10.0, -15.0)
        control.goto_preset("4")
        control.stop()
    finally:
        control.close()
    assert still.camera.presets() == [4]


def test_a_client_not_written_here_moves_and_reads_our_camera() -> None:
    # that client listens on the camera's port number too: the camera needs another address
    with Simulator(FAST, wander=False, host="127.0.0.2") as simulator:
        camera = visca_over_ip.Camera("127.0.0.2", simulator.visca.ports[0])
        try:
            camera.pantilt(24, 20, pan_position=1440, tilt_position=-144)
            camera.zoom_to(0.5)
            assert until(lambda: not simulator.camera.state(time.monotonic()).moving)
            assert camera.get_pantilt_position() == (1440, -144)
            assert camera.get_zoom_position() == 8192
            camera.save_preset(3)
            assert simulator.camera.presets() == [3]
            camera.recall_preset(3)
            camera.pantilt_home()
            with pytest.raises(ViscaException):
                camera.pantilt(24, 20, pan_position=32000, tilt_position=0)
        finally:
            camera.close_connection()
