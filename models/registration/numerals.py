"""Train the classifier of American football's numerals on rendered views.

`python -m models.registration.numerals OUT.npz` lays rendered views out along the rows of numerals,
with homographies that are a little off, and fits one hidden layer to what is painted at each line.
It prints how often views that it has not seen are given to the right line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.fields import Field, load_field
from edge.registration.candidates import facing
from edge.registration.numerals import NONE, REACH, Classifier, Numerals, Reading, class_of
from edge.registration.picture import prepare
from models.registration.cameras import Array
from models.registration.held_out import PriorName, View, views

SEED = 90_001
"""Of the views: neither the training's, the calibration's nor the held-out set's."""
LEGIBLE = 0.25
HIDDEN = 96
SPORT = "american_football"
NETWORK = (192, 320)
OFF_M = 0.3
"""Deviation of the homographies along both axes."""


@dataclass(frozen=True, slots=True)
class Set:
    """Patches (n, pixels) and classes (n,) of some views."""

    patches: NDArray[np.float32]
    classes: NDArray[np.intp]


def laid(view: View, rng: np.random.Generator | None) -> tuple[NDArray[np.uint8], Array, Field]:
    """The grey picture, a homography into it (a little off with `rng`), and the field."""
    field = load_field(view.field_name, length_m=view.field_m[0], width_m=view.field_m[1])
    picture = prepare(view.image, np.zeros((1, *NETWORK, 3), np.uint8), field.paint)
    assert view.field_from_image is not None
    h = picture.check_from_source @ np.linalg.inv(view.field_from_image)
    height, width = picture.grey.shape
    h = facing(h, np.array([[width / 2, 0.9 * height]]))
    if rng is not None:
        a = np.eye(3)
        a[:2, :2] += rng.normal(0, 0.004, (2, 2))
        a[:2, 2] = rng.normal(0, OFF_M, 2)
        h = h @ a
    return picture.grey, h, field


def collect(n: int, seed: int, prior: PriorName, rng: np.random.Generator) -> Set:
    """Cut patches from n views, each laid out twice."""
    lines = class_of(np.arange(-REACH, REACH + 1))
    patches, classes = [], []
    for view in views(n, seed, sport=SPORT, prior=prior, standard=False):
        for _ in range(2):
            grey, h, field = laid(view, rng)
            layout = Numerals.of(field)
            assert layout is not None
            found = layout.patches(grey, h)
            for row in range(2):
                good = found.legible[row] > LEGIBLE
                patches.append(found.grey[row][good])
                classes.append(lines[good])
    return Set(np.concatenate(patches), np.concatenate(classes))


def fit(data: Set, epochs: int, seed: int = 1) -> Classifier:
    """Fit the classifier, for classes that are equally likely beforehand."""
    torch.manual_seed(seed)
    x, y = torch.from_numpy(data.patches), torch.from_numpy(data.classes)
    net = torch.nn.Sequential(
        torch.nn.Dropout(0.1),
        torch.nn.Linear(x.shape[1], HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(HIDDEN, NONE + 1),
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.02)
    steps = epochs * (len(x) // 256)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.02)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for at in order[: len(x) // 256 * 256].view(-1, 256):
            optimizer.zero_grad()
            loss(net(x[at]), y[at]).backward()
            optimizer.step()
            schedule.step()
    first, second = net[1], net[4]
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(second, torch.nn.Linear)
    share = np.bincount(data.classes, minlength=NONE + 1) / len(data.classes)
    with torch.no_grad():
        return Classifier(
            first.weight.T.numpy(),
            first.bias.numpy(),
            second.weight.T.numpy(),
            second.bias.numpy() - np.log(share).astype(np.float32),
        )


def readings(
    classify: Classifier, n: int, seed: int, prior: PriorName, rng: np.random.Generator
) -> Iterator[Reading]:
    """Read n views through homographies that are a little off, but on the right line."""
    for view in views(n, seed, sport=SPORT, prior=prior):
        grey, h, field = laid(view, rng)
        layout = Numerals.of(field)
        assert layout is not None
        yield layout.read(grey, h, classify)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--views", type=int, default=1500, help="of each prior")
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args(arguments)
    rng = np.random.default_rng(SEED)
    priors: tuple[PriorName, ...] = ("broadcast", "wide")
    parts = [collect(args.views, SEED + i, prior, rng) for i, prior in enumerate(priors)]
    data = Set(*(np.concatenate([getattr(p, k) for p in parts]) for k in ("patches", "classes")))
    print(f"{len(data.classes)} patches, by class {np.bincount(data.classes, minlength=NONE + 1)}")
    made = fit(data, args.epochs)
    for i, prior in enumerate(priors):
        found = list(readings(made, 200, SEED + 10 + i, prior, rng))
        margin = np.array([r.margin for r in found])
        told = np.abs(margin) > 1e-6
        sure = margin[np.abs(margin) > 2]
        print(
            f"{prior}: {told.mean():.2f} of views show numerals, of them "
            f"{(margin[told] > 0).mean():.2f} at the right line; {len(sure)} surely, of them "
            f"{(sure > 0).mean():.3f} right"
        )
    names = ("hidden", "hidden_bias", "out", "out_bias")
    np.savez_compressed(args.out, **{k: getattr(made, k).astype(np.float16) for k in names})


if __name__ == "__main__":
    main()
