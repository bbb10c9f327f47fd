"""No command writes over what it reads, nor over what is there unless that was asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import pytest

from edge.cli import main
from tests.box.parts import write_video
from tests.capture.media import numbered
from tests.capture.media import write_picture as save

ODD = (
    b"http:x",
    b"Re:Zero",
    b"100%d %s",
    b"a#b?c=d",
    b"two\nlines",
    b"caf\xe9",
    b"[/b]bold",
    b"-o",
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of inputs, entered, so that other spellings of their names are at hand."""
    write_video(tmp_path / "film.mp4", frames=12)
    (tmp_path / "pics").mkdir()
    for number in range(3):
        save(tmp_path / "pics" / f"00000{number}.jpg", numbered(number))
    (tmp_path / "c.yaml").write_text("sport: soccer\nbroker: {type: embedded, port: 0}\n")
    os.link(tmp_path / "film.mp4", tmp_path / "hard.mp4")
    (tmp_path / "soft.mp4").symlink_to("film.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def run(*words: str) -> int:
    try:
        return main(list(words))
    except SystemExit as leaving:
        return int(str(leaving.code))


FILM = ["run", "--broker", "embedded:0", "--source"]
INPUTS = [
    [*FILM, "film.mp4", "--overlay", "film.mp4"],
    [*FILM, "film.mp4", "--out", "film.mp4"],
    [*FILM, "film.mp4", "--overlay", "./pics/../film.mp4"],
    [*FILM, "film.mp4", "--overlay", "{place}/film.mp4"],
    [*FILM, "film.mp4", "--overlay", "hard.mp4"],
    [*FILM, "film.mp4", "--overlay", "soft.mp4"],
    [*FILM, "soft.mp4", "--overlay", "film.mp4"],
    [*FILM, "hard.mp4", "--out", "soft.mp4"],
    [*FILM, "file://{place}/film.mp4", "--overlay", "film.mp4"],
    [*FILM, "file:film.mp4", "--overlay", "film.mp4"],
    [*FILM, "pics", "--out", "pics/000001.jpg"],
    [*FILM, "pics", "--out", "pics/new.jpg"],
    [*FILM, "pics", "--pictures", "pics"],
    [*FILM, "pics/000000.jpg", "--pictures", "pics"],
    [*FILM, "film.mp4", "--config", "c.yaml", "--out", "c.yaml"],
    [*FILM, "film.mp4", "--out", "new.mp4", "--overlay", "new.mp4"],
    [*FILM, "film.mp4", "--out", "new.mp4", "--overlay", "./pics/../new.mp4"],
    [*FILM, "film.mp4", "--out", "new/000000.jpg", "--pictures", "new"],
    ["register", "film.mp4", "--out", "film.mp4"],
    ["register", "film.mp4", "--out", "hard.mp4"],
    ["register", "file://{place}/film.mp4", "--out", "film.mp4"],
    ["register", "pics", "--out", "pics/000002.jpg"],
    ["register", "pics", "--overlay", "pics"],
    ["register", "pics/000000.jpg", "--overlay", "pics"],
    ["demo-clip", "new.mp4", "--truth", "new.mp4"],
]


@pytest.mark.parametrize("words", INPUTS, ids=" ".join)
def test_an_output_that_is_read_or_named_twice_is_refused_even_to_overwrite(
    place: Path, capfd, words: list[str]
):
    before = contents(place)
    assert run(*(w.format(place=place) for w in words), "--overwrite") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert contents(place) == before
    assert not (place / "new").exists()


EXISTING: list[tuple[list[str], str]] = [
    ([*FILM, "film.mp4", "--out", "old"], "old"),
    ([*FILM, "film.mp4", "--overlay", "old.mp4"], "old.mp4"),
    ([*FILM, "film.mp4", "--pictures", "drawn"], "drawn/000000.jpg"),
    (["register", "film.mp4", "--out", "old"], "old"),
    (["register", "pics/000001.jpg", "--overlay", "drawn"], "drawn/000001.jpg"),
    (["register", "film.mp4", "--overlay", "drawn"], "drawn/film_000003.jpg"),
    (["demo-clip", "old.mp4", "--seconds", "0.1"], "old.mp4"),
    (["demo-clip", "new.mp4", "--seconds", "0.1", "--truth", "old"], "old"),
    (["camera", "simulate", "--clip", "old.mp4", "--seconds", "0.1"], "old.mp4"),
    (["camera", "simulate", "--clip", "new.mp4", "--seconds", "0.1"], "new.truth.jsonl"),
    (["camera", "simulate", "--clip", "new.mp4", "--seconds", "0.1"], "new.freed.jsonl"),
]


@pytest.mark.parametrize(("words", "name"), EXISTING, ids=[f"{w[0]} {n}" for w, n in EXISTING])
def test_what_is_there_is_replaced_only_with_overwrite(
    place: Path, capfd, words: list[str], name: str
):
    old = place / name
    old.parent.mkdir(exist_ok=True)
    old.write_text("old")
    before = contents(place)
    assert run(*words) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"{name}: exists" in err
    assert "--overwrite" in err
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["demo-clip", "old.mp4", "--seconds", "0.1", "--truth", "old", "--overwrite"],
        ["camera", "simulate", "--clip", "old.mp4", "--seconds", "0.1", "--overwrite"],
    ],
)
def test_with_overwrite_it_is_replaced(place: Path, words: list[str]):
    for name in ("old", "old.mp4", "old.truth.jsonl", "old.freed.jsonl"):
        (place / name).write_text("old")
    assert run(*words) == 0
    with av.open("old.mp4") as video:
        assert next(video.decode(video=0)).width > 0
    lines = Path("old" if "--truth" in words else "old.truth.jsonl").read_text().splitlines()
    assert all("field_from_image" in json.loads(line) for line in lines)


@pytest.mark.parametrize("words", [[*FILM, "film.mp4", "--overlay", "pipe.mp4"]])
def test_a_video_is_not_written_into_a_pipe(place: Path, capfd, words: list[str]):
    os.mkfifo(place / "pipe.mp4")
    assert run(*words, "--overwrite") == 2
    assert "a video needs a file" in capfd.readouterr().err


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("stem", ODD)
def test_names_are_names(place: Path, stem: bytes):
    """Relative ones, as a shell gives them; FFmpeg takes some for addresses or patterns."""
    clip, truth, drawn = (
        Path(os.fsdecode(stem + ending)) for ending in (b".mp4", b".jsonl", b"-drawn")
    )
    size = ["--seconds", "0.3", "--fps", "10", "--width", "640", "--height", "360"]
    assert run("demo-clip", *size, f"--truth={truth}", "--", str(clip)) == 0
    assert run("register", f"--overlay={drawn}", f"--out={truth}.out", str(place / clip)) == 0
    assert [p.name for p in sorted(drawn.iterdir())] == [
        f"{clip.stem}_{number:06d}.jpg" for number in range(3)
    ]
    overlay = Path(f"{drawn}.mp4")
    words = [f"--source={place / clip}", f"--overlay={overlay}", f"--pictures={drawn}2"]
    assert run("run", "--broker", "embedded:0", *words) == 0
    with overlay.open("rb") as file, av.open(file) as video:
        assert sum(1 for _ in video.decode(video=0)) == 3
    assert sorted(p.name for p in Path(f"{drawn}2").iterdir()) == [
        "000000.jpg",
        "contact_sheet.jpg",
    ]
    for line in Path(f"{truth}.out").read_text().splitlines():
        assert json.loads(line)["image"].startswith(str(place / clip))
    assert not list(place.glob(".*"))


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:hunter2@127.0.0.1/live",
        "rtsp:/admin:hunter2@127.0.0.1/live",
        "http://admin:hunter2@127.0.0.1/film.mp4",
        "RTSPS://admin:hunter2@127.0.0.1/live",
        "rendered:soccer?password=hunter2",
        "v4l2:/dev/video0?password=hunter2",
    ],
)
def test_an_address_is_not_taken_for_a_file_and_not_shown(address: str, capfd):
    assert run("register", address) == 2
    out, err = capfd.readouterr()
    assert "hunter2" not in out + err
    assert "register takes files and folders; use touchline run --source" in err
    assert err.count("\n") == 1


def test_a_stray_address_is_not_shown(capfd):
    assert run("run", "rtsp://admin:hunter2@127.0.0.1/live") == 2
    out, err = capfd.readouterr()
    assert "hunter2" not in out + err
    assert "--source" in err


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_an_archive_is_not_written_over_its_key(place: Path, capfd, overwrite: list[str]):
    key = place / "private.pem"
    key.write_text("a key")
    os.link(key, place / "linked.pem")
    for out in ("private.pem", "linked.pem"):
        words = ["models", "pack", "soccer", "--key", "private.pem", "--out", out]
        assert run(*words, *overwrite) == 2
        assert "read" in capfd.readouterr().err
    assert key.read_text() == "a key"
