"""What scripts/install-check-debian does with an installed Touchline, of any processor.

install_check_box.py job                    render a short clip, register it, hear it over MQTT
install_check_box.py stills FOLDER OUT      register the stills of FOLDER/jobs.jsonl, in INT8
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

SUBSCRIBER = Path(__file__).with_name("demo_subscriber.py")
PORT = "18861"
FRAMES = 12
"""Of the clip; at 30 a second."""
LIMIT_S = 900.0
"""An emulated processor takes about a hundred times as long as a real one."""


def job() -> None:
    """Do the whole job on a short clip, in the current folder, beside an independent subscriber."""
    touchline = str(Path(sysconfig.get_path("scripts")) / "touchline")
    size = ("--width", "640", "--height", "360")
    call(touchline, "demo-clip", "clip.mp4", "--seconds", f"{FRAMES / 30}", "--no-cutaways", *size)
    with subprocess.Popen(
        [sys.executable, str(SUBSCRIBER), PORT, "touchline/v1/#"], stdout=subprocess.PIPE, text=True
    ) as subscriber:
        try:
            outputs = ("--out", "lines.jsonl", "--overlay", "overlay.mp4")
            call(touchline, "run", "--source", "clip.mp4", "--broker", f"embedded:{PORT}", *outputs)
            heard = json.loads(subscriber.communicate(timeout=LIMIT_S)[0])
        finally:
            subscriber.kill()
    lines = [json.loads(line) for line in Path("lines.jsonl").read_text("utf-8").splitlines()]
    answered = sum(line["field_from_image"] is not None for line in lines)
    print(f"{len(lines)} frames, {answered} registered, {heard['answered']} heard over MQTT")
    if len(lines) != FRAMES or answered < FRAMES // 2 or heard["answered"] != answered:
        sys.exit(f"expected {FRAMES} frames, half of them registered, all of those heard")


def call(*command: str) -> None:
    """Run a command to its end; its lines are shown."""
    print("$", "touchline", *command[1:], flush=True)
    done = subprocess.run(command, check=False, timeout=LIMIT_S)
    if done.returncode:
        sys.exit(f"touchline {command[1]}: exit code {done.returncode}")


def stills(folder: Path, out: Path) -> None:
    """Register each still alone, one process a core, and write its record, with what answered."""
    jobs = [json.loads(line) for line in (folder / "jobs.jsonl").read_text("utf-8").splitlines()]
    pictures = [folder / job["file"] for job in jobs]
    workers = len(os.sched_getaffinity(0))
    with (
        out.open("w", encoding="utf-8") as file,
        ProcessPoolExecutor(workers, initializer=Registrars.open) as pool,
    ):
        # neighbours share a network
        answers = pool.map(Registrars.answer, pictures, jobs, chunksize=4)
        for number, (job, answer) in enumerate(zip(jobs, answers, strict=True), 1):
            file.write(json.dumps(answer | {"file": job["file"]}) + "\n")
            file.flush()
            said = answer["error"] if "error" in answer else answer["state"]
            print(f"{number}/{len(jobs)} {job['sport']}: {said}", flush=True)


class Registrars:
    """Registrars by field, made when first asked for; one of these a process."""

    _here: ClassVar[Registrars]

    @classmethod
    def open(cls) -> None:
        """Make the one of this process."""
        cls._here = cls()

    @classmethod
    def answer(cls, picture: Path, job: dict[str, Any]) -> dict[str, Any]:
        """Let the one of this process register a still."""
        return cls._here.register(picture, job)

    def __init__(self) -> None:
        self._made: dict[tuple[str, float, float], Any] = {}

    def register(self, picture: Path, job: dict[str, Any]) -> dict[str, Any]:
        """Return the record of a still that stands alone."""
        from edge.capture import read_picture  # noqa: PLC0415 - `job` needs none of it
        from edge.errors import SourceError  # noqa: PLC0415

        key = job["field"], job["field_length_m"], job["field_width_m"]
        if key not in self._made:
            self._made[key] = open_registrar(job["sport"], *key)
        registrar = self._made[key]
        try:
            image = read_picture(picture)
        except SourceError as error:
            return {"error": str(error)}
        registrar.reset()
        found = registrar.register(image)
        h = found.field_from_image
        return {
            "state": found.state.value,
            "field_from_image": None if h is None else [float(v) for v in h.ravel()],
            "engine": registrar.engine_name,
            "precision": registrar.precision,
            "machine": platform.machine(),
        }


def open_registrar(sport: str, name: str, length_m: float, width_m: float) -> Any:
    """Load a sport's INT8 networks into ONNX Runtime, on one thread."""
    from edge.bundles import find_bundle  # noqa: PLC0415
    from edge.fields import load_field  # noqa: PLC0415
    from edge.registration import FieldRegistrar  # noqa: PLC0415

    field = load_field(name, length_m=length_m, width_m=width_m)
    return FieldRegistrar(
        find_bundle(sport, None), field, engine="onnxruntime", precision="int8", threads=1
    )


if __name__ == "__main__":
    COMMANDS: dict[str, Callable[[], None]] = {
        "job": job,
        "stills": lambda: stills(Path(sys.argv[2]), Path(sys.argv[3])),
    }
    COMMANDS[sys.argv[1]]()
