from __future__ import annotations

import numpy as np
import pytest
import torch

from edge.errors import UsageError
from models.registration import degradations
from models.registration.negatives import negative
from models.registration.views import ViewRenderer

W, H = 96, 64


@pytest.fixture(scope="module")
def mixed():
    """Batches of one renderer, half of the views without a field."""
    renderer = ViewRenderer(8, W, H, negatives=0.5, sizes=2)
    return [renderer.batch(6), renderer.batch(6)]


def test_the_seed_fixes_every_pixel_and_label(mixed):
    again = ViewRenderer(8, W, H, negatives=0.5, sizes=2)
    for batch in mixed:
        same = again.batch(6)
        np.testing.assert_array_equal(batch.image, same.image)
        assert torch.equal(batch.xy, same.xy)
        assert torch.equal(batch.distances, same.distances)
        np.testing.assert_array_equal(batch.image_from_field, same.image_from_field)
    assert (mixed[0].image != mixed[1].image).any()


def test_shapes_and_types(mixed):
    b = mixed[0]
    assert b.image.shape == (6, H, W, 3)
    assert b.image.dtype == np.uint8
    assert b.xy.shape == b.distances.shape == (6, 2, H // 4, W // 4)
    assert b.field.shape == b.near.shape == (6, H // 4, W // 4)
    assert b.field.dtype == b.near.dtype == torch.bool
    assert b.image_from_field.shape == (6, 3, 3)
    assert float(b.distances.min()) >= 0
    assert float(b.distances.max()) <= 1


def test_a_negative_has_no_label_and_a_view_has(mixed):
    kinds = np.concatenate([b.negative for b in mixed])
    assert 0 < kinds.sum() < len(kinds)
    for b in mixed:
        for i, without in enumerate(b.negative):
            assert bool(b.field[i].any()) != without
            assert bool(b.near[i].any()) != without
            assert bool((b.distances[i] == 1).all()) == without


def test_every_kind_of_negative_is_a_picture_that_shows_something():
    renderer = ViewRenderer(9, W, H, negatives=1.0, sizes=1)
    batch = renderer.batch(2)
    assert batch.negative.all()
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(40):
        before = np.random.default_rng()
        before.bit_generator.state = rng.bit_generator.state
        kind = before.random()
        seen.add(sum(kind >= limit for limit in (0.35, 0.5, 0.8, 0.92)))
        image = batch.image[0].copy()
        made = negative(image, batch.cameras, 0, rng, renderer.look.venue, renderer.look.others)
        assert made.shape == (H, W, 3)
        assert made.dtype == np.uint8
    assert seen == {0, 1, 2, 3, 4}


def test_the_first_size_is_the_standard_one():
    renderer = ViewRenderer(10, W, H, negatives=0.0, sizes=3)
    sizes = [(field.length_m, field.width_m) for field, _ in renderer.look.fields]
    assert sizes[0] == (105.0, 68.0)
    for length, width in sizes[1:]:
        assert 96 <= length <= 112
        assert 60 <= width <= 74
    assert renderer.batch(1).field_m in sizes


def test_a_picture_larger_than_the_noise_is_refused():
    with pytest.raises(UsageError, match="1280x720: the largest is 1000x600"):
        ViewRenderer(1, 1280, 720)


@pytest.mark.parametrize("size", [(64, 48), (1000, 600), (640, 360)])
def test_faults_keep_size_and_type(size):
    rng = np.random.default_rng(0)
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    for _ in range(6):
        out = degradations.codec(degradations.optics(image.copy(), rng), rng)
        assert out.shape == image.shape
        assert out.dtype == np.uint8
