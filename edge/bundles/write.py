"""Writing bundles: whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge.bundles.bundle import Bundle, digest, load_bundle
from edge.bundles.manifest import MANIFEST, Manifest, ModelFile, Precision
from edge.errors import BundleError
from edge.whole_file import write_whole

_READERS = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",), ".tflite": ("tflite",)}
"""File suffix -> engines that read it."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A graph to put into a bundle."""

    source: Path
    """Where it is now; it is copied."""
    name: str
    """Its name in the bundle, e.g. `model.int8.onnx`."""
    graph: str
    """`encoder` or `dense`."""
    precision: Precision
    engines: tuple[str, ...] = ()
    """Engines that read it; empty takes those of the suffix."""


def write_bundle(folder: Path | str, manifest: Manifest, files: Sequence[NewFile]) -> Bundle:
    """Write a bundle of these files; `manifest.files` is made from them.

    A bundle that is there already is replaced at the end, when the new one is whole and checked.
    Raises BundleError when a file cannot be read or the folder cannot be written.
    """
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=target.parent) as scratch:
            fresh = Path(scratch) / "new"
            fresh.mkdir()
            entries = tuple(_copy(file, fresh) for file in files)
            complete = manifest.model_copy(update={"files": entries, "signature": None})
            _write_text(fresh / MANIFEST, Manifest.model_validate(complete.model_dump()).to_json())
            load_bundle(fresh)
            _swap(fresh, target, Path(scratch) / "old")
    except OSError as error:
        raise BundleError(f"{target}: cannot write the bundle: {error}") from error
    return load_bundle(target, verify=False)


def update_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Replace a bundle's manifest in one rename; its files must be those it has already."""
    if manifest.files != bundle.manifest.files:
        raise BundleError(f"{bundle.path}: update_manifest cannot change files, use write_bundle")
    try:
        _write_text(bundle.path / MANIFEST, manifest.to_json())
    except OSError as error:
        raise BundleError(f"{bundle.path}: cannot write {MANIFEST}: {error.strerror}") from error
    return Bundle(bundle.path, manifest)


def existing_files(bundle: Bundle) -> list[NewFile]:
    """List a bundle's files as they would be written again, to add others to them."""
    return [
        NewFile(bundle.path / f.name, f.name, f.graph, f.precision, f.engines)
        for f in bundle.manifest.files
    ]


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Put a folder in another's place; when that fails, the other comes back."""
    if not target.exists():
        fresh.rename(target)
        return
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise


def _readers(file: NewFile) -> tuple[str, ...]:
    """Return the engines that read a file, as far as its suffix and precision tell."""
    suffix = Path(file.name).suffix
    if suffix == ".onnx" and file.precision == "fp32":
        # TensorRT reads INT8 only where it is symmetric: such a file names its engines itself
        return (*_READERS[suffix], "tensorrt")
    return _READERS.get(suffix, ())


def _copy(file: NewFile, folder: Path) -> ModelFile:
    engines = file.engines or _readers(file)
    path = folder / file.name
    if path.parent != folder:
        raise BundleError(f"{file.name}: a bundle's file needs a plain name, without a folder")
    shutil.copyfile(file.source, path)
    try:
        return ModelFile(
            name=file.name,
            graph=file.graph,
            precision=file.precision,
            engines=engines,
            sha256=digest(path),
            size=path.stat().st_size,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BundleError(f"{file.name}: {first['loc'][0]}: {first['msg']}") from error


def _write_text(path: Path, text: str) -> None:
    write_whole(path, text.encode(), new_mode=0o666)
