"""Fetch and decode the raw material of the synthetic programmes into one library.

    python -m models.segments.data LIBRARY --media MEDIA --packages runs/segments/packages

Needs apt-get and dpkg for the packages (nothing is installed) and pybullet for the 3-D scenes.
Writes the list of what went in, with licences, beside the library as `sources.tsv`.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path

import numpy as np

from models.registration.commands import one_line_errors
from models.segments import import_media, scenes, synth
from models.segments.library import Library, LibraryWriter

SCENES = 20
"""3-D shots of each family."""
TRACKS = 16
"""Synthetic pieces of each timbre."""


def build(library: Path, media: Path | None, packages: Path | None, say: import_media.Say) -> None:
    """Write the library from a media folder, unpacked packages, 3-D scenes and the synthesizer."""
    with LibraryWriter(library) as writer:
        if media is not None:
            import_media.media(writer, media, say)
        if packages is not None:
            import_media.wheels(writer, packages, say)
            import_media.packages(writer, packages, say)
            import_media.fonts(writer, packages, say)
            import_media.voices(writer, packages, say)
        _tracks(writer)
        say("synthetic music is in")
        _scenes(writer, say)
    (library / "sources.tsv").write_text(table(Library(library)), encoding="utf-8")


def _tracks(writer: LibraryWriter) -> None:
    for split, timbres in synth.BANDS.items():
        for timbre in timbres:
            rng = np.random.default_rng((7, *timbre.encode()))
            for _ in range(TRACKS):
                writer.sound("music", f"synth:{timbre}", split, "models.segments.synth", "own",
                             synth.track(rng, timbre))  # fmt: skip


def _scenes(writer: LibraryWriter, say: import_media.Say) -> None:
    for split, families in scenes.FAMILIES.items():
        for family in families:
            filmed = (list(scenes.shot(seed, family)) for seed in range(3 * SCENES))
            shown = (shot for shot in filmed if not scenes.dull(shot))
            for shot in islice(shown, SCENES):
                writer.pictures("scene", f"scene:{family}", split, "pybullet_data", "Zlib",
                                shot, scenes.RATE_HZ)  # fmt: skip
            say(f"scenes of {family} are in")


def table(library: Library) -> str:
    """Tab-separated: kind, group, split, licence, how many, minutes or pictures."""
    rows: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0.0])
    for s in library.sources:
        row = rows[s.kind, s.group, s.split, s.licence]
        row[0] += 1
        row[1] += s.count / s.rate_hz / 60 if s.rate_hz else 0
    head = "kind\tgroup\tsplit\tlicence\tsources\tminutes\n"
    return head + "".join(
        "\t".join([*key, str(int(n)), f"{m:.2f}"]) + "\n" for key, (n, m) in sorted(rows.items())
    )


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    out = argparse.ArgumentParser(
        prog="python -m models.segments.data", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    out.add_argument("library", type=Path, help="folder to write")
    out.add_argument("--media", type=Path, help="folder of clips and sounds with an index.json")
    out.add_argument("--packages", type=Path, help="folder for packages, fetched where missing")
    arguments = out.parse_args(argv)
    started = time.monotonic()
    with one_line_errors(out):
        if arguments.packages:
            import_media.fetch(arguments.packages, print)
        build(arguments.library, arguments.media, arguments.packages, print)
    print(f"{arguments.library}: written in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
