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
from collections.abc import Iterable
from pathlib import Path

import cv2
import pytest

from edge.capture import open_source
from edge.fields import SPORTS

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and its base dependencies, and nothing else; no index."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in base_closure(wheel):
        link_distribution(name, site)
    command = folder / "bin" / "touchline"
    install(command, wheel)
    return command


PACKAGES = ("touchline", "edge", "firmware_bridge")
SHIPPED = {
    "models/bundles": "edge/shipped/bundles",
    "models/segments/bundle": "edge/shipped/segments",
}


def test_the_wheel_holds_the_packages_and_the_bundles_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
        inside = archive.read("edge/shipped/bundles/soccer/model.int8.onnx")
    wanted = {name for package in PACKAGES for name in files_below(package)}
    for folder, place in SHIPPED.items():
        wanted |= {name.replace(folder, place, 1) for name in files_below(folder)}
    assert names == wanted
    assert inside == (ROOT / "models/bundles/soccer/model.int8.onnx").read_bytes()
    assert {f"edge/shipped/bundles/{sport}/manifest.json" for sport in SPORTS} <= names
    assert "edge/shipped/segments/manifest.json" in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert not [n for n in names if n.endswith((".pt", ".pth", ".ckpt", ".mp4", ".jpg", ".pyc"))]


def test_the_wheel_carries_its_licence_and_the_notices_of_others(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        notices = {n.split("/", 1)[1] for n in archive.namelist() if "/licenses/" in n}
    assert notices == {"licenses/LICENSE", "licenses/THIRD_PARTY.md"}


def test_the_description_is_read_outside_the_repository(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    text = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert text.startswith("# Touchline")
    assert "touchline.register(" in text
    targets = re.findall(r"\]\(([^)]*)\)", text)
    assert [t for t in targets if not t.startswith(("https://", "#"))] == []
    assert "images/" not in text


def test_a_project_with_a_models_package_of_its_own_lives_beside_it(
    installed: Path, tmp_path: Path
):
    project = tmp_path / "theirs"
    write_foreign_project(project)
    install(installed, build_wheel(project, tmp_path))
    pip = [sys.executable, "-m", "pip", "--python", str(installed.parent / "python")]
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    program = """
import json, models, quantize, touchline
from edge.bundles import list_bundles
from edge.segments.manifest import load_segments_bundle
segments = load_segments_bundle().path
print(json.dumps([models.OWNER, quantize.OWNER, touchline.register("still.png").state.value,
    *map(str, [segments, *list_bundles().values()])]))
"""
    clip = tmp_path / "clip.mp4"
    call(installed, "demo-clip", str(clip), "--seconds", "0.1", "--no-cutaways")
    source = open_source(clip)
    frame = source.read()
    source.close()
    assert frame is not None
    assert cv2.imwrite(str(tmp_path / "still.png"), frame.image)
    theirs, theirs_too, state, *bundles = json.loads(
        call(installed.parent / "python", "-c", program, cwd=tmp_path)
    )
    assert (theirs, theirs_too) == ("theirs", "theirs")
    assert state in {"verified", "refined"}
    site = str(installed.parents[1])
    assert all(b.startswith(site) and "/edge/shipped/" in b for b in bundles)


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


def test_the_client_alone_needs_four_packages(wheel: Path, tmp_path: Path):
    """As docs/how-to/subscribe.md installs it; no broker answers here."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in closure(["numpy", "paho-mqtt", "pydantic", "PyYAML"]):
        link_distribution(name, site)
    install(folder / "bin" / "touchline", wheel)
    program = """
import importlib.util, touchline
found = [m for m in ("cv2", "av", "onnxruntime", "openvino", "iotcore", "rich")
         if importlib.util.find_spec(m)]
assert not found, found
touchline.field_from_pixels, touchline.pixels_from_field
try:
    with touchline.Client("mqtt://127.0.0.1:1") as client:
        client.wait_connected(2)
except touchline.BrokerError as error:
    print(type(error).__name__)
"""
    assert call(folder / "bin" / "python", "-c", program) == "BrokerError\n"


def files_below(folder: str) -> set[str]:
    """Names of the checkout's files below a folder, without what Python leaves there."""
    found = (p for p in (ROOT / folder).rglob("*") if p.is_file())
    return {str(p.relative_to(ROOT)) for p in found if "__pycache__" not in p.parts}


def write_foreign_project(folder: Path) -> None:
    """Write a project with packages `models` and `quantize`, and with bundles of another kind."""
    for package in ("models", "quantize"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text('OWNER = "theirs"\n')
    for bundle in ("models/bundles/soccer", "models/bundles/curling", "models/segments/bundle"):
        (folder / bundle).mkdir(parents=True)
        (folder / bundle / "manifest.json").write_text("{}")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "theirs"\nversion = "1"\ndependencies = ["touchline"]\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["models", "quantize"]\n'
    )


def build_wheel(project: Path, folder: Path) -> Path:
    """Build a project's wheel with the parts that this environment has."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *options, str(project)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def install(command: Path, wheel: Path) -> None:
    """Install a wheel beside an installed command; nothing is fetched."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    python = ["--python", str(command.parent / "python")]
    subprocess.run([*pip, *python, "install", "--no-deps", "--no-index", str(wheel)], check=True)


def call(command: Path, *arguments: str, cwd: Path | None = None) -> str:
    """Run an installed command from elsewhere, so that the checkout is not on its path."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [command, *arguments],
        cwd=cwd or command.parent,
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
    return closure(metadata.get_all("Requires-Dist", []))


def closure(requirements: Iterable[str]) -> set[str]:
    """Names of the installed distributions that requirements need."""
    needed: set[str] = set()
    waiting = list(requirements)
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
