"""Films through pipes: read once, refused in words where that cannot be, and let go of at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.capture import ReadAhead, interrupt, open_source
from edge.capture.pipe import Pipe
from edge.errors import SourceError
from tests.capture.media import make_video, number_of

pytestmark = pytest.mark.process

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
FASTSTART = {"movflags": "+faststart"}


@contextmanager
def fed(path: Path, data: bytes) -> Iterator[Path]:
    """A named pipe, and a writer of its own that feeds it."""
    os.mkfifo(path)
    writer = subprocess.Popen(
        ["/bin/sh", "-c", 'exec cat > "$0"', str(path)], stdin=subprocess.PIPE
    )
    assert writer.stdin is not None
    feeder = threading.Thread(target=feed, args=(writer, data))
    feeder.start()
    try:
        yield path
    finally:
        writer.kill()
        feeder.join(30)
        writer.wait(30)


def feed(writer: subprocess.Popen[bytes], data: bytes) -> None:
    assert writer.stdin is not None
    try:
        writer.stdin.write(data)
        writer.stdin.close()
    except OSError:  # the test was over before all was read
        pass


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("a.ts", {}, "libx264"),
        ("a.mkv", {}, "libx264"),
        ("a.mp4", FRAGMENTED, "libx264"),
        ("a.mp4", FASTSTART, "libx264"),
        ("a.y4m", {}, "wrapped_avframe"),
        ("a.flv", {}, "libx264"),
        ("a.avi", {}, "mpeg4"),
    ],
)
def test_a_film_is_read_from_a_pipe(
    tmp_path: Path, name: str, container: dict[str, str], codec: str
) -> None:
    film = make_video(tmp_path / name, 30, container=container, codec=codec)
    with fed(tmp_path / "pipe", film.read_bytes()) as pipe, open_source(pipe) as source:
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == list(range(30))
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(30)], abs=2e-3)
    assert source.note is None


def test_an_mp4_with_its_index_last_is_refused_in_words(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", 30)
    with (
        fed(tmp_path / "pipe", film.read_bytes()) as pipe,
        pytest.raises(
            SourceError, match="an MP4 whose index comes last cannot be read from a pipe"
        ),
    ):
        open_source(pipe)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "nothing came through the pipe"),
        (b"hello\n" * 999, "what comes through the pipe is no video"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n", "no video"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\0\0", "what comes through the pipe is no video"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path: Path, data: bytes, error: str) -> None:
    with fed(tmp_path / "pipe", data) as pipe, pytest.raises(SourceError, match=error):
        open_source(pipe)


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
@pytest.mark.parametrize("redirected", [False, True])
def test_standard_input_is_read(tmp_path: Path, name: str, *, redirected: bool) -> None:
    film = make_video(tmp_path / "a.ts", 10)
    script = (
        "import sys; from edge.capture import open_source;"
        "print(len(list(open_source(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", script]
    with film.open("rb") as file:
        given = {"stdin": file} if redirected else {"input": file.read()}
        done = subprocess.run(
            [*command, name], **given, capture_output=True, timeout=60, check=True
        )
    assert done.stdout == b"10\n"


def test_a_stop_ends_a_read_that_waits_for_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    pipe = Pipe(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read(10)))
    reader.start()
    pipe.stop()
    reader.join(30)
    pipe.close()
    pipe.close()
    assert got == [b""]


def test_a_writer_that_stalls_holds_no_reader_up(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.ts", 60).read_bytes()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    feeder = threading.Thread(target=os.write, args=(writer, film[: len(film) // 2]))
    feeder.start()
    reader = ReadAhead(open_source(path))
    assert reader.get(60) is not None
    for _ in range(100):
        if reader.get(0.2) is None:
            break
    assert not reader.ended, "the pipe is open: more may come"
    reader.close()
    feeder.join(30)
    os.close(writer)


def test_sources_that_never_wait_have_nothing_to_interrupt(tmp_path: Path) -> None:
    with open_source(make_video(tmp_path / "a.mp4", 3)) as source:
        interrupt(source)
        assert source.read() is not None
