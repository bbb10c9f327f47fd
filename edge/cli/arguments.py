"""Types and groups of options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge.box.outputs.atomic_file import STDOUT
from edge.config import Config, load_config, with_changes

_SETTINGS = {
    "sport": "sport",
    "field": "field.name",
    "length": "field.length_m",
    "width": "field.width_m",
    "camera_side": "field.camera_side",
    "engine": "engine.name",
    "threads": "engine.threads",
    "bundle": "engine.bundle",
    "refine": "registration.refine",
    "follow": "registration.follow",
    "broker": "broker",
    "site": "site",
    "device": "device",
    "camera": "camera.id",
}
"""Option of the command line -> path in the configuration."""
SIDES = ("near", "far")
REFINE = ("auto", "never", "always")
FOLLOW = ("auto", "never")
ENGINES = ("auto", "onnxruntime", "openvino", "tflite")


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return value


def positive_float(text: str) -> float:
    """Read a number greater than 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number greater than 0")
    return value


def output_file(text: str) -> Path:
    """Read the name of an output; `-` is standard output."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; name a file")
    return STDOUT if text == "-" else Path(text)


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add what names the sport and the field."""
    group = parser.add_argument_group("field")
    group.add_argument("--sport", help="sport that is played (default: soccer)")
    group.add_argument("--field", help="variant of its field (default: the sport's usual one)")
    group.add_argument("--length", type=positive_float, metavar="M", help="field length, metres")
    group.add_argument("--width", type=positive_float, metavar="M", help="field width, metres")
    group.add_argument(
        "--camera-side", choices=SIDES, help="side of the field the camera is on (default: near)"
    )


def add_every_option(parser: argparse.ArgumentParser) -> None:
    """Add what thins out a video file's frames."""
    parser.add_argument(
        "--every",
        type=positive_int,
        default=1,
        metavar="N",
        help="take every N-th frame of video files (default: 1, all)",
    )


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how the network runs."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--engine", choices=ENGINES, help="what runs it (default: auto, the fastest on this box)"
    )
    group.add_argument("--threads", type=positive_int, metavar="N", help="threads of the engine")
    group.add_argument(
        "--refine", choices=REFINE, help="refine answers that verification doubts (default: auto)"
    )
    group.add_argument(
        "--follow", choices=FOLLOW, help="track some frames without the network (default: auto)"
    )
    group.add_argument("--bundle", type=Path, metavar="FOLDER", help="another model bundle")


def config_of(options: argparse.Namespace) -> Config:
    """Lay the options of a command over its configuration file, or over the defaults.

    Raises ConfigError, one line, for a file or an option that does not validate.
    """
    file = getattr(options, "config", None)
    config = load_config(file) if file is not None else Config()
    changes = settings_of(options)
    return with_changes(config, changes) if changes else config


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that a command's options lay over a configuration, by their path."""
    given = {path: getattr(options, name, None) for name, path in _SETTINGS.items()}
    return {path: value for path, value in given.items() if value is not None}
