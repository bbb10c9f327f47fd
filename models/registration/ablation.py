"""Less of the registrar, for comparison: sparse keypoints against the grid, and nothing after it.

The sparse keypoints are what line intersections are in the literature: corners of the field's lines
and the places where one line meets another. They are read off from the same coordinate map, by the
same fits, as the grid's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bundles import Bundle, open_graphs
from edge.engines import EngineOptions
from edge.fields import Field
from edge.fields.model import Marking, Points
from edge.registration import FieldRegistrar
from edge.registration.candidates import facing
from edge.registration.evidence import LinePoints
from edge.registration.homography import estimate, inverse
from edge.registration.keypoints import CoordinateMap, decode, fit_points, read_keypoints
from edge.registration.picture import SMALLEST, prepare
from edge.registration.policy import RefineMode
from edge.registration.reading import INLIER
from edge.registration.refine import on_distances
from edge.types import (
    ImageArray,
    Keypoints,
    Quality,
    Registration,
    RegistrationState,
    RejectionReason,
)
from models.registration import metrics
from models.registration.report import aligned
from models.registration.scoring import Registers, Scored, score_view, summary
from models.registration.truth import Shown

Mask = NDArray[np.bool_]
Chosen = Literal["grid", "lines"]
"""Keypoints of the uniform grid, or meetings of lines."""
_GAP_M = 0.3
"""Lines that end so near each other meet: paint stops short of paint (yard lines)."""
_STRAIGHT_M = 0.5
"""Pieces of a polyline longer than this are straight; shorter ones sample a curve."""
_TURN = np.sin(np.radians(20))
"""Sine of the least angle at which lines are said to meet: a tangent touches nowhere in particular.
"""
_APART_M = 0.3
"""Points nearer to each other than this are one."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Pieces of markings: (m, 2) starts, ends; which marking; what is straight, and what a hash."""

    start: Points
    end: Points
    owner: NDArray[np.intp]
    straight: Mask
    hash: Mask
    half_m: Points

    def take(self, which: Mask) -> _Pieces:
        parts = [getattr(self, f.name)[which] for f in fields(self)]
        return _Pieces(*parts)


def line_points(field: Field) -> Points:
    """Where a field's lines meet, (k, 2) metres: corners, and crossings of a line with another.

    Curves count where a straight line meets them, hash marks where a line runs through them; spots
    do not.
    """
    drawn = [m for m in field.markings if m.kind != "spot"]
    corners = [_corners(m) for m in drawn if m.kind != "hash"]
    found = np.concatenate([*corners, *_meetings(_pieces(drawn))])
    half = np.array([field.length_m, field.width_m]) / 2
    return _distinct(found[(np.abs(found) <= half + _GAP_M).all(1)])


def _pieces(drawn: Sequence[Marking]) -> _Pieces:
    start = np.concatenate([m.points_m[:-1] for m in drawn])
    end = np.concatenate([m.points_m[1:] for m in drawn])
    count = [len(m.points_m) - 1 for m in drawn]
    few = np.repeat([len(m.points_m) < 8 for m in drawn], count)
    long = np.linalg.norm(end - start, axis=1) > _STRAIGHT_M
    return _Pieces(
        start,
        end,
        np.repeat(np.arange(len(drawn)), count),
        few | long,
        np.repeat([m.kind == "hash" for m in drawn], count),
        np.repeat([m.width_m / 2 for m in drawn], count),
    )


def _corners(marking: Marking) -> Points:
    """Inner points of a polyline at which it turns sharply."""
    step = np.diff(marking.points_m, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    sharp = np.abs(_cross(step[:-1], step[1:])) > _TURN
    return marking.points_m[1:-1][sharp]


def _meetings(pieces: _Pieces) -> list[Points]:
    """Where straight pieces of lines meet pieces of other markings."""
    found = []
    for i in np.flatnonzero(pieces.straight & ~pieces.hash):
        others = pieces.take(pieces.owner != pieces.owner[i])
        p, d = pieces.start[i], pieces.end[i] - pieces.start[i]
        e = others.end - others.start
        length, lengths = float(np.linalg.norm(d)), np.linalg.norm(e, axis=1)
        across = _cross(d, e)
        meets = np.abs(across) > _TURN * length * lengths
        safe = np.where(meets, across, 1.0)
        t = _cross(others.start - p, e) / safe * length  # metres along this piece
        u = _cross(others.start - p, d) / safe * lengths  # and along the other
        reach = np.where(others.hash, -0.1, pieces.half_m[i] + others.half_m + _GAP_M)
        slack = np.abs(reach)
        on = meets & (t >= -slack) & (t <= length + slack) & (u >= -reach) & (u <= lengths + reach)
        found.append(p + t[on, None] / length * d)
    return found


def _cross(a: Points, b: Points) -> Points:
    product: Points = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _distinct(points: Points) -> Points:
    """The points, each one once."""
    kept: list[Points] = []
    for point in points:
        if all(np.linalg.norm(point - other) >= _APART_M for other in kept):
            kept.append(point)
    return np.array(kept).reshape(-1, 2)


def read_at(cells: CoordinateMap, points_m: Points, spacing_m: tuple[float, float]) -> Keypoints:
    """Read off (k, 2) field points as if they were of a grid of that spacing along x and y."""
    spacing = np.array(spacing_m)
    near = (np.abs(cells.field_m - points_m[:, None]) <= spacing / 2).all(2)
    point, cell = np.nonzero(near)
    delta = ((cells.field_m[cell] - points_m[point]) / spacing).T
    variance = ((cells.sigma_m[cell] / spacing) ** 2).sum(1)
    good, image_px, score = fit_points(
        point, len(points_m), delta, variance, cells.image_px[cell].T
    )
    return Keypoints(image_px, points_m[good], score, good)


class KeypointsAlone:
    """A robust homography of keypoints and nothing else: no camera, no lines, no verification.

    `points`: the grid's, as the box reads them, or the meetings of lines; `dense`: it is then
    aligned with the dense head's maps. Raises BundleError or EngineError when the bundle's graphs
    cannot be loaded.
    """

    def __init__(
        self,
        bundle: Bundle,
        field: Field,
        points: Chosen,
        *,
        dense: bool = False,
        engine: str = "onnxruntime",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._field = field
        self._points = line_points(field) if points == "lines" else None
        grid = field.grid
        self._spacing = field.length_m / (grid.columns - 1), field.width_m / (grid.rows - 1)
        self._lines = LinePoints.of(field) if dense else None
        self._size = bundle.manifest.input.width, bundle.manifest.input.height
        self._threshold = INLIER * bundle.manifest.input.width
        options = EngineOptions(threads=threads)
        self._graphs = open_graphs(bundle, engine, precision=precision, options=options)
        self._input = self._graphs.encoder.buffer("image")

    def reset(self) -> None:
        """Nothing is remembered."""

    def register(self, image_bgr: ImageArray) -> Registration:
        """Register a (height, width, 3) uint8 BGR picture of at least 48 pixels each way."""
        assert min(image_bgr.shape[:2]) >= SMALLEST
        picture = prepare(image_bgr, self._input, self._field.paint)
        maps = self._graphs.encoder.run({"image": self._input})
        cells = decode(maps["grid"][0], self._field)
        if self._points is None:
            found = read_keypoints(cells, self._field)
        else:
            found = read_at(cells, self._points, self._spacing)
        h, inlier = estimate(found.field_m, found.image_px, found.score, self._threshold)
        if h is None:
            return Registration(RegistrationState.LOST, RejectionReason.FEW_KEYPOINTS)
        if self._lines is not None:
            distances = self._graphs.dense.run({"features": maps["features"]})["distances"][0]
            start = facing(h, cells.image_px)
            h = on_distances(start, distances, self._lines, found.field_m, self._size)
        quality = Quality(score=1.0, inliers=int(inlier.sum()))
        field_from_image = inverse(h) @ picture.net_from_source
        ran = self._lines is not None
        return Registration(
            RegistrationState.VERIFIED,
            field_from_image=field_from_image,
            quality=quality,
            dense_ran=ran,
        )

    def close(self) -> None:
        """Free the engines."""
        self._graphs.close()


SPARSE, GRID, DENSE, CAMERA, ASKED, ALWAYS, BOX = (
    "a line intersections alone",
    "b uniform grid alone",
    "f b, dense always, no more",
    "c b, camera and lines",
    "d c, dense when asked",
    "e c, dense always",
    "d, refusing (the box)",
)
_ALONE: tuple[tuple[str, Chosen, bool], ...] = (
    (SPARSE, "lines", False),
    (GRID, "grid", False),
    (DENSE, "grid", True),
)
_REFINES: dict[str, RefineMode] = {CAMERA: "never", ASKED: "auto", ALWAYS: "always", BOX: "auto"}
CLAIMS = (
    (GRID, SPARSE),
    (DENSE, GRID),
    (CAMERA, GRID),
    (ASKED, CAMERA),
    (ALWAYS, ASKED),
    (ALWAYS, GRID),
)
"""Pairs of variants: what the first gains over the second."""
COLUMNS = (
    ("failed", "failed", "{:.0f}"),
    ("right", "right", "{:.3f}"),
    ("IoU part", "iou_part_mean", "{:.3f}"),
    ("median", "iou_part_median", "{:.3f}"),
    ("IoU whole", "iou_whole_mean", "{:.3f}"),
    ("median", "iou_whole_median", "{:.3f}"),
    ("proj m", "proj_m_mean_answered", "{:.2f}"),
    ("median", "proj_m_median", "{:.2f}"),
    ("reproj", "reproj_mean_answered", "{:.4f}"),
    ("median", "reproj_median", "{:.4f}"),
    ("dense", "dense_share", "{:.2f}"),
    ("CPU ms", "cpu_ms_mean", "{:.1f}"),
    ("median", "cpu_ms_median", "{:.1f}"),
)


class Variants:
    """All variants of one field with one network, one thread each."""

    def __init__(self, bundle: Bundle, field: Field, *, engine: str, precision: str) -> None:
        self._stack = ExitStack()
        self._made: dict[str, Registers] = {}
        made: list[tuple[str, FieldRegistrar | KeypointsAlone]] = []
        with ExitStack() as stack:
            for name, points, dense in _ALONE:
                alone = KeypointsAlone(
                    bundle,
                    field,
                    points,
                    dense=dense,
                    engine=engine,
                    precision=precision,
                    threads=1,
                )
                made.append((name, alone))
                stack.enter_context(closing(alone))
            for name, refine in _REFINES.items():
                registrar = FieldRegistrar(
                    bundle,
                    field,
                    engine=engine,
                    precision=precision,
                    threads=1,
                    refine=refine,
                    verify="auto" if name == BOX else "never",
                )
                made.append((name, registrar))
                stack.enter_context(closing(registrar))
            self._stack = stack.pop_all()
        self._made = dict(made)

    def answers(self, shown: Shown) -> dict[str, Scored]:
        """Every variant's answer to a picture, each as if it were the first."""
        return {name: score_view(made, shown.view) for name, made in self._made.items()}

    def close(self) -> None:
        """Free the engines."""
        self._stack.close()


@dataclass(frozen=True, slots=True)
class Ablation:
    """Answers of every variant to the same pictures, in their order."""

    name: str
    rows: dict[str, list[Scored]]


def figures(rows: Sequence[Scored]) -> dict[str, float]:
    """A variant's figures: those of `scoring.summary`, and its failures and cost."""
    found = summary(rows)
    cost = np.array([r.cpu_ms for r in rows])
    return found | {
        "failed": found["frames"] - found["answered"],
        "cpu_ms_mean": float(cost.mean()),
        "cpu_ms_median": float(np.median(cost)),
    }


def gains(rows: dict[str, list[Scored]]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """What each step gains: mean of the paired differences and its 95 % interval, by measure."""
    measures = ("iou_part", "iou_whole", "right")
    return {
        f"{ours[0]} over {theirs[0]}": {
            measure: metrics.difference(
                np.array([float(getattr(r.errors, measure)) for r in rows[ours]]),
                np.array([float(getattr(r.errors, measure)) for r in rows[theirs]]),
            )
            for measure in measures
        }
        for ours, theirs in CLAIMS
    }


def text(sport: str, part: Ablation) -> str:
    """A set's table, and what each step gains."""
    n = len(part.rows[GRID])
    table = [["", *(head for head, _, _ in COLUMNS)]]
    for name, rows in part.rows.items():
        found = figures(rows)
        table.append([name, *(form.format(found[key]) for _, key, form in COLUMNS)])
    steps = [["gain, and its 95 % interval", "IoU part", "", "IoU whole", "", "right", ""]]
    for name, by in gains(part.rows).items():
        cells = [
            cell
            for mean, low, high in by.values()
            for cell in (f"{mean:+.4f}", f"{low:+.4f} to {high:+.4f}")
        ]
        steps.append([name, *cells])
    head = f"{sport}, {part.name}: {n} pictures"
    return "\n".join([head, *aligned(table), "", *aligned(steps), ""])
