"""Messages: what they carry, what they refuse, and that the committed files say the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.errors import UsageError
from edge.geometry import apply_homography
from edge.publish.messages.asyncapi import asyncapi
from edge.publish.messages.base import Document
from edge.publish.messages.compose import Context, Stamp, homography_message, pose_message
from edge.publish.messages.examples import TOPICS
from edge.publish.messages.registration import MESSAGES, FieldRef, Homography, schema_of
from edge.publish.messages.schemas import generated
from edge.publish.mqtt.topics import Topics, parse_topic
from edge.types import Quality, Registration, RegistrationState, RejectionReason
from firmware_bridge.pose import CameraPose, PoseEstimate, PoseSigma, PoseVerdict
from tests.publish.parts import FIELD_FROM_IMAGE, answered, lost, make_frame

ROOT = Path(__file__).parents[2]
FIELD = FieldRef(name="soccer", length_m=105, width_m=68)
CONTEXT = Context("0123456789abcdef", "cam1", FIELD, bundle="soccer 1", calibration="c1")


def compose(registration: Registration, **context: Any) -> Homography:
    stamp = Stamp.of(make_frame(12))
    return homography_message(replace(CONTEXT, **context), 5, stamp, registration)


def test_a_homography_message_carries_the_frame_and_the_answer() -> None:
    data = json.loads(compose(answered(RegistrationState.TRACKED)).payload())
    assert next(iter(data)) == "schema"
    assert data["schema"] == "touchline.homography/1"
    assert (data["session"], data["seq"], data["camera"]) == ("0123456789abcdef", 5, "cam1")
    assert (data["frame_id"], data["pts_s"]) == (12, 0.48)
    assert data["capture"] == {
        "time_ns": 1_700_000_000_000_000_012,
        "clock": "host",
        "uncertainty_ns": None,
    }
    assert data["image_size"] == [128, 72]
    assert data["field"] == {"name": "soccer", "length_m": 105, "width_m": 68}
    assert (data["state"], data["reason"]) == ("tracked", "none")
    assert data["field_from_image"] == FIELD_FROM_IMAGE.ravel().tolist()
    assert data["quality"] == {
        "score": 0.97,
        "calibration": "c1",
        "inliers": 38,
        "rms_px": 1.4,
        "expected_error_m": 0.3,
        "line_support": 0.9,
    }
    assert data["latency_ms"] == {"infer": 9.812}
    assert (data["bundle"], data["config_revision"]) == ("soccer 1", None)


def test_a_lost_frame_carries_no_homography() -> None:
    message = compose(lost(RejectionReason.NO_LINES))
    assert (message.state, message.reason) == (RegistrationState.LOST, RejectionReason.NO_LINES)
    assert message.field_from_image is None
    assert message.matrix is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_homography_that_is_not_finite_is_lost(bad: float) -> None:
    matrix = FIELD_FROM_IMAGE.copy()
    matrix[1, 1] = bad
    message = compose(replace(answered(), field_from_image=matrix))
    assert (message.state, message.reason) == (RegistrationState.LOST, RejectionReason.IMPLAUSIBLE)
    assert message.field_from_image is None


def test_figures_that_are_not_finite_are_null() -> None:
    quality = Quality(np.nan, 3, np.inf, np.nan, None)
    shown = compose(replace(answered(), quality=quality)).quality
    assert (shown.score, shown.rms_px, shown.expected_error_m) == (0.0, None, None)


def test_a_pose_whose_place_is_not_known_says_so() -> None:
    pose = CameraPose(0.0, -60.0, 15.0, 2.0, 9.0, 0.1, 2800.0, 1280, 720)
    sigma = PoseSigma(np.inf, np.inf, np.inf, 0.02, 0.03, 0.01, np.nan)
    estimate = PoseEstimate(pose, PoseVerdict.OK, sigma, 0.4)
    shown = pose_message(CONTEXT, 7, estimate)
    assert shown is not None
    assert shown.sigma_position_m is None
    assert shown.sigma_focal_px is None
    assert shown.sigma_angles_deg is not None
    assert shown.sigma_angles_deg.tilt == 0.03
    for bad in (
        replace(estimate, residual_px=np.inf),
        replace(estimate, pose=replace(pose, k1=np.nan)),
    ):
        assert pose_message(CONTEXT, 7, bad) is None


def test_a_camera_on_the_far_side_publishes_the_field_turned_by_half_a_turn() -> None:
    near, far = compose(answered()).matrix, compose(answered(), half_turn=True).matrix
    assert near is not None
    assert far is not None
    pixels = [[10.0, 60.0], [100.0, 70.0]]
    np.testing.assert_allclose(apply_homography(far, pixels), -apply_homography(near, pixels))


def test_lost_and_a_homography_exclude_each_other() -> None:
    good = compose(answered()).model_dump(by_alias=True)
    for wrong in (
        good | {"state": "lost"},
        good | {"field_from_image": None},
        good | {"field_from_image": [1.0] * 8},
        good | {"quality": good["quality"] | {"score": 1.1}},
        good | {"schema": "touchline.homography/2"},
        good | {"camera": "Cam 1"},
    ):
        with pytest.raises(ValidationError):
            Homography.model_validate(wrong)


def test_a_reader_ignores_keys_of_a_newer_box() -> None:
    data = compose(answered()).model_dump(mode="json", by_alias=True) | {"weather": "rain"}
    data["quality"]["mood"] = 3
    assert Homography.model_validate(data) == compose(answered())


def test_the_committed_files_are_what_the_models_say() -> None:
    stale = [p.name for p, text in generated(ROOT).items() if p.read_text() != text]
    assert stale == [], "run python -m edge.publish.messages.schemas --write"


@pytest.mark.parametrize("message", MESSAGES)
def test_examples_and_real_messages_match_the_schema(message: type[Document]) -> None:
    schema = schema_of(message)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    examples = [e for doc in TOPICS if doc.message is message for e in doc.examples]
    assert examples
    for example in examples:
        data = json.loads(example.payload())
        validator.validate(data)
        assert message.model_validate(data) == example
        for key in set(schema["required"]):
            assert list(validator.iter_errors({k: v for k, v in data.items() if k != key})), key


def test_the_asyncapi_document_names_every_topic_and_its_references_resolve() -> None:
    document = asyncapi()
    assert document == yaml.safe_load((ROOT / "configs/schema/asyncapi.yaml").read_text())
    topics = Topics("touchline", "venue", "box")
    addresses = {
        c["address"].format(prefix="touchline", site="venue", device="box", cam="c", job="j")
        for c in document["channels"].values()
    }
    camera = {topics.homography("c"), topics.latest("c"), topics.pose("c"), topics.event("c")}
    config = {topics.config_desired, topics.config_reported, topics.config_schema}
    model = {topics.model_desired, topics.model_reported, topics.segments("j")}
    assert addresses == {topics.state, topics.info, topics.health} | camera | config | model
    received = [o for o in document["operations"].values() if o["action"] == "receive"]
    assert [o["channel"]["$ref"] for o in received] == [
        "#/channels/desiredConfiguration",
        "#/channels/desiredModelBundle",
    ]
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
    references = list(_references(document))
    assert len(references) == 3 * len(TOPICS) + len(MESSAGES)
    for reference in references:
        if reference.startswith("#/"):
            node: Any = document
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            assert (ROOT / "configs/schema" / reference).exists(), reference


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


@pytest.mark.parametrize(
    ("prefix", "site", "device"),
    [("touchline", "Venue", "box"), ("touchline", "a/b", "box"), ("touchline", "venue", "#"),
     ("/touchline", "venue", "box"), ("touchline", "venue", ""), ("a//b", "venue", "box"),
     ("touchline", "venue\n", "box")],
)  # fmt: skip
def test_names_that_are_no_topic_level_are_refused(prefix: str, site: str, device: str) -> None:
    with pytest.raises(UsageError, match="a-z, 0-9"):
        Topics(prefix, site, device)


_IDS = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")


@given(_IDS, _IDS, _IDS)
def test_a_topic_is_taken_apart_as_it_was_made(site: str, device: str, camera: str) -> None:
    topics = Topics("club/east", site, device)
    for topic, kind in (
        (topics.homography(camera), "homography"),
        (topics.latest(camera), "latest"),
        (topics.event(camera), "event"),
    ):
        address = parse_topic("club/east", topic)
        assert address is not None
        assert (address.site, address.device, address.camera) == (site, device, camera)
        assert address.kind == kind
    assert parse_topic("club", topics.state) is None


@given(st.text(max_size=40))
def test_any_topic_is_parsed_or_not_ours(topic: str) -> None:
    address = parse_topic("touchline", topic)
    assert address is None or topic.startswith("touchline/v1/")
