"""Chapters in real files: everything else stays, and a failure leaves the file alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from edge.errors import SourceError
from edge.segments.chapters import Chapter
from edge.segments.remux import write_chapters
from tests.segments.films import chapters_of, make_film, run_tool, with_extras

pytestmark = pytest.mark.process

NEW = [Chapter(0, 2, "Recap"), Chapter(2, 5.5, "Intro"), Chapter(5.5, 8, "Chapter 02")]
OLD = [Chapter(0, 4, "Chapter 01"), Chapter(4, 8, "Chapter 02")]


def packets(path: Path) -> dict[int, list[tuple[int, bytes]]]:
    found: dict[int, list[tuple[int, bytes]]] = {}
    with av.open(str(path)) as film:
        titles = {s.index for s in film.streams if s.type == "data"}
        for packet in film.demux():
            if packet.size and packet.stream.index not in titles:
                at = round(float((packet.pts or 0) * packet.time_base) * 1000)
                found.setdefault(packet.stream.index, []).append((at, bytes(packet)))
    return found


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_pictures_and_sounds_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    film = make_film(tmp_path / f"ä b{suffix}", 8, sounds=2, chapters=OLD)
    film.chmod(0o640)
    with av.open(str(film)) as container:
        languages = [s.language for s in container.streams.audio]
    before = packets(film)
    told: list[float] = []
    write_chapters(film, NEW, told.append)
    after = packets(film)
    assert [c.title for c in chapters_of(film)] == ["Recap", "Intro", "Chapter 02"]
    assert [c.start_s for c in chapters_of(film)] == pytest.approx([0, 2, 5.5], abs=0.07)
    assert {k: [d for _, d in v] for k, v in after.items()} == {
        k: [d for _, d in v] for k, v in before.items()
    }
    for index, old in before.items():
        shift = {
            new_ms - old_ms for (old_ms, _), (new_ms, _) in zip(old, after[index], strict=True)
        }
        assert max(shift) - min(shift) <= 2
    assert max(told) == pytest.approx(1, abs=0.1)
    assert film.stat().st_mode & 0o777 == 0o640
    assert [f.name for f in tmp_path.iterdir()] == [film.name]
    with av.open(str(film)) as container:
        assert container.metadata["title"] == "A film"
        assert [s.language for s in container.streams.audio] == languages


def test_subtitles_and_attachments_stay(tmp_path: Path) -> None:
    film = with_extras(make_film(tmp_path / "a.mkv", 8), tmp_path / "b.mkv")

    def described() -> tuple[list[object], list[object]]:
        data = json.loads(run_tool("mkvmerge", "-J", str(film)))
        tracks = [
            (t["type"], t["codec"], *(t["properties"].get(k) for k in ("language", "forced_track")))
            for t in data["tracks"]
        ]
        files = [(a["file_name"], a["content_type"], a["size"]) for a in data["attachments"]]
        return tracks, files

    before = described()
    assert len(before[0]) == 3
    assert len(before[1]) == 1
    write_chapters(film, NEW)
    assert described() == before
    write_chapters(film, OLD)  # and once more, over what was written
    assert described() == before
    assert [c.title for c in chapters_of(film)] == [c.title for c in OLD]
    assert [c.end_s for c in chapters_of(film)] == pytest.approx([4, 8], abs=0.07)


def test_a_link_is_followed(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", 8)
    link = tmp_path / "link.mkv"
    link.symlink_to(film)
    write_chapters(link, NEW)
    assert link.is_symlink()
    assert len(chapters_of(film)) == 3


def test_a_file_that_holds_no_chapters_is_refused(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.avi", 2)
    before = film.read_bytes()
    with pytest.raises(SourceError, match=r"\.avi cannot hold chapters"):
        write_chapters(film, NEW)
    assert film.read_bytes() == before


FULL = """
import resource, signal, sys
from pathlib import Path
from edge.errors import SourceError
from edge.segments.chapters import Chapter
from edge.segments.remux import write_chapters
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write_chapters(Path(sys.argv[1]), [Chapter(0, 8, "Intro")])
except SourceError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_disk_that_is_full_leaves_the_file_as_it_was(
    tmp_path: Path, suffix: str, share: float
) -> None:
    film = make_film(tmp_path / f"a{suffix}", 8)
    before = film.read_bytes()
    command = [sys.executable, "-c", FULL, str(film), str(int(len(before) * share))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert made.returncode == 3, made.stderr
    assert "the file is as it was" in made.stdout
    assert film.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == [film.name]


def test_no_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "a.mkv", 2)
    monkeypatch.setattr("edge.segments.remux._SPARE_BYTES", 2**60)
    with pytest.raises(SourceError, match=r"a copy needs \d+ MB and \d+ MB are free"):
        write_chapters(film, NEW)
