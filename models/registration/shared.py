"""One encoder for several sports: each has a decoder and heads of its own.

What is exported is one sport's network (`SportsNet.of`). Batches mix the sports, so that the
statistics of the encoder's normalizations are those of all of them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from models.registration.network import (
    DenseHead,
    Encoder,
    KeypointHead,
    MapDecoder,
    Outputs,
    RegistrationNet,
    normalize,
)


class Branch(nn.Module):
    """A sport's decoder and heads."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = MapDecoder()
        self.keypoints = KeypointHead()
        self.dense = DenseHead()

    def forward(self, taps: list[Tensor]) -> Outputs:
        """Features at strides 4, 8, 16, 32 -> both heads' maps, float32."""
        f = self.decoder(taps)
        return Outputs(self.keypoints(f).float(), self.dense(f).float())


class SportsNet(nn.Module):
    """A shared encoder and a branch for each sport."""

    def __init__(self, sports: Sequence[str], *, pretrained: bool = True) -> None:
        super().__init__()
        self.encoder = Encoder(pretrained=pretrained)
        self.branches = nn.ModuleDict({sport: Branch() for sport in sports})

    def forward(self, bgr: Tensor, rows: Mapping[str, Tensor]) -> dict[str, Outputs]:
        """(b, h, w, 3) uint8 BGR, and which of the b pictures each sport's branch sees."""
        taps = self.encoder(normalize(bgr))
        return {sport: self.branches[sport]([t[i] for t in taps]) for sport, i in rows.items()}

    def of(self, sport: str) -> RegistrationNet:
        """One sport's network; it shares its parts with this one."""
        return assembled(self.encoder, self.branches[sport])

    def start_from(self, trained: Sequence[tuple[str, RegistrationNet]]) -> None:
        """Take over trained networks, each with its sport: the encoder of the first.

        A sport's branch comes from its own network, or from the first where it has none.
        """
        self.encoder.load_state_dict(trained[0][1].encoder.state_dict())
        own = dict(trained)
        for sport, branch in self.branches.items():
            net = own.get(sport, trained[0][1])
            for part in ("decoder", "keypoints", "dense"):
                getattr(branch, part).load_state_dict(getattr(net, part).state_dict())

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load a checkpoint; sports that it does not know keep what they have.

        Raises RuntimeError for a checkpoint of another network.
        """
        found = self.load_state_dict(state, strict=False)
        known = {key.split(".")[1] for key in state if key.startswith("branches.")}
        strange = [k for k in found.missing_keys if k.split(".")[1] in known or "encoder" in k]
        if strange or not known:
            raise RuntimeError(
                f"no checkpoint of this network: without {(strange or ['a sport'])[0]}"
            )


def assembled(encoder: Encoder, branch: nn.Module) -> RegistrationNet:
    """A network made of an encoder and a branch, which it shares."""
    net = RegistrationNet(pretrained=False)
    net.encoder = encoder
    net.decoder, net.keypoints, net.dense = branch.decoder, branch.keypoints, branch.dense
    return net.train(encoder.training)


def copied(net: SportsNet) -> SportsNet:
    """An independent copy in evaluation mode."""
    return copy.deepcopy(net).eval()
