"""Chapters in Matroska files of every make: each other element stays byte for byte."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import SourceError
from edge.segments import ebml, matroska
from edge.segments.chapters import Chapter
from edge.segments.media import open_media
from edge.segments.remux import write_chapters
from tests.segments.containers import (
    MATROSKA,
    check_checksums,
    elements,
    payload,
    probe,
    probed_chapters,
    write_container,
)
from tests.segments.films import chapters_of, make_film, run_tool

pytestmark = pytest.mark.process

FEW = [Chapter(0, 3, "Recap"), Chapter(3, 7, "Intro"), Chapter(7, 12, "Épisode")]
MANY = [Chapter(n / 10, (n + 1) / 10, f"{n} {'x' * 60}") for n in range(120)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.mark.slow
@pytest.mark.parametrize("name", MATROSKA)
def test_every_other_element_stays(made: Path, tmp_path: Path, name: str) -> None:
    film = tmp_path / name
    shutil.copy(write_container(made, name), film)
    before = elements(film), payload(film), probe(film, "streams")
    checksums = check_checksums(film)
    for chapters in (FEW, MANY, FEW):
        write_chapters(film, chapters)
        assert (elements(film), payload(film), probe(film, "streams")) == before
        shown = probed_chapters(film)
        assert [title for _, title in shown] == [c.title for c in chapters]
        with open_media(film) as media:  # sound may begin some milliseconds late
            starts = [c.start_s + media.start_s for c in chapters]
            assert [c.title for c in media.chapters] == [c.title for c in chapters]
        assert [start_s for start_s, _ in shown] == pytest.approx(starts, abs=1e-3)
        assert check_checksums(film) in {checksums, checksums - 1}  # SeekHead's is left out
        assert "Error" not in run_tool("mkvinfo", str(film))


@pytest.mark.parametrize("name", ["no_seek_head.mkv", "ffmpeg.mkv", "no_room.mkv", "live.mkv"])
def test_the_film_can_be_wound_as_before(made: Path, tmp_path: Path, name: str) -> None:
    film = tmp_path / name
    shutil.copy(write_container(made, name), film)

    def shown_from(at_s: float) -> list[float]:
        with open_media(film) as media:
            media.container.seek(int(at_s * 1e6))
            return [f.time for f in media.container.decode(video=0)][:5]

    before = [shown_from(s) for s in (2, 6, 11)]
    write_chapters(film, MANY)
    assert [shown_from(s) for s in (2, 6, 11)] == before


def with_editions(folder: Path, xml: str, *more: str) -> Path:
    """Write a film with the chapters of an XML file."""
    told, film = folder / "c.xml", folder / "editions.mkv"
    told.write_text(f'<?xml version="1.0"?><Chapters>{xml}</Chapters>')
    seed = make_film(folder / "plain.mkv", 12)
    run_tool("mkvmerge", "-q", "-o", str(film), "--chapters", str(told), *more, str(seed))
    return film


def atom(uid: int, start: int, end: int, name: str, more: str = "") -> str:
    return (
        f"<ChapterAtom><ChapterUID>{uid}</ChapterUID>{more}"
        f"<ChapterTimeStart>00:00:{start:02}.000</ChapterTimeStart>"
        f"<ChapterTimeEnd>00:00:{end:02}.000</ChapterTimeEnd>"
        f"<ChapterDisplay><ChapterString>{name}</ChapterString></ChapterDisplay></ChapterAtom>"
    )


FIRST = atom(11, 0, 3, "Intro") + atom(12, 3, 12, "Film")
SECOND = atom(21, 0, 5, "Prologue") + atom(22, 5, 8, "Opening") + atom(23, 8, 12, "A")
DEFAULT = "<EditionFlagDefault>1</EditionFlagDefault>"
HIDDEN = "<EditionFlagHidden>1</EditionFlagHidden>"
ORDERED = "<EditionFlagOrdered>1</EditionFlagOrdered>"


def edition(uid: int, atoms: str, flags: str = "") -> str:
    return f"<EditionEntry><EditionUID>{uid}</EditionUID>{flags}{atoms}</EditionEntry>"


@pytest.mark.parametrize(
    ("xml", "names"),
    [
        (edition(1, FIRST) + edition(2, SECOND, DEFAULT), ["Prologue", "Opening", "A"]),
        (edition(1, FIRST) + edition(2, SECOND), ["Intro", "Film"]),
        (edition(1, FIRST, HIDDEN) + edition(2, SECOND), ["Prologue", "Opening", "A"]),
        (edition(1, FIRST, HIDDEN + DEFAULT) + edition(2, SECOND), ["Prologue", "Opening", "A"]),
        (edition(1, FIRST, HIDDEN), []),
        (edition(1, FIRST, DEFAULT + ORDERED) + edition(2, SECOND), []),
        (
            edition(1, atom(1, 0, 3, "Intro", "<ChapterFlagHidden>1</ChapterFlagHidden>")
                    + atom(2, 3, 6, "OP", "<ChapterFlagEnabled>0</ChapterFlagEnabled>")
                    + atom(3, 6, 12, "Film")),
            ["Film"],
        ),
    ],
)  # fmt: skip
def test_chapters_are_those_that_a_player_shows(tmp_path: Path, xml: str, names: list[str]) -> None:
    with open_media(with_editions(tmp_path, xml)) as media:
        assert [c.title for c in media.chapters] == names


def extracted(film: Path) -> str:
    return run_tool("mkvextract", str(film), "chapters", "-")


def test_other_editions_and_hidden_chapters_stay(tmp_path: Path) -> None:
    hidden = atom(24, 1, 2, "Secret", "<ChapterFlagHidden>1</ChapterFlagHidden>")
    film = with_editions(tmp_path, edition(1, FIRST) + edition(2, SECOND + hidden, DEFAULT))
    one = extracted(film).split("</EditionEntry>")[0]
    write_chapters(film, [Chapter(0, 5, "Prologue"), Chapter(5, 12, "Intro")])
    told = extracted(film)
    assert told.split("</EditionEntry>")[0] == one
    for text in ("<EditionUID>2<", "<ChapterUID>21<", "<ChapterUID>24<", "Secret"):
        assert text in told
    assert "Opening" not in told
    with open_media(film) as media:
        assert [c.title for c in media.chapters] == ["Prologue", "Intro"]


def test_a_chapter_that_goes_on_keeps_its_names_in_all_languages(tmp_path: Path) -> None:
    other = (
        "<ChapterDisplay><ChapterString>Teil Eins</ChapterString>"
        "<ChapterLanguage>ger</ChapterLanguage></ChapterDisplay></ChapterAtom>"
    )
    xml = edition(7, atom(31, 0, 12, "One").replace("</ChapterAtom>", other))
    film = with_editions(tmp_path, xml)
    write_chapters(film, [Chapter(0, 4, "One"), Chapter(4, 6, "Intro"), Chapter(6, 12, "One")])
    told = extracted(film)
    assert told.count("Teil Eins") == 2
    assert told.count("<ChapterUID>31</ChapterUID>") == 1


def test_an_ordered_edition_is_refused_in_words(tmp_path: Path) -> None:
    film = with_editions(tmp_path, edition(1, FIRST, ORDERED + DEFAULT))
    before = film.read_bytes()
    with pytest.raises(SourceError, match="ordered edition"):
        write_chapters(film, FEW)
    assert film.read_bytes() == before


def test_identity_flags_names_languages_and_tags_stay(tmp_path: Path) -> None:
    tags = tmp_path / "tags.xml"
    tags.write_text(
        '<?xml version="1.0"?><Tags><Tag><Targets><TargetTypeValue>50</TargetTypeValue></Targets>'
        "<Simple><Name>TITLE</Name><String>Episode</String></Simple></Tag></Tags>"
    )
    cover = tmp_path / "cover.jpg"
    cover.write_bytes(b"\xff\xd8\xff\xe0" + bytes(3000))
    film, seed = tmp_path / "all.mkv", make_film(tmp_path / "seed.mkv", 8, sounds=2)
    run_tool(
        "mkvmerge", "-q", "-o", str(film), "--global-tags", str(tags), "--title", "A title",
        "--attachment-mime-type", "image/jpeg", "--attach-file", str(cover),
        "--aspect-ratio", "0:4/3", "--language", "1:pt-BR", "--track-name", "1:Dublagem",
        "--forced-display-flag", "2:yes", "--hearing-impaired-flag", "2:yes", str(seed),
    )  # fmt: skip

    def told() -> tuple[object, list[str]]:
        data = json.loads(run_tool("mkvmerge", "-J", str(film)))
        info = run_tool("mkvinfo", str(film)).splitlines()
        kept = [line for line in info if "UID" in line or "Language" in line or "Display" in line]
        return [data["tracks"], data["attachments"], data["global_tags"]], kept

    before = told()
    write_chapters(film, FEW)
    after = told()
    assert after[0] == before[0]
    assert [line for line in after[1] if "Chapter" not in line and "Edition" not in line] == before[
        1
    ]
    assert "pt-BR" in str(after)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.9])
def test_bytes_that_are_damaged_are_said_or_left(made: Path, tmp_path: Path, share: float) -> None:
    film = tmp_path / "damaged.mkv"
    data = bytearray(write_container(made, "chapters.mkv").read_bytes())
    at = int(len(data) * share)
    data[at : at + 64] = b"\xff" * 64
    film.write_bytes(data)
    said = ""
    try:
        write_chapters(film, MANY)
    except SourceError as error:
        said = str(error)
    assert "\n" not in said
    if said:
        assert film.read_bytes() == bytes(data)
    else:
        assert [c.title for c in chapters_of(film)] == [c.title for c in MANY]


@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_the_parsers_error(data: bytes) -> None:
    for head in (b"", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff"):
        with contextlib.suppress(ebml.EbmlError):
            read_chapters(head + data)
    with contextlib.suppress(ebml.EbmlError):
        matroska.editions_of(data)


def read_chapters(file: bytes) -> None:
    def read(at: int, length: int) -> bytes:
        return file[at : at + length]

    layout = matroska.layout_of(read, len(file))
    for element in matroska.chapter_elements(read, layout):
        matroska.editions_of(matroska.read_whole(read, element))
