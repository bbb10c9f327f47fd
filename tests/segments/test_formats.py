"""The forms that segments are written in, read again by the programs that they are for."""

from __future__ import annotations

import contextlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import av
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.segments.analysis import Analysis
from edge.segments.chapters import Chapter
from edge.segments.document import MarkedSegment, Programme, ProgrammeFile, programme_of
from edge.segments.formats import FORMATS, read_labels
from edge.segments.types import Label, Segment
from tests.segments.films import chapters_of, make_film, run_tool

ROOT = Path(__file__).parents[2]
# what a media server takes for a recap or an intro, in short
SKIPPED = re.compile(
    r"(?i)(^|\s)(re?cap|summ?ary|prev\w*|last|earlier|catch[ -]up|intro|op|opening)"
)


def programme(*spans: tuple[str, float, float], duration_s: float = 8.0) -> Programme:
    return Programme(
        file="a.mkv", duration_s=duration_s, source="model", bundle="segments 1",
        segments=tuple(
            MarkedSegment(label=n, start_s=a, end_s=b, probability=0.9)  # type: ignore[arg-type]
            for n, a, b in spans
        ),
    )  # fmt: skip


USUAL = programme(("recap", 0, 2.04), ("intro", 3.5, 6.25))
LAYOUT = [
    Chapter(0, 2.04, "Recap"), Chapter(2.04, 3.5, "Episode"), Chapter(3.5, 6.25, "Intro"),
    Chapter(6.25, 8, "Episode"),
]  # fmt: skip


def write(name: str, p: Programme) -> str:
    return FORMATS[name].write(p)


def test_json_is_what_the_schema_says_and_comes_back() -> None:
    text = write("json", USUAL)
    schema = json.loads((ROOT / "configs/schema/programme.v1.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
    again = ProgrammeFile.model_validate_json(text)
    assert again.segments == USUAL.segments
    assert again.labelled()[1] == Segment(Label.INTRO, 3.5, 6.25, 0.9)
    assert read_labels(text, 8) == ((Label.RECAP, 0, 2.04), (Label.INTRO, 3.5, 6.25))


def test_an_analysis_is_rounded() -> None:
    analysis = Analysis(
        "a.mkv", 8.00004, (Segment(Label.INTRO, 1.00049, 2, 0.123456), Segment(Label.CONTENT, 2, 8))
    )
    made = programme_of(analysis)
    assert (made.duration_s, made.chapters) == (8.0, ())
    assert made.segments == (
        MarkedSegment(label="intro", start_s=1.0, end_s=2, probability=0.1235),
    )


def test_edl_skips_and_never_removes() -> None:
    lines = [line.split() for line in write("edl", USUAL).splitlines()]
    assert lines == [["0.000", "2.040", "3"], ["3.500", "6.250", "3"]]
    assert write("edl", programme()) == ""


def test_ffmpeg_reads_the_metadata(tmp_path: Path) -> None:
    file = tmp_path / "a.ffmeta"
    file.write_text(write("ffmetadata", USUAL))
    with av.open(str(file), format="ffmetadata") as container:
        found = [
            (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
            for c in container.chapters()
        ]
    assert [Chapter(float(a), float(b), t) for t, a, b in found] == LAYOUT


@pytest.mark.process
@pytest.mark.parametrize("form", ["matroska", "ogm"])
def test_mkvpropedit_takes_the_chapters(tmp_path: Path, form: str) -> None:
    film = make_film(tmp_path / "a.mkv", 8)
    file = tmp_path / "chapters"
    file.write_text(write(form, USUAL))
    run_tool("mkvpropedit", str(film), "--chapters", str(file))
    found = chapters_of(film)
    assert [(c.title, c.start_s) for c in found] == [(c.title, c.start_s) for c in LAYOUT]
    if form == "matroska":
        assert found == LAYOUT


def test_matroska_is_xml_and_escapes() -> None:
    atoms = ET.fromstring(write("matroska", USUAL)).findall(".//ChapterAtom")
    assert [a.findtext("ChapterTimeStart") for a in atoms][:2] == [
        "00:00:00.000000000", "00:00:02.040000000",
    ]  # fmt: skip
    assert [a.findtext(".//ChapterString") for a in atoms] == [c.title for c in LAYOUT]


def test_what_lies_between_is_not_skipped_by_name() -> None:
    for chapter in LAYOUT:
        assert bool(SKIPPED.search(chapter.title)) is (chapter.title != "Episode")


def test_theintrodb_has_null_at_begin_and_end() -> None:
    made = json.loads(write("theintrodb", programme(("recap", 0, 2), ("intro", 3.5, 8))))
    assert made == {
        "intro": [{"start_ms": 3500, "end_ms": None}],
        "recap": [{"start_ms": None, "end_ms": 2000}],
    }
    assert read_labels(json.dumps(made), 8) == ((Label.RECAP, 0, 2), (Label.INTRO, 3.5, 8))


def test_jellyfin_counts_in_ticks() -> None:
    made = json.loads(write("jellyfin", USUAL))
    assert made["TotalRecordCount"] == 2
    kinds = [(i["Type"], i["StartTicks"], i["EndTicks"]) for i in made["Items"]]
    assert kinds == [("Recap", 0, 20_400_000), ("Intro", 35_000_000, 62_500_000)]


SPANS = st.lists(st.integers(0, 36_000_000), min_size=2, max_size=4, unique=True).map(sorted)


@given(SPANS)
def test_times_come_back_to_the_millisecond(ms: list[int]) -> None:
    spans = [("intro", a / 1000, b / 1000) for a, b in zip(ms[::2], ms[1::2], strict=False)]
    made = programme(*spans, duration_s=36_000.001)
    times = [(a, b) for _, a, b in spans]
    assert [tuple(map(float, x.split()[:2])) for x in write("edl", made).splitlines()] == times
    labels = read_labels(write("theintrodb", made), 36_000.001)
    assert [(a, b) for _, a, b in labels] == times
    for form in ("ogm", "matroska"):
        clocks = [
            int(h) * 3600_000 + int(m) * 60_000 + int(s) * 1000 + int(f)
            for h, m, s, f in re.findall(r"(\d+):(\d\d):(\d\d)\.(\d{3})", write(form, made))
        ]
        assert {ms[i] for i in range(len(ms) // 2 * 2)} <= {*clocks, 36_000_001}


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"segments": 3}', '{"segments": [{"label": "intro"}]}', '{"intro": [3]}',
     '{"segments": [{"label": "ad", "start_s": 1, "end_s": 2}]}', '{"recap": {"start_ms": 1}}',
     '{"segments": [{"label": "intro", "start_s": 2, "end_s": 1}]}', "not json",
     '{"segments": [{"label": "intro", "start_s": NaN, "end_s": 1}]}',
     '{"intro": [{"start_ms": "x", "end_ms": 2}]}'],
)  # fmt: skip
def test_labels_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_labels(text, 100)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda x: st.lists(x, max_size=3)
    | st.dictionaries(st.sampled_from(["segments", "intro", "recap", "label", "start_s", "end_s",
                                       "start_ms", "end_ms"]), x, max_size=4),
))  # fmt: skip
def test_any_labels_raise_value_errors_only(data: object) -> None:
    with contextlib.suppress(ValueError):
        read_labels(json.dumps(data), 100)
