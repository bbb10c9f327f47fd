"""Soccer fields of any size that the catalogue accepts keep the Law's proportions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.fields import load_field

sizes = st.tuples(st.floats(60, 130), st.floats(45, 100))


@given(sizes)
@settings(max_examples=60, deadline=None)
def test_markings_of_fixed_size_move_with_the_goal_lines(size):
    length, width = size
    field = load_field("soccer", length_m=length, width_m=width)
    usual = load_field("soccer")
    for name in ("right penalty area", "right goal area", "right penalty arc"):
        here = field.marking(name).points_m - (field.length_m / 2, 0)
        there = usual.marking(name).points_m - (usual.length_m / 2, 0)
        np.testing.assert_allclose(here, there, atol=1e-9)
    for name in ("centre circle", "centre mark"):
        np.testing.assert_array_equal(field.marking(name).points_m, usual.marking(name).points_m)


@given(sizes)
@settings(max_examples=60, deadline=None)
def test_everything_lies_within_the_boundary_lines(size):
    length, width = size
    field = load_field("soccer", length_m=length, width_m=width)
    edge = np.array([field.length_m, field.width_m]) / 2 + 0.06 + 1e-9
    for item in field.markings:
        assert (np.abs(item.points_m) <= edge).all(), item.name
    for region in field.regions:
        assert (np.abs(region.polygon_m) <= edge).all(), region.name


@given(sizes)
@settings(max_examples=60, deadline=None)
def test_arcs_keep_clear_of_the_centre_circle(size):
    length, width = size
    field = load_field("soccer", length_m=length, width_m=width)
    arc = field.marking("right penalty arc").points_m
    area = field.marking("right penalty area").points_m
    assert arc[:, 0].max() <= area[:, 0].min() + 1e-9
    assert arc[:, 0].min() > 9.15
