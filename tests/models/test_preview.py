from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.registration import preview
from models.registration.cameras import broadcast
from models.registration.views import ViewRenderer
from tests.models.parts import SOCCER, mapped


@pytest.fixture(scope="module")
def renderer():
    return ViewRenderer(12, 160, 96, mix=((1.0, broadcast),), negatives=0.0, sizes=1)


def test_the_truth_is_drawn_where_the_lines_are(renderer):
    batch = renderer.batch(2)
    for i in range(2):
        both = preview.draw_truth(batch, i)
        assert both.shape == (96, 320, 3)
        np.testing.assert_array_equal(both[:, :160], batch.image[i])
        red = np.abs(both[:, 160:].astype(int) - preview.LINE_BGR).sum(-1) < 90
        grid = np.abs(both[:, 160:].astype(int) - preview.KEYPOINT_BGR).sum(-1) < 90
        assert red.any()
        assert grid.any()
        spots = mapped(batch.image_from_field[i], SOCCER.keypoints_m())
        v, u = np.nonzero(grid)
        nearest = np.linalg.norm(np.stack([u, v], 1)[:, None] - spots[None], axis=2).min(1)
        assert nearest.max() < 4


def test_maps_stand_beside_the_pictures(renderer):
    batch = renderer.batch(1)
    sheet = preview.draw_truth(batch, 0, maps=True)
    assert sheet.shape == (96, 640, 3)
    line = sheet[:, 320:480, 0]
    assert line.min() < 128 < line.max()


def test_an_unfinished_row_is_kept(renderer):
    assert preview.sheet(renderer, 3, 2).shape == (2 * 96, 2 * 320, 3)


def test_the_command_writes_a_sheet(tmp_path):
    out = tmp_path / "sheet.png"
    arguments = ["--count", "1", "--across", "1", "--size", "64x64", "--sizes", "1", "--maps"]
    preview.main([str(out), *arguments])
    assert cv2.imread(str(out)).shape == (64, 4 * 64, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "wide"], "'wide' is no size"),
        (["--size", "2048x2048"], "the largest is 1000x600"),
        (["--count", "0"], "begin at 1"),
    ],
)
def test_wrong_use_is_told_in_a_line(arguments, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        preview.main([str(tmp_path / "x.png"), *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
