"""Registration error on rendered held-out views, of a bundle and of a network in training.

`python -m models.registration.evaluate BUNDLE --views 500 --out DIR` scores a bundle with the box's
own registrar, at a stadium's main cameras and at those of the wide prior: the keypoints' answer as
it is, refined when verification asks for it, and refined always. Then it shows how well the
verdict's score and expected error tell right from wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from edge.bundles import Bundle, load_bundle
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.registration.policy import RefineMode
from models.registration import report
from models.registration.commands import one_line_errors
from models.registration.held_out import SEED, PriorName, View, views
from models.registration.maps import map_errors
from models.registration.network import RegistrationNet, mixed_precision
from models.registration.scoring import Scored, score_view, summary
from models.registration.views import ViewBatch, ViewRenderer

PRIORS: tuple[PriorName, ...] = ("broadcast", "wide")
MODES: dict[str, tuple[RefineMode, Literal["auto", "never"]]] = {
    "raw": ("never", "never"),
    "refined when asked": ("auto", "auto"),
    "refined always": ("always", "auto"),
}
"""Names of the rows, and the registrar's `refine` and `verify`."""
PRODUCT = "refined when asked"
"""What the box does."""


def evaluate_bundle(
    bundle: Bundle,
    *,
    precision: str = "auto",
    engine: str = "onnxruntime",
    n: int = 200,
    seed: int = SEED,
    refine: RefineMode = "auto",
    mix: PriorName = "wide",
) -> dict[str, float]:
    """Score a bundle on `n` rendered views of its standard field.

    Returns what `scoring.summary` has: `iou_part_mean`, `iou_whole_mean`, `proj_m_median`,
    `reproj_median`, `right`, `answered`, `frames`, `dense_share`, `ms_median` and more. Unanswered
    views have overlaps of 0 and infinite distances. Raises BundleError or EngineError when the
    bundle does not run.
    """
    field = load_field(bundle.manifest.field)
    registrar = FieldRegistrar(bundle, field, engine=engine, precision=precision, refine=refine)
    with closing(registrar):
        pictures = views(n, seed, sport=bundle.manifest.sport, prior=mix)
        return summary([score_view(registrar, v) for v in pictures])


def evaluate_forms(
    bundle: Bundle,
    *,
    forms: Sequence[tuple[str, str]],
    n: int,
    seed: int = SEED,
    mix: PriorName = "wide",
) -> list[dict[str, float]]:
    """Score several (engine, precision) of a bundle on the same `n` rendered views.

    Each gets what `evaluate_bundle` returns, and with it `iou_whole_change` against the first form
    and `iou_whole_change_error`, the standard error of that mean over the views. Raises BundleError
    or EngineError when a form does not run.
    """
    field = load_field(bundle.manifest.field)
    rows: list[list[Scored]] = [[] for _ in forms]
    with ExitStack() as stack:
        registrars = [
            stack.enter_context(closing(FieldRegistrar(bundle, field, engine=e, precision=p)))
            for e, p in forms
        ]
        for view in views(n, seed, sport=bundle.manifest.sport, prior=mix):
            for registrar, scored in zip(registrars, rows, strict=True):
                scored.append(score_view(registrar, view))
    overlap = np.array([[s.errors.iou_whole for s in scored] for scored in rows])
    change = overlap - overlap[:1]
    return [
        summary(scored)
        | {
            "iou_whole_change": float(moved.mean()),
            "iou_whole_change_error": float(moved.std() / np.sqrt(max(n, 1))),
        }
        for scored, moved in zip(rows, change, strict=True)
    ]


def score_modes(
    bundle: Bundle, pictures: Iterator[View], *, engine: str, worst: int = 12
) -> tuple[dict[str, list[Scored]], list[report.Case]]:
    """Answers of every mode to the same views, and the views that the product did worst on."""
    field = load_field(bundle.manifest.field)
    rows: dict[str, list[Scored]] = {name: [] for name in MODES}
    cases: list[report.Case] = []
    with ExitStack() as stack:
        registrars = {
            name: FieldRegistrar(bundle, field, engine=engine, refine=refine, verify=verify)
            for name, (refine, verify) in MODES.items()
        }
        for registrar in registrars.values():
            stack.enter_context(closing(registrar))
        for number, view in enumerate(pictures):
            for name, registrar in registrars.items():
                rows[name].append(score_view(registrar, view))
            cases.append(report.Case(number, view, rows[PRODUCT][-1]))
            cases = sorted(cases, key=report.badness, reverse=True)[:worst]
    return rows, cases


@cache
def _check_views(sport: str, width: int, height: int, n: int) -> list[ViewBatch]:
    """Views for `quick_check`, rendered once a process."""
    renderer = ViewRenderer(SEED, width, height, sport=sport, negatives=0.0, sizes=1)
    return [renderer.batch(8) for _ in range(n // 8)]


@torch.no_grad()
def quick_check(
    net: RegistrationNet, width: int, height: int, n: int = 48, sport: str = "soccer"
) -> dict[str, float]:
    """Errors of both heads straight from the maps, without the registrar; for the training's log.

    See `maps.map_errors`; `n` views of the sport's usual field, a multiple of 8.
    """
    device = next(net.parameters()).device
    batches = []
    for batch in _check_views(sport, width, height, n):
        with mixed_precision(device):
            out = net(torch.from_numpy(batch.image).to(device))
        batches.append((batch, out.grid.cpu(), out.distances.cpu()))
    return map_errors(batches)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--views", type=int, default=500, help="of each prior (500)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--engine", default="onnxruntime", help="auto, onnxruntime, openvino, ...")
    parser.add_argument("--out", type=Path, help="folder for JSON, plot and the worst views")
    args = parser.parse_args(arguments)
    if args.views < 1:
        parser.error("--views begins at 1")
    with one_line_errors(parser):
        bundle = load_bundle(args.bundle)
        parts = []
        for prior in PRIORS:
            pictures = views(args.views, args.seed, sport=bundle.manifest.sport, prior=prior)
            rows, cases = score_modes(bundle, pictures, engine=args.engine)
            parts.append(report.ReportPart(prior, rows, PRODUCT, cases))
            print(report.text(parts[-1]), flush=True)
        if args.out is not None:
            for path in report.write(args.out, parts, bundle=bundle.label, seed=args.seed):
                print(path)


if __name__ == "__main__":
    main()
