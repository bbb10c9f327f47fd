"""A bundle on disk: loaded, and its files checked against the manifest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from edge import __version__
from edge.bundles.manifest import (
    MANIFEST,
    GoldenFrame,
    Manifest,
    ModelFile,
    Precision,
    parse_manifest,
)
from edge.errors import BundleError


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder with a valid manifest."""

    path: Path
    manifest: Manifest

    @property
    def label(self) -> str:
        """Name and version, as logs and messages call it: `soccer 0.1.0`."""
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Precisions that it has files for, the fastest first."""
        present = {file.precision for file in self.manifest.files}
        order: tuple[Precision, ...] = ("int8", "fp32")
        return tuple(p for p in order if p in present)

    def files(
        self, graph: str, precision: str | None = None, engine: str | None = None
    ) -> list[ModelFile]:
        """List the files of a graph, narrowed to a precision and to an engine that reads them."""
        return [
            file
            for file in self.manifest.files
            if file.graph == graph
            and precision in {None, file.precision}
            and (engine is None or engine in file.engines)
        ]

    def file(self, graph: str, precision: str = "fp32", engine: str = "onnxruntime") -> Path:
        """Return the path of one file; BundleError when the bundle has none such."""
        found = self.files(graph, precision, engine)
        if not found:
            kinds = [f"{f.precision} for {'/'.join(f.engines)}" for f in self.files(graph)]
            has = ", ".join(kinds) or "none"
            raise BundleError(f"{self.path}: no {precision} {graph} for {engine}; it has {has}")
        return self.path / found[0].name

    def verify(self) -> None:
        """Check each file's presence, size and sha256; BundleError names the first that differs."""
        for file in self.manifest.members:
            _check_file(self.path, file)


def load_bundle(path: Path | str, *, verify: bool = True) -> Bundle:
    """Load the bundle in a folder (or named by its `manifest.json`).

    Raises BundleError when it is missing, damaged, of a newer format, or for a newer touchline.
    """
    folder = Path(path)
    if folder.name == MANIFEST:
        folder = folder.parent
    where = folder / MANIFEST
    try:
        text = where.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: no bundle here (there is no {MANIFEST})") from error
    except OSError as error:
        raise BundleError(f"{where}: cannot be read: {error.strerror}") from error
    bundle = Bundle(folder, parse_manifest(text, str(where)))
    _check_version(bundle)
    if verify:
        bundle.verify()
    return bundle


def _check_version(bundle: Bundle) -> None:
    wanted = bundle.manifest.min_touchline
    if _numbers(__version__) < _numbers(wanted):
        raise BundleError(
            f"{bundle.path}: {bundle.label} needs touchline {wanted}, this is {__version__}; "
            f"install a newer touchline"
        )


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Return what orders versions: 0.2.0rc1 < 0.2.0 < 0.2.1."""
    match = re.match(r"\d+(\.\d+)*", version)
    suffix = version[match.end() :] if match else version
    return _numbers(version), not suffix, suffix


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, trailing zeros dropped: `0.2.0rc1` -> (0, 2)."""
    match = re.match(r"\d+(\.\d+)*", version)
    parts = [int(n) for n in match.group().split(".")] if match else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _check_file(folder: Path, file: ModelFile | GoldenFrame) -> None:
    path = folder / file.name
    try:
        if path.resolve(strict=True).parent != folder.resolve():
            raise BundleError(f"{path}: points outside the bundle; reinstall the bundle")
        size = path.stat().st_size
        if size != file.size:
            raise BundleError(
                f"{path}: {size} bytes, the manifest says {file.size}; reinstall the bundle"
            )
        if digest(path) != file.sha256:
            raise BundleError(f"{path}: its sha256 is not the manifest's; reinstall the bundle")
    except FileNotFoundError as error:
        raise BundleError(f"{path}: missing from the bundle; reinstall the bundle") from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def digest(path: Path) -> str:
    """Return the hex sha256 of a file; OSError when it cannot be read."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            checksum.update(block)
    return checksum.hexdigest()
