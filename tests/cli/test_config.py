from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from edge.cli import main
from edge.config import load_config


def test_show_prints_a_configuration_that_loads_again(tmp_path: Path, capsys):
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    file = tmp_path / "shown.yaml"
    file.write_text(shown)
    assert load_config(file).site == yaml.safe_load(shown)["site"]


def test_show_leaves_secrets_out(tmp_path: Path, capsys):
    file = tmp_path / "c.yaml"
    file.write_text(
        "broker: {type: mqtt, url: mqtt://host, username: u, password: hush}\n"
        "source: {type: rtsp, url: 'rtsp://user:hush@camera/1'}\n"
    )
    for form in ([], ["--json"]):
        assert main(["config", "show", str(file), *form]) == 0
        assert "hush" not in capsys.readouterr().out


def test_validate_names_every_problem_with_file_and_line(tmp_path: Path, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("sport: soccer\n")
    bad.write_text("sprt: soccer\nsite: Big Arena\n")
    assert main(["config", "validate", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: valid\n"
    assert main(["config", "validate", str(good), str(bad)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        [str(bad), "line 1", "sprt"],
        [str(bad), "line 2", "site"],
    ]
    assert main(["config", "validate", "--json", str(bad)]) == 1
    problems = json.loads(capsys.readouterr().out)
    assert (problems["valid"], len(problems["problems"])) == (False, 2)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path, content, capsys):
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_bytes(content)
    assert main(["config", "validate", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "c.yaml" in err


def test_schema_is_json(capsys):
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["sport"]
