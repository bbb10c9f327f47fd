"""What is made once in a run of the tests, by whichever of its processes needs it first."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.capture import RenderedMatch
from edge.types import ImageArray

_folders: list[Path] = []


@contextmanager
def kept_below(factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is made in the temporary folder that all processes of this run share."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    _folders.append(folder / "once")
    _folders[-1].mkdir(exist_ok=True)
    try:
        yield
    finally:
        _folders.pop()


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of this name, which `make` has filled; nobody may change what is in it."""
    folder = _folders[-1] / name
    with (_folders[-1] / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            part = _folders[-1] / f"{name}.part"  # a name may have dots
            part.mkdir(exist_ok=True)
            make(part)
            part.rename(folder)
    return folder


def rendered(seconds: float, fps: float, **options: Any) -> Iterator[tuple[ImageArray, Any]]:
    """Give each picture of a `RenderedMatch` and its truth; a test may change its picture."""
    folder = _rendered(seconds, fps, **options)
    truths = pickle.loads((folder / "truths").read_bytes())  # our own, of this run
    yield from zip(np.load(folder / "images.npy", mmap_mode="c"), truths, strict=True)


@cache
def _rendered(seconds: float, fps: float, **options: Any) -> Path:
    words = [f"{key}-{options[key]}" for key in sorted(options)]
    return once(
        "-".join(["match", str(seconds), str(fps), *words]),
        lambda folder: _render(folder, seconds=seconds, fps=fps, **options),
    )


def _render(folder: Path, **options: Any) -> None:
    images, truths = [], []
    with RenderedMatch(**options) as source:
        while (frame := source.read()) is not None:
            images.append(frame.image)
            truths.append(source.truth)
    np.save(folder / "images.npy", np.stack(images))
    (folder / "truths").write_bytes(pickle.dumps(truths))
