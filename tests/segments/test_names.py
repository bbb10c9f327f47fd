"""A file is a file, whatever it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from edge.paths import FILE_PROTOCOLS, ffmpeg_file
from tests.segments.films import make_film

pytestmark = pytest.mark.process

NAMES = [
    "Re:Zero S01E01.mkv", "http:x.mkv", "rtsp:a@b.mkv", "file:a.mkv", "-i.mkv", "--again.mkv",
    "100%.mkv", "a%03d.mkv", "a#1?b=2&c.mkv", "a\nb.mkv", "pipe:0.mkv", "concat:a|b.mkv",
    " a .mkv", "a'\"b.mkv", "caf\udce9.mkv", "data:x,y.mkv", "subfile,,start,0,end,9,,:x.mkv",
]  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("names") / "a.mkv", 2)


@pytest.mark.parametrize("name", NAMES)
def test_ffmpeg_takes_every_name_for_a_file(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), tmp_path / name):
        with av.open(ffmpeg_file(path), options=dict(FILE_PROTOCOLS)) as container:
            assert len(container.streams.video) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.mkv", "tcp://127.0.0.1:9", "udp://@:9"])
def test_ffmpeg_opens_no_address(url: str) -> None:
    with pytest.raises((av.error.FFmpegError, OSError)) as caught:
        av.open(url, options=dict(FILE_PROTOCOLS))
    assert "refused" not in str(caught.value).lower()
