"""The table of engines and precisions."""

import json

import pytest

from benchmarks import engines
from edge.bundles import find_bundle


def test_a_row_for_each_form_with_its_figures(capsys):
    assert engines.main(["--sports", "tennis", "--n", "2", "--rounds", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    forms = [(row["engine"], row["precision"]) for row in rows]
    assert forms == engines.forms_of(find_bundle("tennis"))
    assert {"onnxruntime", "openvino"} <= {engine for engine, _ in forms}
    sizes = {row["precision"]: row["megabytes"] for row in rows}
    assert sizes["int8"] < 0.6 * sizes["fp32"]
    for row in rows:
        assert len(row["median_ms"]) == len(row["p95_ms"]) == 2
        assert all(0 < m <= p for m, p in zip(row["median_ms"], row["p95_ms"], strict=True))
        assert row["iou_whole"] > 0.5
        assert row["change"] == pytest.approx(row["iou_whole"] - rows[0]["iou_whole"])
    full, fast = rows[:2]
    assert full["times_faster"] is None
    assert fast["times_faster"] == pytest.approx(
        [a / b for a, b in zip(full["median_ms"], fast["median_ms"], strict=True)]
    )


def test_an_untrained_bundle_of_one_precision_is_a_table_too(capsys, bundles):
    options = ["--sports", "soccer", "--n", "1", "--rounds", "1", "--bundles", str(bundles)]
    assert engines.main(options) == 0
    said = capsys.readouterr().out.splitlines()
    rows = [line for line in said if line.startswith("| soccer")]
    assert len(rows) == len([line for line in said if "| fp32 |" in line]) >= 2
    assert "± " not in rows[0]


def test_a_folder_without_the_bundle_is_one_line(capsys, tmp_path):
    with pytest.raises(SystemExit):
        engines.main(["--sports", "soccer", "--bundles", str(tmp_path)])
    assert "soccer" in capsys.readouterr().err
