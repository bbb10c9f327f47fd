"""The documentation: links lead somewhere, snippets run, generated parts are up to date."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import touchline
from edge.cli import main as command_line
from tests.publish.parts import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUN = [p for p in PAGES if p.parent.name in {"tutorials", "how-to"} or p.name == "README.md"]
NAMING = [
    "benchmarks",
    "configs",
    "docs/examples",
    "edge",
    "firmware_bridge",
    "models",
    "quantize",
    "scripts",
    "tests",
]
"""Folders of code and configurations that name pages."""
LONGEST = 1800
"""Words of a page that is no reference."""
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_PAGE = re.compile(r"\bdocs/(?:[\w-]+/)*[\w-]+\.md\b")
_FILE = re.compile(
    r"(?<![\w/.-])(?:benchmarks|configs|edge|models|quantize|scripts|tests)/[\w./-]*\w"
)
_MODULE = re.compile(r"python3? -m ([a-z_.]*[a-z])\b")
_TEXTS = {".py", ".conf", ".acl", ".yaml", ".json", ".html", ".js", ".sh", ".md", ""}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def name_of(path):
    return str(path.relative_to(ROOT))


def prose(text):
    """A page's text without its code."""
    return _FENCE.sub("", text)


def anchors(path):
    heads = re.findall(r"^#+ (.*)$", prose(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page):
    wrong = []
    for target in (a or b for a, b in _LINK.findall(prose(page.read_text()))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("folder", NAMING)
def test_code_and_configurations_name_pages_that_exist(folder):
    texts = [p for p in (ROOT / folder).rglob("*") if p.suffix in _TEXTS and p.is_file()]
    named = {(p, page) for p in texts for page in _PAGE.findall(p.read_text(errors="replace"))}
    assert [f"{name_of(p)}: {page}" for p, page in named if not (ROOT / page).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_files_and_modules_that_exist(page):
    if page.name == "CHANGELOG.md" or "decisions" in page.parts:
        return  # of their time
    text = page.read_text()
    files = [f for f in _FILE.findall(text) if not f.endswith("NAME")]
    modules = [m for m in _MODULE.findall(text) if m not in {"venv", "http.server", "pip"}]
    assert [f for f in files if not (ROOT / f).exists()] == []
    assert [m for m in modules if importlib.util.find_spec(m) is None] == []


def test_the_index_lists_every_page():
    docs = ROOT / "docs"
    listed = {(docs / a).resolve() for a, _ in _LINK.findall((docs / "README.md").read_text())}
    wanted = {p for p in docs.glob("*/*.md") if p.parent.name != "decisions"}
    assert sorted(name_of(p) for p in wanted - listed) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_is_too_long_to_read(page):
    if (
        "reference" not in page.parts
        and "results" not in page.parts
        and page.name != "CHANGELOG.md"
    ):
        assert len(page.read_text().split()) <= LONGEST


@pytest.mark.slow
def test_generated_reference_pages_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run python scripts/reference.py --write: {done.stdout}"


def test_results_pages_are_what_their_data_say():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.results", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run python -m benchmarks.results --write: {done.stdout}"


# -- snippets


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """A film, a still and a folder of stills, as the pages name them."""
    import cv2

    folder = tmp_path_factory.mktemp("footage")
    assert (
        command_line(["demo-clip", str(folder / "match.mp4"), "--seconds", "1", "--fps", "10"]) == 0
    )
    (folder / "pictures").mkdir()
    for number, (frame, _) in enumerate(touchline.track(folder / "match.mp4", every=4)):
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), frame.image)
    (folder / "still.png").write_bytes((folder / "pictures" / "0.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A box on a desk: a rendered live source, an embedded broker, a configuration; its port."""
    port = free_port()
    folder = tmp_path_factory.mktemp("box")
    (folder / "touchline.yaml").write_text("site: desk\ndevice: demo\nremote: {probation_s: 1}\n")
    command = [sys.executable, "-m", "edge.cli", "run", "--source"]
    command += ["rendered:soccer?seconds=600&live=1&fps=2&width=320&height=180"]
    command += ["--config", str(folder / "touchline.yaml"), "--broker", f"embedded:{port}"]
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
        process.terminate()
        process.wait(20)


@pytest.fixture
def desk(footage, tmp_path, monkeypatch):
    """A folder to run a page in, with copies of the footage."""
    for path in footage.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snippets(page, *kinds):
    return [(kind, text) for kind, text in _FENCE.findall(page.read_text()) if kind in kinds]


def with_port(text, port):
    return text.replace("mqtt://127.0.0.1", f"mqtt://127.0.0.1:{port}").replace(
        "mqtt://box", f"mqtt://127.0.0.1:{port}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in RUN if snippets(p, "python")], ids=name_of)
def test_python_snippets_run_as_printed(page, desk, box):
    names: dict[str, object] = {}
    for _, text in snippets(page, "python"):
        exec(compile(with_port(text, box), str(page), "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in RUN if snippets(p, "console")], ids=name_of)
def test_console_snippets_run_as_printed(page, desk, box):
    for _, text in snippets(page, "console"):
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "))
            if words[0] not in {"touchline", "openssl"} or "live=1" in line:
                continue  # the installation is another test's; the box runs already
            if words[1] == "listen":
                words += ["--broker", f"mqtt://127.0.0.1:{box}", "--seconds", "2"]
            if words[1] == "run":
                words += ["--broker", "embedded:0"]
            if words[1] == "demo-clip" and Path(words[2]).exists():
                continue
            if words[0] == "touchline":
                words[:1] = [sys.executable, "-m", "edge.cli"]
            done = subprocess.run(
                words,
                env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(desk / "state")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"
