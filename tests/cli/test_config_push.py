"""`touchline config push` and `show --broker` against a running box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli import main
from tests.box.remote_parts import ManagedBox, client_of, settings, write_config
from tests.publish.conftest import mosquitto
from tests.publish.parts import Mosquitto, free_port

pytestmark = pytest.mark.process

__all__ = ["mosquitto"]


def test_push_shows_what_became_of_it_and_says_it_by_its_code(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    url = mosquitto.endpoint.url
    (tmp_path / "box").mkdir()
    file = tmp_path / "wanted.yaml"
    with ManagedBox(write_config(tmp_path / "box", settings(url))) as box:
        with client_of(mosquitto.endpoint) as client:
            client.reported(60)
        write_config(tmp_path, settings(url, registration={"refine": "never"})).rename(file)
        assert main(["config", "push", str(file)]) == 0
        assert capsys.readouterr().out == "revision 1: applied; changes registration.refine\n"
        where = ["--broker", url, "--site", "hall", "--device", "box1"]
        assert main(["config", "show", *where]) == 0
        shown = capsys.readouterr()
        assert "revision: 1\n" in shown.out
        assert "refine: never\n" in shown.out
        assert "revision 1 in force; applied (revision 1 desired)" in shown.err

        assert main(["config", "push", str(file), "--revision", "1"]) == 0  # the same once more
        file.write_text("engine: {threads: 0}\nsite: hall\ndevice: box1\n")
        assert main(["config", "push", str(file)]) == 2
        assert "line 1: engine.threads: " in capsys.readouterr().err
        push = ["config", "push", str(file), *where]
        assert main([*push, "--unchecked"]) == 1
        out = capsys.readouterr().out.splitlines()
        assert out[0] == "revision 2: rejected; revision 1 stays in force"
        assert out[1].startswith("  engine.threads: expected greater than or equal to 1")
        assert main([*push, "--unchecked", "--json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["errors"][0]["path"] == "engine.threads"
        file.write_text("device: box2\nsite: hall\n")
        assert main([*push, "--later"]) == 0
        assert "pending_restart" in capsys.readouterr().out
    assert box.error is None


def exit_code(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as left:  # argparse's way
        return left.code


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{folder}/absent.yaml"], 2, "no such file"),
        (["{folder}/list.yaml", "--unchecked"], 2, "expected a section"),
        (["{folder}/good.yaml", "--site", "A B"], 2, "site 'A B'"),
        (["{folder}/good.yaml", "--revision", "0"], 2, "at least 1"),
        (["{folder}/good.yaml", "--broker", "mqtt://127.0.0.1:{port}"], 1, "nothing listens"),
    ],
)
def test_what_cannot_be_pushed_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    (tmp_path / "good.yaml").write_text("site: hall\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    filled = [a.format(folder=tmp_path, port=free_port()) for a in arguments]
    assert exit_code(["config", "push", *filled]) == code
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err
