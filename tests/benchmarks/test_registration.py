from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

from benchmarks import registration as command
from edge.types import Quality, Registration, RegistrationState, RejectionReason
from models.registration import sets
from models.registration.held_out import View
from models.registration.metrics import Errors, difference, intervals, table
from models.registration.report import Case, badness
from models.registration.scoring import Scored, reasons, score_view
from models.registration.truth import Shown
from tests.models.parts import Oracle

LOST = Registration(RegistrationState.LOST, RejectionReason.NO_LINES)
NO_FIELD = Registration(RegistrationState.LOST, RejectionReason.NO_FIELD)


def answer(h):
    return Registration(RegistrationState.VERIFIED, field_from_image=h, quality=Quality(score=0.9))


@pytest.fixture
def negative(shown):
    return View(shown[0].image, None, shown[0].field_m)


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    held = 0
    for i in range(60):
        rows = [Errors(float(v), float(v), 1.0, 0.01) for v in rng.normal(0.8, 0.05, 40)]
        low, high = intervals(rows, draws=200, seed=i)["iou_part_mean"]
        held += low <= 0.8 <= high
    assert 50 <= held <= 60
    few = intervals(rows[:10], seed=1)["iou_part_mean"]
    many = intervals(rows, seed=1)["iou_part_mean"]
    assert few[1] - few[0] > many[1] - many[0]


def test_intervals_are_seeded_and_hold_their_figure():
    rng = np.random.default_rng(2)
    rows = [Errors(*map(float, rng.random(4) * (1, 1, 9, 0.04))) for _ in range(30)]
    rows += [Errors()] * 3
    found, again, other = (intervals(rows, seed=s) for s in (0, 0, 1))
    assert found == again
    assert found != other
    figures = table(rows)
    assert set(found) == {
        *("answered", "right", "iou_part_mean", "iou_part_median"),
        *("iou_whole_mean", "iou_whole_median", "proj_m_median", "reproj_median"),
    }
    for key, (low, high) in found.items():
        assert low <= figures[key] <= high, key
        assert low < high, key


def test_intervals_of_certainties_and_of_nothing():
    assert intervals([Errors(0.5, 0.5, 1.0, 0.1)] * 5)["iou_part_mean"] == (0.5, 0.5)
    lost = intervals([Errors()] * 5)
    assert lost["answered"] == (0, 0)
    assert all(math.isinf(end) for end in lost["reproj_median"])
    assert intervals([]) == {}


def test_paired_differences():
    ours = np.array([0.9, 0.8, 0.7, 0.6])
    assert difference(ours + 0.05, ours) == pytest.approx((0.05, 0.05, 0.05))
    mean, low, high = difference(ours, ours[::-1])
    assert mean == pytest.approx(0)
    assert low < 0 < high


def test_negatives_are_false_when_answered(shown, negative):
    truth = shown[0].field_from_image
    oracle = Oracle(answer(truth), NO_FIELD, answer(truth), LOST)
    pool = sets.Pool(lambda field: oracle)
    order = (shown[0], negative, negative, shown[1])
    result = sets.run("a set", [Shown(f"p{i}", v, alone=True) for i, v in enumerate(order)], pool)
    assert len(result.positives) == 2
    assert len(result.negatives) == 2
    assert result.false == 1
    assert reasons(result.rows) == {"no_field": 1, "no_lines": 1}
    # the false answer is the worst, then the refusal; the negative that was refused is not shown
    assert [c.label for c in result.worst] == ["p2", "p3", "p0"]
    said = sets.text("soccer", [result])
    assert "1 of 2" in said
    assert "a set: 1 no_field, 1 no_lines" in said
    record = sets.record(result)
    assert record["summary"]["frames"] == 2
    assert record["summary"]["right"] == 0.5
    assert (record["false"], record["negatives"]) == (1, 2)
    json.dumps(record, allow_nan=False)


def test_a_set_of_negatives_alone(negative):
    result = sets.SetResult("none", (score_view(Oracle(NO_FIELD), negative),))
    assert "0 of 1" in sets.text("soccer", [result])
    assert sets.record(result)["summary"] is None
    assert badness(Case(0, negative, result.rows[0])) == 0


def test_only_what_stands_alone_makes_the_registrar_forget(shown):
    oracle = Oracle(LOST, LOST, LOST)
    order = zip(shown, (True, False, False), strict=True)
    sets.run("s", [Shown("", v, alone) for v, alone in order], sets.Pool(lambda field: oracle))
    assert oracle.resets == 1


def test_sets_together():
    row = Scored(LOST, Errors(), 1.0)
    both = sets.pooled("all", [sets.SetResult("a", (row,)), sets.SetResult("b", (row, row))])
    assert (both.name, len(both.rows)) == ("all", 3)


def test_the_command_from_end_to_end(bundles, truth_file, tmp_path, capsys):
    words = ["--sports", "soccer", "--bundles", str(bundles), "--views", "4", "--size", "320x180"]
    second = truth_file.with_name("again.jsonl")
    second.write_text(truth_file.read_text().splitlines()[0])
    real = ["--real", str(truth_file), str(second)]
    assert command.main([*words, *real, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "soccer" in said
    made = json.loads((tmp_path / "registration.json").read_text(), parse_constant=pytest.fail)
    found = {s["set"]: s for s in made["soccer"]["sets"]}
    assert list(found) == [
        *("rendered broadcast", "rendered wide", "rendered negatives"),
        *("tiny", "again", "real, all"),
    ]
    assert found["rendered wide"]["summary"]["frames"] == 4
    assert found["rendered negatives"]["negatives"] == 1
    assert found["tiny"]["summary"]["frames"] == 3
    assert found["real, all"]["summary"]["frames"] == 4
    assert found["tiny"]["negatives"] == 1
    assert (tmp_path / "soccer.txt").read_text() in said
    assert cv2.imread(str(tmp_path / "soccer.png")).shape[0] > 300
    assert cv2.imread(str(tmp_path / "soccer-tiny-worst.jpg")) is not None


def test_the_command_as_json(bundles, truth_file, capsys):
    words = ["--bundles", str(bundles), "--views", "0", "--real", str(truth_file), "--json"]
    assert command.main(words) == 0
    made = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [s["set"] for s in made["soccer"]["sets"]] == ["tiny"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--real", "nowhere.jsonl"], 2, "nowhere.jsonl: the truth file cannot be read"),
        (["--sports", "tennis"], 1, "tennis"),
        (["--views", "-1"], 2, "--views"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(words, code, said, bundles, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--bundles", str(bundles), *words])
    assert stopped.value.code == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_sport_that_does_not_exist(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--sports", "chess"])
    assert stopped.value.code == 2
    assert "unknown sport 'chess'" in capsys.readouterr().err


def test_a_picture_that_is_missing(bundles, truth_file, capsys):
    gone = truth_file.with_name("gone.jsonl")
    gone.write_text(truth_file.read_text().replace("still.png", "gone.png"))
    with pytest.raises(SystemExit) as stopped:
        command.main(["--bundles", str(bundles), "--views", "0", "--real", str(gone)])
    assert stopped.value.code == 1
    assert "gone.png: cannot be read" in capsys.readouterr().err
