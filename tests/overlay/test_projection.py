from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.rendered.match_camera import RenderedCamera
from edge.fields import FIELD_NAMES, load_field
from edge.geometry import apply_homography
from edge.overlay import marking_segments, oriented, project_segments

CAMERA = RenderedCamera((0.0, -80.0, 18.0), 2.0, 80.0, 0.0, 1600.0, 640, 360)


def test_orientation_is_found_from_either_sign() -> None:
    h = CAMERA.image_from_field
    for given_h in (h, -h, 7 * h, -0.01 * h):
        got = oriented(given_h)
        np.testing.assert_allclose(got / np.linalg.norm(got), h / np.linalg.norm(h))


def test_what_lies_inside_is_projected_whole() -> None:
    segment = np.array([[[2.0, 0.0], [8.0, 4.0]]])
    got = project_segments(CAMERA.image_from_field, segment, 640, 360)
    np.testing.assert_allclose(got[0], apply_homography(CAMERA.image_from_field, segment[0]))


@pytest.mark.parametrize(
    ("segment", "seen"),
    [
        ([[0.0, 0.0], [0.0, -500.0]], True),  # to behind the camera
        ([[-4000.0, 0.0], [4000.0, 0.0]], True),  # out at both sides
        ([[0.0, 0.0], [0.0, 1e7]], True),  # to the horizon
        ([[0.0, -90.0], [0.0, -500.0]], False),  # all behind
        ([[-500.0, 0.0], [-400.0, 0.0]], False),  # all to the left
        ([[0.0, -81.0], [0.0, -79.0]], False),  # under the camera, below the picture
        ([[3.0, 10.0], [3.0, 10.0]], True),  # a line without length is a dot
    ],
)
def test_segments_are_clipped(segment: list[list[float]], seen: bool) -> None:
    for sign in (1, -1):
        got = project_segments(sign * CAMERA.image_from_field, [segment], 640, 360)
        assert len(got) == int(seen)
        assert (got > -5).all()
        assert (got < (645, 365)).all()
        horizon = 179.5 - 1600 * np.tan(np.radians(10))
        assert (got[..., 1] > horizon).all(), "nothing lies above the horizon"


@pytest.mark.parametrize("name", sorted(FIELD_NAMES))
def test_all_fields_have_segments(name: str) -> None:
    field = load_field(name)
    segments = marking_segments(field)
    assert len(segments) == sum(len(m.points_m) - 1 for m in field.markings)
    assert np.isfinite(segments).all()


def test_no_segments_give_no_lines() -> None:
    assert project_segments(CAMERA.image_from_field, np.zeros((0, 2, 2)), 640, 360).shape[0] == 0


_COORDINATE = st.floats(-300, 300, allow_subnormal=False)


@given(
    st.lists(st.tuples(*[_COORDINATE] * 4), min_size=1, max_size=8),
    st.floats(-180, 180),
    st.floats(20, 120),
    st.floats(-30, 30),
)
def test_clipped_points_are_points_of_the_line_in_front(
    segments: list[tuple[float, ...]], pan: float, tilt: float, roll: float
) -> None:
    camera = RenderedCamera((0.0, -60.0, 15.0), pan, tilt, roll, 700.0, 640, 360)
    h = camera.image_from_field
    got = project_segments(h, np.array(segments).reshape(-1, 2, 2), 640, 360)
    assert np.isfinite(got).all()
    assert ((got > -5) & (got < (645, 365))).all()
    ground = apply_homography(np.linalg.inv(h), got.reshape(-1, 2))
    depth = ground @ h[2, :2] + h[2, 2]
    assert (depth > 0).all()
    reach = np.abs(np.array(segments)).max() + 1
    assert (np.abs(ground) < reach).all()
