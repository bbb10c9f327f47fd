"""What recap and intro of one film cost: processor seconds, times real time, peak memory.

`python -m benchmarks.segments_hour [--minutes 60] [--file FILM] [--bundle DIR] [--runs exact]`

Each run is a process of its own, with the command's own start-up. Without FILM a 1280x720 film of
24 frames a second is made: shots of moving noise with grain, cuts, tones, H.264 as x264 makes it
(key frames at cuts, 250 frames apart at most). `fpcalc`, if it is installed, reads the same file:
it fingerprints sound, which finds what two episodes share; it knows nothing of a single file, and
marks no recap.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT, FPS, RATE = 1280, 720, 24, 48_000
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Cost:
    """One run."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def make_minute(path: Path) -> None:
    """Write a minute of shots of 1 to 6 s: blurred noise that pans, a tone that changes."""
    random = np.random.default_rng(7)
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = film.add_stream("aac", rate=RATE)
        left, scene, at = 0, np.empty(0), 0
        for n in range(MINUTE_S * FPS):
            if left == 0:
                left, at = int(random.integers(FPS, 6 * FPS)), 0
                rough = random.integers(0, 256, (72, 144, 3), np.uint8)
                scene = cv2.resize(rough, (WIDTH + 320, HEIGHT), interpolation=cv2.INTER_CUBIC)
            shown = scene[:, at % 320 : at % 320 + WIDTH]
            grain = random.integers(-6, 7, (HEIGHT, WIDTH, 1), np.int8)
            grainy = np.clip(shown.astype(np.int16) + grain, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(grainy, format="bgr24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            film.mux(video.encode(frame))
            left, at = left - 1, at + 2
        film.mux(video.encode(None))
        times = np.arange(MINUTE_S * RATE) / RATE
        wave = 0.2 * np.sin(2 * np.pi * (200 + 40 * np.floor(times / 3)) * times)
        wave += 0.05 * random.standard_normal(len(wave))
        for start in range(0, len(wave), 1024):
            block = np.tile(wave[start : start + 1024].astype(np.float32), (2, 1))
            heard = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = RATE, start, Fraction(1, RATE)
            film.mux(sound.encode(heard))
        film.mux(sound.encode(None))


def make_film(film: Path, minutes: int) -> None:
    """Write a film of so many minutes."""
    minute = film.with_name("minute.mp4")
    make_minute(minute)
    repeat(minute, film, minutes)


def repeat(minute: Path, film: Path, times: int) -> None:
    """Put a minute behind itself, packets as they are."""
    parts = film.with_suffix(".txt")
    parts.write_text(f"file '{minute}'\n" * times)
    with (
        av.open(str(parts), format="concat", options={"safe": "0"}) as given,
        av.open(str(film), "w") as made,
    ):
        streams = [made.add_stream_from_template(s, opaque=True) for s in given.streams]
        last: dict[int, int] = {}
        for packet in given.demux():
            if packet.dts is None or packet.dts <= last.get(packet.stream.index, packet.dts - 1):
                continue  # a block of sound that the minute before has already
            last[packet.stream.index] = packet.dts
            packet.stream = streams[packet.stream.index]
            made.mux_one(packet)


def measure(name: str, command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a program and add up what it used."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - started
        out.seek(0)
        said = out.read()
    if process.returncode and "FINGERPRINT=" not in said:  # fpcalc fails at a film's end
        sys.exit(f"{name}: {said.strip()}")
    return Cost(name, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def duration_of(film: Path) -> float:
    with av.open(str(film)) as container:
        return float((container.duration or 0) / 1e6)


def machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    packages = ("touchline", "av", "numpy", "onnxruntime", "opencv-python-headless")
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    load = os.getloadavg()[0]
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, load {load:.1f}\n"
        f"Python {platform.python_version()}, {versions}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--file", type=Path, help="a film of yours in place of the made one")
    parser.add_argument("--bundle", help="another segments bundle")
    parser.add_argument("--runs", nargs="+", default=["default", "exact"], metavar="RUN")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        film = options.file
        if film is None:
            film = Path(folder) / "film.mkv"
            # elsewhere: what a process holds as it starts another counts as the other's memory
            maker = multiprocessing.get_context("spawn").Process(
                target=make_film, args=(film, options.minutes)
            )
            maker.start()
            maker.join()
        length_s = duration_of(film)
        print(f"{film.name}: {length_s / 60:.1f} minutes, {film.stat().st_size / 1e6:.0f} MB\n")
        print(f"{'':10} {'CPU s':>8} {'CPU x':>7} {'wall s':>8} {'wall x':>7} {'peak MB':>8}")
        for cost in _runs(film, options, folder):
            print(
                f"{cost.name:10} {cost.cpu_s:8.1f} {length_s / cost.cpu_s:7.0f} {cost.wall_s:8.1f} "
                f"{length_s / cost.wall_s:7.0f} {cost.peak_mb:8.0f}",
                flush=True,
            )
    print("\nx: times real time, of one core's time (CPU) and of the clock's (wall)")


def _runs(film: Path, options: argparse.Namespace, folder: str) -> list[Cost]:
    environment = os.environ | {"XDG_STATE_HOME": folder}
    ours = [sys.executable, "-m", "edge.cli", "segments", str(film), "--again", "--json"]
    ours += ["--ignore-chapters", *(["--bundle", options.bundle] if options.bundle else [])]
    made = [
        measure(run, ours + (["--exact"] if run == "exact" else []), environment)
        for run in options.runs
    ]
    if fpcalc := shutil.which("fpcalc"):
        command = [fpcalc, "-raw", "-length", "999999", str(film)]
        made.append(measure("fpcalc", command, environment))
    return made


if __name__ == "__main__":
    main()
