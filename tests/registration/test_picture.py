"""Making a picture ready: scales must be exact, whatever its size."""

import numpy as np
import pytest

from edge.registration.picture import prepare


@pytest.mark.parametrize(
    "size",
    [
        (1280, 720),
        (1920, 1080),
        (854, 480),
        (512, 512),
        (3840, 2160),
        (720, 1280),
        (640, 360),
        (1001, 563),
        (320, 192),
    ],
)
def test_a_spot_is_where_the_scales_say(size):
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    x, y = width // 3, height // 2
    r = max(2, width // 100)
    image[y - r : y + r + 1, x - r : x + r + 1] = 255
    target = np.zeros((1, 192, 320, 3), np.uint8)
    p = prepare(image, target)
    for grey, scale in ((p.grey, p.check_from_source), (target[0, ..., 0], p.net_from_source)):
        v, u = np.indices(grey.shape)
        weight = grey.astype(float)
        centre = np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()
        expected = (scale @ [x, y, 1])[:2]
        assert np.abs(centre - expected).max() < 0.12
    assert (p.width, p.height) == size


def test_one_pixel_lines_survive_the_reduction():
    image = np.full((720, 1280, 3), 90, np.uint8)
    image[::8] = 255
    target = np.zeros((1, 192, 320, 3), np.uint8)
    prepare(image, target)
    # area reduction keeps the mean; picking single pixels would not
    assert abs(float(target.mean()) - float(image.mean())) < 4
