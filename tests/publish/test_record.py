"""A line of JSON for a registration."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edge.fields import load_field
from edge.publish.messages.record import RegistrationRecord, error_record, record_of
from edge.types import Registration
from tests.box.parts import GOOD, LOST, make_frame

ROOT = Path(__file__).resolve().parents[2]
SOCCER = load_field("soccer")
SIZE = (64, 36)


def line(registration: Registration = GOOD, **changes) -> dict:
    about = {"image": "a.png", "image_size": SIZE, "field": SOCCER} | changes
    return json.loads(json.dumps(record_of(registration, **about).line()))


def test_a_line_keeps_the_keys_that_lines_always_had():
    item = line()
    assert {key: item[key] for key in ("image", "sport", "state", "score", "reason")} == {
        "image": "a.png",
        "sport": "soccer",
        "state": "verified",
        "score": 0.97,
        "reason": "none",
    }
    assert item["field_from_image"] == [0.1, 0, 0, 0, 0.1, 0, 0, 0, 1]


def test_a_line_says_what_it_is_and_of_what_size():
    item = line(field=load_field("soccer", length_m=100, width_m=64))
    assert item["schema"] == "touchline.registration/1"
    assert item["image_size"] == [64, 36]
    assert item["field"] == {"name": "soccer", "length_m": 100, "width_m": 64}
    assert (item["frame"], item["pts_s"], item["error"]) == (None, None, None)


def test_lost_has_no_homography():
    item = line(LOST)
    assert (item["state"], item["reason"], item["field_from_image"]) == ("lost", "no_field", None)


def test_a_frame_is_named_by_its_source_and_number():
    item = line(image="m.mp4", frame=make_frame(7))
    assert item["image"] == "m.mp4/7"
    assert (item["frame"], item["pts_s"], item["expected_error_m"]) == (7, 0.14, 0.3)


def test_a_picture_of_a_folder_keeps_its_name():
    frame = dataclasses.replace(make_frame(7), name="match/0042.jpg")
    item = line(LOST, image="match", frame=frame)
    assert (item["image"], item["frame"]) == ("match/0042.jpg", 7)


def test_the_far_side_turns_the_field_by_half_a_turn():
    near, far = (line(far_side=side)["field_from_image"] for side in (False, True))
    p, q = (np.array(h).reshape(3, 3) @ (30.0, 40.0, 1.0) for h in (near, far))
    assert np.allclose(p[:2] / p[2], -q[:2] / q[2])


def test_an_error_is_a_line_without_a_homography():
    item = error_record(image="x.png", field=SOCCER, error="x.png: empty").line()
    assert (item["error"], item["field_from_image"]) == ("x.png: empty", None)
    assert (item["state"], item["reason"], item["image_size"]) == ("lost", "bad_frame", None)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"two\nlines.png", "ü 😀.png".encode()])
def test_any_file_name_gives_a_line_of_the_schema(name: bytes):
    schema = json.loads((ROOT / "configs/schema/registration.v1.schema.json").read_text())
    text = name.decode(errors="surrogateescape")
    for item in (line(image=text), error_record(image=text, field=SOCCER, error="x").line()):
        jsonschema.validate(item, schema)
        assert "\n" not in json.dumps(item)
        assert os.fsencode(item["image"]) == name
        assert item["image"] == text


def test_a_line_is_read_again():
    item = line(image="ü 😀.png", frame=make_frame(3))
    assert RegistrationRecord.model_validate_json(json.dumps(item)).line() == item
