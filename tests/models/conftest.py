"""What the tests of the training package share: one renderer's pictures, one exported network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.registration.export import export_bundle
from models.registration.network import RegistrationNet
from models.registration.shared import SportsNet
from models.registration.views import ViewRenderer
from tests.once import once


@pytest.fixture(scope="session")
def straight_batch():
    """Four views by lenses without distortion, 128x96."""
    return ViewRenderer(5, 128, 96, negatives=0.0, sizes=1, lens=0.0).batch(4)


@pytest.fixture(scope="session")
def network():
    """An untrained network whose normalizations have seen some pictures."""
    torch.manual_seed(3)
    net = RegistrationNet(pretrained=False)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randint(0, 256, (2, 96, 128, 3), dtype=torch.uint8))
    return net.eval()


@pytest.fixture(scope="session")
def checkpoint(network) -> Path:
    """A checkpoint as the training writes it."""
    return once("checkpoint", lambda folder: save(network, folder / "last.pt")) / "last.pt"


def save(network: RegistrationNet, path: Path) -> None:
    shared = SportsNet(("soccer",), pretrained=False)
    shared.start_from([("soccer", network)])
    state = {"net": shared.state_dict(), "ema": shared.state_dict(), "opt": {}}
    record = {"elapsed": 60.0, "step": 7, "images": 84}
    torch.save(state | record | {"settings": {"run": "some/where/soccer", "seed": 1}}, path)


@pytest.fixture(scope="session")
def bundle_folder(checkpoint) -> Path:
    """The untrained network as a bundle, 128x96."""
    how = {"width": 128, "height": 96, "version": "1.2.3", "decode": {"x": 0.5}}
    return once("bundle", lambda made: export_bundle(checkpoint, made / "soccer", **how)) / "soccer"
