"""Teach the CNN what intros and recaps are told by: words on the screen, and what is heard.

    python -m models.segments.tune CNN --drawn DRAWN --minutes 35

ImageNet's trunk knows neither a title from a credit nor speech from music. Here it learns to name
the kinds of text that a picture shows and the kinds of sound in a second, both of training
programmes only, where they are known. It is not told what is intro or recap: that is the head's
to learn, of programmes. Writes CNN/trunk.pt, which `backbone` makes INT8; run once more, it goes
on from there.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge.errors import UsageError
from edge.segments.features import FEATURES
from edge.segments.pictures import as_input
from edge.segments.sound import SILENCE, as_picture
from models.registration.commands import one_line_errors
from models.segments.annotate import SOUNDS
from models.segments.rendered_cache import picture, read
from models.segments.timeline import TEXTS
from models.segments.trunk import Trunk

TRUNK = "trunk.pt"
FROZEN = 5
"""Blocks that stay as they are: edges and corners are what they were."""
PICTURES, PATCHES = 24, 48
"""In a step."""
LETTERED = 0.6
"""So many of a step's pictures show text, each kind as often as the others."""
Floats = NDArray[np.float32]


class Named(nn.Module):
    """The trunk, and what it is to name: (n, 8) texts of pictures, (n, 5) sounds of patches."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        self.trunk = Trunk(pretrained=pretrained)
        self.texts = nn.Linear(FEATURES, len(TEXTS))
        self.sounds = nn.Linear(FEATURES, len(SOUNDS))

    def known(self) -> dict[str, Floats]:
        """The directions of the features that name something: (8, 1280) and (5, 1280)."""
        weights = {"visual": self.texts.weight, "sound": self.sounds.weight}
        return {k: w.detach().float().numpy().copy() for k, w in weights.items()}


@dataclass(slots=True)
class TuningMaterial:
    """Pictures and patches of drawn training programmes, in memory."""

    pictures: list[bytes]
    shown: NDArray[np.bool_]
    """(n, 8)."""
    mel: NDArray[np.float16]
    """(m, 64, 100)."""
    heard: Floats
    """(m, 5)."""
    kinds: list[NDArray[np.intp]] = field(init=False)
    """The pictures of each kind of text that there is."""

    def __post_init__(self) -> None:
        found = (np.flatnonzero(column) for column in self.shown.T)
        self.kinds = [rows for rows in found if len(rows)]

    @classmethod
    def of(cls, files: Sequence[Path], each: int = 90, seed: int = 0) -> TuningMaterial:
        """All pictures of these programmes, and `each` seconds of sound."""
        rng = np.random.default_rng(seed)
        pictures: list[bytes] = []
        shown, mel, heard = [], [], []
        for path in files:
            made = read(path)
            pictures += made.pictures
            shown.append(made.shown)
            rows = rng.permutation(len(made.mel))[:each]
            mel.append(made.mel[rows].astype(np.float16))
            heard.append(made.heard[rows])
        return cls(pictures, np.concatenate(shown), np.concatenate(mel), np.concatenate(heard))

    def rows(self, rng: np.random.Generator, count: int) -> NDArray[np.intp]:
        """Pictures of a step: some drawn by the kind of their text, the others from all."""
        kinds = self.kinds
        lettered = round(count * LETTERED) if kinds else 0
        chosen = [int(rng.choice(kinds[int(rng.integers(len(kinds)))])) for _ in range(lettered)]
        return np.array([*chosen, *rng.integers(len(self.pictures), size=count - lettered)])

    def step(self, rng: np.random.Generator, pictures: int, patches: int) -> tuple[Tensor, ...]:
        """Pictures, their texts, patches and their sounds."""
        rows = self.rows(rng, pictures)
        seen = np.array([jittered(rng, picture(self.pictures[i])) for i in rows])
        some = rng.integers(len(self.mel), size=patches)
        sound = louder(rng, self.mel[some].astype(np.float32))
        return (
            torch.from_numpy(as_input(seen)).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(self.shown[rows].astype(np.float32)),
            torch.from_numpy(as_picture(sound)).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(self.heard[some]),
        )


def jittered(rng: np.random.Generator, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Another brightness, contrast and place of the same picture."""
    dx, dy = (int(v) for v in rng.integers(-6, 7, 2))
    moved = np.roll(frame, (dy, dx), (0, 1)).astype(np.float32)
    moved = (moved - 128) * rng.uniform(0.75, 1.25) + 128 + rng.uniform(-20, 20)
    return np.asarray(moved.clip(0, 255), np.uint8)


def louder(rng: np.random.Generator, mel: Floats) -> Floats:
    """Each patch at another level; silence stays silence."""
    by = rng.uniform(-1.5, 1.5, (len(mel), 1, 1)).astype(np.float32)
    return np.asarray(np.maximum(mel + by, SILENCE), np.float32)


def prepare(net: Named) -> list[nn.Parameter]:
    """Freeze the first blocks and all statistics; returns what is trained of the trunk."""
    inner = net.trunk.net
    for module in (inner._conv_stem, inner._bn0, *inner._blocks[:FROZEN]):  # noqa: SLF001
        module.requires_grad_(False)
    net.eval()  # statistics of normalization stay ImageNet's, for pictures and patches alike
    return [p for p in net.trunk.parameters() if p.requires_grad]


def loss_of(net: Named, batch: tuple[Tensor, ...]) -> Tensor:
    """Mean binary cross-entropy of texts and of sounds."""
    pictures, shown, patches, heard = batch
    told = net.texts(functional.dropout(net.trunk(pictures), 0.2))
    said = net.sounds(functional.dropout(net.trunk(patches), 0.2))
    return (
        functional.binary_cross_entropy_with_logits(told, shown)
        + 0.5 * functional.binary_cross_entropy_with_logits(said, heard)
    )  # fmt: skip


def tune(
    net: Named,
    material: TuningMaterial,
    *,
    minutes: float,
    most: int | None = None,
    seed: int = 0,
    rate: float = 4e-4,
    sizes: tuple[int, int] = (PICTURES, PATCHES),
    say: Callable[[str], None] = print,
) -> int:
    """Train for so long, or `most` steps; the rate falls to nothing. Returns the steps."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    trunk = prepare(net)
    named = [*net.texts.parameters(), *net.sounds.parameters()]
    opt = torch.optim.AdamW(
        [{"params": trunk, "lr": rate}, {"params": named, "lr": 10 * rate}], weight_decay=0.01
    )
    started, steps, losses = time.monotonic(), 0, []
    while True:
        part = (time.monotonic() - started) / (60 * minutes)
        part = part if most is None else max(part, steps / most)
        if part >= 1:
            return steps
        factor = min(1.0, (steps + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
        for group, full in zip(opt.param_groups, (rate, 10 * rate), strict=True):
            group["lr"] = full * factor
        loss = loss_of(net, material.step(rng, *sizes))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trunk + named, 2.0)
        opt.step()
        steps += 1
        losses.append(float(loss.detach()))
        if steps % 50 == 0:
            say(f"step {steps}, {100 * part:.0f} % of the time, loss {np.mean(losses[-50:]):.4f}")


def measure(net: Named, files: Sequence[Path], most: int = 3000) -> dict[str, Any]:
    """Average precision of each text and sound on held-out programmes' pictures and patches."""
    material = TuningMaterial.of(files, 40)
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(material.pictures))[:most]
    told, said = [], []
    with torch.no_grad():
        for at in range(0, len(rows), 32):
            seen = np.array([picture(material.pictures[i]) for i in rows[at : at + 32]])
            told.append(torch.sigmoid(net.texts(net.trunk(torch.from_numpy(as_input(seen))))))
        for at in range(0, min(most, len(material.mel)), 64):
            mel = material.mel[at : at + 64].astype(np.float32)
            said.append(torch.sigmoid(net.sounds(net.trunk(torch.from_numpy(as_picture(mel))))))
    texts, sounds = torch.cat(told).numpy(), torch.cat(said).numpy()
    out = {k: precision(texts[:, i], material.shown[rows, i]) for i, k in enumerate(TEXTS)}
    heard = material.heard[: len(sounds)] >= 0.5
    return out | {k: precision(sounds[:, i], heard[:, i]) for i, k in enumerate(SOUNDS)}


def precision(scores: Floats, true: NDArray[np.bool_]) -> float:
    """Average precision; nan where nothing is true."""
    if not true.any():
        return math.nan
    hits = true[np.argsort(-scores, kind="stable")]
    found = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
    return float(found.mean())


def save(path: Path, net: Named, record: dict[str, Any]) -> None:
    """Write the tuned trunk whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"net": net.state_dict(), "record": record}, part)
    part.replace(path)


def restore(path: Path) -> tuple[Named, dict[str, Any]]:
    """A tuned trunk and its record; UsageError where there is none."""
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        net = Named(pretrained=False)
        net.load_state_dict(kept["net"])
    except (OSError, RuntimeError, KeyError) as error:
        why = str(error).strip().splitlines()[0]
        raise UsageError(f"{path}: no trunk that `models.segments.tune` wrote: {why}") from error
    return net.eval(), kept["record"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.segments.tune", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("cnn", type=Path, help="folder of the CNN")
    parser.add_argument("--drawn", type=Path, required=True, help="folder of drawn programmes")
    parser.add_argument("--minutes", type=float, default=35.0, help="to train for (35)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)

    def say(text: str) -> None:
        print(text, flush=True)

    with one_line_errors(parser):
        files = sorted(args.drawn.glob("train-*.npz"))
        if not files:
            raise UsageError(f"{args.drawn}: no drawn training programme")
        say(f"{len(files)} training programmes")
        path = args.cnn / TRUNK
        net, before = restore(path) if path.exists() else (Named(), {"steps": 0, "minutes": 0})
        net.to(memory_format=torch.channels_last)
        steps = tune(
            net, TuningMaterial.of(files), minutes=args.minutes, seed=before["steps"], say=say
        )
        record = {
            "steps": before["steps"] + steps,
            "minutes": before["minutes"] + args.minutes,
            "pictures a step": PICTURES,
            "patches a step": PATCHES,
            "average precision": measure(net, sorted(args.drawn.glob("validation-*.npz"))),
        }
        save(path, net, record)
        say(f"{path}: {record}")


if __name__ == "__main__":
    main()
