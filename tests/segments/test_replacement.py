"""A film that is replaced keeps what is no content, and is whole at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import SourceError
from edge.segments.chapters import Chapter
from edge.segments.remux import write_chapters
from edge.segments.replacement import Change, pieces
from tests.segments.films import chapters_of, make_film

pytestmark = pytest.mark.process

NEW = [Chapter(0, 2, "Recap"), Chapter(2, 8, "Intro")]
MTIME_NS = 1_500_000_000_123_456_789


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".webm"])
def test_mode_times_and_attributes_stay(tmp_path: Path, suffix: str) -> None:
    film = make_film(tmp_path / "a.mkv", 8)
    if suffix != ".mkv":
        from tests.segments.containers import ffmpeg

        codecs = ["-c:v", "libvpx", "-c:a", "libopus"] if suffix == ".webm" else ["-c", "copy"]
        ffmpeg("-i", film, *codecs, tmp_path / f"b{suffix}")
        film = tmp_path / f"b{suffix}"
    film.chmod(0o2641)
    os.setxattr(film, "user.xdg.tags", b"seen,good")
    os.setxattr(film, "user.empty", b"")
    os.utime(film, ns=(MTIME_NS - 5, MTIME_NS))
    write_chapters(film, NEW)
    status = film.stat()
    assert status.st_mode & 0o7777 == 0o2641
    assert status.st_mtime_ns == MTIME_NS
    assert os.getxattr(film, "user.xdg.tags") == b"seen,good"
    assert os.getxattr(film, "user.empty") == b""
    assert [c.title for c in chapters_of(film)] == ["Recap", "Intro"]


def test_the_owner_stays(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", 8)
    owner = (12345, 23456) if os.geteuid() == 0 else (os.getuid(), max(os.getgroups()))
    os.chown(film, *owner)  # only root gives files away
    write_chapters(film, NEW)
    assert (film.stat().st_uid, film.stat().st_gid) == owner


def test_another_name_of_the_film_keeps_the_old_one(tmp_path: Path) -> None:
    film, other = make_film(tmp_path / "a.mkv", 8), tmp_path / "seeding.mkv"
    other.hardlink_to(film)
    before = other.read_bytes()
    write_chapters(film, NEW)
    assert other.read_bytes() == before
    assert len(chapters_of(film)) == 2


KILLED = """
import sys
from pathlib import Path
from edge.segments.chapters import Chapter
from edge.segments.remux import write_chapters
print("ready", flush=True)
while True:
    write_chapters(Path(sys.argv[1]), [Chapter(0, 4, "A"), Chapter(4, 8, "B")])
    write_chapters(Path(sys.argv[1]), [Chapter(0, 2, "Recap"), Chapter(2, 8, "Intro")])
"""


def test_a_process_that_is_killed_leaves_a_whole_film(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", 8)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for delay_s in (0.001, 0.01, 0.02, 0.03):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(film)], stdout=subprocess.PIPE, env=environment
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(delay_s)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert [c.title for c in chapters_of(film)] in ([], ["A", "B"], ["Recap", "Intro"])
    write_chapters(film, NEW)
    assert [f.name for f in tmp_path.iterdir()] == ["a.mkv"]


def test_a_film_that_another_program_changes_meanwhile_is_left(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", 8)

    def append(share: float) -> None:
        with film.open("ab") as file:
            file.write(b"\0")

    with pytest.raises(SourceError, match="another program changed the file"):
        write_chapters(film, NEW, append)
    assert chapters_of(film) == []
    assert [f.name for f in tmp_path.iterdir()] == ["a.mkv"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.mkv"
    os.mkfifo(fifo)
    with pytest.raises(SourceError, match="no regular file"):
        write_chapters(fifo, NEW)
    with pytest.raises(SourceError, match="no such file"):
        write_chapters(tmp_path / "none.mkv", NEW)


@given(st.data())
def test_pieces_make_the_changed_file(data: st.DataObject) -> None:
    old = bytes(data.draw(st.lists(st.integers(0, 255), max_size=40)))
    places = sorted(data.draw(st.lists(st.integers(0, len(old)), max_size=8)))
    changes = [
        Change(a, b, data.draw(st.binary(max_size=4)))
        for a, b in zip(places[::2], places[1::2], strict=False)
    ]
    wanted, at = b"", 0
    for change in changes:
        wanted += old[at : change.start] + change.data
        at = change.end
    made = [p if isinstance(p, bytes) else old[p[0] : p[1]] for p in pieces(changes, len(old))]
    assert b"".join(made) == wanted + old[at:]


def test_pieces_that_overlap_are_an_error() -> None:
    with pytest.raises(ValueError, match="overlap"):
        list(pieces([Change(0, 5, b""), Change(4, 6, b"")], 9))
