"""A file is a file: no name and no content of one opens a network or another file."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.capture import open_source
from edge.errors import SourceError
from tests.capture.media import make_video, number_of

NAMES = [
    "Re:Zero.mkv", "http:x.mkv", "rtsp:a@b.mkv", "file:a.mkv", "-i.mkv", "100%.mkv", "a%03d.mkv",
    "a#1?b=2&c.mkv", "a\nb.mkv", "pipe:0.mkv", "concat:a|b.mkv", " a .mkv", "a'\"b.mkv", "[a].mkv",
    "caf\udce9.mkv", "data:x,y.mkv", "subfile,,start,0,end,9,,:x.mkv", "*.mkv", "~.mkv",
]  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("films") / "a.mkv", 3)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_file(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for given in (name, Path(name), tmp_path / name):
        with open_source(given) as source:
            assert [number_of(frame.image) for frame in source] == [0, 1, 2]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
    "hls behind a mark": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>\n",
    "asx": "[Reference]\nRef1={url}\n",
}
SUFFIXES = {"hls": ".m3u8", "hls behind a mark": ".m3u8", "concat": ".ffconcat", "sdp": ".sdp",
            "dash": ".mpd", "asx": ".asf"}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("place", ["http://127.0.0.1:{port}/a.mp4", "{film}"])
@pytest.mark.parametrize("disguised", [False, True])
def test_a_list_that_names_other_places_is_refused(
    film: Path, tmp_path: Path, listener: socket.socket, kind: str, place: str, *, disguised: bool
) -> None:
    port = listener.getsockname()[1]
    url = place.format(port=port, film=film)
    path = tmp_path / ("a.mp4" if disguised else f"a{SUFFIXES[kind]}")
    path.write_text(LISTS[kind].format(url=url, port=port))
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "a list that names other files" in str(caught.value) or "not a video" in str(
        caught.value
    )
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_pattern_of_names_reads_no_other_files(tmp_path: Path) -> None:
    for number in range(3):
        make_video(tmp_path / f"{number}.jp2", 1, codec="jpeg2000")
    pattern = tmp_path / "%d.jp2"
    shutil.copy(tmp_path / "0.jp2", pattern)
    with pytest.raises(SourceError):
        open_source(pattern)


@pytest.mark.parametrize("suffix", [".flv", ".mxf", ".nut", ".asf", ".dv", ".y4m", ".gif", ".mpg"])
def test_films_of_many_formats_are_read(tmp_path: Path, suffix: str) -> None:
    codecs = {".flv": "flv", ".mxf": "mpeg2video", ".nut": "ffv1", ".asf": "msmpeg4",
              ".y4m": "wrapped_avframe", ".mpg": "mpeg2video"}  # fmt: skip
    path = tmp_path / f"a{suffix}"
    if suffix == ".dv":
        make_video(path, 5, codec="dvvideo", size=(720, 576))
    elif suffix == ".gif":
        gif(path)
    else:
        make_video(path, 5, codec=codecs[suffix], size=(320, 240))
    with open_source(path) as source:
        assert len(list(source)) == 5


def gif(path: Path) -> None:
    import av

    from tests.capture.media import numbered

    with av.open(str(path), "w") as out:
        stream = out.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "rgb8"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            out.mux(stream.encode(frame.reformat(format="rgb8")))
        out.mux(stream.encode(None))
