"""A rendered source of the configuration, planned and opened."""

from __future__ import annotations

import pytest

from edge.box.stages.source_plan import plan_source
from edge.config import Config


@pytest.mark.parametrize(("seconds", "frames"), [(3, 30), (None, 10_000_000)])
def test_a_rendered_match_is_as_long_as_asked_for_or_endless(
    seconds: float | None, frames: int
) -> None:
    source = {"type": "rendered", "seconds": seconds, "fps": 10, "width": 64, "height": 64}
    config = Config.model_validate({"source": source})
    opened = plan_source(config, None).open()
    assert opened.info.frames == frames
    opened.close()
