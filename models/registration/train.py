"""Train the registration network on rendered views.

`python -m models.registration.train RUN --minutes 95` renders and learns in the same process, one
thread and one process a core (two threads of one process wait for each other on a shared machine);
gradients are averaged over gloo. On a GPU one process does. The schedule is one of time:
`--minutes` in all, lower resolution first, so that a training of any length ends with a finished
schedule.
Stop it at any time: run again with the same arguments, it resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from models.registration.evaluate import quick_check
from models.registration.looks import SPORTS
from models.registration.losses import total_loss
from models.registration.network import RegistrationNet, mixed_precision
from models.registration.shared import SportsNet, copied
from models.registration.views import ViewBatch, ViewRenderer
from models.registration.warm_start import network_of, sport_of

LOG_EVERY = 50
"""Steps between lines of the log."""
SAVE_EVERY_S = 120
CHECK_EVERY_S = 900
"""Seconds between held-out checks."""


@dataclass(frozen=True)
class Stage:
    """One part of the schedule."""

    until: float
    """Share of the time at which it ends."""
    width: int
    height: int
    batch: int
    """Pictures a process and step."""
    frozen: int
    """Blocks of the encoder whose weights and statistics stand still."""


@dataclass
class TrainingSettings:
    """Everything a run depends on; kept in its folder."""

    run: str
    minutes: float
    seed: int = 1
    processes: int = 2
    sports: tuple[str, ...] = ("soccer",)
    """They share the encoder; each has a branch of its own."""
    shares: tuple[float, ...] = ()
    """Each sport's share of a batch; empty: all the same."""
    start: tuple[str, ...] = ()
    """Folders of bundles to begin with (see `SportsNet.start_from`); none: ImageNet's encoder."""
    rate: float = 2.5e-3
    encoder_rate: float = 0.35
    """The encoder's learning rate over the heads'."""
    weight_decay: float = 2e-2
    ema: float = 0.998
    stages: list[Stage] = field(
        default_factory=lambda: [
            Stage(0.08, 256, 160, 12, 8),
            Stage(0.89, 256, 160, 16, 5),
            Stage(1.00, 320, 192, 12, 6),
        ]
    )


ON = (Stage(0.55, 256, 160, 16, 5), Stage(1.00, 320, 192, 12, 6))
"""The schedule that trains bundles on: nothing to warm up, half of it at the larger size."""


def stage_at(settings: TrainingSettings, progress: float) -> int:
    """Index of the stage in force at a share of the time."""
    return next(
        (i for i, s in enumerate(settings.stages) if progress < s.until), len(settings.stages) - 1
    )


def counts(settings: TrainingSettings, batch: int) -> dict[str, int]:
    """How many of about `batch` pictures show each sport, at least one."""
    shares = settings.shares or (1.0,) * len(settings.sports)
    whole = sum(shares)
    return {
        sport: max(1, round(batch * share / whole))
        for sport, share in zip(settings.sports, shares, strict=True)
    }


def rate_at(progress: float, step: int) -> float:
    """Warm-up over 150 steps, then a cosine to 2 %; a factor on the learning rate."""
    return min(1.0, (step + 1) / 150) * (
        0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    )


def view_seed(seed: int, rank: int, step: int) -> int:
    """Seed of the views that a process renders from a step on.

    A resumed run must not render the same views again, nor two processes each other's.
    """
    return seed * 1000 + rank + 7919 * (step + 1)


def flip(b: ViewBatch, image: torch.Tensor, coordinate: int = 0) -> tuple[torch.Tensor, ...]:
    """Mirror a batch left to right: the view from the other half of the field.

    `coordinate` is the one that changes its sign, 0 for x, 1 for y.
    """
    xy = b.xy.flip(3).clone()
    xy[:, coordinate] = -xy[:, coordinate]
    return image.flip(2), xy, b.field.flip(2), b.near.flip(2), b.distances.flip(3)


def one_more(data: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Labels of `data` (see `flip`), and those of one more picture, which has no answer."""
    _, xy, on, near, distances = data
    none = torch.zeros_like(on[:1])
    return (
        torch.cat([xy, torch.zeros_like(xy[:1])]),
        torch.cat([on, none]),
        torch.cat([near, none]),
        torch.cat([distances, torch.ones_like(distances[:1])]),
    )


def set_frozen(net: SportsNet | RegistrationNet, blocks: int) -> None:
    """Freeze the stem and the first blocks, their batch statistics too."""
    net.train()
    net.encoder.freeze(blocks)
    if blocks:
        net.encoder.stem.eval()
    for block in net.encoder.blocks[:blocks]:
        block.eval()


def _sports_of(checkpoint: Path) -> set[str]:
    """The sports that a checkpoint knows; none when there is none."""
    if not checkpoint.exists():
        return set()
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return set(state["settings"]["sports"])


def update_ema(ema: nn.Module, net: nn.Module, decay: float) -> None:
    """Exponential moving average of weights and statistics."""
    with torch.no_grad():
        for a, b in zip(ema.state_dict().values(), net.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.lerp_(b.to(a.dtype), 1 - decay)
            else:
                a.copy_(b)


class Trainer:
    """One process of a run."""

    def __init__(self, rank: int, settings: TrainingSettings, *, pretrained: bool = True) -> None:
        """`pretrained`: begin with ImageNet weights in the encoder."""
        self.rank, self.s = rank, settings
        self.folder = Path(settings.run)
        torch.manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = self._beginning(pretrained=pretrained)
        self.net.to(self.device, memory_format=torch.channels_last)
        self.ema = copied(self.net)
        encoder = list(self.net.encoder.parameters())
        rest = [p for n, p in self.net.named_parameters() if not n.startswith("encoder.")]
        groups = [
            {"params": encoder, "factor": settings.encoder_rate},
            {"params": rest, "factor": 1.0},
        ]
        self.opt = torch.optim.AdamW(
            groups, lr=settings.rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
        )
        self.elapsed, self.step, self.images = 0.0, 0, 0
        self.resume()
        self.view_seed = view_seed(settings.seed, rank, self.step)
        self.stage = -1
        self.renderers: dict[str, ViewRenderer] = {}
        self._sums: dict[str, float] = {}
        self._clock = self._saved = self._checked = time.monotonic()

    def _beginning(self, *, pretrained: bool) -> SportsNet:
        """The network that the run begins with."""
        s = self.s
        if not s.start or _sports_of(self.checkpoint) >= set(s.sports):
            return SportsNet(s.sports, pretrained=pretrained and not s.start)
        net = SportsNet(s.sports, pretrained=False)
        net.start_from([(sport_of(Path(f)), network_of(Path(f))) for f in s.start])
        return net

    @property
    def checkpoint(self) -> Path:
        """Where the run stands."""
        return self.folder / "last.pt"

    def resume(self) -> None:
        """Load the last checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.net.load(state["net"])
        self.ema.load(state["ema"])
        if tuple(state["settings"]["sports"]) == tuple(self.s.sports):  # else its moments are lost
            self.opt.load_state_dict(state["opt"])
        self.elapsed, self.step, self.images = state["elapsed"], state["step"], state["images"]

    def save(self) -> None:
        """Write the checkpoint so that a crash leaves the old one or the new one, whole."""
        state = {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "opt": self.opt.state_dict(),
            "elapsed": self.elapsed,
            "step": self.step,
            "images": self.images,
            "settings": asdict(self.s),
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def enter(self, stage: int) -> Stage:
        """Switch the resolution and what is frozen."""
        s = self.s.stages[stage]
        if stage != self.stage:
            self.stage = stage
            for sport in self.s.sports:
                old = self.renderers.get(sport)
                if old is None or old.width != s.width:
                    self.renderers[sport] = ViewRenderer(
                        self.view_seed + stage, s.width, s.height, sport=sport
                    )
            set_frozen(self.net, s.frozen)
        return s

    def average(self) -> None:
        """Average the gradients over the processes, in one flat buffer."""
        if self.s.processes == 1:
            return
        grads = [p.grad for p in self.net.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in grads])
        dist.all_reduce(flat)
        flat /= self.s.processes
        offset = 0
        for g in grads:
            g.copy_(flat[offset : offset + g.numel()].view_as(g))
            offset += g.numel()

    def one_step(self, s: Stage, progress: float) -> dict[str, float]:
        """Render a batch of all sports, learn from it; the loss's parts and the gradient's norm."""
        data = {sport: self.views(sport, n) for sport, n in counts(self.s, s.batch).items()}
        image = torch.cat([d[0] for d in data.values()]).to(self.device)
        rows, truth = self.rows(data)
        factor = rate_at(progress, self.step)
        for group in self.opt.param_groups:
            group["lr"] = self.s.rate * factor * group["factor"]
        with mixed_precision(self.device):
            out = self.net(image, rows)
        parts: dict[str, float] = {}
        loss = torch.zeros((), device=self.device)
        for sport, found in out.items():
            labels = [t.to(self.device) for t in truth[sport]]
            one, its = total_loss(found, labels[0], labels[1], labels[2], labels[3])
            loss = loss + one / len(out)
            parts |= its if len(out) == 1 else {f"{sport}_{k}": v for k, v in its.items()}
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        self.average()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        if torch.isfinite(norm):
            self.opt.step()
        if self.rank == 0:
            update_ema(self.ema, self.net, min(self.s.ema, (1 + self.step) / (10 + self.step)))
        return parts | {"norm": float(norm)}

    def views(self, sport: str, n: int) -> tuple[torch.Tensor, ...]:
        """Pictures of a sport with their labels; half of the batches mirrored if that is fair."""
        renderer = self.renderers[sport]
        b = renderer.batch(n)
        image = torch.from_numpy(b.image)
        mirror = renderer.look.mirror
        if renderer.rng.random() < 0.5 and mirror is not None:
            return flip(b, image, "xy".index(mirror))
        return image, b.xy, b.field, b.near, b.distances

    def rows(
        self, data: dict[str, tuple[torch.Tensor, ...]]
    ) -> tuple[dict[str, torch.Tensor], dict[str, Sequence[torch.Tensor]]]:
        """Which pictures of the batch each sport sees, and their labels.

        With several sports each sees one picture of another as well.
        """
        sports, begin = list(data), [0]
        for parts in data.values():
            begin.append(begin[-1] + len(parts[0]))
        rows: dict[str, torch.Tensor] = {}
        truth: dict[str, Sequence[torch.Tensor]] = {}
        for k, sport in enumerate(sports):
            rows[sport], truth[sport] = torch.arange(begin[k], begin[k + 1]), data[sport][1:]
            if len(sports) > 1:
                other = (k + 1 + (self.step + k) % (len(sports) - 1)) % len(sports)
                rows[sport] = torch.cat([rows[sport], torch.tensor([begin[other]])])
                truth[sport] = one_more(data[sport])
        return rows, truth

    def progress(self) -> float:
        """Share of the time that is used up; every process must see the same: rank 0's counts."""
        shared = torch.tensor([self.elapsed / (self.s.minutes * 60)], dtype=torch.float64)
        if self.s.processes > 1:
            dist.broadcast(shared, 0)
        return float(shared)

    def advance(self, progress: float) -> dict[str, float]:
        """One step of the stage in force, counted; the parts of its loss."""
        stage = self.enter(stage_at(self.s, progress))
        parts = self.one_step(stage, progress)
        now = time.monotonic()
        self.elapsed += now - self._clock
        self._clock = now
        self.step += 1
        self.images += sum(counts(self.s, stage.batch).values()) * self.s.processes
        return parts

    def run(self) -> None:
        """Until the time is up."""
        self._clock = time.monotonic()
        while (progress := self.progress()) < 1:
            parts = self.advance(progress)
            if self.rank == 0:
                self.report(parts)
        if self.rank == 0:
            self.save()
            self.evaluate()

    def report(self, parts: Mapping[str, float]) -> None:
        """Add a step to the log's means; log, save and check when it is time to."""
        for k, v in parts.items():
            self._sums[k] = self._sums.get(k, 0.0) + v
        if self.step % LOG_EVERY == 0:
            means = {k: v / LOG_EVERY for k, v in self._sums.items()}
            self.log(means | {"width": self.s.stages[self.stage].width})
            self._sums = {}
        if self._clock - self._saved > SAVE_EVERY_S:
            self.save()
            self._saved = self._clock
        if self._clock - self._checked > CHECK_EVERY_S:
            self._checked = self._clock
            self.evaluate()
            self._clock = time.monotonic()  # a check is no training time

    def log(self, values: Mapping[str, float]) -> None:
        """One line to the screen and to log.jsonl."""
        row = {"step": self.step, "images": self.images, "minutes": round(self.elapsed / 60, 2)} | {
            k: round(float(v), 5) for k, v in values.items()
        }
        print(json.dumps(row), flush=True)
        with (self.folder / "log.jsonl").open("a") as f:
            f.write(json.dumps(row) + "\n")

    def evaluate(self) -> None:
        """Held-out errors of the averaged network, in metres and of the picture's height."""
        s = self.s.stages[self.stage]
        n = 48 if len(self.s.sports) == 1 else 24
        for sport in self.s.sports:
            found = quick_check(self.ema.of(sport), s.width, s.height, n=n, sport=sport)
            self.log({f"heldout_{sport}_{k}": v for k, v in found.items()})


def worker(rank: int, settings: TrainingSettings, port: int) -> None:
    """Entry of one process."""
    torch.set_num_threads(1 if settings.processes > 1 else os.cpu_count() or 1)
    cv2.setNumThreads(1)
    if settings.processes > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        dist.init_process_group("gloo", rank=rank, world_size=settings.processes)
    Trainer(rank, settings).run()
    if settings.processes > 1:
        dist.destroy_process_group()


def _free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="folder of the run: checkpoint, log, settings")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sports", nargs="+", default=("soccer",), choices=SPORTS)
    parser.add_argument("--shares", nargs="+", type=float, default=(), help="of each sport")
    parser.add_argument(
        "--start", nargs="+", default=(), help="bundles to begin with, another sport's too"
    )
    parser.add_argument(
        "--on", action="store_true", help="train bundles on: no warm-up, larger pictures sooner"
    )
    parser.add_argument(
        "--rate", type=float, default=TrainingSettings.rate, help="largest learning rate"
    )
    parser.add_argument("--processes", type=int, default=1 if torch.cuda.is_available() else 2)
    args = parser.parse_args(arguments)
    if args.shares and len(args.shares) != len(args.sports):
        parser.error("--shares takes a number for each of --sports")
    given: dict[str, Any] = {"sports": tuple(args.sports), "shares": tuple(args.shares)}
    given |= {"start": tuple(args.start)}
    if vars(args).pop("on"):
        given |= {"stages": list(ON)}
    settings = TrainingSettings(**vars(args) | given)
    folder = Path(args.run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=1))
    port = _free_port()
    if settings.processes == 1:
        worker(0, settings, port)
    else:
        mp.spawn(worker, (settings, port), nprocs=settings.processes)


if __name__ == "__main__":
    main()
