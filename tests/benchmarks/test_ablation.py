from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import ablation as command
from edge.bundles import load_bundle
from edge.fields import load_field
from edge.registration.keypoints import CoordinateMap, read_keypoints
from edge.types import Registration, RegistrationState
from models.registration import ablation
from models.registration.metrics import Errors
from models.registration.scoring import Scored
from tests.models.parts import cameras, mapped

HIGH = ((0.0, -95.0, 40.0), (5.0, 0.0), 0.9)
FIELDS = ("soccer", "nfl", "nhl", "nba", "fiba", "itf")


@pytest.mark.parametrize("name", FIELDS)
def test_sparse_points_are_where_lines_meet(name):
    field = load_field(name)
    points = ablation.line_points(field)
    drawn = [m for m in field.markings if m.kind != "spot"]
    start = np.concatenate([m.points_m[:-1] for m in drawn])
    step = np.concatenate([m.points_m[1:] for m in drawn]) - start
    length = np.linalg.norm(step, axis=1)
    for p in points:
        t = np.clip(((p - start) * step).sum(1) / length**2, 0, 1)
        near = np.linalg.norm(start + t[:, None] * step - p, axis=1) < 0.4
        angle = np.arctan2(step[near, 1], step[near, 0])
        between = np.abs(np.sin(angle[:, None] - angle))
        assert between.max() > np.sin(np.radians(19)), p
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.eye(len(points))
    assert apart.min() > 0.29
    mirrored = np.linalg.norm(points[:, None] * (-1, 1) - points, axis=2).min(1)
    assert mirrored.max() < 0.2  # a field is as good at one end as at the other


def has(points, x, y):
    return np.linalg.norm(points - (x, y), axis=1).min() < 0.2


def test_the_fourteen_points_of_a_tennis_court():
    points = ablation.line_points(load_field("itf"))
    assert len(points) == 14
    ends = [(x, y) for x in (-11.885, 11.885) for y in (-5.485, -4.115, 4.115, 5.485)]
    service = [(x, y) for x in (-6.4, 6.4) for y in (-4.115, 0, 4.115)]
    assert all(has(points, *p) for p in (*ends, *service))


def test_points_of_other_fields():
    soccer = ablation.line_points(load_field("soccer"))
    corners = ((52.5, 34), (52.5, 20.16), (36, 20.16), (36, 7.31), (0, 34), (0, 9.15))
    assert all(has(soccer, *p) for p in corners)
    assert not has(soccer, 41.5, 0)  # the penalty mark is no line
    football = ablation.line_points(load_field("nfl"))
    assert has(football, 4.572, 24.43)  # a yard line at the sideline, though its paint stops short
    assert has(football, 4.572, -2.87)  # and at a hash mark
    assert not has(football, 0.9144, 2.82)  # a hash mark alone meets no line


def seen_from(camera, size=(320, 180)) -> tuple[CoordinateMap, np.ndarray]:
    """A perfect coordinate map, and image_from_field."""
    field = load_field("soccer")
    forward = cameras(camera).image_from_field(*size)[0]
    u, v = np.meshgrid(np.arange(1.5, size[0], 4), np.arange(1.5, size[1], 4))
    pixels = np.stack([u.ravel(), v.ravel()], 1)
    metres = mapped(np.linalg.inv(forward), pixels)
    on = (np.abs(metres) <= (field.length_m / 2, field.width_m / 2)).all(1)
    on &= np.einsum("j,ij->i", forward[2], np.c_[metres, np.ones(len(metres))]) * forward[2, 2] > 0
    sigma = np.full((int(on.sum()), 2), 0.2)
    mask = on.reshape(u.shape)
    return CoordinateMap(pixels[on], metres[on], sigma, mask, mask.mean(), 0.2), forward


def test_points_of_the_grid_are_read_as_the_box_reads_them():
    field, (cells, _) = load_field("soccer"), seen_from(HIGH)
    usual = read_keypoints(cells, field)
    assert usual.index.max() < field.grid.columns * field.grid.rows  # the grid was not refined
    spacing = field.length_m / (field.grid.columns - 1), field.width_m / (field.grid.rows - 1)
    same = ablation.read_at(cells, field.keypoints_m(), spacing)
    np.testing.assert_array_equal(same.index, usual.index)
    np.testing.assert_allclose(same.field_m, usual.field_m)
    np.testing.assert_allclose(same.image_px, usual.image_px, atol=1e-6)
    np.testing.assert_allclose(same.score, usual.score)


def test_sparse_points_lie_where_the_camera_shows_them():
    field, (cells, forward) = load_field("soccer"), seen_from(HIGH)
    points = ablation.line_points(field)
    found = ablation.read_at(cells, points, (8.75, 11.33))
    assert 4 <= len(found.score) < len(points)
    np.testing.assert_array_equal(found.field_m, points[found.index])
    off = np.linalg.norm(mapped(forward, found.field_m) - found.image_px, axis=1)
    assert np.median(off) < 0.5


def row(iou, reprojection, cpu_ms):
    answer = Registration(RegistrationState.VERIFIED, field_from_image=np.eye(3))
    return Scored(answer, Errors(iou, iou, 1.0, reprojection), 2.0, cpu_ms)


def test_what_a_step_gains():
    names = (
        *(ablation.SPARSE, ablation.GRID, ablation.CAMERA, ablation.ASKED, ablation.ALWAYS),
        ablation.DENSE,
    )
    rows = {name: [row(0.5 + 0.1 * i, 0.5, 1.0 + i)] * 4 for i, name in enumerate(names)}
    rows[ablation.ALWAYS] = [row(0.9, 0.001, 7.0), *[row(0.9, 0.5, 5.0)] * 3]
    gained = ablation.gains(rows)
    assert gained["b over a"]["iou_part"] == pytest.approx((0.1, 0.1, 0.1))
    assert gained["e over b"]["iou_whole"][0] == pytest.approx(0.3)
    mean, low, high = gained["e over d"]["right"]
    assert mean == pytest.approx(0.25)
    assert (low, high) == (0.0, 0.75)
    figures = ablation.figures(rows[ablation.ALWAYS])
    assert figures["cpu_ms_mean"] == pytest.approx(5.5)
    assert figures["cpu_ms_median"] == pytest.approx(5.0)
    assert figures["failed"] == 0


def test_the_command_runs_every_variant_on_the_same_pictures(bundles, truth_file, tmp_path, capsys):
    words = ["--bundles", str(bundles), "--views", "0"]
    assert command.main([*words, "--real", str(truth_file), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "soccer, tiny: 3 pictures" in said  # the negative is left out
    made = json.loads((tmp_path / "ablation.json").read_text())["soccer"]
    assert [s["set"] for s in made["sets"]] == ["tiny"]
    variants = made["sets"][0]["variants"]
    assert [name[0] for name in variants] == ["a", "b", "f", "c", "d", "e", "d"]
    assert all(v["frames"] == 3 and v["cpu_ms_mean"] > 0 for v in variants.values())
    assert variants[ablation.CAMERA]["dense_share"] == 0
    assert len(made["line_points_m"]) == 36
    assert (tmp_path / "soccer-ablation.png").stat().st_size > 10_000


def test_keypoints_alone_answer_or_say_why_not(bundles):
    alone = ablation.KeypointsAlone(load_bundle(bundles / "soccer"), load_field("soccer"), "lines")
    answer = alone.register(np.zeros((180, 320, 3), np.uint8))
    alone.close()
    assert (answer.field_from_image is None) == (answer.state is RegistrationState.LOST)
