"""An untrained soccer network as a folder of bundles, and a truth file of rendered pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.registration.export import export_bundle
from models.registration.held_out import views
from models.registration.shared import SportsNet
from tests.once import once

SIZE = (320, 180)


@pytest.fixture(scope="session")
def bundles() -> Path:
    """A folder with one bundle, soccer's, 128x96."""
    return once("bundles", make_bundles)


def make_bundles(folder: Path) -> None:
    torch.manual_seed(3)
    net = SportsNet(("soccer",), pretrained=False).state_dict()
    record = {"elapsed": 60.0, "step": 7, "images": 84, "settings": {"seed": 1}}
    torch.save({"net": net, "ema": net, "opt": {}} | record, folder / "last.pt")
    export_bundle(folder / "last.pt", folder / "soccer", width=128, height=96)


def row(image: str, view, **other) -> dict:
    """A line of a truth file."""
    h = view.field_from_image
    length_m, width_m = view.field_m
    height, width = view.image.shape[:2]
    return {
        "image": image,
        "sport": "soccer",
        "width": width,
        "height": height,
        "field_length_m": length_m,
        "field_width_m": width_m,
        "field_from_image": None if h is None else [float(v) for v in np.ravel(h)],
    } | other


def save(path: Path, rows: list[dict]) -> Path:
    """Write a truth file."""
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture(scope="session")
def shown():
    """Three rendered views."""
    return list(views(3, 7, size=SIZE))


@pytest.fixture(scope="session")
def truth_file(shown, tmp_path_factory) -> Path:
    """A still, two frames of a folder, and a negative; a comment key beside the truth."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "match").mkdir()
    for name, view in zip(("still.png", "match/08.png", "match/09.png"), shown, strict=True):
        cv2.imwrite(str(folder / name), view.image)
    cv2.imwrite(str(folder / "black.png"), np.zeros_like(shown[0].image))
    negative = row("black.png", shown[0]) | {"field_from_image": None, "source": "a comment"}
    names = ("still.png", "match/08.png", "match/09.png")
    rows = [row(n, v) for n, v in zip(names, shown, strict=True)]
    return save(folder / "tiny.jsonl", [*rows, negative])
