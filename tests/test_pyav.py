"""What differs between versions of PyAV: tags that are not UTF-8, times not told, colours."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from edge.capture.video import open_file
from edge.pyav import EXACT_TAGS, exact_tags, rational, readable
from edge.segments.chapters import Chapter
from edge.segments.media import open_media
from edge.segments.scaling import Scaler
from tests.capture.test_hdr import COLOURS, bars, colours
from tests.segments.films import make_film

pytestmark = pytest.mark.process


@pytest.mark.parametrize(("version", "takes"), [(16, True), (18, True), (19, False), (20, False)])
def test_the_argument_for_tags_goes_only_to_versions_that_have_it(version: int, takes: bool):
    assert ("metadata_errors" in exact_tags(version)) == takes


def test_a_tag_of_another_encoding_opens_and_prints(tmp_path: Path):
    path = make_film(tmp_path / "film.mkv", 2, chapters=[Chapter(0.0, 1.0, "QQQQ")])
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"caf\xe9"))
    with open_file(path) as container:
        (chapter,) = container.chapters()
        assert chapter["metadata"]["title"].encode("utf-8", "surrogateescape") == b"caf\xe9"
    with open_media(path) as media:
        assert media.chapters[0].title == "caf\ufffd"
        assert media.chapters[0].title.encode()


def test_the_bytes_of_a_tag_survive_a_copy(tmp_path: Path):
    path = make_film(tmp_path / "film.mkv", 2, title="QQQQ")
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"caf\xe9"))
    with (
        av.open(str(path), **EXACT_TAGS) as given,
        av.open(str(tmp_path / "copy.mkv"), "w", **EXACT_TAGS) as made,
    ):
        made.metadata.update(given.metadata)
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    assert b"caf\xe9" in (tmp_path / "copy.mkv").read_bytes()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (Fraction(0, 1), None),
        (Fraction(1, 25), Fraction(1, 25)),
        (SimpleNamespace(numerator=1001, denominator=30000), Fraction(1001, 30000)),
    ],
)
def test_an_unset_time_base_is_none_in_each_version(value: object, wanted: Fraction | None):
    assert rational(value) == wanted


@pytest.mark.parametrize(("tag", "text"), [("Früh", "Früh"), ("caf\udce9", "caf\ufffd"), ("", "")])
def test_a_readable_tag_can_be_encoded(tag: str, text: str):
    assert readable(tag) == text


@pytest.mark.parametrize("matrix", ["bt709", "bt601", "smpte240m"])
@pytest.mark.parametrize("form", ["yuv420p", "yuv444p10le"])
@pytest.mark.parametrize("spread", ["tv", "pc"])
def test_colours_are_right_whatever_matrix_and_range_they_are_coded_with(
    tmp_path: Path, matrix: str, form: str, spread: str
):
    """As scripts/install-matrix asks of the lowest version, whose own conversion knows one."""
    color = {"bt601": "smpte170m"}.get(matrix, matrix)
    tags = f"setparams=colorspace={color}:range={spread}"
    coded = f"scale=out_color_matrix={matrix}:out_range={spread},format={form},{tags}"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s",
         "160x64", "-i", "-", "-vf", coded, "-c:v", "libx264", "-crf", "4", tmp_path / "f.mkv"],
        input=bars().tobytes(), check=True,
    )  # fmt: skip
    assert np.abs(colours(tmp_path / "f.mkv") - COLOURS).max() < 6
    with av.open(str(tmp_path / "f.mkv")) as container:
        small = Scaler()(next(container.decode(video=0)), (80, 32), "rgb24")
    assert np.abs(small[16, 5::10, ::-1].astype(float) - COLOURS).max() < 7
