from __future__ import annotations

import dataclasses
import json

import numpy as np

from edge.box.outputs.json_record import error_record, frame_record, record
from tests.box.parts import GOOD, LOST, make_frame


def test_a_record_has_the_fields_of_the_command_lines_contract():
    item = record(GOOD, image="a.png", sport="soccer")
    assert item == {
        "image": "a.png",
        "sport": "soccer",
        "state": "verified",
        "field_from_image": [0.1, 0, 0, 0, 0.1, 0, 0, 0, 1],
        "score": 0.97,
        "reason": "none",
    }


def test_lost_has_no_homography():
    item = record(LOST, image="a.png", sport="soccer")
    assert (item["state"], item["reason"], item["field_from_image"]) == ("lost", "no_field", None)


def test_a_frame_is_named_by_its_source_and_number_and_is_json():
    item = frame_record(make_frame(7), GOOD, source="m.mp4", sport="soccer")
    assert json.loads(json.dumps(item))["image"] == "m.mp4/7"
    assert (item["frame"], item["pts_s"], item["expected_error_m"]) == (7, 0.14, 0.3)


def test_the_far_side_turns_the_field_by_half_a_turn():
    near = record(GOOD, image="a", sport="soccer")["field_from_image"]
    far = record(GOOD, image="a", sport="soccer", half_turn=True)["field_from_image"]
    p, q = (np.array(h).reshape(3, 3) @ (30.0, 40.0, 1.0) for h in (near, far))
    assert np.allclose(p[:2] / p[2], -q[:2] / q[2])


def test_an_error_is_a_record_without_a_homography():
    item = error_record(image="x.png", sport="soccer", error="x.png: empty")
    assert (item["error"], item["field_from_image"], item["state"]) == (
        "x.png: empty",
        None,
        "lost",
    )


def test_a_picture_of_a_folder_keeps_its_name():
    frame = dataclasses.replace(make_frame(7), name="match/0042.jpg")
    item = frame_record(frame, LOST, source="match", sport="soccer")
    assert (item["image"], item["frame"]) == ("match/0042.jpg", 7)
