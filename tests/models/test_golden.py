"""The pictures that golden frames are chosen from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.box.model_updates.self_test import golden_frames
from edge.bundles import load_bundle
from edge.capture import read_picture
from edge.fields import default_field, load_field
from edge.geometry import apply_homography
from models.registration.golden import main

ROOT = Path(__file__).parents[2]


def test_each_line_names_a_picture_and_where_it_lies_on_the_sports_usual_field(
    tmp_path: Path,
) -> None:
    out = tmp_path / "golden.jsonl"
    main([str(out), "--sport", "basketball", "--count", "2"])
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 3
    assert lines[0]["field_from_image"] is None
    field = load_field(default_field("basketball"))
    for line in lines:
        assert read_picture(tmp_path / line["image"]).shape == (360, 640, 3)
    for line in lines[1:]:
        h = np.array(line["field_from_image"]).reshape(3, 3)
        x_m, y_m = apply_homography(h, np.array([[320.0, 240.0]]))[0]
        assert abs(x_m) < field.length_m
        assert abs(y_m) < field.width_m


def test_a_bundle_finds_its_golden_frames_among_them(tmp_path: Path) -> None:
    out = tmp_path / "golden.jsonl"
    main([str(out), "--count", "6"])
    found = golden_frames(load_bundle(ROOT / "models/bundles/soccer"), out)
    *truths, last = [golden.entry.field_from_image for golden in found]
    assert truths
    assert None not in truths
    assert last is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["golden"], "ends in .jsonl"),
        (["/dev/null/x.jsonl"], "cannot be written"),
        (["golden.jsonl", "--count", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
