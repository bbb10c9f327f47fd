"""Pictures with their true homographies from which a bundle's golden frames are chosen.

`python -m models.registration.golden OUT.jsonl --sport ice_hockey` renders held-out views of any
sport beside a file that `touchline models pack --golden OUT.jsonl` takes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.errors import UsageError
from models.registration.commands import one_line_errors
from models.registration.held_out import SEED, SIZE, View, views
from models.registration.looks import SPORTS

COUNT = 40
"""Views that are rendered; `pack` takes the first few that the bundle answers well."""


def write_golden(out: Path, sport: str, *, count: int = COUNT, seed: int = SEED) -> int:
    """Render `count` views and a picture without a field; returns how many lines were written.

    The pictures lie in a folder beside `out` that has its name without the suffix. The views are
    of the cameras that the sport is broadcast from. Raises UsageError where nothing can be written.
    """
    folder = out.with_suffix("")
    if folder == out:
        raise UsageError(f"{out}: name a file that ends in .jsonl")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(_line(view, folder / f"{number:03d}.png"))
            for number, view in enumerate(_pictures(sport, count, seed))
        ]
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error
    return len(lines)


def _pictures(sport: str, count: int, seed: int) -> Iterator[View]:
    yield View(np.full((SIZE[1], SIZE[0], 3), 110, np.uint8), None, (0.0, 0.0))
    yield from views(count, seed, sport=sport, prior="broadcast")


def _line(view: View, picture: Path) -> dict[str, Any]:
    """Write a picture; returns its line."""
    _, coded = cv2.imencode(".png", view.image)
    picture.write_bytes(coded.tobytes())
    h = view.field_from_image
    return {
        "image": f"{picture.parent.name}/{picture.name}",
        "field_from_image": None if h is None else [float(v) for v in h.ravel()],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="file to write, .jsonl; pictures lie in a folder")
    parser.add_argument("--sport", default="soccer", choices=SPORTS)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    with one_line_errors(parser):
        if options.count < 1:
            raise UsageError(f"--count {options.count}: give at least 1")
        written = write_golden(options.out, options.sport, count=options.count, seed=options.seed)
    print(f"{options.out}: {written} pictures of {options.sport}")


if __name__ == "__main__":
    main()
