"""The benchmark of what following costs."""

import json

import pytest

from benchmarks import following


def test_modes_are_compared_over_the_same_shots(capsys):
    options = ["--sports", "tennis", "--shots", "2", "--frames", "14", "--json"]
    assert following.main(options) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["mode"] for row in rows] == list(following.MODES)
    assert {row["sport"] for row in rows} == {"tennis"}
    assert {row["frames"] for row in rows} == {28}
    network, file, pressed = rows
    assert network["followed"] == network["iou_change"] == network["right_error"] == 0.0
    assert 0 < file["followed"] < pressed["followed"] < 1
    for row in rows:
        assert row["iou_change"] == pytest.approx(row["iou_whole"] - network["iou_whole"])
        assert row["iou_whole"] > 0.9


def test_one_shot_gives_no_standard_error(capsys):
    assert following.main(["--sports", "tennis", "--shots", "1", "--frames", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(following.MODES)
    assert all("± nan" in line for line in said)
