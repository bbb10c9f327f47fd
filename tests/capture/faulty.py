"""A camera in a process of its own that can be killed, stalled, frozen and made to change its size.

It is the simulated camera's RTSP server, fed with pictures that were encoded before: noisy ones, as
a live camera's are.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

import firmware_bridge.sim.rtsp

if TYPE_CHECKING:
    from typing_extensions import Self

FPS = 25
GOP = 10
_X264 = {
    "g": str(GOP), "tune": "zerolatency", "sc_threshold": "0", "preset": "ultrafast", "crf": "20",
    "x264-params": "repeat-headers=1",
}  # fmt: skip

_PROCESS = """
import importlib.util, pickle, sys, threading, time
spec = importlib.util.spec_from_file_location("rtsp", sys.argv[1])
rtsp = importlib.util.module_from_spec(spec)
sys.modules["rtsp"] = rtsp
spec.loader.exec_module(rtsp)
clips = pickle.load(open(sys.argv[2], "rb"))
server = rtsp.RtspServer(port=int(sys.argv[3]))
server.start()
print(server.port, flush=True)
mode = ["live"]
def listen():
    for line in sys.stdin:
        mode[0] = line.strip()
    mode[0] = "end"
threading.Thread(target=listen, daemon=True).start()
number, shown = 0, None
began = time.monotonic()
while mode[0] != "end":
    time.sleep(max(0.0, began + number / 25 - time.monotonic()))
    if mode[0] != "stall":
        if mode[0] != shown and number % 10 == 0:  # from a key frame on
            shown = mode[0]
        units = clips[shown or "live"]
        server.push(units[number % len(units)], number * 3600, time.time_ns())
    number += 1
server.close()
"""


def encode(pictures: list[np.ndarray]) -> list[bytes]:
    """Encode BGR pictures as H.264 access units with start codes, parameter sets in key frames."""
    height, width = pictures[0].shape[:2]
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.options = Fraction(1, FPS), _X264
    units = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        units += [bytes(packet) for packet in codec.encode(frame)]
    return units


def noisy(count: int, size: tuple[int, int], seed: int = 0) -> list[np.ndarray]:
    """Pictures of one still scene as a sensor gives them, with a line that moves."""
    rng = np.random.default_rng(seed)
    base = np.full((size[1], size[0], 3), 90.0)
    pictures = []
    for number in range(count):
        picture = base + rng.normal(0, 6, base.shape)
        picture[:, (7 * number) % size[0]] = 220
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    return pictures


def make_clips(path: Path) -> Path:
    """Write what the camera shows in each mode."""
    rng = np.random.default_rng(1)
    scene = noisy(50, (320, 192))
    clips = {
        "live": encode(scene),
        "freeze": encode([scene[0]] * 50),
        "garbage": [b"\0\0\0\1\x41" + bytes(rng.integers(1, 256, 900, dtype=np.uint8))] * 50,
        "size": encode(noisy(50, (480, 288))),
    }
    path.write_bytes(pickle.dumps(clips))
    return path


class FaultyCamera:
    """The camera's process; modes are `live`, `freeze`, `stall`, `garbage`, `size`."""

    def __init__(self, clips: Path, port: int = 0) -> None:
        source = firmware_bridge.sim.rtsp.__file__
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(source), str(clips), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def show(self, mode: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n".encode())
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
