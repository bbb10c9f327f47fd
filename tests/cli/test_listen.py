from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from rich.console import Console

from edge.box.box import Options, run_box
from edge.cli import main
from edge.cli.listen import Board
from edge.config import Config, with_changes
from edge.publish.client.subscriber import Health, Homography, Received
from edge.publish.messages.examples import TOPICS
from edge.publish.mqtt.topics import Address
from edge.types import RegistrationState, RejectionReason
from tests.box.conftest import Mosquitto, NetworkMaker, free_port
from tests.box.parts import ScriptedRegistrar, write_video


@pytest.mark.process
def test_what_a_box_left_on_the_broker_comes_as_json_lines(
    tmp_path: Path, mosquitto: Mosquitto, capsys
):
    film = write_video(tmp_path / "film.mp4", frames=5)
    run_box(
        with_changes(Config(), {"broker": mosquitto.url, "site": "hall", "device": "box1"}),
        Options(source=str(film)),
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar()),
    )
    command = ["listen", "--broker", mosquitto.url, "--site", "hall", "--json"]
    assert main([*command, "--count", "2", "--seconds", "20"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    kinds = {line["kind"] for line in lines}
    assert kinds <= {"state", "info", "latest", "health"}
    assert all(line["retained"] and line["device"] == "box1" for line in lines)


def test_a_broker_that_is_not_there_is_one_line(capsys):
    assert main(["listen", "--broker", f"mqtt://127.0.0.1:{free_port()}"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "nothing listens there" in err


def message(seq: int, state: RegistrationState = RegistrationState.VERIFIED) -> Received:
    lost = state is RegistrationState.LOST
    homography = Homography.model_validate(
        {
            "schema": Homography.SCHEMA,
            "session": "0" * 16,
            "seq": seq,
            "camera": "cam1",
            "frame_id": seq,
            "capture": {"time_ns": 1, "clock": "host"},
            "image_size": (1280, 720),
            "field": {"name": "soccer", "length_m": 105, "width_m": 68},
            "state": state,
            "reason": RejectionReason.NO_FIELD if lost else RejectionReason.NONE,
            "field_from_image": None if lost else [1, 0, 0, 0, 1, 0, 0, 0, 1],
            "quality": {"score": 0.0 if lost else 0.93, "inliers": 20},
            "latency_ms": {"total": 12.34},
        }
    )
    return Received(Address("hall", "box1", "homography", "cam1"), homography, False, 0)


def text_of(board: Board, now_s: float, problem: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(board.render(now_s, problem))
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


def test_the_table_shows_state_rate_and_what_was_missed():
    board = Board()
    for i, seq in enumerate((1, 2, 5)):
        board.add(message(seq), now_s=10 + 0.1 * i)
    board.add(message(6, RegistrationState.LOST), now_s=10.3)
    row = next(line for line in text_of(board, 10.5).splitlines() if "hall/box1/cam1" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        "hall/box1/cam1",
        "?",
        "lost no_field",
        "0.00",
        "-",
        "2.0",
        "75 %",
        "2",
        "12.3",
    ]


@pytest.mark.parametrize("problem", [None, "mqtt://x: the connection is lost"])
def test_an_empty_table_and_a_problem_are_shown(problem: str | None):
    text = text_of(Board(), 0.0, problem)
    assert "camera" in text
    assert (problem or "") in text


def test_a_box_is_shown_with_how_it_fares():
    (health,) = [e for doc in TOPICS if doc.topic == "health" for e in doc.examples]
    assert isinstance(health, Health)
    board = Board()
    board.add(Received(Address("hall", "box1", "health"), health, False, 0), now_s=10.0)
    ill = health.model_copy(update={"live": False, "problems": ["source: no answer"]})
    board.add(Received(Address("hall", "box2", "health"), ill, False, 0), now_s=10.0)

    def row(box: str, now_s: float) -> list[str]:
        line = next(li for li in text_of(board, now_s).splitlines() if box in li)
        return [cell.strip() for cell in line.strip("│").split("│")]

    assert row("hall/box1", 12.0) == [
        "hall/box1",
        "yes",
        "24.8 25.0",
        "578 (0.6 %)",
        "21 30",
        "412 MB",
        "61 °C",
        "chrony ±3.4 ms",
    ]
    assert row("hall/box2", 12.0)[1] == "source: no answer"
    assert row("hall/box1", 60.0)[1] == "silent for 50 s"
