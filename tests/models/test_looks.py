from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.fields import SPORTS as FIELD_SPORTS
from edge.fields import load_field
from models.registration.cameras import draw
from models.registration.looks import SPORTS, look_class


def test_every_sport_with_a_field_has_a_look():
    assert set(SPORTS) == set(FIELD_SPORTS)
    with pytest.raises(UsageError, match="curling"):
        look_class("curling")


@pytest.mark.parametrize("sport", SPORTS)
@pytest.mark.parametrize("prior", ["mix", "broadcast", "wide"])
def test_cameras_stand_beside_the_field_and_above_it(sport, prior):
    look = look_class(sport)
    assert look.sport == sport
    field = load_field("soccer" if sport == "soccer" else look.variants[0][0])
    mix = getattr(look, prior)
    cams = draw(np.random.default_rng(1), 200, field, aspect=1.6, mix=mix)
    assert (cams.centre_m[:, 2] > 1).all()
    along = 0 if sport == "tennis" else 1
    assert (cams.centre_m[:, along] < 0).all()  # the main camera's side
    half = np.array([field.length_m, field.width_m]) / 2
    assert (np.abs(cams.centre_m[:, :2]) > half).any(1).all()  # never on the field
    assert np.isfinite(cams.image_from_field(320, 192)).all()
