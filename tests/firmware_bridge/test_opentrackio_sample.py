"""What a sample says: the specification's examples, odd devices, and what we build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.codecs.opentrackio_sample import TrackSample, build_sample, read_sample
from firmware_bridge.rotation import angles_of, camera_axes

DATA = Path(__file__).parent / "data" / "opentrackio"
SCHEMA = json.loads((DATA / "schema.v1.0.1.generated.json").read_text(encoding="utf-8"))
EXAMPLES = DATA / "spec_examples"


def example(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (EXAMPLES / f"{name}_example.v1.0.1.json").read_text(encoding="utf-8")
    )
    return loaded


def test_recommended_example_field_by_field() -> None:
    sample = read_sample(example("recommended_static"))
    assert sample.violations == ()
    assert sample.position_m == (1.0, 2.0, 3.0)
    assert (sample.pan_deg, sample.tilt_deg, sample.roll_deg) == (180.0, 90.0, 45.0)
    assert (sample.focal_mm, sample.focus_m) == (24.305, 10.0)
    assert (sample.zoom, sample.focus) == (0.3, 0.1)
    assert (sample.distortion_model, sample.radial) == ("Brown-Conrady D-U", (1.0, 2.0, 3.0))
    assert sample.sensor_mm == (36.0, 24.0)
    assert sample.label == "A"
    assert sample.rate == (24, 1)
    assert sample.source_number == 1
    assert sample.status == "Optical Good"
    assert sample.source_id == "urn:uuid:1075c018-4aa2-4bf3-a216-82f7cf91e79c"


@pytest.mark.parametrize("name", ["complete_dynamic", "complete_static"])
def test_complete_examples_read_without_violations(name: str) -> None:
    sample = read_sample(example(name))
    assert sample.violations == ()
    assert sample.raw_zoom == 3000
    assert sample.sequence == 0
    assert (sample.sample_s, sample.sample_ns) == (1718806554, 500000000)
    assert (sample.locked, sample.sync_source) == (True, "ptp")


def test_transforms_are_composed_in_order() -> None:
    arm = {"translation": {"x": 0, "y": 0, "z": 2}, "rotation": {"pan": 90, "tilt": 0, "roll": 0}}
    head = {
        "translation": {"x": 0, "y": 5, "z": 0},
        "rotation": {"pan": 10, "tilt": -20, "roll": 3},
    }
    sample = read_sample({"transforms": [arm, head]})
    # the arm looks to +x, so that five metres forward of it are five metres along x
    assert sample.position_m == pytest.approx((5, 0, 2))
    assert (sample.pan_deg, sample.tilt_deg, sample.roll_deg) == pytest.approx((100, -20, 3))


@pytest.mark.parametrize(
    ("pan", "tilt", "roll"), [(0, 0, 0), (30, -10, 2), (-170, 60, -5), (179, -89, 10)]
)
def test_angles_survive_the_matrix(pan: float, tilt: float, roll: float) -> None:
    assert angles_of(camera_axes(pan, tilt, roll)) == pytest.approx((pan, tilt, roll))


DEVIATIONS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    # seen on a real device, or easy to imagine: (sample, violation, what is still read)
    (
        {"lens": {"pinholeFocalLength": 0.0, "focusDistance": 4095}},
        "lens.pinholeFocalLength",
        {"focus_m": 4095.0},
    ),
    (
        {"lens": {"encoders": {"zoom": 1.5}}, "sourceNumber": 3},
        "lens.encoders.zoom",
        {"source_number": 3},
    ),
    (
        {"timing": {"sequenceNumber": -1, "sampleRate": {"num": 50, "denom": 1}}},
        "timing.sequenceNumber",
        {"rate": (50, 1)},
    ),
    ({"timing": [], "sourceNumber": 3}, "timing.sampleRate.num", {"source_number": 3}),
    ({"transforms": "none"}, "transforms", {"position_m": None}),
    ({"transforms": [1]}, "transforms.0", {"position_m": None}),
    (
        {"transforms": [{"translation": [1, 2, 3]}]},
        "transforms.0.translation",
        {"position_m": None},
    ),
    (
        {"transforms": [{"translation": {"x": True}, "rotation": {"pan": 3}}]},
        "transforms.0.translation.x",
        {"pan_deg": 3.0},
    ),
    ({"lens": {"pinholeFocalLength": 10**400}}, "lens.pinholeFocalLength", {"focal_mm": None}),
    ({"lens": {"distortion": [{"radial": 4}]}}, "lens.distortion.0.radial", {"radial": ()}),
    ({"tracker": {"status": ""}}, "tracker.status", {"status": ""}),
]


@pytest.mark.parametrize(
    ("raw", "violation", "read"), DEVIATIONS, ids=[v for _, v, _ in DEVIATIONS]
)
def test_deviations_are_named_and_the_rest_is_read(
    raw: dict[str, Any], violation: str, read: dict[str, Any]
) -> None:
    sample = read_sample(raw)
    assert violation in sample.violations
    assert {name: getattr(sample, name) for name in read} == read


def test_unknown_and_missing_fields_do_no_harm() -> None:
    assert read_sample({}) == TrackSample()
    assert read_sample({"custom": {"pot1": 1}, "lens": {"bokeh": 3}}) == TrackSample()


_FINITE = st.floats(-1e6, 1e6)
_UUID = st.uuids().map(lambda u: u.urn)
_SAMPLES = st.builds(
    TrackSample,
    position_m=st.tuples(_FINITE, _FINITE, _FINITE),
    pan_deg=_FINITE,
    tilt_deg=_FINITE,
    roll_deg=_FINITE,
    focal_mm=st.none() | st.floats(0.1, 1e4),
    focus_m=st.none() | st.floats(0.1, 1e4),
    zoom=st.none() | st.floats(0, 1),
    raw_zoom=st.none() | st.integers(0, 0xFFFFFFFF),
    radial=st.sampled_from([(), (0.0,), (0.1, -0.2)]),
    distortion_model=st.just("Brown-Conrady U-D"),
    sample_s=st.integers(0, (1 << 48) - 1),
    sample_ns=st.integers(0, 999_999_999),
    rate=st.none() | st.tuples(st.integers(1, 240_000), st.integers(1, 1001)),
    sequence=st.integers(0, 0xFFFFFFFF),
    locked=st.booleans(),
    sync_source=st.sampled_from(["genlock", "videoIn", "ptp", "ntp"]),
    status=st.sampled_from(["", "verified"]),
    sample_id=_UUID,
    source_id=_UUID,
    source_number=st.integers(1, 200),
    sensor_mm=st.none() | st.tuples(st.floats(1, 100), st.floats(1, 100)),
    resolution_px=st.none() | st.tuples(st.integers(64, 8192), st.integers(64, 8192)),
    label=st.sampled_from(["", "cam1"]),
)
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@given(_SAMPLES)
def test_what_we_build_fits_the_schema_and_reads_back(sample: TrackSample) -> None:
    raw = json.loads(json.dumps(build_sample(sample)))
    _VALIDATOR.validate(raw)
    back = read_sample(raw)
    assert back.violations == ()
    for name in TrackSample.__dataclass_fields__:
        if name == "distortion_model" and not sample.radial:
            continue
        assert getattr(back, name) == getattr(sample, name), name


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
_KEYS = ["static", "tracker", "timing", "lens", "sampleId", "sourceNumber", "transforms"]


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_any_sample_is_read_without_an_exception(raw: dict[str, Any]) -> None:
    assert isinstance(read_sample(raw), TrackSample)


@given(st.sampled_from(["complete_dynamic", "complete_static", "recommended_static"]), st.data())
def test_any_one_field_replaced_by_anything_is_survived(name: str, data: st.DataObject) -> None:
    raw = example(name)
    node: Any = raw
    while True:
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        if not (isinstance(node[key], dict | list) and node[key]) or data.draw(st.booleans()):
            node[key] = data.draw(_JSON)
            break
        node = node[key]
    assert isinstance(read_sample(raw), TrackSample)
