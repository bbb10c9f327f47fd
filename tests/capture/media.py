"""Small videos made on the spot, whole and broken, and a real RTSP server that serves them."""

from __future__ import annotations

import os
import selectors
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from edge.types import ImageArray

if TYPE_CHECKING:
    from typing_extensions import Self

WIDTH, HEIGHT = 128, 72
_X264 = {"g": "10", "tune": "zerolatency", "sc_threshold": "0"}
"""A key frame every ten, none between, and no B-frames: packets in the order of the pictures."""


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> ImageArray:
    """A picture that tells its number: 8 stripes, bright for 1 and dark for 0, lowest bit left."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    row = np.repeat(np.array(bits) * 160 + 48, -(-width // 8))[:width]
    return np.repeat(np.repeat(row[None, :, None], height, 0), 3, 2).astype(np.uint8)


def number_of(image: ImageArray) -> int:
    """Read the number back from a decoded picture."""
    height, width = image.shape[:2]
    middles = (np.arange(8) + 0.5) * width / 8
    bright = image[height // 2, middles.astype(int)].mean(axis=1) > 128
    return int((bright << np.arange(8)).sum())


def make_video(
    path: Path,
    frames: int = 40,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    fps: int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    times_s: list[float] | None = None,
    audio: bool = False,
    video: bool = True,
) -> Path:
    """Write numbered frames; `times_s` gives a presentation time to each."""
    with av.open(str(path), "w", options=container or {}) as out:
        picture = out.add_stream(codec, rate=fps) if video else None
        sound = out.add_stream("aac", rate=48000) if audio else None
        if picture is not None:
            picture.width, picture.height = size
            picture.pix_fmt = "yuv420p"
            picture.options = options or (_X264 if codec == "libx264" else {})
            if times_s is not None:
                picture.codec_context.time_base = Fraction(1, 90000)
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="bgr24")
                if times_s is not None:
                    frame.time_base, frame.pts = Fraction(1, 90000), round(times_s[number] * 90000)
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate = 48000
            for number in range(20):
                silence.pts = 1024 * number
                out.mux(sound.encode(silence))
            out.mux(sound.encode(None))
    return path


def rotated(source: Path, target: Path, degrees: int) -> Path:
    """Copy an mp4 with another track matrix (ISO/IEC 14496-12, 8.3.2), as a phone writes it."""
    fixed = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4
    assert data[at] == 0, "a track header of version 1 is laid out otherwise"
    a, b, c, d = (v * 0x10000 for v in fixed)
    data[at + 40 : at + 76] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    target.write_bytes(data)
    return target


def overwrite(path: Path, start: float, end: float, seed: int = 0) -> Path:
    """Fill a part of a file (shares of its length) with noise, in place."""
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = np.random.default_rng(seed).integers(0, 256, last - first)
    path.write_bytes(data.tobytes())
    return path


def packets(path: Path) -> list[tuple[int, int]]:
    """Where each packet of the video lies in its file: (offset, size), in the file's order."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        found = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    places = [(data.find(packet), len(packet)) for packet in found]
    assert places
    assert min(places)[0] >= 0
    return places


def damage(path: Path, frames: range) -> Path:
    """Fill the packets of some frames with noise, in place, and leave the container whole."""
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(0)
    places = packets(path)
    for number in frames:
        offset, size = places[number]
        data[offset : offset + size] = noise.integers(0, 256, size, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


def write_picture(path: Path, picture: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


_SERVER = """
import asyncio, logging, sys
from aio_rtsp_toolkit import server
server.logger = logging.getLogger("rtsp")

async def main():
    running = await server.RtspServer(sys.argv[1], "127.0.0.1", int(sys.argv[2])).start()
    print(running._server.sockets[0].getsockname()[1], flush=True)
    await running.serve_forever()

asyncio.run(main())
"""


class RtspServer:
    """`aio-rtsp-toolkit`'s server in a process of its own, which serves the files of a folder."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        command = [sys.executable, "-W", "ignore", "-c", _SERVER, str(folder), str(port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
        )
        assert self._process.stdout is not None
        selector = selectors.DefaultSelector()
        selector.register(self._process.stdout, selectors.EVENT_READ)
        ready = selector.select(20)
        selector.close()
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.stop()
            raise AssertionError(f"the RTSP server did not start: {self._error}")
        self.port = int(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    def address(self, name: str, userinfo: str = "") -> str:
        return f"rtsp://{userinfo}127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        _, error = self._process.communicate()
        self._error = error.decode(errors="replace")[-500:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
