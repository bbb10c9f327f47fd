"""Memory of one run over a folder of odd films, by how many there are.

`python -m benchmarks.segments_folder [--rounds 1 3] [--bundle DIR]`

The films are short, 360 to 2160 lines high, of different codecs and threads: what one leaves behind
must not add up. Each row is a process of its own, the command `touchline segments FOLDER`; the peak
of the whole folder is to stay near that of the film that needs most, and under 300 MB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.segments_hour import machine, measure

FPS, SECONDS = 24, 6
KINDS: tuple[tuple[str, str, int, int, dict[str, str]], ...] = (
    ("a.mkv", "libx264", 640, 360, {"preset": "ultrafast", "g": "24"}),
    ("b.mp4", "libx264", 1920, 1080, {"preset": "veryfast", "g": "250"}),
    ("c.mkv", "libx264", 3840, 2160, {"preset": "ultrafast", "g": "48"}),
    ("d.mkv", "libx265", 1920, 1080, {"preset": "ultrafast", "x265-params": "log-level=error"}),
    ("e.webm", "libvpx", 1280, 720, {"deadline": "realtime", "cpu-used": "8"}),
    ("f.mkv", "mpeg2video", 720, 576, {}),
    ("g.avi", "mpeg4", 1280, 720, {}),
    ("h.mkv", "mjpeg", 1920, 1080, {}),
)


def make_film(path: Path, codec: str, width: int, height: int, options: dict[str, str]) -> None:
    """Write some seconds of bars that move over noise, and a tone."""
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    rough = noise.repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w") as film:
        video = film.add_stream(codec, rate=FPS, options=options)
        video.width, video.height = rough.shape[1], rough.shape[0]
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        sound = film.add_stream("libopus" if path.suffix == ".webm" else "mp2", rate=48_000)
        for n in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.roll(rough, 8 * n, axis=1), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        wave = 0.2 * np.sin(np.arange(SECONDS * 48_000) * 0.06)
        form = "flt" if path.suffix == ".webm" else "s16"
        for start in range(0, len(wave) - 960, 960):
            block = wave[None, start : start + 960].repeat(2, axis=1)
            scaled = block * 32767 if form == "s16" else block
            kind = np.int16 if form == "s16" else np.float32
            heard = av.AudioFrame.from_ndarray(scaled.astype(kind), format=form, layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = 48_000, start, Fraction(1, 48_000)
            film.mux(sound.encode(heard))
        film.mux(sound.encode(None))


def make_all(folder: Path) -> None:
    """Write one film of each kind."""
    for name, codec, width, height, options in KINDS:
        make_film(folder / name, codec, width, height, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, nargs="+", default=[1, 3], help="times each kind")
    parser.add_argument("--bundle", help="another segments bundle")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = folder / "films"
        films.mkdir()
        # elsewhere: what a process holds as it starts another counts as the other's memory
        maker = multiprocessing.get_context("spawn").Process(target=make_all, args=(films,))
        maker.start()
        maker.join()
        print(f"\n{'films':>6} {'CPU s':>7} {'peak MB':>8}")
        for film in sorted(films.iterdir()):
            _row(film.name, film, folder, options.bundle)
        for rounds in options.rounds:
            many = folder / f"{rounds} rounds"
            for n in range(rounds):
                shutil.copytree(films, many / str(n))
            _row(str(rounds * len(KINDS)), many, folder, options.bundle)


def _row(label: str, path: Path, state: Path, bundle: str | None) -> None:
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    command = [sys.executable, "-m", "edge.cli", "segments", str(path), "--again", "--json"]
    cost = measure(label, command + (["--bundle", bundle] if bundle else []), environment)
    print(f"{label:>6} {cost.cpu_s:7.1f} {cost.peak_mb:8.0f}", flush=True)


if __name__ == "__main__":
    main()
