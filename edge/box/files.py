"""Output files that are whole or absent: written under a temporary name, renamed at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from edge.errors import UsageError


def check_writable(path: Path) -> None:
    """Refuse, before any work is done, a file that could not be written (UsageError)."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file to write")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Make a folder for outputs, or say why that cannot be (UsageError)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: no permission to write there; choose another folder")


def temporary_name(path: Path) -> Path:
    """Return the name to write under until the file is whole.

    A pipe or a device (`/dev/null`, `/dev/stdout`) is written as it is: a rename would replace it.
    """
    if path.exists() and not path.is_file():
        return path
    return path.with_name(f".{path.name}.{os.getpid()}.part")


class WholeFile:
    """A text file that appears under its name only when `close` says that it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = temporary_name(path)
        self._stream: TextIO = self._temporary.open("w", encoding="utf-8")

    def write(self, text: str) -> None:
        """Add text."""
        self._stream.write(text)

    def write_json(self, item: Mapping[str, Any]) -> None:
        """Add one object as a line of JSON."""
        self._stream.write(json.dumps(item, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Bring the file to the disk and give it its name."""
        self._stream.flush()
        if self._temporary == self.path:
            self._stream.close()
            return
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._temporary.replace(self.path)

    def abort(self) -> None:
        """Remove what was written."""
        self._stream.close()
        if self._temporary != self.path:
            self._temporary.unlink(missing_ok=True)
