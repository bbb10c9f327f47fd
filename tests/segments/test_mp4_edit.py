"""Chapters in MP4 and MOV files: the index changes in them alone, and every sample stays."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from edge.errors import SourceError
from edge.segments.chapters import Chapter
from edge.segments.remux import write_chapters
from tests.segments.containers import (
    MP4,
    ffmpeg,
    payload,
    probe,
    probed_chapters,
    write_container,
)
from tests.segments.films import chapters_of, make_film

pytestmark = pytest.mark.process

FEW = [Chapter(0, 3, "Recap"), Chapter(3, 7, "Intro"), Chapter(7, 12, "Épisode")]
MANY = [Chapter(n / 10, (n + 1) / 10, f"{n} {'x' * 60}") for n in range(120)]
OLD = [Chapter(0, 4, "One"), Chapter(4, 12, "Two")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


def film_of(made: Path, tmp_path: Path, name: str, has: str) -> Path:
    """A film that has no chapters, a text track of them, or that and a list."""
    film = tmp_path / name
    plain = write_container(made, name)
    if has == "none":
        shutil.copy(plain, film)
        return film
    told = tmp_path / "c.txt"
    told.write_text(
        ";FFMETADATA1\n"
        + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={round(c.start_s * 1000)}\n"
            f"END={round(c.end_s * 1000)}\ntitle={c.title}\n"
            for c in OLD
        )
    )
    flags = ["faststart"] * ("faststart" in name) + ["disable_chpl"] * (has == "track")
    more = ["-movflags", "+".join(flags)] if flags else []
    ffmpeg("-i", plain, "-i", told, "-map", "0", "-map_chapters", "1", "-c", "copy", *more, film)
    return film


@pytest.mark.parametrize("has", ["none", "track", "both"])
@pytest.mark.parametrize("name", MP4)
def test_every_sample_and_tag_stays(made: Path, tmp_path: Path, name: str, has: str) -> None:
    film = film_of(made, tmp_path, name, has)

    def told() -> object:
        found = probe(film, "streams", "format")
        for stream in found["streams"]:
            if stream["codec_type"] == "data":  # the chapters' own track
                for key in ("duration", "duration_ts", "nb_frames", "bit_rate", "avg_frame_rate",
                            "r_frame_rate", "start_pts", "start_time", "time_base"):  # fmt: skip
                    stream.pop(key, None)
        for key in ("size", "bit_rate"):
            found["format"].pop(key)
        return found

    before = told(), payload(film)
    kinds = [box[0] for box in boxes(film.read_bytes()) if box[0] != b"free"]
    for chapters in (FEW, MANY, FEW):
        write_chapters(film, chapters)
        assert (told(), payload(film)) == before
        wanted = [(round(c.start_s, 3), c.title) for c in chapters]
        assert probed_chapters(film) == wanted
        assert [c.end_s for c in chapters_of(film)] == pytest.approx(
            [c.end_s for c in chapters], abs=0.1
        )  # the last goes to the end of the sound
    now = [box[0] for box in boxes(film.read_bytes()) if box[0] != b"free"]
    assert now[: len(kinds)] == kinds  # the index stays where it was


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        found.append((kind, at, at + size))
        at += size
    return found


def test_the_places_of_a_text_track_are_right_in_a_film_with_its_index_in_front(
    made: Path, tmp_path: Path
) -> None:
    film = film_of(made, tmp_path, "faststart.mp4", "track")
    for chapters in (MANY, FEW):
        write_chapters(film, chapters)
        assert probed_chapters(film) == [(round(c.start_s, 3), c.title) for c in chapters]


def test_a_cover_and_tags_stay(made: Path, tmp_path: Path) -> None:
    from PIL import Image

    cover, film = tmp_path / "cover.png", tmp_path / "c.mp4"
    Image.new("RGB", (40, 60), (9, 99, 199)).save(cover)
    ffmpeg(
        "-i", write_container(made, "plain.mp4"), "-i", cover, "-map", "0", "-map", "1", "-c",
        "copy", "-disposition:v:1", "attached_pic", "-metadata", "title=T", "-metadata",
        "artist=A", "-metadata:s:a:0", "language=por", film,
    )  # fmt: skip
    before = probe(film, "streams"), payload(film)
    write_chapters(film, FEW)
    assert (probe(film, "streams"), payload(film)) == before
    assert probe(film, "format")["format"]["tags"]["artist"] == "A"


def refused(film: Path, why: str) -> None:
    before = film.read_bytes()
    with pytest.raises(SourceError, match=why) as caught:
        write_chapters(film, FEW)
    assert film.read_bytes() == before
    said = str(caught.value)
    assert "\n" not in said
    assert "\\x" not in said
    assert [f.name for f in film.parent.iterdir() if f.suffix == ".part"] == []


def test_what_cannot_be_kept_is_refused_in_words(made: Path, tmp_path: Path) -> None:
    film = tmp_path / "fragments.mp4"
    seed = write_container(made, "plain.mp4")
    ffmpeg("-i", seed, "-c", "copy", "-movflags", "frag_keyframe+empty_moov", film)
    refused(film, "fragmented MP4")
    cut = tmp_path / "cut.mp4"
    front = write_container(made, "faststart.mp4").read_bytes()
    cut.write_bytes(front[: len(front) * 2 // 3])
    refused(cut, "cut off or damaged")
    film = film_of(made, tmp_path, "plain.mp4", "none")
    with pytest.raises(SourceError, match="255 chapters"):
        write_chapters(film, [Chapter(n, n + 1, "x") for n in range(300)])


def test_an_encrypted_film_keeps_its_samples(made: Path, tmp_path: Path) -> None:
    film = tmp_path / "e.mp4"
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    ffmpeg(
        "-i", write_container(made, "plain.mp4"), "-c", "copy", "-encryption_scheme",
        "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key, film,
    )  # fmt: skip

    def opened() -> bytes:
        return ffmpeg("-decryption_key", key, "-i", film, "-map", "0:v", "-f", "framemd5", "-")

    before = opened()
    write_chapters(film, FEW)
    assert opened() == before


def test_a_long_title_is_cut_at_a_whole_letter(made: Path, tmp_path: Path) -> None:
    film = film_of(made, tmp_path, "plain.mp4", "none")
    write_chapters(film, [Chapter(0, 12, "é" * 200)])
    assert probed_chapters(film) == [(0.0, "é" * 127)]


@pytest.mark.parametrize("place", range(0, 400, 9))
def test_a_damaged_index_is_said_or_left(made: Path, tmp_path: Path, place: int) -> None:
    film = tmp_path / "damaged.mp4"
    data = bytearray(write_container(made, "faststart.mp4").read_bytes())
    data[32 + place] ^= 0xFF
    film.write_bytes(data)
    said = ""
    try:
        write_chapters(film, FEW)
    except SourceError as error:
        said = str(error)
    assert "\n" not in said
    if said:
        assert film.read_bytes() == bytes(data)
    else:
        assert [c.title for c in chapters_of(film)] == [c.title for c in FEW]


def test_a_film_of_nothing_but_sound_gets_chapters(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.m4a", 12, pictures=False)
    before = payload(film)
    write_chapters(film, FEW)
    assert payload(film) == before
    assert [c.title for c in chapters_of(film)] == [c.title for c in FEW]
