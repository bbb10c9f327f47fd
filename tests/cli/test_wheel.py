"""The wheel as a venue gets it: what it holds, and that it runs with the base dependencies."""

from __future__ import annotations

import email
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from edge.fields import SPORTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *options, str(ROOT)], check=True)
    (built,) = folder.glob("touchline-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and its base dependencies, and nothing else; no index."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in base_closure(wheel):
        link_distribution(name, site)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    python = ["--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, *python, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin" / "touchline"


def test_the_wheel_holds_the_packages_and_the_bundle_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (manifest,) = [n for n in names if n == "models/bundles/soccer/manifest.json"]
        files = [f["name"] for f in json.loads(archive.read(manifest))["files"]]
    tops = {n.split("/")[0] for n in names if ".dist-info/" not in n}
    assert tops == {"edge", "firmware_bridge", "models", "quantize"}
    assert {f"models/bundles/soccer/{name}" for name in files} <= set(names)
    assert {"model.onnx", "dense.onnx"} <= set(files)
    unwanted = [n for n in names if n.endswith((".pt", ".pth", ".ckpt", ".mp4", ".jpg", ".pyc"))]
    assert unwanted == []
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_a_base_install_says_its_version_and_knows_its_bundles(installed: Path):
    version = call(installed, "--version")
    assert re.fullmatch(r"touchline \d+\.\d+\.\d+\n", version)
    bundles = json.loads(call(installed, "models", "verify", "--json"))["bundles"]
    assert {b["name"].replace("-", "_"): b["error"] for b in bundles} == dict.fromkeys(SPORTS)
    assert str(installed.parents[1]) in bundles[0]["path"]
    assert json.loads(call(installed, "config", "schema"))["title"] == "Config"


def test_a_base_install_registers_a_rendered_frame(installed: Path, tmp_path: Path):
    clip = tmp_path / "clip.mp4"
    call(installed, "demo-clip", str(clip), "--seconds", "0.1", "--no-cutaways")
    lines = call(installed, "register", str(clip)).splitlines()
    assert len(lines) == 3
    assert all(json.loads(line)["sport"] == "soccer" for line in lines)


def call(command: Path, *arguments: str) -> str:
    """Run the installed command from elsewhere, so that the checkout is not on its path."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [command, *arguments],
        cwd=command.parent,
        env=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def base_closure(wheel: Path) -> set[str]:
    """Names of the installed distributions that a base install of the wheel needs."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    needed: set[str] = set()
    waiting = list(metadata.get_all("Requires-Dist", []))
    while waiting:
        requirement, _, marker = waiting.pop().partition(";")
        plain = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower()
        if "extra ==" not in marker and plain not in needed and is_installed(plain):
            needed.add(plain)
            waiting += importlib.metadata.requires(plain) or []
    return needed


def is_installed(name: str) -> bool:
    """A dependency whose marker rules it out here is not installed, and not needed."""
    return any(True for _ in importlib.metadata.distributions(name=name))


def link_distribution(name: str, site: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    origin = Path(str(distribution.locate_file("")))
    for top in {file.parts[0] for file in distribution.files or []}:
        source = origin / top
        if top != ".." and source.exists() and not (site / top).exists():
            (site / top).symlink_to(source)
