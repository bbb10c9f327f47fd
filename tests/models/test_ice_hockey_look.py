from __future__ import annotations

import numpy as np
import pytest
import torch

from models.registration.looks import look_class
from models.registration.views import ViewRenderer

W, H = 96, 64


@pytest.fixture(scope="module")
def renderer():
    return ViewRenderer(3, W, H, sport="ice_hockey", negatives=0.0, sizes=2)


def test_the_seed_fixes_every_pixel_and_label():
    one, two = (ViewRenderer(5, W, H, sport="ice_hockey", sizes=1).batch(4) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    assert torch.equal(one.xy, two.xy)
    assert torch.equal(one.distances, two.distances)


@pytest.mark.parametrize("mix", ["mix", "broadcast", "wide"])
def test_every_prior_renders(renderer, mix):
    renderer.mix = getattr(look_class("ice_hockey"), mix)
    batch = renderer.batch(2)
    assert batch.field.flatten(1).any(1).all()
    assert batch.image.std() > 5
