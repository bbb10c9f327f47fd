"""Refusing outputs that would destroy something, before anything is opened.

An output must not be a file that is read, nor another output; what is there is replaced only if
that was asked for. Files are compared by what they are (device and inode), not by their names:
links, other spellings and addresses of one file are that file.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from edge.box.outputs.atomic_file import check_folder, check_writable, is_special
from edge.capture import list_pictures, parse_source
from edge.capture.uri import PICTURE_SUFFIXES
from edge.config import Config
from edge.errors import SourceError, UsageError
from edge.part_file import sweep_parts, writer_of
from edge.paths import real_path

_Identity: TypeAlias = "tuple[int, int] | str"


@dataclass(frozen=True, slots=True)
class PictureOutput:
    """A folder that gets pictures."""

    folder: Path
    writes: Callable[[str], bool]
    """Whether a picture of a name may be written."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a command reads."""

    files: tuple[Path, ...] = ()
    picture_folders: tuple[Path, ...] = ()
    """Folders whose pictures are read."""
    whole_folders: tuple[Path, ...] = ()
    """Folders of which any file may be read."""

    @staticmethod
    def of(paths: Iterable[Path]) -> Inputs:
        """Sort pictures and films, and folders of pictures."""
        every = list(paths)
        folders = tuple(path for path in every if path.is_dir())
        return Inputs(tuple(path for path in every if not path.is_dir()), folders)

    def __add__(self, other: Inputs) -> Inputs:
        return Inputs(
            self.files + other.files,
            self.picture_folders + other.picture_folders,
            self.whole_folders + other.whole_folders,
        )


NO_INPUTS = Inputs()


def inputs_of(config: Config, source: str | None, config_file: Path | None = None) -> Inputs:
    """Return what a run reads: its source, its configuration, and every path that this names.

    `source` is the command line's; without one the configuration's counts. A source that is wrong
    is left to whoever opens it.
    """
    named = list(_paths(config.model_dump(mode="python", exclude={"output", "source"})))
    fixed = Inputs(
        files=tuple(p for p in (*named, *filter(None, (config_file,))) if not p.is_dir()),
        whole_folders=tuple(p for p in named if p.is_dir()),
    )
    if source is None:
        data = config.source.model_dump(mode="python") if config.source is not None else {}
        return fixed + Inputs.of(_paths(data))
    return fixed + source_inputs(source)


def source_inputs(source: str) -> Inputs:
    """Return the file or the folder that a source on the command line names, if it names one."""
    try:
        spec = parse_source(source)
    except SourceError:
        return NO_INPUTS
    is_here = spec.kind in {"file", "picture", "folder"}
    return Inputs.of([Path(spec.location)] if is_here else [])


def check_outputs(
    files: Sequence[Path],
    inputs: Inputs = NO_INPUTS,
    *,
    pictures: PictureOutput | None = None,
    overwrite: bool = False,
) -> None:
    """Refuse outputs that are read, that are one file, that are there already or being written.

    Then make their folders, see that they can be written, and remove the parts of dead processes
    there. Raises UsageError.
    """
    read = _identities(inputs)
    for one, other in itertools.combinations(files, 2):
        if _identity(one) == _identity(other) and not _is_device(one):
            raise UsageError(f"{one}: two outputs are this one file; give each its own name")
    for file in files:
        _check_file(file, inputs, read, overwrite=overwrite)
    if pictures is not None:
        _check_pictures(pictures, files, inputs, read, overwrite=overwrite)
    for file in files:
        check_writable(file)
        if not is_special(file):
            sweep_parts(real_path(file).parent)
    if pictures is not None:
        check_folder(pictures.folder)
        sweep_parts(pictures.folder)


def _check_file(
    file: Path, inputs: Inputs, read: Mapping[_Identity, Path], *, overwrite: bool
) -> None:
    if file.is_dir() or _is_device(file):  # the first is refused later, the other never replaced
        return
    same = read.get(_identity(file))
    if same is not None:
        raise UsageError(_is_read(file, same))
    if is_special(file):
        return
    place = real_path(file)
    for folder in inputs.whole_folders:
        if place.exists() and place.is_relative_to(real_path(folder)):
            raise UsageError(f"{file}: belongs to {folder}, which is read; name another output")
    for folder in inputs.picture_folders:
        if place.suffix.lower() in PICTURE_SUFFIXES and place.parent == real_path(folder):
            raise UsageError(f"{file}: would be read as one of the pictures in {folder}")
    writer = writer_of(file)
    if writer is not None:
        raise UsageError(f"{file}: process {writer} is writing it now; name another output")
    if place.exists() and not overwrite:
        raise UsageError(f"{file}: exists; name another output, or replace it with --overwrite")


def _check_pictures(
    output: PictureOutput,
    files: Sequence[Path],
    inputs: Inputs,
    read: Mapping[_Identity, Path],
    *,
    overwrite: bool,
) -> None:
    folder = output.folder
    for other in (*inputs.picture_folders, *inputs.whole_folders):
        if _identity(other) == _identity(folder):
            raise UsageError(f"{folder}: is read; draw the pictures into another folder")
    for file in files:
        if real_path(file).parent == real_path(folder) and output.writes(real_path(file).name):
            raise UsageError(f"{file}: has the name of a drawn picture; give it another")
    for name in sorted(_names_in(folder)):
        if not output.writes(name):
            continue
        path = folder / name
        same = read.get(_identity(path))
        if same is not None:
            raise UsageError(_is_read(path, same))
        if not overwrite:
            raise UsageError(
                f"{path}: exists; name another folder, or replace the pictures with --overwrite"
            )


def _is_read(output: Path, source: Path) -> str:
    same = "is read" if str(output) == str(source) else f"is the file {source}, which is read"
    return f"{output}: {same}; name another output"


def _identities(inputs: Inputs) -> dict[_Identity, Path]:
    files = list(inputs.files)
    for folder in inputs.picture_folders:
        with contextlib.suppress(OSError):  # whoever reads it says so
            files += list_pictures(folder)
    return {_identity(file): file for file in files}


def _identity(path: Path) -> _Identity:
    """What makes a file itself: its inode; where there is none yet, the place of its name."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return str(real_path(path))
    return facts.st_dev, facts.st_ino


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone
    except OSError:
        return []


def _paths(data: Any) -> Iterator[Path]:
    if isinstance(data, Path):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _paths(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _paths(value)
