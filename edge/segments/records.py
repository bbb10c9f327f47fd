"""What was found in files before, kept so that a run goes on where it stopped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.part_file import write_new
from edge.paths import real_path
from edge.segments.document import MarkedSegment, Programme, readable
from edge.segments.manifest import SegmentsBundle

_REVISION = 1
"""Counts changes of the analysis that make earlier results out of date."""


class _StoredFilm(BaseModel):
    model_config = ConfigDict(extra="ignore")

    path: str
    size: int
    mtime_ns: int
    key: str
    programme: Programme
    outputs: tuple[str, ...] = ()
    sums: dict[str, str] = {}
    written: tuple[MarkedSegment, ...] = ()


@dataclass(frozen=True, slots=True)
class FilmRecord:
    """A finished file."""

    programme: Programme
    outputs: tuple[str, ...] = ()
    """Files that were written for it."""
    written: tuple[MarkedSegment, ...] = ()
    """Segments that the film's chapters were made of, if we wrote them."""
    sums: dict[str, str] = field(default_factory=dict)
    """Digest of each of the files, as it was written."""

    def with_output(self, path: Path, data: bytes) -> FilmRecord:
        """The same with one more file that was written."""
        name = readable(str(path))
        outputs = tuple(dict.fromkeys((*self.outputs, name)))
        return replace(self, outputs=outputs, sums={**self.sums, name: sum_of(data)})

    def is_ours(self, path: Path) -> bool:
        """Whether a file is as this command wrote it; raises OSError."""
        name = readable(str(path))
        if name not in self.outputs:
            return False
        return name not in self.sums or self.sums[name] == sum_of(path.read_bytes())


class Records:
    """One small file for each film, in a folder of this box."""

    def __init__(self, folder: Path, key: str) -> None:
        """Keep to results of one `key`: bundle, mode and window."""
        self._folder = folder
        self._key = key

    def find(self, film: Path) -> FilmRecord | None:
        """What was found; None where nothing was, or file, bundle or mode are others by now."""
        kept = self._read(film)
        if kept is None or kept.key != self._key or not _is_of(kept, film):
            return None
        programme = kept.programme.model_copy(update={"file": readable(str(film))})
        return FilmRecord(programme, kept.outputs, kept.written, kept.sums)

    def outputs(self, film: Path) -> tuple[tuple[str, ...], dict[str, str]]:
        """Files that were ever written for a film, whatever its record is worth; their digests."""
        kept = self._read(film)
        return ((), {}) if kept is None else (kept.outputs, kept.sums)

    def written(self, film: Path) -> tuple[MarkedSegment, ...]:
        """What the film's chapters were made of by us, by whatever bundle; empty: they are not."""
        kept = self._read(film)
        return kept.written if kept is not None and _is_of(kept, film) else ()

    def keep(self, film: Path, record: FilmRecord) -> None:
        """Remember a result for the file as it is now; raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        status = film.stat()
        kept = _StoredFilm(
            path=readable(str(real_path(film))),
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            key=self._key,
            programme=record.programme,
            outputs=record.outputs,
            sums=record.sums,
            written=record.written,
        )
        write_new(self._file(film), kept.model_dump_json().encode())

    def _read(self, film: Path) -> _StoredFilm | None:
        try:
            return _StoredFilm.model_validate_json(self._file(film).read_bytes())
        except (OSError, ValidationError):
            return None

    def _file(self, film: Path) -> Path:
        return self._folder / f"{record_name(film)}.json"


def record_name(film: Path) -> str:
    """Return the name of what is kept of a film, however it is named."""
    name = str(real_path(film)).encode(errors="surrogateescape")
    return hashlib.sha256(name).hexdigest()[:32]


def sum_of(data: bytes) -> str:
    """Return a digest by which a file that was written is known again."""
    return hashlib.sha256(data).hexdigest()[:32]


def _is_of(kept: _StoredFilm, film: Path) -> bool:
    """Whether a record is of the file as it is now."""
    try:
        status = film.stat()
    except OSError:
        return False
    now = (readable(str(real_path(film))), status.st_size, status.st_mtime_ns)
    return (kept.path, kept.size, kept.mtime_ns) == now


def key_of(
    bundle: SegmentsBundle | None, *, exact: bool, window_s: float | None, use_chapters: bool
) -> str:
    """Name everything besides the file that a result depends on; without a bundle, chapters."""
    manifest = "none"
    if bundle is not None:
        manifest = hashlib.sha256(bundle.manifest.to_json().encode()).hexdigest()
    mode = "exact" if exact else "keyframes"
    return f"{_REVISION} {manifest[:32]} {mode} {window_s} {use_chapters}"
