"""Options that several commands share mean the same in each, and so do their lines."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

import touchline
from edge.cli import main
from edge.publish.messages.examples import TOPICS
from tests.box.parts import write_video
from tests.cli.test_ends import started

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
SIZE = ["--width", "640", "--height", "360", "--fps", "10", "--no-cutaways"]
RUN = ["run", "--broker", "embedded:0", "--engine", "onnxruntime"]
REGISTER = ["register", "--engine", "onnxruntime"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "match.mp4"
    assert main(["demo-clip", str(path), "--seconds", "0.7", *SIZE]) == 0
    return path


def read_lines(path: Path) -> list[dict]:
    schema = json.loads((ROOT / "configs/schema/registration.v1.schema.json").read_text())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)
    return lines


@pytest.mark.slow
def test_run_register_and_the_package_write_one_form(clip: Path, tmp_path: Path, capsys):
    size = ["--length", "100", "--width", "64"]
    common = ["--camera-side", "far", "--every", "3", "--sport", "soccer", *size]
    by_run, by_register = tmp_path / "run.jsonl", tmp_path / "register.jsonl"
    assert main([*RUN, "--source", str(clip), "--out", str(by_run), *common, "--json"]) == 0
    assert main([*REGISTER, str(clip), "--out", str(by_register), *common]) == 0
    tracked = touchline.track(
        clip, "soccer", length_m=100, width_m=64, camera_side="far", every=3, engine="onnxruntime"
    )
    forms = [read_lines(by_run), read_lines(by_register), [r.to_dict() for _, r in tracked]]
    for lines in forms:
        assert [line["frame"] for line in lines] == [0, 3, 6]
        assert [line["image"] for line in lines] == [f"{clip}/{i}" for i in (0, 3, 6)]
        assert [line["pts_s"] for line in lines] == pytest.approx([0, 0.3, 0.6])
        assert {tuple(line["image_size"]) for line in lines} == {(640, 360)}
        assert lines[0]["field"] == {"name": "soccer", "length_m": 100, "width_m": 64}
        assert [list(line) for line in lines] == [list(forms[0][0])] * 3
    first = [np.array(lines[0]["field_from_image"]) for lines in forms]
    np.testing.assert_allclose(first[1], first[0])
    np.testing.assert_allclose(first[2], first[0])
    summary = json.loads(capsys.readouterr().out)
    assert (summary["processed"], summary["outputs"]) == (3, [str(by_run)])


def test_the_far_side_is_the_near_one_turned(clip: Path, tmp_path: Path):
    matrices = []
    for side in ("near", "far"):
        out = tmp_path / f"{side}.jsonl"
        assert main([*REGISTER, str(clip), "--out", str(out), "--camera-side", side]) == 0
        matrices.append(np.array(read_lines(out)[0]["field_from_image"]).reshape(3, 3))
    near, far = (m @ (320, 200, 1) for m in matrices)
    np.testing.assert_allclose(far[:2] / far[2], -near[:2] / near[2])


def test_json_prints_the_lines_beside_out(clip: Path, tmp_path: Path, capsys):
    out = tmp_path / "lines.jsonl"
    words = [*REGISTER, str(clip), str(tmp_path / "absent.png"), "--every", "4"]
    assert main([*words, "--out", str(out), "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == read_lines(out)
    assert [line["error"] is None for line in printed] == [True, True, False]
    assert main([*words, "--json"]) == main(words) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.slow
def test_a_folder_as_overlay_gets_pictures(clip: Path, tmp_path: Path):
    for words in ([*RUN, "--source", str(clip)], [*REGISTER, str(clip), "--every", "6"]):
        folder = tmp_path / words[0]
        assert main([*words, "--overlay", str(folder)]) == 0
        assert all(cv2.imread(str(p)) is not None for p in folder.iterdir())
        assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([*RUN, "--source", "film.mp4", "--overlay", "a", "--pictures", "b"], "name one"),
        ([*REGISTER, "film.mp4", "--overlay", "drawn.mp4"], "register draws pictures"),
        ([*RUN, "--source", "rtsp://127.0.0.1:1/a", "--every", "2"], "is for files"),
        ([*RUN, "--source", "film.mp4", "--every", "0"], "at least 1"),
        ([*REGISTER, "film.mp4", "--camera-side", "left"], "known: near, far"),
        ([*RUN, "--source", "film.mp4", "--camera-side", "fear"], "did you mean"),
    ],
)
def test_wrong_wishes_are_wrong_use(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    write_video(tmp_path / "film.mp4", frames=3)
    monkeypatch.chdir(tmp_path)
    try:
        code = main(words)
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    assert told in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_listener_ends_as_a_run_does(number: signal.Signals, code: int, mosquitto, tmp_path):
    (state,) = (doc.examples[0] for doc in TOPICS if doc.topic == "state")
    address = ["-h", "127.0.0.1", "-p", str(mosquitto.port), "-t", "touchline/v1/a/b/state"]
    subprocess.run(["mosquitto_pub", *address, "-r", "-m", state.payload()], check=True)
    with started(tmp_path, "listen", "--broker", mosquitto.url, "--json") as process:
        assert process.stdout is not None
        assert b'"kind":"state"' in process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert b"Traceback" not in out + err


def test_a_simulated_camera_ends_as_other_commands_do(tmp_path: Path):
    words = ["camera", "simulate", "--no-video", "--host", "127.0.0.1"]
    with started(tmp_path, *words) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"Ctrl-C"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
