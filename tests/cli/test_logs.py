"""What is written on stderr: lines or JSON, at a level, and never a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge.cli import logs, main
from edge.config import Config, with_changes
from tests.box.conftest import Mosquitto, free_port
from tests.box.parts import write_video


@pytest.fixture
def shown():
    """Logs that are shown, and muted again afterwards."""
    logs.mute()
    logs.show_warnings()
    yield
    logs.mute()


def configured(**changes: object) -> None:
    logs.configure(with_changes(Config(), changes))


def fail_with(error: Exception) -> None:
    raise error


def test_json_lines_carry_time_level_logger_message_and_traceback(shown, capsys):
    configured(**{"log.format": "json", "log.level": "info"})
    logging.getLogger("edge.publish").info("a %s line\nof two", "good")
    try:
        fail_with(RuntimeError("broken ü"))
    except RuntimeError:
        logging.getLogger("edge.box").exception("it broke")
    logging.getLogger("edge.box").debug("too fine")
    logging.getLogger("paho").info("not ours")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert first["message"] == "a good line\nof two"
    assert (first["level"], first["logger"]) == ("info", "edge.publish")
    assert first["time"].endswith("+00:00")
    assert second["level"] == "error"
    assert "RuntimeError: broken ü" in second["exception"]


def test_text_is_one_line_for_a_person(shown, capsys):
    configured()
    logging.getLogger("edge.publish").warning("the broker\nis away")
    logging.getLogger("edge.publish").info("not at this level")
    assert capsys.readouterr().err == "touchline: the broker is away\n"


def test_no_secret_is_written(shown, capsys, tmp_path: Path, monkeypatch):
    (tmp_path / "broker.password").write_text("hunter2!\nsecond line")
    monkeypatch.setenv("CAMERA_PASSWORD", "topsecret/4")
    source = {
        "type": "rtsp",
        "url": "rtsp://10.0.0.1/1",
        "username": "u",
        "password_env": "CAMERA_PASSWORD",
    }
    broker = {
        "type": "mqtt",
        "url": "mqtt://b",
        "username": "u",
        "password_file": tmp_path / "broker.password",
    }
    for form in ("text", "json"):
        configured(source=source, broker=broker, **{"log.format": form})
        logging.getLogger("edge").warning("refused: u:hunter2! at topsecret/4")
        logging.getLogger("edge").warning("rtsp://admin:p@ss:word@10.0.0.1/1 and mqtts://u@h:1 ok")
        try:
            fail_with(ValueError("password=hunter2!"))
        except ValueError:
            logging.getLogger("edge").exception("failed")
    written = capsys.readouterr().err
    assert "rtsp://***@10.0.0.1/1 and mqtts://***@h:1 ok" in written
    for secret in ("hunter2!", "topsecret", "admin", "p@ss", "word@"):
        assert secret not in written
    assert written.count("refused: u:*** at ***") == 2


def test_a_password_that_cannot_be_read_is_not_the_logs_to_complain_of(tmp_path: Path):
    broker = {
        "type": "mqtt",
        "url": "mqtt://b",
        "username": "u",
        "password_file": tmp_path / "absent",
    }
    configured(broker=broker)


@pytest.mark.process
@pytest.mark.slow
def test_a_run_writes_json_lines_and_its_failure_is_one(
    tmp_path: Path, mosquitto: Mosquitto, capsys
):
    config = tmp_path / "box.yaml"
    config.write_text(
        f"log: {{format: json}}\nbroker: {mosquitto.url}\nhealth: {{http: null}}\n"
        f"source: {{type: file, path: {write_video(tmp_path / 'film.mp4', frames=3)}}}\n"
    )
    assert main(["run", "--config", str(config), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert any("publishing to mqtt://127.0.0.1" in line["message"] for line in lines)
    nobody = f"mqtt://127.0.0.1:{free_port()}"
    assert main(["run", "--config", str(config), "--broker", nobody]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["level"] == "error"
    assert main(["run", "--source", "absent.mp4"]) == 1
    assert capsys.readouterr().err.startswith("touchline: "), "the next command has its own logs"
