"""Which tracks of a film are looked at, and films whose tracks nobody can look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import SourceError
from edge.segments import ebml, matroska
from edge.segments.analyse import analyse
from edge.segments.boundary_refinement import decoder
from edge.segments.demux import DecodedPicture, Reader
from edge.segments.media import open_media
from tests.segments.containers import ffmpeg
from tests.segments.parts import write_bundle
from tests.segments.programmes import GREY, RED, write_programme

pytestmark = pytest.mark.process

KEY = "76a6c65c5ea762046bd749a2e632ccbb"
CHAPTERS = [(0.0, 5.0, "Intro"), (5.0, 14.0, "Film")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_programme(tmp_path_factory.mktemp("film") / "a.mkv", [(GREY, 6.0), (RED, 8.0)])


def with_preview(film: Path, made: Path, *, default: int) -> Path:
    """Put a picture track of 48x36 in front of the film's, which is 64x48."""
    flags = ["default" if default == track else "0" for track in (0, 1)]
    ffmpeg(
        "-i", film, "-map", "0:v", "-map", "0", "-c", "copy", "-c:v:0", "libx264", "-filter:v:0",
        "scale=48:36", "-disposition:v:0", flags[0], "-disposition:v:1", flags[1],
        "-default_mode", "passthrough", made,
    )  # fmt: skip
    return made


@pytest.mark.parametrize(("default", "width"), [(0, 48), (1, 64), (2, 64)])
def test_the_default_track_is_read_else_the_largest_and_it_is_named(
    film: Path, tmp_path: Path, default: int, width: int
) -> None:
    path = with_preview(film, tmp_path / "t.mkv", default=default)
    with open_media(path) as media:
        assert media.video is not None
        assert media.video.width == width
        assert any(f"{width}x" in w and "2 video tracks" in w for w in media.warnings)
        assert any(isinstance(piece, DecodedPicture) for piece in Reader(media).pieces())
        with decoder(media) as (_, video):
            assert video.index == media.video.index


def test_a_cover_is_no_film(film: Path, tmp_path: Path) -> None:
    from PIL import Image

    cover, path = tmp_path / "c.png", tmp_path / "t.mp4"
    Image.new("RGB", (900, 900), (9, 99, 199)).save(cover)
    ffmpeg(
        "-i", cover, "-i", film, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0",
        "attached_pic", path,
    )  # fmt: skip
    with open_media(path) as media:
        assert media.video is not None
        assert media.video.width == 64
        assert media.warnings == []


def common_encryption(film: Path, folder: Path) -> Path:
    path = folder / "e.mp4"
    scheme = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY]
    ffmpeg("-i", film, "-c", "copy", *scheme, "-encryption_kid", KEY, path)
    return path


def fairplay(film: Path, folder: Path) -> Path:
    path = folder / "e.m4v"
    ffmpeg("-i", film, "-c", "copy", "-f", "mp4", path)
    data = path.read_bytes()
    at = data.index(b"stsd")
    path.write_bytes(data[:at] + data[at:].replace(b"avc1", b"drmi", 1))
    return path


def matroska_encryption(film: Path, folder: Path) -> Path:
    """Add to each track that its blocks are encrypted."""
    path = folder / "e.mkv"
    told = ebml.made(0x6D80, ebml.made(0x6240, ebml.made(0x5035, ebml.made_number(0x47E1, 5))))
    with film.open("rb") as file:
        read = matroska.reader_of(file.fileno())
        layout = matroska.layout_of(read, film.stat().st_size)
        head = read(0, layout.segment.start)
        parts = []
        for element in layout.elements:
            data = read(element.start, element.end - element.start)
            if element.id == matroska.TRACKS:
                tracks = matroska.read_whole(read, element)
                inner = [
                    ebml.made(e.id, ebml.content(tracks, e) + told)
                    for e in ebml.children(tracks)
                    if e.id == 0xAE
                ]
                data = ebml.made(matroska.TRACKS, b"".join(inner))
            if element.id in {matroska.INFO, matroska.TRACKS, matroska.CLUSTER}:
                parts.append(data)
            elif element.id == matroska.CHAPTERS:
                parts.insert(0, data)
    path.write_bytes(head + ebml.made(matroska.SEGMENT, b"".join(parts), 8))
    return path


def scrambled(film: Path, folder: Path) -> Path:
    path = folder / "e.ts"
    ffmpeg("-i", film, "-c", "copy", path)
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 188):
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] > 0x20:
            data[at + 3] |= 0x80
            data[at + 20 : at + 188] = bytes(b ^ 0x5A for b in data[at + 20 : at + 188])
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (common_encryption, "Common Encryption"),
        (fairplay, "FairPlay"),
        (matroska_encryption, "Matroska encryption"),
        (scrambled, "scrambled broadcast"),
    ],
)
def test_an_encrypted_film_is_told_by_its_cause(
    film: Path, tmp_path: Path, make: object, what: str
) -> None:
    path = make(film, tmp_path)  # type: ignore[operator]
    with pytest.raises(SourceError, match="encrypted") as caught:
        analyse(path, write_bundle_once(tmp_path))
    assert what in str(caught.value)
    assert "disk" not in str(caught.value)


def write_bundle_once(folder: Path) -> object:
    from edge.segments.manifest import load_segments_bundle

    return load_segments_bundle(write_bundle(folder / "tiny"))


def test_chapters_of_an_encrypted_film_tell_all_the_same(tmp_path: Path) -> None:
    film = write_programme(tmp_path / "a.mkv", [(GREY, 14.0)], chapters=CHAPTERS)
    path = common_encryption(film, tmp_path)
    found = analyse(path, write_bundle_once(tmp_path))  # type: ignore[arg-type]
    assert found.source == "chapters"
    assert [s.end_s for s in found.segments] == pytest.approx([5.0], abs=0.1)


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".mkv", ".m2ts"])
def test_a_clear_film_is_not_called_encrypted(film: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    ffmpeg("-i", film, "-c", "copy", path)
    with open_media(path) as media:
        assert media.encryption is None
