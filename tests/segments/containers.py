"""Films in containers of many kinds, and all that must stay of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.segments import ebml, matroska
from tests.segments.films import make_film, run_tool


def ffmpeg(*words: object) -> bytes:
    """Run FFmpeg; what it writes to its output."""
    tool = shutil.which("ffmpeg")
    assert tool is not None, "ffmpeg is missing: apt-get install ffmpeg"
    command = [tool, "-nostdin", "-v", "error", "-y", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def probe(film: Path, *wanted: str) -> dict[str, Any]:
    """What ffprobe tells of a film."""
    words = [w for name in wanted for w in (f"-show_{name}",)]
    tool = shutil.which("ffprobe")
    assert tool is not None, "ffmpeg is missing: apt-get install ffmpeg"
    command = [tool, "-v", "error", *words, "-of", "json", f"file:{film}"]
    made = subprocess.run(command, check=True, capture_output=True)
    assert made.stderr == b""
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def probed_chapters(film: Path) -> list[tuple[float, str]]:
    """Start and name of each chapter, as ffprobe tells them."""
    return [
        (round(float(c["start_time"]), 3), c.get("tags", {}).get("title", ""))
        for c in probe(film, "chapters")["chapters"]
    ]


def payload(film: Path) -> bytes:
    """Every packet of pictures and sound, with its time, as FFmpeg reads them."""
    return ffmpeg(
        "-i", f"file:{film}", "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "framemd5", "-"
    )


def elements(film: Path) -> list[tuple[int, str]]:
    """ID and digest of each element of a Matroska file but its SeekHeads, gaps and chapters.

    The places that Cues tell are those of clusters in the list.
    """
    with film.open("rb") as file:
        read = matroska.reader_of(file.fileno())
        layout = matroska.layout_of(read, film.stat().st_size)
        skipped = {matroska.SEEK_HEAD, matroska.CHAPTERS, ebml.VOID}
        made = []
        for element in layout.elements:
            if element.id in skipped:
                continue
            data = read(element.start, element.end - element.start)
            if element.id == matroska.CUES:
                data = cued(read, layout, element)
            made.append((element.id, hashlib.sha256(data).hexdigest()))
        return made


def cued(read: ebml.Read, layout: matroska.Layout, cues: ebml.Element) -> bytes:
    """The numbers of the clusters that Cues name; AssertionError where there is none."""
    data = matroska.read_whole(read, cues)
    starts = [e.start - layout.segment.data for e in layout.of(matroska.CLUSTER)]
    found = []
    for point in ebml.children(data):
        if point.id != 0xBB:
            continue
        inner = ebml.content(data, point)
        for track in ebml.children(inner):
            if track.id == 0xB7:
                of_track = ebml.content(inner, track)
                found += [
                    starts.index(ebml.number(ebml.content(of_track, e)))
                    for e in ebml.children(of_track)
                    if e.id == 0xF1
                ]
    return bytes(str(found), "ascii")


def check_checksums(film: Path) -> int:
    """Assert that each element's checksum is that of its content; how many there are."""
    import zlib

    count = 0
    with film.open("rb") as file:
        read = matroska.reader_of(file.fileno())
        for element in matroska.layout_of(read, film.stat().st_size).elements:
            data = read(element.data, element.end - element.data)
            if len(data) < element.end - element.data:
                continue
            if data[:2] == b"\xbf\x84":
                assert data[2:6] == zlib.crc32(data[6:]).to_bytes(4, "little"), hex(element.id)
                count += 1
    return count


def without_room(film: Path, made: Path) -> Path:
    """Make a film whose header has no gap: its SeekHead is full, and Cues are left out."""
    with film.open("rb") as file:
        read = matroska.reader_of(file.fileno())
        layout = matroska.layout_of(read, film.stat().st_size)
        head = read(0, layout.segment.start)
        kept = {matroska.INFO, matroska.TRACKS, matroska.CLUSTER}
        parts = [(e.id, read(e.start, e.end - e.start)) for e in layout.elements if e.id in kept]

    def seek_head(places: list[tuple[int, int]]) -> bytes:
        entries = [
            ebml.made(
                matroska.SEEK,
                ebml.made(matroska.SEEK_ID, ebml.id_bytes(id_))
                + ebml.made_number(matroska.SEEK_POSITION, at, 4),
            )
            for id_, at in places
        ]
        return ebml.made(matroska.SEEK_HEAD, b"".join(entries))

    named = [id_ for id_, _ in parts if id_ != matroska.CLUSTER]
    at = len(seek_head([(id_, 0) for id_ in named]))
    places = []
    for id_, data in parts:
        if id_ in named:
            places.append((id_, at))
        at += len(data)
    content = seek_head(places) + b"".join(data for _, data in parts)
    segment = ebml.id_bytes(matroska.SEGMENT) + ebml.size_bytes(len(content), 8)
    made.write_bytes(head + segment + content)
    return made


def _seed(folder: Path) -> Path:
    seed = folder / "seed.mkv"
    return seed if seed.exists() else make_film(seed, 12, sounds=2)


def _merged(*words: str) -> Callable[[Path, Path], None]:
    def make(seed: Path, made: Path) -> None:
        run_tool("mkvmerge", "-q", "-o", str(made), *words, str(seed))

    return make


def _copied(*words: str) -> Callable[[Path, Path], None]:
    def make(seed: Path, made: Path) -> None:
        ffmpeg("-i", seed, "-map", "0", "-c", "copy", *words, made)

    return make


def _piped(*words: str) -> Callable[[Path, Path], None]:
    def make(seed: Path, made: Path) -> None:
        made.write_bytes(ffmpeg("-i", seed, *words, "pipe:1"))

    return make


def _cut(seed: Path, made: Path) -> None:
    made.write_bytes(seed.read_bytes()[: seed.stat().st_size * 2 // 3])


_VP8 = (
    "-map",
    "0:v",
    "-map",
    "0:a:0",
    "-c:v",
    "libvpx",
    "-deadline",
    "realtime",
    "-c:a",
    "libopus",
)
MATROSKA: dict[str, Callable[[Path, Path], None]] = {
    "mkvmerge.mkv": _merged(),
    "chapters.mkv": _merged("--generate-chapters", "interval:4s"),
    "no_seek_head.mkv": _merged("--engage", "no_meta_seek"),
    "no_seek_head_no_cues.mkv": _merged("--engage", "no_meta_seek", "--no-cues"),
    "chapters_not_in_seek_head.mkv": _merged(
        "--engage", "no_chapters_in_meta_seek", "--generate-chapters", "interval:4s"
    ),
    "ffmpeg.mkv": _copied(),
    "cues_in_front.mkv": _copied("-cues_to_front", "1", "-reserve_index_space", "4000"),
    "live.mkv": _piped("-map", "0", "-c", "copy", "-live", "1", "-f", "matroska"),
    "pipe.mkv": _piped("-map", "0", "-c", "copy", "-f", "matroska"),
    "web.webm": lambda seed, made: ffmpeg("-i", seed, *_VP8, made) and None,
    "live.webm": _piped(*_VP8, "-live", "1", "-f", "webm"),
    "no_room.mkv": lambda seed, made: without_room(seed, made) and None,
    "cut_off.mkv": _cut,
}
MP4: dict[str, Callable[[Path, Path], None]] = {
    "plain.mp4": _copied(),
    "faststart.mp4": _copied("-movflags", "faststart"),
    "quicktime.mov": _copied(),
    "itunes.m4v": _copied("-f", "ipod"),
}


def write_container(folder: Path, name: str) -> Path:
    """Write the film of a name of `MATROSKA` or `MP4`."""
    made = folder / name
    (MATROSKA | MP4)[name](_seed(folder), made)
    return made
