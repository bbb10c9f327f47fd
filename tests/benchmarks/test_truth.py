from __future__ import annotations

import numpy as np
import pytest

from edge.capture.writer import VideoWriter
from edge.errors import SourceError, UsageError
from models.registration.truth import follows, pictures, read_truth
from tests.benchmarks.conftest import SIZE, row, save


def test_pictures_come_with_their_truth_and_their_order(truth_file, shown):
    file = read_truth(truth_file)
    found = list(pictures(file, file.of("soccer")))
    assert [f.name for f in found] == ["still.png", "match/08.png", "match/09.png", "black.png"]
    assert [f.alone for f in found] == [True, True, False, True]
    for f, view in zip(found, shown, strict=False):
        np.testing.assert_array_equal(f.view.image, view.image)
        np.testing.assert_allclose(f.view.field_from_image, view.field_from_image)
        assert f.view.field_name == "soccer"
    assert found[3].view.field_from_image is None
    assert file.of("tennis") == []


def of(video, frame):
    return f"{video}/{frame}", {"video": video, "frame": frame}


@pytest.mark.parametrize(
    ("before", "after", "yes"),
    [
        (("a/007.jpg", {}), ("a/008.jpg", {}), True),
        (("a/9.jpg", {}), ("a/10.jpg", {}), True),
        (("a/007.jpg", {}), ("a/009.jpg", {}), False),
        (("a/007.jpg", {}), ("b/008.jpg", {}), False),
        (("a/7.jpg", {}), ("a/8.png", {}), False),
        (("a/first.jpg", {}), ("a/second.jpg", {}), False),
        (of("v.mp4", 4), of("v.mp4", 5), True),
        (of("v.mp4", 4), of("v.mp4", 6), False),
        (of("v.mp4", 4), of("w.mp4", 5), False),
        (of("v.mp4", 4), ("v.mp4/5", {}), False),
    ],
)
def test_what_is_a_sequence(before, after, yes, shown, tmp_path):
    rows = [row(name, shown[0], **other) for name, other in (before, after)]
    a, b = read_truth(save(tmp_path / "t.jsonl", rows)).rows
    assert follows(a, b) is yes


def test_frames_of_a_video(shown, tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", fps=10) as writer:
        for i in range(6):
            writer.write(np.full((SIZE[1], SIZE[0], 3), 30 * i + 20, np.uint8))
    frames = (1, 2, 5, 0)
    rows = [row(f"clip.mp4/{i}", shown[0], video="clip.mp4", frame=i) for i in frames]
    file = read_truth(save(tmp_path / "clip.sequence.jsonl", rows))
    assert file.name == "clip"
    found = list(pictures(file, file.rows))
    assert [f.alone for f in found] == [True, False, True, True]
    grey = [f.view.image.mean() for f in found]
    assert grey == pytest.approx([30 * i + 20 for i in frames], abs=4)
    beyond = [row("clip.mp4/9", shown[0], video="clip.mp4", frame=9)]
    file = read_truth(save(tmp_path / "beyond.jsonl", beyond))
    with pytest.raises(SourceError, match=r"clip.mp4: no frame 9"):
        list(pictures(file, file.rows))


def test_a_picture_of_another_size(shown, truth_file):
    wide = row("still.png", shown[0], width=640)
    file = read_truth(save(truth_file.parent / "wide.jsonl", [wide]))
    with pytest.raises(SourceError, match="320x180, the truth file says 640x180"):
        list(pictures(file, file.rows))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sport": "chess", "field": None}, "chess"),
        ({"field": "nba"}, "length_m of field 'nba'"),
        ({"field": "itf", "field_length_m": 23.77, "field_width_m": 10.97}, "is for tennis"),
        ({"field_from_image": [1, 0, 0, 0, 1, 0, 0]}, "nine numbers"),
        ({"field_from_image": [1, 0, 0, 1, 0, 0, 0, 0, 1]}, "regular matrix"),
        ({"width": "wide"}, "width"),
        ({"video": "clip.mp4"}, "both `video` and `frame`"),
        ({"field_from_image": ...}, "field_from_image"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(change, words, shown, tmp_path):
    bad = row("a.png", shown[0]) | change
    bad = {k: v for k, v in bad.items() if v is not ...}
    with pytest.raises(UsageError, match=words) as found:
        read_truth(save(tmp_path / "t.jsonl", [row("a.png", shown[0]), bad]))
    assert "t.jsonl:2: " in str(found.value)
    assert "\n" not in str(found.value)


def test_no_json_and_no_lines(tmp_path):
    (tmp_path / "t.jsonl").write_text("\n{not json\n")
    with pytest.raises(UsageError, match=r"t.jsonl:2: .*JSON"):
        read_truth(tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl").write_text("\n")
    with pytest.raises(UsageError, match="no picture"):
        read_truth(tmp_path / "t.jsonl")
