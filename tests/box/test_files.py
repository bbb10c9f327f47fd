from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.box.files import WholeFile, check_folder, check_writable
from edge.errors import UsageError


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    file = WholeFile(target)
    file.write_json({"a": 1})
    assert not target.exists()
    file.close()
    assert json.loads(target.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_an_aborted_file_leaves_what_was_there_before(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    file = WholeFile(target)
    file.write("half of")
    file.abort()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_device_is_written_to_and_not_replaced():
    file = WholeFile(Path("/dev/null"))
    file.write("gone")
    file.close()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["", "file/below.jsonl"])
def test_what_cannot_be_written_is_refused_before_any_work(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError) as error:
        check_writable(tmp_path / name)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_missing_folders_are_made(tmp_path: Path):
    check_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
