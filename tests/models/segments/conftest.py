"""A tiny library: generated clips, tones and one font, for every split."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.segments.library import Library, LibraryWriter
from tests.once import once


def font() -> Path:
    """A font that a package of the tests brings along."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


def clip(rng: np.random.Generator, count: int = 20) -> list[np.ndarray]:
    """A pattern that moves to the right."""
    small = rng.integers(0, 255, (9, 16, 3), np.uint8)
    wide = cv2.resize(small, (320, 180), interpolation=cv2.INTER_CUBIC)
    return [np.roll(wide, 8 * k, 1) for k in range(count)]


def tone(rng: np.random.Generator, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * 16_000)) / 16_000
    return (0.3 * np.sin(2 * np.pi * rng.uniform(150, 3000) * t)).astype(np.float32)


def write(folder: Path) -> None:
    """Write it: two clips, two scenes, three stills and a few sounds for each split."""
    rng = np.random.default_rng(0)
    with LibraryWriter(folder) as writer:
        for split in ("train", "validation", "test"):
            for k in range(2):
                for kind in ("clip", "scene"):
                    group = f"{kind}-{split}-{k}"
                    for _ in range(2):
                        writer.pictures(kind, group, split, "made", "own", clip(rng), 5.0)
            for k in range(3):
                writer.pictures(
                    "still", f"still-{split}-{k}", split, "made", "own", clip(rng, 1), 1.0
                )
            for kind, count, seconds in (
                ("music", 3, 20), ("speech", 6, 3), ("voice", 2, 2), ("narration", 2, 2),
            ):  # fmt: skip
                for k in range(count):
                    group = f"{kind}-{split}-{k % 2}"
                    writer.sound(kind, group, split, "made", "own", tone(rng, seconds), "xx")
            writer.font(f"font-{split}", split, "made", "own", font())


@pytest.fixture(scope="session")
def library() -> Library:
    return Library(once("library", write))
