"""What each part of the registrar is worth: the same network, the same pictures, less and more.

    python -m benchmarks.ablation [--sports soccer] [--views 200] [--real TRUTH.jsonl ...]
        [--bundles DIR] [--out DIR] [--json]

Variants: (a) keypoints where lines meet, and nothing else; (b) the uniform grid, and nothing else;
(f) the grid aligned with the dense head's maps; (c) the grid, the camera and the picture's lines;
(d) with the dense head when verification asks, and (e) always. Only the last row refuses, as the
box does. Times are processor time of this process with one thread.
docs/results/registration.md says what the tables mean.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2

from benchmarks.registration import bundles_of, common_parser, real, rendered
from edge.bundles import Bundle
from edge.fields import Field, load_field
from models.registration import ablation, report, sets
from models.registration.commands import one_line_errors
from models.registration.truth import Shown, read_truth


class VariantsByField:
    """Variants of each field that the pictures show."""

    def __init__(self, bundle: Bundle, engine: str, precision: str) -> None:
        self._bundle, self._engine, self._precision = bundle, engine, precision
        self._made: dict[tuple[str, tuple[float, float]], ablation.Variants] = {}

    def of(self, shown: Shown) -> ablation.Variants:
        """Those of the field that a picture shows."""
        key = shown.view.field_name, shown.view.field_m
        if key not in self._made:
            (length_m, width_m) = key[1]
            field: Field = load_field(key[0], length_m=length_m, width_m=width_m)
            self._made[key] = ablation.Variants(
                self._bundle, field, engine=self._engine, precision=self._precision
            )
        return self._made[key]

    def close(self) -> None:
        """Free the engines."""
        for made in self._made.values():
            made.close()


def compare(name: str, shown: Iterator[Shown], variants: VariantsByField) -> ablation.Ablation:
    """Answers of all variants to the pictures of a set that show a field."""
    rows: dict[str, list[Any]] = {}
    for picture in shown:
        if picture.view.field_from_image is not None:
            for variant, scored in variants.of(picture).answers(picture).items():
                rows.setdefault(variant, []).append(scored)
    return ablation.Ablation(name, rows)


def record(part: ablation.Ablation) -> dict[str, Any]:
    """A set's figures as JSON."""
    variants = {
        name: {key: report.finite(value) for key, value in ablation.figures(rows).items()}
        for name, rows in part.rows.items()
    }
    return {"set": part.name, "variants": variants, "gains": ablation.gains(part.rows)}


def write(folder: Path, sport: str, parts: Sequence[ablation.Ablation]) -> None:
    """Write SPORT-ablation.txt and SPORT-ablation.png."""
    tables = "\n".join(ablation.text(sport, part) for part in parts)
    sets.written(folder / f"{sport}-ablation.txt", tables)
    panels = [
        report.Panel(f"{sport}, {p.name}", p.rows, {ablation.BOX: p.rows[ablation.BOX]})
        for p in parts
    ]
    report.draw(panels, folder / f"{sport}-ablation.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = common_parser(__doc__)
    parser.set_defaults(views=200)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    made: dict[str, Any] = {}
    with one_line_errors(parser):
        files = [read_truth(path) for path in args.real]
        for sport, bundle in bundles_of(args).items():
            parts: list[ablation.Ablation] = []
            with closing(VariantsByField(bundle, args.engine, args.precision)) as variants:
                for name, shown in (*rendered(sport, args), *real(sport, files)):
                    part = compare(name, shown, variants)
                    if not part.rows:
                        continue
                    parts.append(part)
                    if not args.json:
                        print(ablation.text(sport, part), flush=True)
            points = ablation.line_points(load_field(bundle.manifest.field))
            made[sport] = {
                "bundle": bundle.label,
                "line_points_m": [[round(float(v), 3) for v in p] for p in points],
                "sets": [record(part) for part in parts],
            }
            if args.out is not None and parts:
                write(args.out, sport, parts)
        if args.out is not None:
            sets.write_json(args.out / "ablation.json", made)
    if args.json:
        print(json.dumps(made, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
