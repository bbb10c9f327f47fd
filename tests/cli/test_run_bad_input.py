"""Every bad input is one line on stderr and the right exit code, with nothing half-written."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest

from edge.cli import main
from tests.box.conftest import free_port
from tests.box.parts import write_video

pytestmark = pytest.mark.process


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    good = write_video(folder / "good.mp4", frames=12)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    with zipfile.ZipFile(folder / "zip.mp4", "w") as archive:
        archive.writestr("a.txt", "x")
    (folder / "no_index.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (folder / "empty_folder").mkdir()
    (folder / "broken.yaml").write_text("sport: soccer\nbroker: {type: embedded, prot: 1883}\n")
    (folder / "wrong.yaml").write_text("sport: [soccer\n")
    return folder


BAD = [
    (["--source", "{films}/absent.mp4"], 1, "absent.mp4: no such file"),
    (["--source", "{films}/empty.mp4"], 1, "empty.mp4: "),
    (["--source", "{films}/text.mp4"], 1, "text.mp4: "),
    (["--source", "{films}/zip.mp4"], 1, "zip.mp4: "),
    (["--source", "{films}/no_index.mp4"], 1, "no_index.mp4: "),
    (["--source", "{films}/empty_folder"], 1, "empty_folder: "),
    (["--source", "rtps://camera/stream"], 1, "did you mean 'rtsp'?"),
    (["--source", "rtsp://"], 1, "names no host"),
    (["--source", "/dev/video77"], 1, "/dev/video77: no such camera"),
    ([], 2, "no source"),
    (["--source", "{films}/good.mp4", "--sport", "socer"], 2, "did you mean 'soccer'?"),
    (
        ["--source", "{films}/good.mp4", "--field", "soccr"],
        2,
        "unknown field 'soccr': did you mean 'soccer'?",
    ),
    (
        ["--source", "{films}/good.mp4", "--field", "nfl"],
        2,
        "is of american_football, not of soccer",
    ),
    (["--source", "{films}/good.mp4", "--length", "900"], 2, "length_m"),
    (["--source", "{films}/good.mp4", "--broker", "mqt://x"], 2, "mqtt://"),
    (["--source", "{films}/good.mp4", "--broker", "mqtt://"], 2, "host"),
    (["--source", "{films}/good.mp4", "--site", "My Site"], 2, "site"),
    (
        ["--source", "{films}/good.mp4", "--overlay", "{out}/o.txt"],
        2,
        "o.txt: an overlay is a video",
    ),
    (["--source", "{films}/good.mp4", "--out", "{films}"], 2, "is a folder; name a file"),
    (
        ["--source", "{films}/good.mp4", "--out", "{films}/good.mp4/x.jsonl"],
        2,
        "is a file; name a folder",
    ),
    (["--config", "{films}/absent.yaml"], 2, "absent.yaml: no such file"),
    (
        ["--config", "{films}/broken.yaml"],
        2,
        "line 2: broker.prot: unknown key; did you mean 'port'?",
    ),
    (["--config", "{films}/wrong.yaml"], 2, "wrong.yaml: line "),
    (["--source", "{films}/good.mp4", "--bundle", "{films}"], 1, "no bundle here"),
]


@pytest.mark.parametrize(("options", "code", "line"), BAD, ids=[f"{b[2]}" for b in BAD])
def test_run_says_what_is_wrong(
    films: Path, tmp_path: Path, options: list[str], code: int, line: str, capfd
):
    out = tmp_path / "out"
    filled = [o.format(films=films, out=out) for o in options]
    if "--broker" not in filled:
        filled += ["--broker", "embedded:0"]
    if "--out" not in filled:
        filled += ["--out", str(out / "h.jsonl")]
    assert run(filled) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert line in captured.err
    assert "Traceback" not in captured.err
    assert not out.exists() or list(out.iterdir()) == []


def test_a_taken_port_of_the_embedded_broker_is_one_line(films: Path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["--source", str(films / "good.mp4"), "--broker", f"embedded:{port}"]) == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_one_line(films: Path, capfd):
    url = f"mqtt://127.0.0.1:{free_port()}"
    assert run(["--source", str(films / "good.mp4"), "--broker", url]) == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"touchline: {url}: nothing listens there" in err


def run(options: list[str]) -> int:
    try:
        return main(["run", *options])
    except SystemExit as leaving:
        return int(str(leaving.code))
