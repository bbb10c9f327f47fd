"""Train heads of the ladder on cached programmes.

    python -m models.segments.train CACHE RUN --rows bilstm-crf frame --seeds 0 1 2

One head a row and seed, each to RUN/ROW-SEED.pt; those that exist are kept. The epoch that does
best on the validation programmes is kept.
"""

from __future__ import annotations

import argparse
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.segments.crf import Crf, viterbi
from edge.segments.decode import USUAL
from edge.segments.decode import decode as product_decode
from edge.segments.types import Emissions, Label, Segment
from models.registration.commands import one_line_errors
from models.segments.augment import key_frames, looked_at
from models.segments.dataset import (
    Augmenter,
    Item,
    Reductions,
    collate,
    erased,
    fit,
    load,
    paths,
)
from models.segments.network import LABELS, Head, HeadMean, Reduction, Shape
from models.segments.scoring import figures, runs, tally
from models.segments.splice import Splicer
from models.segments.verifier import evidence_of

ROWS: dict[str, Shape] = {
    "frame": Shape(memory="none", crf=False, leaps=False),
    "lstm": Shape(memory="lstm", crf=False),
    "lstm2": Shape(memory="lstm", layers=2, crf=False),
    "bilstm": Shape(crf=False),
    "bilstm-crf": Shape(),
    "bilstm-chain": Shape(moves=False),
    "video": Shape(views="video"),
    "audio": Shape(views="audio"),
    "own-sound": Shape(own_sound=True),
}
"""The ladder; BiLSTM with Viterbi is `bilstm` with counted transitions, without a training.
`bilstm-chain` is the CRF with the same transitions at every step.
"""


@dataclass(frozen=True)
class SegmentsTrainingSettings:
    """Everything a training depends on but the data."""

    shape: Shape
    seed: int = 0
    epochs: int = 18
    batch: int = 16
    rate: float = 3e-3
    weight_decay: float = 1e-2
    margin: int = 1
    """Seconds on either side of a boundary in which both labels pass, see `Head.loss`."""
    shortest: int = 100
    longest: int = 300
    limit: int | None = None
    """Use only so many training programmes."""
    slow: int = 3
    """So often a programme is seen in an epoch whose series has recaps of long shots."""


@dataclass(slots=True)
class Data:
    """The programmes of a training."""

    by: Reductions
    train: list[Item]
    validation: list[Item]
    record: dict[str, Any] = field(default_factory=dict)


def read(cache: Path, *, mel: bool = False, limit: int | None = None) -> Data:
    """Load the cached training and validation programmes.

    With the training programmes of which all text was erased, where there are any.
    """
    train = paths(cache, "train")[:limit]
    by = fit(train)
    if limit is None:
        train += erased(cache)
    validation = paths(cache, "validation")
    return Data(
        by,
        [load(p, by, mel=mel) for p in train],
        [load(p, by, mel=mel) for p in validation],
        {"train": len(train), "validation": len(validation)},
    )


def with_long_shots(items: Sequence[Item], least_s: float = 3.0) -> list[Item]:
    """The programmes of series in whose recaps a shot lasts so long in the mean.

    They are few, and such a recap is what is most easily taken for a dialogue.
    """

    def shot_s(item: Item, recap: Segment) -> float:
        cuts = (item.cuts_s > recap.start_s) & (item.cuts_s < recap.end_s)
        return recap.length_s / (1 + int(cuts.sum()))

    slow = {
        i.series for i in items for s in i.spans if s.label is Label.RECAP
        if shot_s(i, s) >= least_s
    }  # fmt: skip
    return [i for i in items if i.series in slow]


def fixed_keys(item: Item) -> NDArray[np.float64]:
    """Key frames that a held-out programme always has, drawn by its name."""
    seed = int.from_bytes(item.name.encode()[-6:], "little")
    return key_frames(np.random.default_rng(seed), item.cuts_s, len(item.labels))


def train(
    data: Data, settings: SegmentsTrainingSettings, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train one head; returns its state, settings and history."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    head = Head(settings.shape, (data.by.visual.basis.shape[0], data.by.sound.basis.shape[0]))
    head.low_mean, head.low_scale = data.by.low_mean, data.by.low_scale
    seen = [*data.train, *with_long_shots(data.train) * (settings.slow - 1)]
    draws = Augmenter(
        seen,
        data.by,
        shortest=settings.shortest,
        longest=settings.longest,
        anew=Splicer(data.train).spliced,
    )
    steps = settings.epochs * math.ceil(len(seen) / settings.batch)
    opt = torch.optim.AdamW(head.parameters(), settings.rate, weight_decay=settings.weight_decay)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, settings.rate, total_steps=steps, pct_start=0.2)
    best: dict[str, Any] = {"score": -1.0}
    history = []
    started = time.monotonic()
    for epoch in range(settings.epochs):
        head.train()
        total = 0.0
        for batch in draws.epoch(rng, settings.batch, settings.margin):
            scores = head(batch.visual, batch.sound, batch.low)
            loss = head.loss(scores, batch.labels, batch.permitted, batch.mask)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            opt.step()
            plan.step()
            total += loss.item()
        score = validate(head, data.validation) if epoch * 3 >= settings.epochs else 0.0
        history.append({"loss": total, "score": score})
        say(
            f"epoch {epoch + 1}: loss {total:.2f}, score {score:.3f}, "
            f"{time.monotonic() - started:.0f} s"
        )
        if score >= best["score"]:
            state = {k: v.clone() for k, v in head.state_dict().items()}
            best = {"score": score, "epoch": epoch, "head": state}
    return best | {"settings": asdict(settings), "history": history, "data": data.record}


def validate(head: Head, items: Sequence[Item]) -> float:
    """Mean of F1 a second and of F1 of segments at 3 s, over intro and recap, from key frames."""
    found = [decode(head, s) for s in scores_of(head, items, [fixed_keys(i) for i in items])]
    f = figures(
        [tally(i.spans, runs(labels), len(labels)) for i, labels in zip(items, found, strict=True)]
    )
    kinds = [f[f"{name} {what}"] for name in ("intro", "recap") for what in ("F1", "F1@3")]
    return float(np.nan_to_num(kinds).mean())


def scores_of(
    head: Head | HeadMean,
    items: Sequence[Item],
    keys: Sequence[NDArray[np.float64] | None],
    size: int = 16,
) -> list[Emissions]:
    """Each programme's scores, with a picture a second or with its key frames; no evidence."""
    head.eval()
    out: list[Emissions] = []
    with torch.no_grad():
        for at in range(0, len(items), size):
            pairs = zip(items[at : at + size], keys[at : at + size], strict=True)
            samples = [item.sample(times) for item, times in pairs]
            batch = collate(samples, 0)
            emissions, moves = head(batch.visual, batch.sound, batch.low)
            for i, sample in enumerate(samples):
                s = len(sample.labels)
                told = None if moves is None else moves[i, :s].double().numpy()
                out.append(Emissions(emissions[i, :s].double().numpy(), np.empty((s, 0)), told))
    return out


def looked_keys(
    head: Head | HeadMean,
    keys: Sequence[NDArray[np.float64] | None],
    scores: Sequence[Emissions],
) -> list[NDArray[np.float64] | None]:
    """The pictures that the box has after its second look, which these scores ask for."""
    crf = crf_of(head)
    assert crf is not None
    rules = {label: replace(rule, threshold=0.0) for label, rule in USUAL.items()}
    return [
        None if times is None
        else looked_at(times, product_decode(s, crf, rules), len(s))
        for times, s in zip(keys, scores, strict=True)
    ]  # fmt: skip


def judged(
    head: Head | HeadMean,
    items: Sequence[Item],
    keys: Sequence[NDArray[np.float64] | None],
    *,
    again: bool = False,
) -> list[Emissions]:
    """What the box makes of programmes; `again`: after its second look at key frames' suspects."""
    scores = scores_of(head, items, keys)
    if again:
        keys = looked_keys(head, keys, scores)
        scores = scores_of(head, items, keys)
    return [
        replace(s, evidence=evidence_of(item, times))
        for s, item, times in zip(scores, items, keys, strict=True)
    ]


def crf_of(head: Head | HeadMean) -> Crf | None:
    """The trained CRF's scores, float64; None for a head without."""
    if head.crf is None:
        return None
    return Crf(
        *(p.detach().double().numpy() for p in (head.crf.transitions, head.crf.start, head.crf.end))
    )


def counted(items: Sequence[Item]) -> Crf:
    """Transitions and starts as they are counted in labels, in logarithms, one added to each."""
    moves, starts, ends = np.ones((LABELS, LABELS)), np.ones(LABELS), np.ones(LABELS)
    for item in items:
        np.add.at(moves, (item.labels[:-1], item.labels[1:]), 1)
        starts[item.labels[0]] += 1
        ends[item.labels[-1]] += 1
    return Crf(
        np.log(moves / moves.sum(1, keepdims=True)),
        np.log(starts / starts.sum()),
        np.log(ends / ends.sum()),
    )


def decode(head: Head | HeadMean, scores: Emissions) -> NDArray[np.integer]:
    """(s,) labels: the CRF's best path, or each second's best label."""
    crf = crf_of(head)
    if crf is None:
        return scores.emissions.argmax(1)
    return viterbi(scores.emissions, scores.chain(crf))[0]


def save(run: Path, name: str, result: dict[str, Any], by: Reductions) -> None:
    """Write one head with all that is needed to use it."""
    run.mkdir(parents=True, exist_ok=True)
    kept = {"visual": by.visual.state_dict(), "sound": by.sound.state_dict()}
    part = run / f"{name}.part"
    torch.save(result | {"reductions": kept}, part)
    part.replace(run / f"{name}.pt")


def restore(path: Path) -> tuple[Head, Reductions, dict[str, Any]]:
    """A head that `save` wrote, its reductions and its record; UsageError for anything else."""
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        shape = Shape(**kept["settings"]["shape"])
        parts = [kept["reductions"][k] for k in ("visual", "sound")]
        visual, sound = (Reduction(p["basis"].shape[1], p["basis"].shape[0]) for p in parts)
        visual.load_state_dict(parts[0])
        sound.load_state_dict(parts[1])
        head = Head(shape, (parts[0]["basis"].shape[0], parts[1]["basis"].shape[0]))
        head.load_state_dict(kept["head"])
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"{path}: no head of the training: {why}") from error
    by = Reductions(visual, sound, head.low_mean, head.low_scale)
    return head.eval(), by, {k: kept[k] for k in ("settings", "history", "data", "score", "epoch")}


def restore_mean(files: Sequence[Path]) -> tuple[Head | HeadMean, Reductions, dict[str, Any]]:
    """One head, or the mean of heads that were trained on the same programmes, and the record.

    UsageError for heads that do not go together.
    """
    kept = [restore(path) for path in files]
    (head, by, record), others = kept[0], kept[1:]
    for path, (_, theirs, _) in zip(files[1:], others, strict=True):
        if not torch.allclose(theirs.visual.basis, by.visual.basis, atol=1e-5):
            raise UsageError(f"{path}: trained on other programmes than {files[0]}")
    if not others:
        return head, by, record
    try:
        mean = HeadMean([head, *(h for h, _, _ in others)]).eval()
    except ValueError as error:
        raise UsageError(f"{files[0]} and others: {error}") from error
    return mean, by, record | {"seeds": [r["settings"]["seed"] for _, _, r in kept]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.segments.train", description=__doc__)
    parser.add_argument("cache", type=Path, help="folder of features")
    parser.add_argument("run", type=Path, help="folder of heads")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=SegmentsTrainingSettings.epochs)
    parser.add_argument("--limit", type=int, help="use only so many training programmes")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with one_line_errors(parser):
        plain = [row for row in args.rows if not ROWS[row].own_sound]
        for rows, mel in ((plain, False), ([r for r in args.rows if r not in plain], True)):
            todo = [
                (row, seed)
                for seed in args.seeds
                for row in rows
                if not (args.run / f"{row}-{seed}.pt").exists()
            ]
            data = read(args.cache, mel=mel, limit=args.limit) if todo else None
            for row, seed in todo:
                assert data is not None
                settings = SegmentsTrainingSettings(
                    ROWS[row], seed=seed, epochs=args.epochs, limit=args.limit
                )
                print(f"{row}-{seed}, {data.record}", flush=True)
                result = train(data, settings)
                save(args.run, f"{row}-{seed}", result, data.by)


if __name__ == "__main__":
    main()
