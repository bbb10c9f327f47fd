from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import pytest

from edge.capture import VideoWriter, open_source
from edge.errors import SourceError
from tests.capture.media import number_of, numbered


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "out.mp4"
    with VideoWriter(path, fps=50) as writer:
        for number in range(20):
            writer.write(numbered(number))
        assert not path.exists(), "the file has its name only when it is whole"
        assert writer.frames == 20
    with open_source(path) as source:
        frames = list(source)
        assert source.info.fps == pytest.approx(50)
    assert [number_of(f.image) for f in frames] == list(range(20))
    assert [f.pts_s for f in frames] == pytest.approx([n / 50 for n in range(20)], abs=1e-3)
    assert [p.name for p in path.parent.iterdir()] == ["out.mp4"]


def test_presentation_times_are_kept_and_never_go_back(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as writer:
        for number, pts_s in enumerate([0.0, 0.5, 0.5, 0.2, 2.0]):
            writer.write(numbered(number), pts_s=pts_s)
    with open_source(path) as source:
        frames = list(source)
    assert [number_of(f.image) for f in frames] == list(range(5))
    assert [f.pts_s for f in frames] == pytest.approx([0, 0.5, 0.5, 0.5, 2.0], abs=1e-3)


@pytest.mark.parametrize(("size", "written"), [((129, 73), (128, 72)), ((16, 16), (16, 16))])
def test_odd_sizes_become_even(
    tmp_path: Path, size: tuple[int, int], written: tuple[int, int]
) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as writer:
        writer.write(numbered(1, *size))
        writer.write(numbered(2, 256, 144))
    with open_source(path) as source:
        frames = list(source)
    assert (source.info.width, source.info.height) == written
    assert len(frames) == 2


def test_an_error_leaves_no_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), VideoWriter(path) as writer:
        writer.write(numbered(1), pts_s=1 / (writer.frames))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_video_without_a_picture_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_x264_the_file_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as writer:
        for number in range(5):
            writer.write(numbered(number))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    with open_source(path) as source:
        assert [number_of(f.image) for f in source] == list(range(5))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match=r"out\.mp4: cannot be written: file exists"):
        VideoWriter(tmp_path / "file" / "out.mp4")
    with pytest.raises(SourceError, match="cannot be written: it is a folder; name a file"):
        VideoWriter(tmp_path)
    with pytest.raises(SourceError, match="0 frames a second cannot be written"):
        VideoWriter(tmp_path / "out.mp4", fps=0)


_FULL = """
import resource, sys
from tests.capture.media import HEIGHT, WIDTH
import numpy as np
from edge.capture import VideoWriter
from edge.errors import SourceError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1]) as writer:
        for _ in range(100):
            writer.write(noise.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
except SourceError as error:
    print(error)
"""


@pytest.mark.process
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk's end."""
    path = tmp_path / "out.mp4"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{path}: writing failed: File too large; is the disk full?\n", (
        done.stderr
    )
    assert list(tmp_path.iterdir()) == []
