"""Films, outputs and other runs of `touchline segments`: nothing of a user's is harmed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.segments.claims import Claims
from edge.segments.records import record_name
from tests.segments.parts import write_bundle
from tests.segments.programmes import BLUE, GREY, RED, write_programme

pytestmark = pytest.mark.process

SHOTS = [(BLUE, 12.4), (GREY, 8.0), (RED, 10.0), (GREY, 5.0)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_bundle(folder / "tiny")
    write_programme(folder / "a.mkv", SHOTS)
    return folder


@pytest.fixture
def films(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(made / "a.mkv", folder / "a.mkv")
    return folder


def command(made: Path, *words: object) -> int:
    return main(["segments", *map(str, words), "--bundle", str(made / "tiny")])


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://user:secret@host/x",
        "http://h/secret.mkv",
        " RTSPS://u:p/secret@h/",
        "smb://h/secret",
    ],
)
def test_an_address_is_refused_and_nothing_of_it_told(
    made: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(made, address) == 2
    said = capsys.readouterr().err
    assert "segments takes files" in said
    assert "secret" not in said
    assert len(said.splitlines()) == 1


def test_a_pipe_is_refused_in_words(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(made, "-") == 2
    assert "save it to a file first" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Re:Zero.mkv", "http:x.mkv", "100% #1?.mkv", "a\nb.mkv"])
def test_a_file_of_any_name_is_read(
    made: Path, films: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (films / "a.mkv").rename(films / name)
    monkeypatch.chdir(films)
    assert command(made, name, "--beside", "--format", "edl", "--write-chapters") == 0
    assert (films / name).with_suffix(".edl").exists()


def test_a_file_address_is_a_file(
    made: Path, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "a.mkv").rename(films / "a b.mkv")
    assert command(made, f"file://{films}/a%20b.mkv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["segments"]


@pytest.mark.parametrize("link", ["same", "hard", "symbolic"])
def test_an_output_that_is_a_film_is_refused_before_any_work(
    made: Path, films: Path, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    film, target = films / "a.mkv", films / "a.edl"
    if link == "same":
        film = film.rename(target)
    elif link == "hard":
        target.hardlink_to(film)
    else:
        target.symlink_to(film)
    before = film.read_bytes()
    assert command(made, film, "--beside", "--format", "edl", "--overwrite") == 2
    assert "which is read" in capsys.readouterr().err
    assert film.read_bytes() == before
    assert target.is_symlink() == (link == "symbolic")


@pytest.mark.parametrize("where", ["beside", "out"])
def test_marks_that_a_person_wrote_or_corrected_stay(
    made: Path, films: Path, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ["--beside"] if where == "beside" else ["--out", tmp_path / "out"]
    words = [films / "a.mkv", *to, "--format", "edl"]
    edl = (films if where == "beside" else tmp_path / "out") / "a.edl"
    edl.parent.mkdir(exist_ok=True)
    edl.write_text("mine")
    assert command(made, *words) == 1
    assert "was not written by this command" in capsys.readouterr().err
    assert edl.read_text() == "mine"
    edl.unlink()
    assert command(made, *words) == 0
    status = edl.stat()
    assert command(made, *words, "--again") == 0
    assert edl.stat().st_ino == status.st_ino  # the same marks are not written again
    edl.write_text("corrected")
    assert command(made, *words) == 1
    assert "was changed since it was written" in capsys.readouterr().err
    assert edl.read_text() == "corrected"
    assert command(made, *words, "--overwrite") == 0
    assert edl.read_text() != "corrected"


def test_a_picture_that_is_there_is_not_replaced(
    made: Path, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "a.png"
    picture.parent.mkdir()
    picture.write_text("mine")
    assert command(made, films / "a.mkv", "--explain", picture.parent, "--again") == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert picture.read_text() == "mine"


def test_two_runs_over_one_folder_share_the_films(made: Path, films: Path, tmp_path: Path) -> None:
    for number in range(5):
        shutil.copy(made / "a.mkv", films / f"{number}.mkv")
    counted = tmp_path / "counted"
    script = (
        "import sys; from edge.cli import main, segments_run as s; real = s.analyse\n"
        "def noted(film, *r, **m):\n"
        f"    open({str(counted)!r}, 'a').write(film.name + chr(10)); return real(film, *r, **m)\n"
        "s.analyse = noted; sys.exit(main(sys.argv[1:]))"
    )
    words = ["segments", str(films), "--bundle", str(made / "tiny"), "--json"]
    words += ["--write-chapters", "--beside", "--format", "edl"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, env=environment
        )
        for _ in range(2)
    ]
    outs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    names = sorted(counted.read_text().splitlines())
    assert names == sorted({*names}) == sorted(f.name for f in films.glob("*.mkv"))
    assert all(len(out.splitlines()) == 6 for out in outs)
    assert {f.suffix for f in films.iterdir()} == {".mkv", ".edl"}
    kept = list((tmp_path / "state" / "touchline" / "segments").iterdir())
    assert {f.suffix for f in kept} == {".json"}


def test_a_claim_of_a_dead_process_is_free_and_one_of_a_living_is_not(
    films: Path, tmp_path: Path
) -> None:
    film, folder = films / "a.mkv", tmp_path / "claims"
    claims = Claims(folder)
    with claims.taken(film) as first, claims.taken(film) as second:
        assert (first, second) == (True, False)
    left = folder / f"{record_name(film)}.claim"
    left.touch()  # its process is dead: nobody holds the lock
    with claims.taken(film) as again:
        assert again
    assert not left.exists()


def test_parts_of_a_killed_run_go_and_those_of_a_living_one_stay(made: Path, films: Path) -> None:
    left = films / ".a.mkv.4194000-00000000.touchline.part"
    held = films / ".a.mkv.4194001-00000000.touchline.part"
    for file in (left, held):
        file.write_text("x")
    with held.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert command(made, films / "a.mkv") == 0
        assert not left.exists()
        assert held.exists()
