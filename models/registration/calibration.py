"""Calibration pictures for the quantizer: rendered views as the network's input sees them."""

from __future__ import annotations

from collections.abc import Iterator

from edge.types import ImageArray
from models.registration.views import ViewRenderer

SEED = 50_001
"""Added to the caller's seed, so that no held-out view calibrates what it later measures."""
SIZE = (320, 192)
"""Width and height of the network's picture."""
NEGATIVES = 0.09
"""Share of pictures without a field, as in the training."""
_BATCH = 8


def frames(
    sport: str, n: int, seed: int = 0, *, size: tuple[int, int] = SIZE, sizes: int = 10
) -> Iterator[ImageArray]:
    """Yield `n` seeded pictures, (h, w, 3) uint8 BGR at `size` (width, height), of `sizes` fields.

    They are drawn from the training's prior of cameras, fields and negatives, with all the faults
    of lens and codec. Raises UsageError for a sport that no view is rendered of.
    """
    renderer = ViewRenderer(SEED + seed, *size, sport=sport, negatives=NEGATIVES, sizes=sizes)
    made = 0
    while made < n:
        batch = renderer.batch(_BATCH)  # whatever is left: the same pictures for any n
        yield from batch.image[: n - made]
        made += _BATCH
