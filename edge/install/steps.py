"""What installing and removing consist of: each step can be shown, done, and done again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.errors import InstallError


class Step(Protocol):
    """One thing to do to a system."""

    def describe(self) -> str:
        """Return one line on what it does."""

    def do(self) -> None:
        """Do it; raises OSError, or InstallError where a program fails."""


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file with this text; whole or as it was before."""

    path: Path
    text: str
    mode: int = 0o644
    keep: bool = False
    """Whether one that is there already stays as it is."""

    def describe(self) -> str:
        """Return what happens."""
        if self.keep and self.path.exists():
            return f"keep   {self.path}"
        return f"write  {self.path}"

    def do(self) -> None:
        """Write beside it and rename."""
        if self.keep and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(self.text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(self.mode)
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A folder, with the folders above it."""

    path: Path
    mode: int = 0o755

    def describe(self) -> str:
        """Return what happens."""
        return f"folder {self.path}"

    def do(self) -> None:
        """Make it where it is missing."""
        if not self.path.is_dir():
            self.path.mkdir(parents=True)
            self.path.chmod(self.mode)


@dataclass(frozen=True, slots=True)
class SymbolicLink:
    """A symbolic link, as `systemctl enable` makes it."""

    path: Path
    target: Path

    def describe(self) -> str:
        """Return what happens."""
        return f"link   {self.path} -> {self.target}"

    def do(self) -> None:
        """Make it, in place of one that is there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.path.symlink_to(self.target)


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, link or folder that is not to be there, and the folders that it leaves empty."""

    path: Path
    prune_to: Path | None = None
    """Empty folders above it go as well, below this one; None: they stay."""

    def describe(self) -> str:
        """Return what happens."""
        return f"remove {self.path}"

    def do(self) -> None:
        """Remove it if it is there."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)
        above = self.path.parent
        while self.prune_to is not None and above != self.prune_to:
            if not above.is_dir() or any(above.iterdir()):
                return
            above.rmdir()
            above = above.parent


@dataclass(frozen=True, slots=True)
class Call:
    """A program of the system."""

    command: tuple[str, ...]
    may_fail: bool = False

    def describe(self) -> str:
        """Return what happens."""
        return f"run    {' '.join(self.command)}"

    def do(self) -> None:
        """Run it, and say what it said when it fails."""
        found = shutil.which(self.command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if found is None:
            if self.may_fail:
                return
            raise InstallError(f"{self.command[0]} is missing: this system has no systemd")
        done = subprocess.run(  # noqa: S603 - a fixed command
            [found, *self.command[1:]], capture_output=True, text=True, check=False
        )
        if done.returncode != 0 and not self.may_fail:
            said = " ".join((done.stderr or done.stdout).split())
            raise InstallError(f"{' '.join(self.command)} failed: {said}")
