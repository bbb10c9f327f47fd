from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.box.outputs.writers import JsonLinesSink, PictureFolder, PictureSink, write_picture
from edge.errors import TouchlineError
from edge.fields import load_field
from edge.types import ImageArray, Registration
from tests.box.parts import GOOD, LOST, make_frame


def white(image: ImageArray, _registration: Registration) -> ImageArray:
    return np.full_like(image, 255)


def side_by_side(pictures: list[ImageArray]) -> ImageArray:
    return np.hstack(pictures)


def test_json_lines_are_one_object_a_frame(tmp_path: Path):
    sink = JsonLinesSink(tmp_path / "h.jsonl", source="m.mp4", field=load_field("soccer"))
    sink.write(make_frame(0), GOOD)
    sink.write(make_frame(1), LOST)
    sink.close()
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in lines] == ["m.mp4/0", "m.mp4/1"]


def test_pictures_are_taken_every_so_often_with_a_contact_sheet(tmp_path: Path):
    sink = PictureSink(tmp_path / "p", white, side_by_side, every_frames=10, sheet_of=2)
    for i in range(35):
        sink.write(make_frame(i), GOOD)
    sink.close()
    names = sorted(p.name for p in (tmp_path / "p").iterdir())
    assert names == ["000000.jpg", "000010.jpg", "000020.jpg", "000030.jpg", "contact_sheet.jpg"]
    sheet = cv2.imread(str(tmp_path / "p" / "contact_sheet.jpg"))
    assert sheet is not None
    assert sheet.shape == (36, 128, 3)
    assert sheet.min() > 250


def test_aborted_pictures_are_removed(tmp_path: Path):
    sink = PictureSink(tmp_path, white, side_by_side, every_frames=1)
    sink.write(make_frame(0), GOOD)
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_frames_writes_no_sheet(tmp_path: Path):
    PictureSink(tmp_path, white, side_by_side, every_frames=1).close()
    assert list(tmp_path.iterdir()) == []


def test_two_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path):
    folder = PictureFolder(tmp_path, white)
    image = make_frame(0).image
    for name in ("a/x.png", "b/x.png", "film.mp4/12"):
        folder.add(name, image, GOOD)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film_000012.jpg", "x-2.jpg", "x.jpg"]


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    with pytest.raises((TouchlineError, OSError, cv2.error)):
        write_picture(tmp_path / "a.jpg", np.zeros((0, 0, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
