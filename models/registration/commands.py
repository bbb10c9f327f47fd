"""What the commands of this package share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from edge.errors import TouchlineError, UsageError
from models.registration.network import COARSEST


@contextmanager
def one_line_errors(parser: argparse.ArgumentParser) -> Iterator[None]:
    """End the command with one line for an error raised on purpose: 2 for wrong use, else 1."""
    try:
        yield
    except TouchlineError as error:
        parser.exit(2 if isinstance(error, UsageError) else 1, f"{parser.prog}: {error}\n")


def picture_size(text: str) -> tuple[int, int]:
    """Parse `320x192` into width and height, multiples of the network's coarsest stride."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 320x192")
    size = int(width), int(height)
    if min(size) < COARSEST or size[0] % COARSEST or size[1] % COARSEST:
        raise argparse.ArgumentTypeError(f"{text}: both must be multiples of {COARSEST}")
    return size
