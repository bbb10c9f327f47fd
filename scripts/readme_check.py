"""One case of scripts/readme-check, run by the Python of a fresh environment.

readme_check.py description WHEEL      the description of the wheel has no link into the repository
readme_check.py pages ROOT             run README.md and the tutorials; the wheel is installed
readme_check.py packages ROOT          run docs/examples/positions.py; its packages are installed
readme_check.py slim ROOT              install the client alone as docs/how-to/subscribe.md says
"""

from __future__ import annotations

import contextlib
import email
import json
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

LIMIT_S = 300
BIN = Path(sys.prefix) / "bin"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TARGET = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)\s[^>]*(?:src|href)=\"([^\"]+)\"")


def description(wheel: Path) -> None:
    """Fail where the description names a file beside it, which is absent outside the repository."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    text = str(metadata.get_payload()) or metadata.get("Description", "")
    targets = [a or b for a, b in _TARGET.findall(text)]
    lost = [target for target in targets if not re.match(r"https?://|mailto:|#", target)]
    if lost or "touchline.register(" not in text:
        sys.exit(f"the description has links into the repository, or no example: {lost}")
    print(f"ok  description: {len(text.split())} words, {len(targets)} links, all of them absolute")


def pages(root: Path) -> None:
    """Run what README.md and the tutorials print, in the folder that this runs in."""
    tutorial = (root / "docs/tutorials/first-homography.md").read_text("utf-8")
    readme = (root / "README.md").read_text("utf-8")
    desk = (root / "docs/tutorials/a-box-on-a-desk.md").read_text("utf-8")
    for kind, text in _FENCE.findall(tutorial):
        for line in text.splitlines() if kind == "console" else ():
            if line.startswith("$ touchline "):
                shell(line.removeprefix("$ "))
    ran = python("\n".join(text for kind, text in _FENCE.findall(tutorial) if kind == "python"))
    need("±" in ran and Path("overlay.png").exists() and Path("answers.jsonl").exists(), ran)
    Path("answers.jsonl").unlink()
    Path("pictures").mkdir()
    Path("pictures/one.png").write_bytes(Path("still.png").read_bytes())

    ran = python(block(readme, "python"))
    need("±" in ran and len(ran.splitlines()) > 10, ran)
    for line in block(readme, "console").splitlines():
        shell(line.removeprefix("$ "))
    for name, least in (("answers.jsonl", 100), ("stills.jsonl", 2)):
        lines = [json.loads(text) for text in Path(name).read_text("utf-8").splitlines()]
        need(len(lines) >= least and any(line["field_from_image"] for line in lines), name)
    need(Path("overlay.mp4").stat().st_size > 0, "overlay.mp4")

    source = block(desk, "console").splitlines()[0].removeprefix("$ ")
    with box(source) as port:
        heard = python(block(desk, "python").replace("127.0.0.1", f"127.0.0.1:{port}"))
        need("±" in heard, heard)
        (listener,) = re.findall(r"^mosquitto_sub .*$", readme, re.MULTILINE)
        message = shell(f"{listener} -p {port} -C 1")
        need(json.loads(message)["schema"].startswith("touchline.homography/"), message)
    print(f"ok  README and tutorials, Python {sys.version.split()[0]}", flush=True)


def packages(root: Path) -> None:
    """Run docs/examples/positions.py beside mplsoccer and supervision, which are installed."""
    shell("touchline demo-clip match.mp4 --seconds 1 --no-cutaways")
    python("import cv2; cv2.imwrite('still.png', cv2.VideoCapture('match.mp4').read()[1])")
    ran = shell(f"python {root}/docs/examples/positions.py still.png pitch.png")
    need(ran.count(" m across") == 2 and Path("pitch.png").stat().st_size > 0, ran)
    ran = python(
        "import mplsoccer, touchline\n"
        "field = touchline.load_field('soccer')\n"
        "size = {'pitch_length': field.length_m, 'pitch_width': field.width_m}\n"
        "for kind, left, bottom in (('skillcorner', -52.5, -34), ('custom', 0, 0)):\n"
        "    dim = mplsoccer.Pitch(pitch_type=kind, **size).dim\n"
        "    ends = (dim.left, dim.right, dim.bottom, dim.top)\n"
        "    assert ends == (left, left + 105, bottom, bottom + 68), (kind, ends)\n"
        "print('same')"
    )
    need("same" in ran, ran)
    print("ok  positions for mplsoccer and supervision", flush=True)


def slim(root: Path) -> None:
    """Install the client alone as its page says; it works, and nothing heavy is there."""
    page = (root / "docs/how-to/subscribe.md").read_text("utf-8")
    commands = next(text for _, text in _FENCE.findall(page) if "--no-deps" in text)
    for line in commands.splitlines():
        shell(line.replace("pip install", "pip install --quiet --disable-pip-version-check", 1))
    ran = python(
        "import importlib.util, touchline\n"
        "heavy = ('cv2', 'av', 'onnxruntime', 'openvino', 'iotcore', 'rich')\n"
        "assert not [name for name in heavy if importlib.util.find_spec(name)]\n"
        "with touchline.Client('mqtt://127.0.0.1:1') as client:\n"
        "    try: client.wait_connected(5)\n"
        "    except touchline.BrokerError as error: print(error)\n"
    )
    need("127.0.0.1" in ran, ran)
    size = sum(f.stat().st_size for f in Path(sys.prefix, "lib").rglob("*") if f.is_file())
    print(
        f"ok  slim client, Python {sys.version.split()[0]}: {size / 1e6:.0f} MB with pip",
        flush=True,
    )


def block(page: str, kind: str) -> str:
    """Return a page's first block of a kind."""
    return next(str(text) for name, text in _FENCE.findall(page) if name == kind)


def python(program: str) -> str:
    """Run a program that a page prints; return its output."""
    return call([str(BIN / "python"), "-c", program])


def shell(line: str) -> str:
    """Run a line that a page prints; return its output."""
    return call(["bash", "-c", line])


def call(command: list[str]) -> str:
    """Run a command to its end; what it printed is shown where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=environment()
    )
    if done.returncode:
        sys.exit(f"{command[-1]}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def box(command: str) -> Iterator[int]:
    """Run a box in the background on a free port; give the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    line = f"exec {command} --broker embedded:{port}"
    with (
        Path("box.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            ["bash", "-c", line], stdout=log, stderr=log, env=environment()
        ) as process,
    ):
        try:
            for _ in range(LIMIT_S):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(1)
            yield port
        finally:
            process.terminate()


def need(good: object, shown: str) -> None:
    """Leave where something is not as it should be."""
    if not good:
        sys.exit(f"not as the page says: {shown}")


def environment() -> dict[str, str]:
    """Return what a shell with this environment activated has, and a home of its own."""
    home = str(Path.cwd())
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": home}


if __name__ == "__main__":
    {"description": description, "packages": packages, "pages": pages, "slim": slim}[sys.argv[1]](
        Path(sys.argv[2])
    )
