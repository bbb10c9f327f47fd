"""The head: features of each second -> scores of each second's label, and of each step.

After Hao et al. (WACV 2021): features of pictures and sound are fused by a bidirectional LSTM,
whose scores a CRF reads. Beside them it scores each step from a second to the next: whether one
part ends there and another begins, which no label of a single second says. The simpler members of
the ladder are the same network with a part left out, so that a comparison compares that part.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.segments.features import BANDS, LOW, LOW_PICTURE
from edge.segments.types import Label
from models.segments.annotate import SOUNDS
from models.segments.crf_loss import CrfLikelihood, set_cross_entropy

Memory = Literal["none", "lstm", "bilstm"]
Views = Literal["both", "video", "audio"]

LABELS = len(Label)


@dataclass(frozen=True)
class Shape:
    """What a head is made of."""

    memory: Memory = "bilstm"
    layers: int = 1
    hidden: int = 64
    crf: bool = True
    moves: bool = True
    """Whether the CRF's transitions are told anew for each step; off: the same ones throughout."""
    views: Views = "both"
    read: tuple[int, int] = (8, 5)
    """Components of picture and sound features that it reads, the first ones: what the CNN was
    taught to name. Of all others it could learn the programmes by heart."""
    visual: int = 96
    """Values that a second's picture features become before fusion."""
    sound: int = 64
    dropout: float = 0.05
    leaps: bool = True
    """Whether it sees how far pictures and sound are from those around them, see `Leaps` and
    `continuity`."""
    own_sound: bool = False
    """A small CNN on log-mel patches, trained with the head, in place of the shared CNN."""

    @property
    def scores_steps(self) -> bool:
        """Whether there are moves: a head without a CRF has nothing to add them to."""
        return self.crf and self.moves


class Reduction(nn.Module):
    """(…, wide) -> (…, narrow): fixed principal components, scaled to about unit variance.

    Fitted once on training features: the head then learns from a fraction of the numbers.
    """

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(wide))
        self.register_buffer("basis", torch.zeros(narrow, wide))
        self.mean: Tensor
        self.basis: Tensor

    def fit(self, rows: Tensor, known: Tensor | None = None, apart: Tensor | None = None) -> None:
        """Take mean and components of (n, wide) rows; small components are not blown up.

        (k, wide) known directions take the first k places, each scaled to unit variance; those
        that tell things apart come next, as they are; principal components fill what is left.
        """
        self.mean = rows.mean(0)
        centred = rows - self.mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        values, vectors = values.flip(0), vectors.flip(1)
        none = rows.new_zeros(0, rows.shape[1])
        known = none if known is None else known
        apart = none if apart is None else apart[: len(self.basis) - len(known)]
        kept = len(self.basis) - len(known) - len(apart)
        floor = 0.05 * values[: max(1, kept // 8)].mean()
        main = (vectors[:, :kept] / (values[:kept].clamp_min(0) + floor).sqrt()).T
        named = known / (centred @ known.T).square().mean(0).sqrt().clamp_min(1e-6)[:, None]
        self.basis = torch.cat([named, apart, main]).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Project centred rows."""
        return functional.linear(x - self.mean, self.basis)


class SoundCnn(nn.Module):
    """(n, 64, 100) log-mel -> (n, out): four strided convolutions, 0.1 M weights."""

    def __init__(self, out: int) -> None:
        super().__init__()
        channels = (1, 16, 32, 48, 64)
        steps: list[nn.Module] = [nn.AvgPool2d((1, 2))]
        for cin, cout in itertools.pairwise(channels):
            steps += [
                nn.Conv2d(cin, cout, 3, 2, 1, bias=False),
                nn.BatchNorm2d(cout),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*steps)
        self.out = nn.Linear(2 * channels[-1], out)

    def forward(self, mel: Tensor) -> Tensor:
        """Natural logarithms in; mean and maximum over what the last convolution sees."""
        maps = self.body((mel[:, None] + 5) / 5).flatten(2)
        return self.out(torch.cat([maps.mean(-1), maps.amax(-1)], -1))


COMPARED = slice(8, 88)
"""Components of picture features that tell set-ups apart, behind the named ones."""
HEARD = slice(5, 29)
"""Components of sound features that tell pieces of music apart, behind the named ones."""
SEEN_S, HEARD_S = (4, 10), (2, 4, 8)
"""So many seconds of pictures and of sound before and after each are compared."""
LEAPS_S = (5, 15)
"""Leaps are counted so many seconds before and after each."""
RETURNS_S = range(2, 9)
"""A dialogue goes back to a view after so many seconds."""
SAME = 0.995
"""A cosine above is that of one picture that is held."""


def compared(x: Tensor) -> tuple[Tensor, Tensor]:
    """(b, t, narrow) -> (b, t) and (b, t, 2): one minus a cosine to the picture before; returns.

    A cut within a scene moves the features less than one to another scene; a dialogue goes back to
    its views, a recap goes on. Returns are the largest cosine to another picture of the seconds
    before, and of the seconds after, -1 where there is none.
    """
    unit = functional.normalize(x[..., COMPARED], dim=-1, eps=1e-6)
    step = functional.pad(1 - (unit[:, 1:] * unit[:, :-1]).sum(-1), (1, 0))
    before, after = -torch.ones_like(step), -torch.ones_like(step)
    for back in RETURNS_S:
        shifted = functional.pad(unit, (0, 0, back, 0))[:, : unit.shape[1]]
        cosine = (unit * shifted).sum(-1)
        cosine = torch.where((cosine > SAME) | (cosine == 0), -torch.ones_like(cosine), cosine)
        before = torch.maximum(before, cosine)
        ahead = functional.pad(cosine, (0, back), value=-1.0)[:, back:]
        after = torch.maximum(after, ahead)
    return step, torch.stack([before, after], -1)


def continuity(x: Tensor, spans_s: Sequence[int]) -> Tensor:
    """(b, t, k) -> (b, t, n): how alike the means of so many seconds before and from each on are.

    A cosine, 1 where all goes on as it was. Where a part ends its music does, and another scene
    begins. After Foote (ICME 2000), whose novelty compares each second before with each after.
    """
    rows = x.transpose(1, 2)
    made = []
    for span in spans_s:
        means = functional.avg_pool1d(functional.pad(rows, (span, span)), span, 1)
        before, after = means[..., : x.shape[1]], means[..., span : span + x.shape[1]]
        made.append(functional.cosine_similarity(before, after, dim=1, eps=1e-6))
    return torch.stack(made, -1)


class Leaps(nn.Module):
    """(b, t, narrow) -> (b, t, 7): how far each picture is from the one before, leaps, returns.

    A recap leaps from scene to scene. What is a leap is learnt: the least distance, and how sharp
    the passage is. The last two say whether pictures go on as before, see `continuity`.
    """

    SIZE = 3 + len(LEAPS_S) + len(SEEN_S)

    def __init__(self) -> None:
        super().__init__()
        self.least = nn.Parameter(torch.tensor(0.6))
        self.sharp = nn.Parameter(torch.tensor(2.5))

    def forward(self, x: Tensor) -> Tensor:
        """Distances, leaps a second within 5 and within 15 s, returns, continuity: about -1..2."""
        step, returns = compared(x)
        leap = torch.sigmoid((step - self.least) * self.sharp.exp())
        around = [5 * functional.avg_pool1d(leap[:, None], 2 * s + 1, 1, s)[:, 0] for s in LEAPS_S]
        goes_on = continuity(x[..., COMPARED], SEEN_S)
        return torch.cat([torch.stack([step, *around], -1), returns, goes_on], -1)


LEAST_LEAP, SHARP = 0.6, 12.0
"""What is a leap as evidence: there nothing is learnt."""


def evidence(visual: Tensor, sound: Tensor, low: Tensor) -> Tensor:
    """What a verifier pools over a segment: (b, t, narrow) twice and (b, t, 43) -> (b, t, 26).

    Texts and sounds that the CNN names, distance to the picture before, whether it is a leap,
    returns, and what is measured of pictures.
    """
    step, returns = compared(visual)
    leap = torch.sigmoid((step - LEAST_LEAP) * SHARP)
    moved = torch.stack([step, leap], -1)
    named = (visual[..., : COMPARED.start], sound[..., : len(SOUNDS)])
    return torch.cat([*named, moved, returns, low[..., :LOW_PICTURE]], -1)


class HeadScores(NamedTuple):
    """What a head makes of b programmes of t seconds."""

    emissions: Tensor
    """(b, t, 3)."""
    moves: Tensor | None
    """(b, t, 3, 3): what the transitions from the second before gain, the first row 0; None for a
    head without."""


class Head(nn.Module):
    """Reduced picture and sound features and standardized low-level features -> scores."""

    def __init__(self, shape: Shape, narrow: tuple[int, int]) -> None:
        """`narrow`: how many components picture and sound features arrive as."""
        super().__init__()
        self.shape = shape
        s = shape
        self.register_buffer("low_mean", torch.zeros(LOW))
        self.register_buffer("low_scale", torch.ones(LOW))
        self.low_mean: Tensor
        self.low_scale: Tensor
        self.read = min(s.read[0], narrow[0]), min(s.read[1], narrow[1])
        self.from_visual = nn.Linear(self.read[0], s.visual)
        self.from_sound = nn.Linear(self.read[1], s.sound)
        self.sound_cnn = SoundCnn(s.sound) if s.own_sound else None
        self.leaps = Leaps() if s.leaps and s.views != "audio" else None
        self.hears_on = s.leaps and s.views != "video" and not s.own_sound
        extra = Leaps.SIZE if self.leaps is not None else 0
        extra += len(HEARD_S) if self.hears_on else 0
        self.fuse = nn.Linear(s.visual + s.sound + LOW + extra, 2 * s.hidden)
        self.memory = _memory(s)
        width = 2 * s.hidden if s.memory != "lstm" else s.hidden
        self.out = nn.Linear(width, LABELS)
        self.crf = CrfLikelihood(LABELS) if s.crf else None
        self.step = nn.Linear(2 * width, LABELS * LABELS) if s.scores_steps else None
        if self.step is not None:  # begin as a chain with the same transitions throughout
            nn.init.zeros_(self.step.weight)
            nn.init.zeros_(self.step.bias)
        self.register_buffer("low_seen", _low_seen(s.views))
        self.low_seen: Tensor

    def forward(self, visual: Tensor, sound: Tensor, low: Tensor) -> HeadScores:
        """(b, t, narrow) twice and (b, t, 43) -> scores.

        With a CNN of its own, `sound` is (b, t, 64, 100) log-mel.
        """
        p = self.shape.dropout if self.training else 0.0
        parts = [
            functional.relu(self.from_visual(_dropped(visual[..., : self.read[0]], p / 2))),
            functional.relu(self._sound(sound, p / 2)),
            ((low - self.low_mean) * self.low_scale).clamp(-6, 6) * self.low_seen,
        ]
        if self.shape.views == "audio":
            parts[0] = parts[0] * 0
        if self.shape.views == "video":
            parts[1] = parts[1] * 0
        if self.leaps is not None:
            parts.append(self.leaps(visual))
        if self.hears_on:
            parts.append(continuity(sound[..., HEARD], HEARD_S))
        x = _dropped(functional.relu(self.fuse(_dropped(torch.cat(parts, -1), p))), p)
        if self.memory is not None:
            x = _dropped(self.memory(x)[0], p)
        return HeadScores(self.out(x), self._moves(x))

    def _moves(self, x: Tensor) -> Tensor | None:
        """HeadScores of each step, by what is known of the seconds before and after it."""
        if self.step is None:
            return None
        told = self.step(torch.cat([x[:, :-1], x[:, 1:]], -1))
        return functional.pad(told, (0, 0, 1, 0)).unflatten(-1, (LABELS, LABELS))

    def loss(self, scores: HeadScores, labels: Tensor, permitted: Tensor, mask: Tensor) -> Tensor:
        """Mean over all seconds of -log likelihood, by the CRF or second by second.

        Second by second both labels pass near a boundary; the chain is held to where it is: with
        its steps scored that finds ends better.
        """
        emissions, moves = scores
        alone = set_cross_entropy(emissions, permitted, mask)
        if self.crf is None:
            return alone.sum() / mask.sum()
        # a little of the second-by-second loss keeps the scores from leaving all to transitions
        return (self.crf(emissions, labels, mask, moves) + 0.1 * alone).sum() / mask.sum()

    def _sound(self, sound: Tensor, p: float) -> Tensor:
        if self.sound_cnn is None:
            return self.from_sound(_dropped(sound[..., : self.read[1]], p))
        b, t = sound.shape[:2]
        return self.sound_cnn(sound.flatten(0, 1)).view(b, t, -1)


class HeadMean(nn.Module):
    """Several heads as one: the mean of their scores and of their CRFs'."""

    def __init__(self, heads: Sequence[Head]) -> None:
        """ValueError for heads of different shapes, and for heads without a CRF."""
        super().__init__()
        if len({h.shape for h in heads}) != 1 or not heads[0].shape.crf:
            raise ValueError("only heads of one shape, with a CRF, have a mean")
        self.heads = nn.ModuleList(heads)
        self.shape = heads[0].shape
        self.crf = CrfLikelihood(LABELS)
        with torch.no_grad():
            for name, own in self.crf.named_parameters():
                own.copy_(torch.stack([h.crf.get_parameter(name) for h in heads if h.crf]).mean(0))

    def forward(self, visual: Tensor, sound: Tensor, low: Tensor) -> HeadScores:
        """As a head."""
        made: list[HeadScores] = [h(visual, sound, low) for h in self.heads]
        moves = [one.moves for one in made if one.moves is not None]
        return HeadScores(
            torch.stack([one.emissions for one in made]).mean(0),
            torch.stack(moves).mean(0) if moves else None,
        )


class HeadGraph(nn.Module):
    """What is exported of a head or a mean of heads: the CNN's own features in, scores out.

    And the evidence that a verifier pools, with the CNN's features reduced as the head's are.
    """

    def __init__(self, head: Head | HeadMean, visual: Reduction, sound: Reduction) -> None:
        super().__init__()
        self.head, self.visual, self.sound = head, visual, sound

    def forward(self, visual: Tensor, sound: Tensor, low: Tensor) -> tuple[Tensor, ...]:
        """(1, t, 1280), (1, t, 1280), (1, t, 43) -> (1, t, 3), (1, t, 26) and (1, t, 3, 3).

        The last ones, the moves, are left out by a head without.
        """
        seen, heard = self.visual(visual), self.sound(sound)
        emissions, moves = self.head(seen, heard, low)
        told = emissions, evidence(seen, heard, low)
        return told if moves is None else (*told, moves)


def _dropped(x: Tensor, p: float) -> Tensor:
    """Drop features of (b, t, d) for a whole programme each (Gal & Ghahramani, NIPS 2016)."""
    if not p:
        return x
    kept = (torch.rand(len(x), 1, x.shape[2]) >= p).float() / (1 - p)
    return x * kept


def _memory(s: Shape) -> nn.LSTM | None:
    if s.memory == "none":
        return None
    return nn.LSTM(
        2 * s.hidden,
        s.hidden,
        num_layers=s.layers,
        batch_first=True,
        bidirectional=s.memory == "bilstm",
        dropout=s.dropout if s.layers > 1 else 0.0,
    )


def _low_seen(views: Views) -> Tensor:
    """Which low-level features a head of these views may see.

    Not the spectrum's bands: they tell a speaker from another, and a programme it was shown.
    """
    seen = torch.ones(LOW)
    seen[LOW_PICTURE : LOW_PICTURE + 2 * BANDS] = 0
    if views == "audio":
        seen[:LOW_PICTURE] = 0
    if views == "video":
        seen[LOW_PICTURE:] = 0
    return seen
