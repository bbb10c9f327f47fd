"""`touchline segments` on real films, with a tiny real bundle whose answers can be foreseen."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.config import EmbeddedBrokerConfig
from edge.publish import EmbeddedBroker
from edge.segments import analyse as analysing
from tests.publish.listener import Listener
from tests.publish.parts import eventually
from tests.segments.films import chapters_of
from tests.segments.parts import write_bundle
from tests.segments.programmes import BLACK, BLUE, GREY, RED, write_programme

pytestmark = pytest.mark.process

SHOTS = [(BLUE, 12.4), (BLACK, 0.6), (GREY, 20.3), (RED, 10.0), (GREY, 26.7)]
SPANS = [("recap", 0.0, 12.4), ("intro", 33.3, 43.3)]
EDL = "0.000\t12.400\t3\n33.300\t43.300\t3\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_bundle(folder / "tiny")
    write_programme(folder / "e1.mkv", SHOTS)
    write_programme(folder / "plain.mkv", [(GREY, 30.0)])
    return folder


@pytest.fixture
def season(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of films, some broken; nothing finished before."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    folder = tmp_path / "season"
    (folder / "extras").mkdir(parents=True)
    shutil.copy(made / "e1.mkv", folder / "e1.mkv")
    shutil.copy(made / "e1.mkv", folder / "extras" / "e1.mkv")
    (folder / "bad.mkv").write_text("no film\n" * 40)
    (folder / "empty.mp4").touch()
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the films that the model is asked about."""
    names: list[str] = []
    real = analysing.analyse

    def noted(path: Path, *rest: Any, **more: Any) -> Any:
        names.append(Path(path).name)
        return real(path, *rest, **more)

    monkeypatch.setattr("edge.cli.segments_run.analyse", noted)
    return names


def command(made: Path, *words: object) -> int:
    return main(["segments", *map(str, words), "--bundle", str(made / "tiny")])


def spans(item: dict[str, Any]) -> list[tuple[str, float, float]]:
    return [(s["label"], s["start_s"], s["end_s"]) for s in item["segments"]]


def test_a_folder_with_broken_files_is_done_and_each_has_one_line(
    made: Path, season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert command(made, season, "--out", out, "--format", "edl", "--format", "json", "--json") == 1
    text = capsys.readouterr()
    lines = [json.loads(line) for line in text.out.splitlines()]
    named = {str(Path(i["file"]).relative_to(season)): i for i in lines}
    assert named.keys() == {"bad.mkv", "e1.mkv", "empty.mp4", "extras/e1.mkv"}
    assert spans(named["e1.mkv"]) == spans(named["extras/e1.mkv"]) == SPANS
    assert "not a video file" in named["bad.mkv"]["error"]
    assert "empty" in named["empty.mp4"]["error"]
    assert len(text.err.splitlines()) == 3
    assert text.err.splitlines()[-1].endswith("2 of 4 files failed")
    files = sorted(str(f.relative_to(out)) for f in out.rglob("*") if f.is_file())
    assert files == ["e1.edl", "e1.segments.json", "extras/e1.edl", "extras/e1.segments.json"]
    assert (out / "e1.edl").read_text() == EDL


def test_what_is_finished_is_not_done_again(
    made: Path, season: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = season / "e1.mkv"
    for words, asked in (
        ([], 1),
        ([], 1),  # finished
        (["--format", "edl"], 1),  # another form of the same answer
        (["--exact"], 2),
        (["--again", "--exact"], 3),
        (["--window", "1"], 4),
    ):
        assert command(made, film, *words) == 0
        assert len(analysed) == asked, words
    film.touch()
    assert command(made, film, "--window", "1") == 0
    assert len(analysed) == 5


def test_thresholds_decide_what_is_marked_and_are_no_old_results(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = []
    for words in ([], ["--threshold", "intro=1"], ["--threshold=intro=1", "--threshold=recap=1"]):
        assert command(made, season / "e1.mkv", "--json", *words) == 0
        found = json.loads(capsys.readouterr().out)
        marked.append(sorted(s["label"] for s in found["segments"]))
    assert marked == [["intro", "recap"], ["recap"], []]


def test_an_interrupted_run_goes_on_where_it_stopped(
    made: Path,
    season: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = analysing.analyse
    asked: list[str] = []

    def stop_at_the_second(path: Path, *rest: Any, **more: Any) -> Any:
        asked.append(str(path))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(path, *rest, **more)

    monkeypatch.setattr("edge.cli.segments_run.analyse", stop_at_the_second)
    films = [season / "e1.mkv", season / "extras" / "e1.mkv"]
    assert command(made, *films) == 130
    assert "stopped; 1 of 2 files are done" in capsys.readouterr().err
    assert command(made, *films) == 0
    assert asked == [str(films[0]), str(films[1]), str(films[1])]


def test_a_folder_goes_on_however_it_is_named(
    made: Path, season: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (season / "bad.mkv").unlink()
    (season / "empty.mp4").unlink()
    (season.parent / "link").symlink_to(season)
    monkeypatch.chdir(season.parent)
    for name in (str(season), "season", "season/", "./season", "season/extras/..", "link"):
        assert command(made, name) == 0
        assert analysed == ["e1.mkv", "e1.mkv"], name
    assert command(made, season, "season", "link/e1.mkv") == 0
    assert analysed == ["e1.mkv", "e1.mkv"]


def test_a_link_to_itself_is_a_file_that_fails(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (season / "round.mkv").symlink_to("round.mkv")
    assert command(made, season) == 1
    said = capsys.readouterr().err
    assert "round.mkv: " in said
    assert "3 of 5 files failed" in said


@pytest.mark.parametrize("text", ["", "{", '{"path": 3}'])
def test_a_record_that_is_damaged_is_no_record(
    made: Path, season: Path, analysed: list[str], tmp_path: Path, text: str
) -> None:
    assert command(made, season / "e1.mkv") == 0
    (record,) = (tmp_path / "state" / "touchline" / "segments").iterdir()
    record.write_text(text)
    assert command(made, season / "e1.mkv") == 0
    assert len(analysed) == 2


def test_without_a_place_for_records_it_works_and_says_so(
    made: Path,
    season: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "state").write_text("in the way")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert command(made, season / "e1.mkv", season / "extras" / "e1.mkv") == 0
    assert capsys.readouterr().err.count(f"state is kept in {tmp_path / 'tmp'}") == 1


def test_one_form_of_one_film_is_printed(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(made, season / "e1.mkv", "--format", "edl") == 0
    assert capsys.readouterr().out == EDL
    assert command(made, season / "e1.mkv") == 0
    assert "  intro  0:00:33.3 - 0:00:43.3  1.00" in capsys.readouterr().out
    assert command(made, made / "plain.mkv") == 0
    assert "nothing is marked" in capsys.readouterr().out


def test_beside_a_film_what_is_not_ours_is_not_replaced(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, edl = season / "e1.mkv", season / "e1.edl"
    edl.write_text("1 2 0\n")
    assert command(made, film, "--beside", "--format", "edl") == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert edl.read_text() == "1 2 0\n"
    assert command(made, film, "--beside", "--format", "edl", "--overwrite") == 0
    assert command(made, film, "--beside", "--format", "edl", "--again") == 0  # ours by now
    assert edl.read_text() == EDL


def test_two_films_of_one_name_do_not_write_one_file(
    made: Path, season: Path, tmp_path: Path
) -> None:
    shutil.copy(made / "plain.mkv", season / "e1.m4v")
    films = [season / "e1.mkv", season / "e1.m4v"]
    assert command(made, *films, "--out", tmp_path / "out", "--format", "edl") == 0
    assert (tmp_path / "out" / "e1.edl").read_text() == EDL
    assert (tmp_path / "out" / "e1.m4v.edl").read_text() == ""


def test_a_name_that_is_no_text_is_a_name_as_well(
    made: Path, season: Path, analysed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    film = season / "caf\udce9.mkv"
    shutil.copy(made / "e1.mkv", film)
    for _ in range(2):
        assert command(made, film, "--json", "--out", season / "out") == 0
        assert json.loads(capsys.readouterr().out)["file"].endswith("caf\ufffd.mkv")
    assert len(analysed) == 1
    assert (season / "out" / "caf\udce9.segments.json").exists()


def test_chapters_are_written_once_and_never_taken_for_the_films_own(
    made: Path, season: Path, analysed: list[str], tmp_path: Path
) -> None:
    film = season / "e1.mkv"
    assert command(made, film, "--write-chapters") == 0
    assert [c.title for c in chapters_of(film)] == ["Recap", "Episode", "Intro", "Episode"]
    status = film.stat()
    assert command(made, film, "--write-chapters") == 0
    assert (film.stat().st_ino, film.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert len(analysed) == 1
    out = tmp_path / "out"
    assert command(made, film, "--exact", "--out", out) == 0
    assert json.loads((out / "e1.segments.json").read_text())["source"] == "model"


def test_chapters_that_name_them_are_the_answer(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = season / "named.mkv"
    write_programme(film, SHOTS, chapters=[(0, 30, "Opening"), (30, 70, "Part A")])
    assert command(made, film, "--json") == 0
    item = json.loads(capsys.readouterr().out)
    assert (item["source"], item["chapters"], spans(item)) == (
        "chapters", ["Opening"], [("intro", 0.0, 30.0)],
    )  # fmt: skip
    assert command(made, film, "--json", "--ignore-chapters") == 0
    assert spans(json.loads(capsys.readouterr().out)) == SPANS


@pytest.mark.parametrize("broken", ["missing", "no manifest", "changed file", "no graph"])
def test_without_a_bundle_chapters_are_answered_and_the_others_have_a_line(
    made: Path, season: Path, tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_programme(season / "a.mkv", SHOTS, chapters=[(0, 30, "Opening"), (30, 70, "Part A")])
    shutil.copy(season / "a.mkv", season / "z.mkv")
    (season / "bad.mkv").unlink()
    (season / "empty.mp4").unlink()
    bundle = break_bundle(made / "tiny", tmp_path / "bundle", broken)
    words = ["segments", str(season), "--json", "--bundle", str(bundle)]
    for _ in range(2):  # the second time from what was kept
        assert main(words) == 1
        text = capsys.readouterr()
        items = {
            Path(i["file"]).relative_to(season): i for i in map(json.loads, text.out.splitlines())
        }
        assert [spans(items[Path(n)]) for n in ("a.mkv", "z.mkv")] == [[("intro", 0.0, 30.0)]] * 2
        assert "needs the model" in items[Path("e1.mkv")]["error"]
        assert len(text.err.splitlines()) == 3, text.err
        assert text.err.splitlines()[-1].endswith("2 of 4 files failed")
    # with the bundle back they are done
    assert command(made, season, "--json") == 0
    items_now = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(i["segments"]) for i in items_now] == [1, 2, 1, 2]


def break_bundle(good: Path, folder: Path, how: str) -> Path:
    """Copy a bundle and break it, or make none."""
    if how == "missing":
        return folder
    shutil.copytree(good, folder)
    if how == "no manifest":
        (folder / "manifest.json").unlink()
    elif how == "changed file":
        (folder / "head.onnx").write_bytes(b"\0" * (folder / "head.onnx").stat().st_size)
    else:  # a manifest that is right about a file that is no graph
        data = b"no graph"
        (folder / "cnn.onnx").write_bytes(data)
        manifest = json.loads((folder / "manifest.json").read_text())
        of_cnn = next(f for f in manifest["files"] if f["graph"] == "cnn")
        of_cnn |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_film_that_chapters_answer_needs_no_network(
    made: Path, season: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = season / "named.mkv"
    write_programme(film, SHOTS, chapters=[(0, 30, "Opening"), (30, 70, "Part A")])

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr("edge.cli.segments_run.SegmentsNetwork", never)
    assert command(made, film) == 0


def test_a_picture_is_drawn_even_of_a_finished_film(
    made: Path, season: Path, tmp_path: Path
) -> None:
    assert command(made, season / "e1.mkv") == 0
    assert command(made, season / "e1.mkv", "--explain", tmp_path / "pictures") == 0
    assert (tmp_path / "pictures" / "e1.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(EmbeddedBrokerConfig(type="embedded", port=0)) as started:
        yield started


def test_results_are_published_and_kept(made: Path, season: Path, broker: EmbeddedBroker) -> None:
    port = broker.endpoint.port
    to = ["--broker", f"mqtt://127.0.0.1:{port}", "--site", "hall"]
    with Listener(port) as listener:
        assert command(made, season / "e1.mkv", *to, "--job", "tonight") == 0
        assert command(made, season / "e1.mkv", season / "extras" / "e1.mkv", *to) == 0
        eventually(lambda: len(listener.heard) == 3, "three results")
        heard = list(listener.heard)
    topics = [h.topic.split("/", 2)[2] for h in heard]
    assert topics[0].endswith("/segments/tonight")
    assert topics[0].startswith("hall/")
    assert len(set(topics)) == 3
    assert [spans(h.data["programme"]) for h in heard] == [SPANS] * 3


def test_no_broker_is_told_before_any_work(
    made: Path, season: Path, analysed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(made, season, "--broker", "mqtt://127.0.0.1:1") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert analysed == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--format", "edl"], "say where to"),
        (["--format", "edl", "--format", "json"], "several forms"),
        (["--out", "x", "--beside"], "choose one"),
        (["--job", "a"], "give --broker too"),
        (["--window", "no"], "neither `whole` nor minutes"),
        (["--format", "sub"], "unknown value 'sub'"),
        (["--threshold", "intro=2"], "'intro=2': write it as intro=0.3, from 0 to 1"),
        (["--threshold", "content=0.5"], "'content=0.5': write it as"),
        (["--json", "--format", "edl"], "both print"),
        (["--broker", "mqtt://127.0.0.1:1", "--job", "A b"], "job 'A b'"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    made: Path, season: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = command(made, season, *words)
    except SystemExit as exit_:
        code = exit_.code  # type: ignore[assignment]
    assert code == 2
    said = capsys.readouterr().err
    assert line in said
    assert len(said.splitlines()) == 1


def test_a_folder_without_films_and_a_bundle_that_is_none(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").mkdir()
    assert command(made, tmp_path / "none") == 2
    alone = ["segments", str(made / "e1.mkv"), "--bundle", str(tmp_path)]
    assert main(alone) == 1
    assert main([*alone, "--ignore-chapters"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_evaluation_on_labelled_films(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = [{"label": n, "start_s": a, "end_s": b + 2} for n, a, b in SPANS]
    (season / "e1.json").write_text(json.dumps({"segments": truth}))
    named = [(0.0, 12.4, "Recap"), (12.4, 30.0, "Part A"), (30.0, 44.3, "Intro"), (44.3, 70.0, "B")]
    write_programme(season / "extras" / "e1.mkv", SHOTS, chapters=named)
    shutil.copy(made / "plain.mkv", season / "plain.mkv")
    (season / "plain.mkv.json").write_text('{"intro": [], "recap": []}')
    (season / "bad.mkv").unlink()
    (season / "empty.mp4").unlink()
    assert command(made, "evaluate", season, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["programmes"], data["false_alarms"], data["programmes_with_neither"]) == (3, 0, 1)
    assert data["intro"]["precision"] == 1
    assert data["intro"]["segment_f1"] == {"1s": 0.0, "3s": 0.5, "5s": 1.0}
    assert data["recap"]["end_error_s"] == {"median": 1.0, "bias": -1.0}
    assert data["content_skipped_s_per_hour"] == 0
    assert [f["labels"] for f in data["files"]] == ["json", "json", "chapters"]
    assert command(made, "evaluate", season) == 0
    assert "F1, segments within 3 s" in capsys.readouterr().out


def test_evaluation_names_labels_that_are_none(
    made: Path, season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (season / "e1.json").write_text("{}")
    assert command(made, "evaluate", season) == 1
    said = capsys.readouterr().err
    assert "e1.json: no labels" in said
    assert "no labelled film" in said
    assert command(made, "evaluate") == 2
    assert command(made, "evaluate", season, "--out", season) == 2
