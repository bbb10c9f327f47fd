"""Parts of files: whose are removed, and whose never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.part_file import PartFile, discard_open_parts, sweep_parts, write_new, writer_of

pytestmark = pytest.mark.process

_WRITER = """
import sys
from pathlib import Path
from edge.part_file import PartFile
part = PartFile(Path(sys.argv[1]))
part.stream.write(b"half")
part.stream.flush()
print("writing", flush=True)
sys.stdin.read()
"""
NAMES = (
    b"o.mp4",
    b"http:x.mp4",
    b"100%d.mp4",
    b"a#b.mp4",
    b"-o.mp4",
    b"two\nlines",
    b"caf\xe9.mp4",
)


def writer(target: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, os.fsencode(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    return process


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


@pytest.mark.parametrize("name", NAMES)
def test_the_part_of_a_killed_process_goes_at_the_next_start(tmp_path: Path, name: bytes):
    target = tmp_path / os.fsdecode(name)
    with writer(target) as process:
        assert len(parts(tmp_path)) == 1
        sweep_parts(tmp_path)
        assert len(parts(tmp_path)) == 1, "its writer lives"
        assert writer_of(target) == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
        sweep_parts(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert writer_of(target) is None


def test_what_is_not_ours_stays(tmp_path: Path):
    ours = f".o.mp4.{os.getpid()}-0123abcd.touchline.part"
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / ours).write_text("a file elsewhere")
    (tmp_path / ours).symlink_to(tmp_path / "else" / ours)
    os.mkfifo(tmp_path / ".o.mp4.1-0123abcd.touchline.part")
    (tmp_path / ".o.mp4.2-0123abcd.touchline.part").mkdir()
    for name in ("o.mp4.part", ".o.mp4.123.part", ".o.mp4.part", "o.1-0123abcd.touchline.part"):
        (tmp_path / name).write_text("another program's")
    before = sorted(tmp_path.rglob("*"))
    sweep_parts(tmp_path)
    sweep_parts(tmp_path / "absent")
    assert sorted(tmp_path.rglob("*")) == before


def test_another_users_part_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    part = tmp_path / ".o.mp4.1-0123abcd.touchline.part"
    part.write_text("x")
    monkeypatch.setattr(os, "geteuid", lambda: part.stat().st_uid + 1)
    sweep_parts(tmp_path)
    assert part.exists()


def test_a_longest_name_has_room_for_its_part(tmp_path: Path):
    target = tmp_path / ("ü" * 125 + ".mp4")
    with writer(target) as process:
        assert writer_of(target) == process.pid
        assert writer_of(tmp_path / ("ü" * 124 + "u.mp4")) is None
        process.kill()
    sweep_parts(tmp_path)
    write_new(target, b"whole")
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path):
    target = tmp_path / "o"
    part = PartFile(target, overwrite=False)
    part.stream.write(b"ours")
    target.write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        part.publish()
    part.discard()
    assert target.read_bytes() == b"another's"
    assert list(tmp_path.iterdir()) == [target]


def test_parts_that_are_open_can_all_be_removed_at_once(tmp_path: Path):
    open_parts = [PartFile(tmp_path / name) for name in "abc"]
    open_parts[0].publish()
    discard_open_parts()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    for part in open_parts:
        part.discard()
