"""The commands with the shipped network on rendered views whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.capture.rendered import RenderedMatch
from edge.cli import main
from edge.geometry import apply_homography
from tests.box.conftest import Mosquitto, Subscriber, wait_for

pytestmark = [pytest.mark.process, pytest.mark.slow]

WIDTH, HEIGHT = 960, 540


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the main camera, with the truth beside it."""
    path = tmp_path_factory.mktemp("clip") / "match.mp4"
    size = ["--width", str(WIDTH), "--height", str(HEIGHT)]
    options = ["--seconds", "2", "--fps", "10", "--no-cutaways"]
    truth = ["--truth", str(path.with_suffix(".jsonl"))]
    assert main(["demo-clip", str(path), *size, *options, *truth]) == 0
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def reprojection(truth: list[float], answer: list[float]) -> float:
    """Mean distance of the picture's field points under both, over the picture's height."""
    grid = np.stack(np.meshgrid(np.arange(-48, 49, 4), np.arange(-32, 33, 4)), -1).reshape(-1, 2)
    to_image = [np.linalg.inv(np.array(h).reshape(3, 3)) for h in (truth, answer)]
    seen, got = (apply_homography(h, grid) for h in to_image)
    inside = ((seen >= 0) & (seen < (WIDTH, HEIGHT))).all(axis=1)
    return float(np.linalg.norm(seen[inside] - got[inside], axis=1).mean()) / HEIGHT


def test_run_registers_publishes_and_draws(
    clip: Path, tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber, capsys
):
    out, overlay, pictures = (tmp_path / n for n in ("h.jsonl", "o.mp4", "pictures"))
    command = ["run", "--source", str(clip), "--broker", mosquitto.url, "--site", "hall", "--json"]
    files = ["--out", str(out), "--overlay", str(overlay), "--pictures", str(pictures)]
    assert main([*command, *files]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["captured"], summary["processed"], summary["dropped"]) == (20, 20, {})
    assert sum(summary["states"].values()) == 20
    assert set(summary["outputs"]) == {str(out), str(overlay), str(pictures)}
    assert {"infer", "verify", "total"} <= set(summary["latency_ms"])

    answers, truths = read_lines(out), read_lines(clip.with_suffix(".jsonl"))
    errors = [
        reprojection(truth["field_from_image"], answer["field_from_image"])
        for truth, answer in zip(truths, answers, strict=True)
        if answer["field_from_image"] is not None
    ]
    assert len(errors) >= 15
    assert np.median(errors) < 0.03

    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
    heard = {m["frame_id"]: m for m in subscriber.of("homography")}
    assert len(heard) == summary["publication"]["published"]
    for frame, message in heard.items():
        assert message["field_from_image"] == answers[frame]["field_from_image"]
        assert message["state"] == answers[frame]["state"]
        assert message["bundle"] == summary["bundle"]


def test_run_loses_what_shows_no_field(tmp_path: Path, mosquitto: Mosquitto, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 255, (360, 640, 3), np.uint8)
    grey = np.full((360, 640, 3), 128, np.uint8)
    black = np.zeros((360, 640, 3), np.uint8)
    for i, image in enumerate((noise, grey, black)):
        assert cv2.imwrite(str(folder / f"{i}.png"), image)
    assert main(["run", "--source", str(folder), "--broker", mosquitto.url, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["states"]["lost"] == summary["processed"] == 3
    assert sum(summary["reasons"].values()) == 3


def test_register_answers_for_each_picture_however_odd(tmp_path: Path, capsys):
    with RenderedMatch(seconds=0.1, width=1280, height=720, cutaways=False) as match:
        frame = match.read()
    assert frame is not None
    pictures = {
        "good.png": frame.image,
        "grey.png": cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY),
        "alpha.png": cv2.cvtColor(frame.image, cv2.COLOR_BGR2BGRA),
        "tiny.png": cv2.resize(frame.image, (16, 16)),
        "portrait.png": np.ascontiguousarray(frame.image[:, 400:800]),
        "large.png": cv2.resize(frame.image, (7680, 4320), interpolation=cv2.INTER_NEAREST),
    }
    for name, image in pictures.items():
        assert cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    names = [*pictures, "broken.png", "absent.png"]
    overlays = tmp_path / "overlays"
    paths = [str(tmp_path / name) for name in names]
    assert main(["register", *paths, "--overlay", str(overlays)]) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [line["image"] for line in lines] == paths
    assert [line for line in lines if line["error"] is not None] == lines[-2:]
    for line in lines:
        assert (line["field_from_image"] is None) == (line["state"] == "lost")
        assert {"image", "sport", "state", "field_from_image", "score", "reason"} <= set(line)
    assert lines[0]["field_from_image"] is not None
    assert lines[3]["state"] == "lost"
    assert sorted(p.stem for p in overlays.iterdir()) == sorted(n.split(".")[0] for n in pictures)
    assert captured.err.count("\n") == 1
    assert "broken.png" in captured.err


def test_register_fails_when_nothing_could_be_read(tmp_path: Path, capsys):
    out = tmp_path / "out.jsonl"
    assert main(["register", str(tmp_path / "absent.png"), "--out", str(out)]) == 1
    assert "absent.png" in read_lines(out)[0]["error"]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_live_run_takes_the_newest_frames_and_accounts_for_the_rest(
    clip: Path, mosquitto: Mosquitto, capsys
):
    command = ["run", "--source", str(clip), "--realtime", "--broker", mosquitto.url, "--json"]
    assert main(command) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["captured"] == 20
    assert summary["processed"] + sum(summary["dropped"].values()) == 20
    assert summary["processed"] >= 1
