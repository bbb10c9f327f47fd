"""One case of scripts/install-matrix, run by the Python of an environment that has the wheel.

install_matrix.py lowest WHEEL           print the lowest allowed versions, as constraints
install_matrix.py try VERSION NAME       open a clip, register, publish, hear; print a line
"""

from __future__ import annotations

import email
import importlib.metadata
import json
import os
import socket
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

SHOWN = ("av", "numpy", "onnxruntime", "opencv-python-headless", "pydantic")
SUBSCRIBER = Path(__file__).with_name("demo_subscriber.py")
LIMIT_S = 240


def lowest(wheel: Path) -> None:
    """Print `name==version` for the lower bound of each dependency that this Python needs."""
    from pip._vendor.packaging.requirements import Requirement  # noqa: PLC0415 - pip's own copy

    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    for text in metadata.get_all("Requires-Dist", []):
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        bounds = [s.version for s in need.specifier if s.operator == ">="]
        if len(bounds) != 1 or not any(s.operator == "<" for s in need.specifier):
            sys.exit(f"{text}: needs one bound below and one above")
        print(f"{need.name}=={bounds[0]}")


def try_out(version: str, which: str) -> None:
    """Do the whole job with the installed command, beside a subscriber that is no Touchline."""
    touchline = str(Path(sysconfig.get_path("scripts")) / "touchline")
    call(touchline, "doctor")
    size = ("--width", "640", "--height", "360")
    call(touchline, "demo-clip", "clip.mp4", "--seconds", "1", "--no-cutaways", *size)
    port = str(free_port())
    with subprocess.Popen(
        [sys.executable, str(SUBSCRIBER), port, "touchline/v1/#"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as subscriber:
        try:
            broker = ("--broker", f"embedded:{port}")
            call(touchline, "run", "--source", "clip.mp4", *broker, "--out", "lines.jsonl")
            heard = json.loads(subscriber.communicate(timeout=LIMIT_S)[0])
        finally:
            subscriber.kill()
    check_colors()
    lines = [json.loads(line) for line in Path("lines.jsonl").read_text("utf-8").splitlines()]
    answered = sum(line["field_from_image"] is not None for line in lines)
    counts = f"{len(lines)} frames, {answered} registered, {heard['answered']} heard over MQTT"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in SHOWN)
    good = len(lines) == 30 and answered >= 15 and heard["answered"] == answered
    print(
        f"{'ok' if good else 'FAIL'}  Python {version}, {which}: {counts}; {versions}", flush=True
    )
    if not good:
        sys.exit(1)


def check_colors() -> None:
    """Read a film of BT.709 and one of PQ: colours are right, and HDR is named."""
    from edge.capture import open_source  # noqa: PLC0415 - `lowest` has no wheel installed

    color = 40, 120, 60
    for name, tags in (("sdr.mkv", SDR), ("pq.mkv", PQ)):
        write_color(name, color, tags)
        with open_source(name) as source:
            frame = source.read()
            assert frame is not None
            seen = frame.image[32, 32].tolist()
            hdr = source.note is not None and "HDR (PQ" in source.note
        if hdr != (tags is PQ) or (not hdr and max(map(abs, map(int.__sub__, seen, color))) > 6):
            sys.exit(f"{name}: read as {seen}, of {list(color)}; called HDR: {hdr}")


SDR = "colorprim=bt709:transfer=bt709:colormatrix=bt709"
PQ = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"


def write_color(name: str, bgr: tuple[int, int, int], tags: str) -> None:
    """Write three frames of one colour, converted by BT.709 and tagged as asked."""
    import av  # noqa: PLC0415 - as above
    import numpy as np  # noqa: PLC0415

    blue, green, red = (value / 255 for value in bgr)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # ITU-R BT.709, 3.2 and 3.3
    chroma = (128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748)
    rows = np.full((96, 64), round(16 + 219 * luma), np.uint8)  # 64 of luma, 16 and 16 of chroma
    rows[64:80], rows[80:] = (round(value) for value in chroma)
    with av.open(name, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": tags, "crf": "4"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(rows, format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def free_port() -> int:
    """Return a TCP port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def call(*command: str) -> None:
    """Run a command to its end; what it printed is shown where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=environment()
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(command[1:])}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )


def environment() -> dict[str, str]:
    """Return this environment with a home of its own."""
    return {**os.environ, "HOME": str(Path.cwd())}


if __name__ == "__main__":
    if sys.argv[1] == "lowest":
        lowest(Path(sys.argv[2]))
    else:
        try_out(sys.argv[2], sys.argv[3])
