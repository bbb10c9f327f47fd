from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.box.outputs.atomic_file import LineFile, check_folder, check_writable
from edge.errors import UsageError


def test_a_file_appears_with_its_first_whole_line_and_grows_by_whole_lines(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    file = LineFile(target)
    assert not target.exists()
    for number in range(3):
        file.write_json({"a": number})
        lines = target.read_text().splitlines()
        assert [json.loads(line) for line in lines] == [{"a": n} for n in range(number + 1)]
    file.close()
    assert list(tmp_path.iterdir()) == [target]


def test_an_aborted_file_leaves_what_was_there_before(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    for lines in (0, 1, 2):
        file = LineFile(target)
        for number in range(lines):
            file.write_json({"a": number})
        file.abort()
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]


def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path):
    target, link = tmp_path / "out.jsonl", tmp_path / "link.jsonl"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    file = LineFile(link)
    file.write_json({})
    file.close()
    assert link.is_symlink()
    assert target.read_text() == "{}\n"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    file = LineFile(target, overwrite=False)
    target.write_text("another's")
    with pytest.raises(FileExistsError, match="another program made this file"):
        file.write_json({})
    file.abort()
    assert target.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [target]


def test_a_device_is_written_to_and_not_replaced():
    file = LineFile(Path("/dev/null"))
    file.write_json({"gone": True})
    file.close()
    assert Path("/dev/null").is_char_device()


_FULL = """
import resource, sys
from pathlib import Path
from edge.box.outputs.atomic_file import LineFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
file = LineFile(Path(sys.argv[1]))
try:
    for number in range(1000):
        file.write_json({"number": number})
except OSError as error:
    print(error.strerror)
file.abort()
"""


@pytest.mark.process
def test_a_full_disk_keeps_the_whole_lines(tmp_path: Path):
    """A limit on the size of files stands for the disk's end."""
    target = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(target)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "File too large; the lines before are kept\n", done.stderr
    text = target.read_text()
    assert 900 < len(text) <= 1000
    assert text.endswith("}\n")
    assert [json.loads(line)["number"] for line in text.splitlines()] == [*range(text.count("\n"))]


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
